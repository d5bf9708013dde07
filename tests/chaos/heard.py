"""What was heard of the numbered programme: in one file of the archive, and from one file to the next."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from mutagen.flac import FLAC

from tests.rig.audio import Pcm, decode_flac
from tests.rig.numbered import numbers

PLAY_FRAMES = 1 << 30
"""Every time that the programme is played it begins at another multiple of this number."""

MOST_SKIPPED_FRAMES = 10 * 48_000
"""A step further ahead is a frame that was changed, not frames that were lost."""

_NAME = re.compile(r".+_(\d{8}T\d{9}Z)\.(\d{8})\.flac")


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
    """One file of the archive, decoded; ``pcm_md5`` is the one that it carries and that the decoder has verified."""

    run: str
    number: int
    samples: int
    pcm_md5: str
    file_md5: str
    heard: Heard


def captured_as(path: Path) -> tuple[str, int]:
    """Run and number in the name of an archived file, which sort as it was captured, whatever the wall clock did."""
    name = _NAME.fullmatch(path.name)
    assert name is not None, path
    return name[1], int(name[2])


def piece(path: Path) -> Piece:
    """Reads and decodes one file of the archive.

    Raises:
        subprocess.CalledProcessError: the reference decoder finds fault with it.
    """
    data = path.read_bytes()
    pcm = decode_flac(data)
    pcm_md5 = f"{FLAC(BytesIO(data)).info.md5_signature:032x}"
    file_md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Piece(*captured_as(path), len(pcm), pcm_md5, file_md5, hear(pcm))
