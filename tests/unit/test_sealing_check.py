"""The check: FFmpeg's MD5 line is read when it is whole, and not a byte earlier."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.sealing import check
from tests.unit.takes import Take

HEAD = b"#format: frame checksums\n#version: 2\n#hash: MD5\n#tb 0: 1/48000\n"
LINE = b"0,     480000,     480000,   480000,  2880000, 0123456789abcdef0123456789abcdef\n"


def test_the_check_is_of_what_was_captured(take: Take) -> None:
    """Place, length and MD5 are those of the captured PCM, also for the short segment at the end."""
    for number in range(take.full_segments + 1):
        captured = take.captured(number)
        little_endian = captured.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        md5 = hashlib.md5(little_endian, usedforsecurity=False).hexdigest()
        assert check.read(take.check(number)) == check.Check(number * take.full_samples, len(captured), md5)


def test_a_line_that_is_not_yet_whole_is_no_check(take: Take) -> None:
    """Until the line has its end there is no check, whatever part of it can be seen."""
    content = take.check(1)
    answers = [check.read(content[:size]) for size in range(len(content) + 1)]
    assert answers[:-1] == [None] * len(content)
    assert answers[-1] is not None


@given(first=st.integers(0, 2**40), samples=st.integers(1, 1_440_000), md5=st.binary(min_size=16, max_size=16))
def test_numbers_of_any_width_are_read(first: int, samples: int, md5: bytes) -> None:
    """FFmpeg pads its columns to a width that a long run outgrows."""
    line = f"0, {first:10d}, {first:10d}, {samples:8d}, {samples * 6:8d}, {md5.hex()}\n"
    assert check.read(HEAD + line.encode()) == check.Check(first, samples, md5.hex())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HEAD,
        HEAD + LINE[:-1],
        HEAD + LINE.replace(b"abcdef", b"ABCDEF"),
        HEAD + LINE.replace(b"0,  ", b"1,  ", 1),
        HEAD + b"#" + LINE,
        HEAD + LINE.replace(b"480000,     480000", b"480000,     NOPTS"),
        HEAD + LINE.replace(b"0123456789abcdef\n", b"\n"),
    ],
)
def test_anything_else_is_no_check(content: bytes) -> None:
    """Comments, other streams and other hashes are not taken for the check."""
    assert check.read(content) is None


def test_the_line_is_found_behind_its_head() -> None:
    """The lines that FFmpeg puts in front do no harm."""
    assert check.read(HEAD + LINE) == check.Check(480_000, 480_000, "0123456789abcdef" * 2)
