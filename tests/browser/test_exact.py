"""What sounds is what was published: every sample of it, in its place."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.rig.ear import FADE, Ear, Recording, published
from tests.rig.parts import eventually
from tests.rig.web_bucket import WebBucket

if TYPE_CHECKING:
    from tests.browser.conftest import Station

HQ_SEGMENTS = 7


def worst(bucket: WebBucket, recording: Recording, span: dict[str, Any], skip: tuple[int, int]) -> float:
    """Largest difference between a span as recorded and as published; ``skip``: frames left out at its ends."""
    before, after = skip
    heard = recording.at(span["frame"] + before, span["frames"] - before - after)
    true = published(bucket, span)[before : span["frames"] - after]
    true = true[len(true) - len(heard) :]  # the recorder begins a moment after the first sample
    assert len(heard) > 0
    # A busy machine makes the browser's audio thread leave blocks out now and then; what it plays must still be right.
    assert np.isnan(heard).mean() < 0.02, "the recorder missed too much"
    return float(np.nanmax(np.abs(heard - true)))


@pytest.mark.player_long
@pytest.mark.timeout(150)
def test_every_sample_sounds_as_it_was_published(station: Station, ear: Ear) -> None:
    """Seven joined HQ segments are bit-exact, a switch to LQ and back is aligned to the sample, a gap is silence."""
    radio, bucket = station(2)
    ear.open(bucket)
    ear.ask("p.quality = 'hq'")
    ear.tap_and_record()
    ear.until(f"ear.events.filter((e) => e.type === 'segment').length >= {HQ_SEGMENTS}", 40)
    ear.ask("p.quality = 'lq'")
    ear.until("ear.events.filter((e) => e.quality === 'lq').length >= 3", 30)
    ear.ask("p.quality = 'hq'")
    ear.until("p.playingQuality === 'hq'", 30)
    before = radio.status()["capture"]["restarts"]
    radio.kill_capture()
    eventually(lambda: radio.status()["capture"]["restarts"] > before, 10, "capture is back")
    ear.until("ear.events.some((e) => e.gap > 0)", 30)
    last = ear.spans()[-1]
    end = last["frame"] + last["frames"]
    ear.until(f"ear.blocks.at(-1)[0] > {end}", 30)
    recording = ear.recording()
    spans = [span for span in ear.spans() if span["frame"] + span["frames"] <= recording.end]

    switches = []
    for earlier, later in pairwise(spans):
        assert later["frame"] == earlier["frame"] + earlier["frames"] + later["gap"], (
            "frames lost or repeated at a join"
        )
        if later["quality"] != earlier["quality"]:
            switches.append(later["index"])
    assert len(switches) == 2
    exact = 0
    for span, following in zip(spans, [*spans[1:], None], strict=True):
        fades_in = FADE if span["index"] in switches and span["quality"] == "hq" else 0
        fades_out = FADE if following and following["index"] in switches and following["quality"] == "lq" else 0
        difference = worst(bucket, recording, span, (fades_in, fades_out))
        if span["quality"] == "hq":
            assert difference == 0, span
            exact += 1
        else:
            assert difference < 1e-4, span
    assert exact >= HQ_SEGMENTS + 1

    gapped = next(span for span in spans if span["gap"])
    entry = bucket.entries[gapped["index"]]
    assert gapped["gap"] == entry["gap"]
    assert not np.nan_to_num(recording.at(gapped["frame"] - gapped["gap"], gapped["gap"])).any()
    assert not [event for event in ear.events if event["type"] in ("underrun", "skip")]
    assert not bucket.not_named
