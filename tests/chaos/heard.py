"""What was heard of the numbered programme: in one file of the archive, and from one file to the next."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mutagen.flac import FLAC

from tests.rig.audio import Pcm, decode_flac
from tests.rig.numbered import numbers

PLAY_FRAMES = 1 << 30
"""Every time that the programme is played it begins at another multiple of this number."""

MOST_SKIPPED_FRAMES = 10 * 48_000
"""A step further ahead is a frame that was changed, not frames that were lost."""

SAMPLE_RATE = SEGMENT_SAMPLES = 48_000
"""Segments of one second."""


@dataclass(frozen=True)
class Heard:
    """Frames of a recording: silent ones in front, the numbers of the first and last that are not, silent ones after.

    ``skipped`` frames of the programme are missing inside: a device may lose some. ``broken`` counts the places where
    a number is not higher than the one before it, or far too high: frames repeated, or changed. ``first`` is 0 in a
    silent one. Silence inside costs nothing: the player was late, and what was captured is what the device gave.
    """

    lead: int
    first: int
    last: int
    tail: int
    skipped: int
    broken: int

    @property
    def begins_at(self) -> int:
        """Where in the programme its first frame was captured."""
        return self.first - self.lead

    @property
    def ends_at(self) -> int:
        """Where in the programme the frame after its last one was captured."""
        return self.last + 1 + self.tail

    def same_play(self, other: Heard) -> bool:
        """Whether both have sound, of the same playing of the programme."""
        return bool(self.first and other.first) and self.first // PLAY_FRAMES == other.first // PLAY_FRAMES


def hear(pcm: Pcm) -> Heard:
    """What ``pcm`` (24 bit, stereo, one row a frame) has of the programme."""
    told = numbers(pcm)
    sounding = np.flatnonzero(told)
    if not len(sounding):
        return Heard(len(pcm), 0, 0, 0, 0, 0)
    begin, end = int(sounding[0]), int(sounding[-1])
    steps = np.diff(told[sounding]) - 1
    wrong = (steps < 0) | (steps > MOST_SKIPPED_FRAMES)
    skipped, broken = int(steps[~wrong].sum()), int(np.count_nonzero(wrong))
    return Heard(begin, int(told[begin]), int(told[end]), len(pcm) - 1 - end, skipped, broken)


@dataclass(frozen=True)
class Piece:
    """One segment as the archive has it, in a file of its own or joined with others; ``pcm_md5`` as in the manifest."""

    run: str
    number: int
    samples: int
    pcm_md5: str
    heard: Heard


def captured_as(path: Path) -> tuple[str, int]:
    """Run and first sample of an archived file, which sort as it was captured, whatever the wall clock did."""
    tags = FLAC(path)
    return tags["RUN"][0], int(tags["FIRST_SAMPLE"][0])


def pieces(path: Path) -> list[Piece]:
    """Reads and decodes one file of the archive, segment by segment.

    Raises:
        subprocess.CalledProcessError: the reference decoder, which checks the file's MD5, finds fault with it.
    """
    run, first = captured_as(path)
    pcm = decode_flac(path.read_bytes())
    found = []
    for at in range(0, len(pcm), SEGMENT_SAMPLES):
        part = pcm[at : at + SEGMENT_SAMPLES]
        found.append(Piece(run, (first + at) // SEGMENT_SAMPLES, len(part), pcm_md5(part), hear(part)))
    return found


def pcm_md5(pcm: Pcm) -> str:
    """The MD5 of samples as 24-bit little-endian, interleaved, as in STREAMINFO and in the manifest."""
    packed = pcm.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return hashlib.md5(packed, usedforsecurity=False).hexdigest()
