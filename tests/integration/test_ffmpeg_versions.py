"""Every FFmpeg that can be had here, run live: what it writes, when, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.digest import pcm_md5
from ffmpeg_profiles.sources import parse_source
from supervisor.encoding import outputs
from supervisor.meters import Meters
from supervisor.sealing import check, flac
from tests.rig.sealing import RawFiles, seal, seal_last
from tests.unit.takes import PROGRAMS, RATE, RUN, ffmpeg_program

SEGMENT_S = 2
FULL_SAMPLES = SEGMENT_S * RATE


@contextmanager
def _live(program: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An FFmpeg on the synthetic programme as capture runs it, and the descriptor of its meters."""
    reading, writing = os.pipe()
    command = compile_command(program, parse_source("tone:"), outputs(folder / RUN, SEGMENT_S, RATE, writing))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(writing,))
    os.close(writing)
    try:
        yield child, reading
    finally:
        child.kill()
        child.wait()
        os.close(reading)


def _captured_samples_when(file: Path, meters_descriptor: int) -> int:
    """Reads the meters until ``file`` exists; how far the capture has come then."""
    meters, captured_samples = Meters(RATE), 0
    while not file.exists():
        for measured in meters.feed(os.read(meters_descriptor, 65_536), 0.0, 0.0):
            captured_samples = measured.end_sample
    return captured_samples


def _raw(folder: Path, number: int) -> RawFiles:
    def read(name: str, at: int) -> bytes:
        return (folder / f"{RUN}.{name.format(at)}").read_bytes() if at >= 0 else b""

    hq, lq, md5 = "hq.{:08d}.flac", "lq.{:08d}.opus", "check.{:08d}.framemd5"
    return RawFiles(read(hq, number), read(lq, number), read(md5, number), read(lq, number - 1))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("which", PROGRAMS)
def test_segments_are_closed_at_their_border(which: str, tmp_path: Path) -> None:
    """A segment is closed when the next one begins, not when that one ends too."""
    with _live(ffmpeg_program(which), tmp_path) as (_, meters):
        for number in (1, 2, 3):
            captured_samples = _captured_samples_when(tmp_path / f"{RUN}.hq.{number:08d}.flac", meters)
            assert captured_samples < (number + 0.5) * FULL_SAMPLES


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("which", PROGRAMS)
def test_a_signal_ends_it_with_everything_written(which: str, number: signal.Signals, tmp_path: Path) -> None:
    """Asked to end, FFmpeg does so before another segment is over, and the short last one can be sealed."""
    program = ffmpeg_program(which)
    with _live(program, tmp_path) as (child, meters):
        before_samples = _captured_samples_when(tmp_path / f"{RUN}.hq.00000001.flac", meters)
        child.send_signal(number)
        assert child.wait(timeout=20) == 255
    assert not (tmp_path / f"{RUN}.hq.00000002.flac").exists()
    full = seal(_raw(tmp_path, 0), 0, FULL_SAMPLES)
    last = seal_last(_raw(tmp_path, 1), FULL_SAMPLES, FULL_SAMPLES, lambda hq: pcm_md5(program, hq))
    assert last is not None
    assert full.samples + last.samples >= before_samples
    assert pcm_md5(program, last.hq) == last.md5
    checked = check.read((tmp_path / f"{RUN}.check.00000001.framemd5").read_bytes())
    assert checked is not None
    assert checked.samples >= last.samples == flac.count_samples(last.hq)
