"""The archive's FFmpeg: what it is asked to do, and what is read from its answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.recording import (
    IN_SEQUENCE,
    Digests,
    Frame,
    frame_digests,
    one_flac,
    read_digests,
    sequence,
    total_digest,
)
from tests.rig.audio import decode_flac
from tests.rig.sealing import seal
from tests.unit.takes import RATE, Take


@pytest.fixture
def pieces(take: Take, tmp_path: Path) -> list[Path]:
    """Two sealed segments under names that need quoting."""
    folder = tmp_path / "it's = a; folder: with 'marks' \\ and %d"
    folder.mkdir()
    paths = [folder / f"{number}.flac" for number in range(2)]
    for number, path in enumerate(paths):
        path.write_bytes(seal(take.pair(number), number * take.full_samples, take.full_samples).hq)
    return paths


def test_files_in_sequence_are_one_programme(take: Take, pieces: list[Path]) -> None:
    """With every FFmpeg: one file of all samples in order, each piece's own MD5, and that of all."""
    path = pieces[0].with_name("joined.flac")
    wanted = [one_flac(str(path)), frame_digests(take.full_samples), total_digest()]
    command = compile_command(take.ffmpeg, IN_SEQUENCE, wanted)
    ran = subprocess.run(command, input=sequence(map(str, pieces)), capture_output=True, timeout=30, check=True)
    assert ran.stderr == b""
    captured = np.concatenate([take.captured(0), take.captured(1)])
    assert np.array_equal(decode_flac(path.read_bytes()), captured)
    heard = read_digests(ran.stdout)
    assert heard.samples == 2 * take.full_samples
    checks = [take.check(number).split()[-1].decode() for number in range(2)]
    assert [frame.md5 for frame in heard.frames] == checks
    assert heard.total_md5 is not None
    assert f"{int.from_bytes(path.read_bytes()[26:42], 'big'):032x}" == heard.total_md5


@pytest.mark.parametrize(("first", "end"), [(0, 1), (1, 4_801), (RATE - 1, RATE + 1), (4_608, None)])
def test_a_cut_is_exact(take: Take, pieces: list[Path], first: int, end: int | None) -> None:
    """Any span of samples can be cut out, over the border of two files too."""
    path = pieces[0].with_name("cut.flac")
    command = compile_command(
        take.ffmpeg, IN_SEQUENCE, [one_flac(str(path), first, end), frame_digests(RATE, first, end)]
    )
    ran = subprocess.run(command, input=sequence(map(str, pieces)), capture_output=True, timeout=30, check=True)
    captured = np.concatenate([take.captured(0), take.captured(1)])[first:end]
    assert np.array_equal(decode_flac(path.read_bytes()), captured)
    assert read_digests(ran.stdout).samples == len(captured)


def test_an_answer_is_read_line_by_line() -> None:
    """Frames and total are found among FFmpeg's comments, in any order; without them there are none."""
    printed = (
        b"#format: frame checksums\nMD5=" + b"0a" * 16 + b"\n"
        b"0,          0,          0,   480000,  2880000, " + b"1b" * 16 + b"\n"
        b"0,     480000,     480000,      240,     1440, " + b"2c" * 16 + b"\n"
    )
    assert read_digests(printed) == Digests((Frame(480_000, "1b" * 16), Frame(240, "2c" * 16)), "0a" * 16)
    assert read_digests(b"") == Digests((), None)
