"""Writes docs/reference/costs.md: the estimate's formulas, and its figures for several segment lengths."""

from __future__ import annotations

from ffmpeg_profiles.renditions.opus import BITRATE
from supervisor.estimate import PRICES_OF, Assumptions, estimate, pcm_mbit_s

_SEGMENTS_S = (2, 4, 5, 8, 10, 15, 20, 30)

_HEAD = f"""# What a station needs and costs

<!-- Written by `make docs` from supervisor/estimate.py. -->

`radio-supervisor estimate` computes all of this for the station's own settings, or for `--segment-seconds`, `--window`,
`--listeners` at once, `--hours` a day, and `--hq-mbit-s`; `--json` is for scripts. Without `--hq-mbit-s` it reckons as
if nothing of the programme could be compressed, which is the most that there can be. What a station really sends stands
in `upload.needed_mbit_s` of `radio-supervisor status --json`, both qualities together. A month has 30 days; prices are
those of R2's list of {PRICES_OF} (https://developers.cloudflare.com/r2/pricing/), standard storage.

| what | formula |
|---|---|
| FLAC at most | 48 000 samples/s, 2 channels, 24 bit: 2.304 Mbit/s |
| upload | FLAC + 0.128 Mbit/s of Opus; have twice of it, to catch up after an outage |
| in the bucket at most | (window + 1) · segment length · upload ÷ 8; 10 GB are free |
| recordings a day | FLAC · 86 400 s ÷ 8 |
| class A (writes) a month | 3 · 2 592 000 s ÷ segment length |
| … price | 1 million is free, then 4.50 $ for each further million that is begun |
| class B (reads) of a listener | 2 · seconds listened ÷ segment length: the manifest when it is due, and the segment |
| class B of the station's own look every 5 minutes | 3 · 8 640 = 25 920 a month |
| … price | 10 million are free, then 0.36 $ for each further million that is begun |
| class B where a domain caches segments | half of a listener's, and each segment's two files once (`.opus` by rule) |
| to a listener | FLAC in HQ, 0.128 Mbit/s in LQ; R2 charges nothing for it |

## Other segment lengths

With a window of 3, listeners around the clock, nothing cached.

| segment | class A a month | $ | in the bucket | class B a listener | free listeners at once |
|---|---|---|---|---|---|
"""


def costs_markdown() -> str:
    """Formulas, and a table for several segment lengths."""
    return _HEAD + "".join(_row(segment_s) for segment_s in _SEGMENTS_S)


def _row(segment_s: int) -> str:
    told = estimate(Assumptions(segment_s, 3, pcm_mbit_s(48_000), BITRATE / 1e6))
    cells = (
        f"{segment_s} s",
        f"{told.class_a_month:,}",
        f"{told.class_a_usd:.2f}",
        f"{told.bucket_mb:.1f} MB",
        f"{told.class_b_listener_month:,}",
        f"{told.free_listeners}",
    )
    return f"| {' | '.join(cells)} |\n"
