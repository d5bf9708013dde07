"""What a device can do is compared with what FFmpeg will ask of it."""

from __future__ import annotations

import pytest

from ffmpeg_profiles.profile import Input
from supervisor.devices import Device, require_fit
from supervisor.errors import Exit, UserError

BOTH = (44_100, 48_000)
FORMATS = ("S16_LE", "S32_LE")


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        (Device("hw:0", "", (2, 2), BOTH, FORMATS), Input()),
        (Device("hw:0", "", (4, 4), (48_000,), ("S32_LE",)), Input(channels=4, pair=(3, 4))),
        (Device("plughw:0", "", (1, 64), (32_000, *BOTH, 96_000), FORMATS), Input(channels=6)),
    ],
)
def test_a_device_that_fits_is_taken(device: Device, wanted: Input) -> None:
    """A device with just what is asked for, or with more, goes through; one that converts takes everything."""
    require_fit(device, wanted)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (Device("hw:0", "", (4, 4), BOTH, FORMATS), ["RADIO_INPUT_CHANNELS=2", "hw:0 has 4 channels", "own count"]),
        (Device("hw:0", "", (4, 8), BOTH, FORMATS), ["RADIO_INPUT_CHANNELS=2", "hw:0 has 4 to 8 channels"]),
        (Device("hw:0", "", (1, 1), BOTH, FORMATS), ["RADIO_INPUT_CHANNELS=2", "hw:0 has 1 channels"]),
        (
            Device("hw:0", "", (2, 2), (44_100, 96_000), FORMATS),
            ["RADIO_SAMPLE_RATE=48000", "hw:0 cannot do 48000 Hz (44100, 96000)", "RADIO_SOURCE"],
        ),
        (Device("hw:0", "", (2, 2), (), FORMATS), ["RADIO_SAMPLE_RATE=48000", "cannot do 48000 Hz"]),
        (Device("hw:0", "", (2, 2), BOTH, ("S24_3LE",)), ["RADIO_SOURCE", "hw:0 delivers no S32_LE (S24_3LE)", "plug"]),
        (Device("hw:0", "", (2, 2), BOTH, ()), ["RADIO_SOURCE", "hw:0 delivers no S32_LE"]),
    ],
)
def test_a_device_that_does_not_fit_is_refused(device: Device, words: list[str]) -> None:
    """What FFmpeg would silently do otherwise, or fail at for ever, is an error that names the setting and a remedy."""
    with pytest.raises(UserError) as refused:
        require_fit(device, Input())
    assert refused.value.exit_code is Exit.USAGE
    assert all(word in str(refused.value) for word in words)
