"""Sources: what stands before ``-i``, the pair that is picked, and what cannot be a source."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Filter, Input, Output, ProfileError
from ffmpeg_profiles.sources import parse_source, source_modules
from tests.rig.parts import ROOT
from tests.unit.takes import run


def test_there_are_the_documented_sources() -> None:
    """Every documented scheme is there, with an example of how it is written."""
    modules = source_modules()
    assert set(modules) == {"alsa", "file", "tone", "usb"}
    assert all(module.EXAMPLE.startswith(f"{scheme}:") for scheme, module in modules.items())


@pytest.mark.parametrize("spec", ["", "alsa", "hw:0", "ALSA:hw:0", "http://example.org/stream", " tone:"])
def test_an_unknown_scheme_is_told_with_all_that_are_known(spec: str) -> None:
    """What is no source is named together with everything that could be one."""
    with pytest.raises(ProfileError) as caught:
        parse_source(spec)
    assert f"'{spec}' is not a source" in str(caught.value)
    assert all(module.EXAMPLE in str(caught.value) for module in source_modules().values())


@pytest.mark.parametrize("pcm", ["hw:CARD=UMC404HD", "umc", "plughw:1,0", "hw:CARD=U192k,DEV=0"])
def test_alsa_is_read_with_all_its_bits(pcm: str) -> None:
    """The device is opened by its own name, at 32 bits and with its own channels: FFmpeg's default is 16 bits."""
    source = parse_source(f"alsa:{pcm}", Input(48_000, 2, (1, 2)))
    assert source.url == pcm
    assert source.options == {"f": "alsa", "c:a": "pcm_s32le", "sample_rate": 48_000, "channels": 2}
    assert source.filters == ()
    assert source.device


@pytest.mark.parametrize(
    ("channels", "pair", "picked"),
    [
        (4, (1, 2), "stereo|c0=c0|c1=c1"),
        (4, (3, 4), "stereo|c0=c2|c1=c3"),
        (2, (2, 1), "stereo|c0=c1|c1=c0"),
        (1, (1, 1), "stereo|c0=c0|c1=c0"),
        (64, (64, 63), "stereo|c0=c63|c1=c62"),
    ],
)
def test_a_pair_of_channels_is_picked(channels: int, pair: tuple[int, int], picked: str) -> None:
    """Left and right are the channels that were asked for, and the device is opened with all that it has."""
    source = parse_source("alsa:umc", Input(48_000, channels, pair))
    assert source.options["channels"] == channels
    assert source.filters == (Filter("pan", options={"args": picked}),)


@pytest.mark.parametrize(("channels", "pair"), [(2, (1, 3)), (4, (0, 1)), (1, (1, 2)), (4, (5, 5))])
def test_a_channel_that_is_not_there_cannot_be_picked(channels: int, pair: tuple[int, int]) -> None:
    """A pair outside the device's channels is an error that names both."""
    with pytest.raises(ProfileError, match=f"channels {pair[0]},{pair[1]} are not among the device's {channels}"):
        parse_source("alsa:umc", Input(48_000, channels, pair))


def test_the_pair_is_picked_bit_exactly(ffmpeg: str, tmp_path: Path) -> None:
    """What a real FFmpeg makes of four channels and the pair 3,4 is those two channels, every bit."""
    four = np.arange(4 * 9600, dtype="<i4").reshape(-1, 4) * 55_001 << 8
    raw = tmp_path / "four.s32"
    raw.write_bytes(four.tobytes())
    device = parse_source("alsa:umc", Input(48_000, 4, (3, 4)))
    source = replace(device, url=str(raw), options={"f": "s32le", "ar": 48_000, "ac": 4})
    command = compile_command(ffmpeg, source, [Output("-", {"f": "s32le"})])
    heard = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=True).stdout
    assert np.array_equal(np.frombuffer(heard, "<i4").reshape(-1, 2), four[:, 2:])


def test_alsa_needs_a_name() -> None:
    """Without a device's name the operator is told how to find one."""
    with pytest.raises(ProfileError, match="radio-supervisor devices"):
        parse_source("alsa:")


def test_a_file_is_looped_in_real_time(tmp_path: Path) -> None:
    """A file plays for ever, as fast as a device would, without its pictures and at the programme's rate."""
    file = tmp_path / "a song: part 1.flac"
    file.write_bytes(b"")
    source = parse_source(f"file:{file}")
    assert source.url == f"file:{file}"
    assert source.options == {"re": None, "stream_loop": -1, "vn": None}
    assert source.filters == (Filter("aresample", (48_000,)),)
    assert not source.device


def test_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is made absolute: FFmpeg may run elsewhere."""
    monkeypatch.chdir(tmp_path)
    Path("song.flac").write_bytes(b"")
    assert parse_source("file:song.flac").url == f"file:{tmp_path}/song.flac"


@pytest.mark.parametrize("rest", ["", "missing.flac", "."])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    """A missing file, or a folder, is an error before FFmpeg is started."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError, match=f"there is no file '{rest}'"):
        parse_source(f"file:{rest}")


def test_a_file_with_a_strange_name_is_played(ffmpeg: str, tmp_path: Path) -> None:
    """FFmpeg takes no part of a path for a protocol or an option, and loops the file without a hole."""
    file = tmp_path / "http:-f 50%.wav"
    made = ["-f", "lavfi", "-i", "anoisesrc=d=0.1:r=48000:a=0.5", "-ac", "2", "-f", "wav"]
    run([ffmpeg, "-v", "error", *made, f"file:{file}"])
    source = parse_source(f"file:{file}")
    output = Output("-", {"f": "s32le", "t": "0.5"})
    heard = subprocess.run(
        compile_command(ffmpeg, source, [output]), capture_output=True, timeout=20, check=True
    ).stdout
    assert len(heard) == 24_000 * 2 * 4
    loops = np.frombuffer(heard, "<i4").reshape(5, -1)
    assert loops.any()
    assert (loops == loops[0]).all()


def test_the_tone_is_a_programme_in_real_time() -> None:
    """The synthetic programme needs no hardware and is paced as hardware would pace it."""
    source = parse_source("tone:")
    assert source.options == {"f": "lavfi", "re": None}
    assert source.url.endswith("aresample=48000")
    assert not source.device


def test_the_tone_is_heard_on_both_sides(ffmpeg: str) -> None:
    """A real FFmpeg makes a loud, unclipped stereo programme of it, left and right not the same."""
    source = parse_source("tone:")
    heard = run([ffmpeg, "-v", "error", "-f", "lavfi", "-i", source.url, "-t", "3", "-f", "f32le", "-"])
    sound = np.frombuffer(heard, "<f4").reshape(-1, 2)
    assert len(sound) == 3 * 48_000
    assert 0.05 < np.abs(sound[:, 0]).max() < 1
    assert 0.05 < np.abs(sound[:, 1]).max() < 1
    assert np.abs(sound[:, 0] - sound[:, 1]).max() > 0.01
    assert np.abs(np.diff(sound, axis=0)).max() < 0.2


def test_the_tone_takes_nothing() -> None:
    """What is written behind the colon is not silently ignored."""
    with pytest.raises(ProfileError, match="'440'"):
        parse_source("tone:440")


def test_a_source_is_added_by_one_file(tmp_path: Path) -> None:
    """A module that is dropped into the package is a source, with nothing else changed and no supervisor needed."""
    shutil.copytree(
        ROOT / "ffmpeg_profiles", tmp_path / "ffmpeg_profiles", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "ffmpeg_profiles/sources/jack.py").write_text(
        "from ffmpeg_profiles.profile import Source\n"
        "SCHEME = 'jack'\n"
        "EXAMPLE = 'jack:CLIENT'\n"
        "def source(rest, wanted):\n"
        "    return Source(rest, {'f': 'jack', 'channels': wanted.channels}, device=True)\n",
        encoding="ascii",
    )
    asked = (
        "import sys; from ffmpeg_profiles.sources import parse_source, source_modules\n"
        "print(*sorted(source_modules())); print(parse_source('jack:radio').url)\n"
        "print('supervisor' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout == "alsa file jack tone usb\nradio\nFalse\n"
