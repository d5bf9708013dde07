"""ALSA capture: a sound card or any PCM that ALSA's configuration names."""

from __future__ import annotations

from ffmpeg_profiles.profile import Filter, Input, ProfileError, Source

SCHEME = "alsa"
EXAMPLE = "alsa:PCM (for example alsa:hw:CARD=UMC404HD)"


def source(rest: str, wanted: Input) -> Source:
    """The PCM named ``rest``, captured with all 32 bits and the device's own channel count."""
    if not rest:
        raise ProfileError("'alsa:' names no device; run 'radio-supervisor devices' to see what there is")
    return Source(
        url=rest,
        options={
            "f": "alsa",
            # FFmpeg's default is 16 bit, which would silently throw away 8 bits
            "c:a": "pcm_s32le",
            "sample_rate": wanted.sample_rate,
            "channels": wanted.channels,
        },
        filters=_pick_pair(wanted),
        device=True,
        alsa=True,
    )


def _pick_pair(wanted: Input) -> tuple[Filter, ...]:
    left, right = wanted.pair
    if max(wanted.pair) > wanted.channels or min(wanted.pair) < 1:
        raise ProfileError(f"channels {left},{right} are not among the device's {wanted.channels}")
    if wanted.channels == len(wanted.pair) and wanted.pair == (1, 2):
        return ()
    return (Filter("pan", options={"args": f"stereo|c0=c{left - 1}|c1=c{right - 1}"}),)
