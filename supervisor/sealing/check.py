"""FFmpeg's framemd5 files: the MD5 of one segment's captured PCM and how many samples it was taken over."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    rb"^0, +(?P<dts>\d+), +(?P<pts>\d+), +(?P<duration>\d+), +(?P<size>\d+), (?P<hash>[0-9a-f]{32})\n", re.MULTILINE
)


@dataclass(frozen=True)
class Check:
    """What was captured: first sample within the run, number of samples, MD5 of the PCM as 24 bit little-endian."""

    first_sample: int
    samples: int
    md5: str


def read(content: bytes) -> Check | None:
    """The check in a framemd5 file; None while its line is not yet written to the end."""
    line = _LINE.search(content)
    if line is None:
        return None
    return Check(int(line["pts"]), int(line["duration"]), line["hash"].decode("ascii"))
