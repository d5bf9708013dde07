"""Capabilities: an FFmpeg that cannot do what will be asked of it is told apart, by name, before going on air."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from ffmpeg_profiles.capabilities import OLDEST, FFmpegUnusableError, Need, needs, require, version
from ffmpeg_profiles.profile import Filter, Input, Output, Source
from ffmpeg_profiles.sources import parse_source
from supervisor.encoding import outputs
from tests.unit.takes import ffmpeg_program

WANTED = outputs(Path("x"), 10, 48_000, 7)


def _program(folder: Path, script: str) -> str:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def _with_version(folder: Path, printed: str) -> str:
    """The real FFmpeg, but for the version that it prints."""
    real = shutil.which(ffmpeg_program("system"))
    first_line = shlex.quote(f"ffmpeg version {printed} Copyright (c) 2000-2026 the FFmpeg developers")
    return _program(
        folder, f'test "$1" = -version && exec echo {first_line}; echo {first_line} >&2; exec {real} -hide_banner "$@"'
    )


def _without(folder: Path, name: str) -> str:
    """The real FFmpeg, but for one component."""
    real = shutil.which(ffmpeg_program("system"))
    return _program(folder, f'{real} "$@" | grep -vwF -e {shlex.quote(name)}')


@pytest.mark.parametrize(
    ("printed", "numbers"),
    [
        ("5.1.9-0+deb12u1", (5, 1)),
        ("4.4.2-0ubuntu0.22.04.1", (4, 4)),
        ("7.0.2-static", (7, 0)),
        ("7.0.2-static https://johnvansickle.com/ffmpeg/", (7, 0)),
        ("6.1.1-3ubuntu5", (6, 1)),
        ("n9.0.2-17-g0123456789", (9, 0)),
        ("n5.1", (5, 1)),
        ("10.12", (10, 12)),
        ("N-109542-g39a538f430-tessus", None),
        ("git-2020-08-31-4a11a6f", None),
        ("2026-01-05-git-1234567890-full_build-www.gyan.dev", None),
    ],
)
def test_a_version_is_read(tmp_path: Path, printed: str, numbers: tuple[int, int] | None) -> None:
    """Releases, distributions' packages and builds from git all print their version in their own way."""
    assert version(_with_version(tmp_path, printed)) == (printed.split(" ", maxsplit=1)[0], numbers)


@pytest.mark.parametrize("printed", ["4.4.2-0ubuntu0.22.04.1", "5.0.3", "n4.4", "2.8.17"])
def test_a_version_that_is_too_old_is_told(tmp_path: Path, printed: str) -> None:
    """An older FFmpeg than the project is tested with is refused, with its version and the one that is needed."""
    with pytest.raises(FFmpegUnusableError, match="too old") as caught:
        require(_with_version(tmp_path, printed), [])
    assert printed in str(caught.value)
    assert f"{OLDEST[0]}.{OLDEST[1]} or newer" in str(caught.value)


@pytest.mark.parametrize("printed", ["5.1", "5.1.9-0+deb12u1", "10.0", "n9.0.2-17-g01234", "N-109542-g39a538f430"])
def test_a_version_that_is_new_enough_is_taken(tmp_path: Path, printed: str) -> None:
    """Whatever is not older is taken, also a build from git that has no number."""
    assert require(_with_version(tmp_path, printed), needs(parse_source("tone:"), WANTED)) == printed


@pytest.mark.parametrize("spec", ["tone:", f"file:{__file__}"])
def test_every_ffmpeg_here_can_do_what_is_asked(ffmpeg: str, spec: str) -> None:
    """The distribution's FFmpeg and the bundled one are found fit for what the demo needs."""
    assert require(ffmpeg, needs(parse_source(spec), WANTED)) == version(ffmpeg)[0]


def test_the_system_s_ffmpeg_can_capture() -> None:
    """The distribution's FFmpeg is found fit for capturing a pair of a device's channels."""
    ffmpeg = ffmpeg_program("system")
    assert require(ffmpeg, needs(parse_source("alsa:umc", Input(48_000, 4, (3, 4))), WANTED))


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("libopus", "encoder libopus"),
        ("flac", "encoder flac, muxer flac"),
        ("alsa", "demuxer alsa"),
        ("segment", "muxer segment"),
        ("framemd5", "muxer framemd5"),
        ("ebur128", "filter ebur128"),
        ("pan", "filter pan"),
        ("pcm_rechunk", "bitstream filter pcm_rechunk"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, lacking: str, told: str) -> None:
    """An FFmpeg that was built without something that will be needed is refused, and what is missing is named."""
    program = _without(tmp_path, lacking)
    with pytest.raises(FFmpegUnusableError) as caught:
        require(program, needs(parse_source("alsa:umc", Input(48_000, 4, (3, 4))), WANTED))
    assert f"was built without: {told}." in str(caught.value)
    assert program in str(caught.value)


def test_everything_that_is_missing_is_named_at_once(ffmpeg: str) -> None:
    """Several missing components are told together, sorted, and what is there is not among them."""
    wanted = {Need("encoder", "flac"), Need("filter", "no-such-filter"), Need("encoder", "no-such-encoder")}
    with pytest.raises(FFmpegUnusableError, match=r"without: encoder no-such-encoder, filter no-such-filter\."):
        require(ffmpeg, wanted)


def test_legends_are_not_taken_for_components(ffmpeg: str) -> None:
    """What FFmpeg prints around its lists is no component."""
    legend = {Need("encoder", name) for name in ("Encoders:", "------", "=", "A", "V", "d", "D", "DE", "..")}
    for need in legend:
        with pytest.raises(FFmpegUnusableError, match="was built without: encoder"):
            require(ffmpeg, [need])


def test_what_is_needed_is_what_the_command_names() -> None:
    """Each component that the command will name is asked for: no run fails for want of one."""
    found = needs(parse_source("alsa:umc", Input(48_000, 4, (3, 4))), WANTED)
    assert {need.name for need in found if need.kind == "demuxer"} == {"alsa"}
    assert {need.name for need in found if need.kind == "encoder"} == {"flac", "libopus", "pcm_s24le"}
    assert {need.name for need in found if need.kind == "muxer"} == {"segment", "flac", "ogg", "framemd5", "null"}
    assert {need.name for need in found if need.kind == "filter"} == {
        *("pan", "aformat", "asetpts", "asplit", "atrim"),
        *("ebur128", "astats", "ametadata"),
    }
    assert {need.name for need in found if need.kind == "bitstream filter"} == {"pcm_rechunk"}


def test_filters_of_source_and_outputs_are_needed() -> None:
    """A filter that is added anywhere is asked for as well."""
    source = Source("x", {}, (Filter("first"),))
    found = needs(source, [Output("y", {"f": "wav"}, (Filter("second"),))])
    assert {Need("filter", "first"), Need("filter", "second"), Need("muxer", "wav")} <= found
    assert not {need for need in found if need.kind == "demuxer"}


def test_no_ffmpeg_is_told_with_how_to_get_it(tmp_path: Path) -> None:
    """A missing program is named, and so is the way to install it."""
    program = str(tmp_path / "ffmpeg")
    with pytest.raises(FFmpegUnusableError, match="apt-get install ffmpeg") as caught:
        require(program, [])
    assert program in str(caught.value)


@pytest.mark.parametrize("script", ["exit 1", "kill -SEGV $$"])
def test_an_ffmpeg_that_does_not_run_is_told(tmp_path: Path, script: str) -> None:
    """A program that fails when it is asked is refused by name, not taken for one without components."""
    program = _program(tmp_path, script)
    with pytest.raises(FFmpegUnusableError, match="could not be run") as caught:
        require(program, [])
    assert program in str(caught.value)


def test_what_is_no_program_is_told(tmp_path: Path) -> None:
    """A folder or a file that cannot be run is refused by name."""
    with pytest.raises(FFmpegUnusableError, match="could not be run"):
        version(str(tmp_path))
    (tmp_path / "text").write_text("hello", encoding="ascii")
    with pytest.raises(FFmpegUnusableError, match="could not be run"):
        version(str(tmp_path / "text"))


def test_a_program_that_is_no_ffmpeg_is_told(tmp_path: Path) -> None:
    """Some other program that answers is found to have nothing that is needed."""
    with pytest.raises(FFmpegUnusableError, match="built without"):
        require(_program(tmp_path, "echo hello"), needs(parse_source("tone:"), WANTED))
