"""The archive: FLAC files read one after the other as one programme, written as one file, and proven by their MD5."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ffmpeg_profiles.profile import Filter, Options, Output, Source

LEVEL = 8
"""FLAC's compression level; docs/operations/archive.md has what others cost. Above 10 not every player can follow."""

IN_SEQUENCE = Source(
    # the list comes on stdin
    "pipe:0",
    {
        # frames whose CRC is wrong are an error, never silence
        "err_detect": "crccheck+explode",
        # one core is enough, and the station has the others
        "threads": 1,
        "f": "concat",
        # absolute paths are safe here: the list is ours
        "safe": 0,
        "protocol_whitelist": "file,pipe",
    },
)
"""All files of a list (``sequence``), sample after sample."""


@dataclass(frozen=True)
class Frame:
    """So many samples and their MD5, as 24 bit little-endian PCM."""

    samples: int
    md5: str


@dataclass(frozen=True)
class Digests:
    """What FFmpeg printed of the programme: the MD5 of each frame, and of all of it when that was asked for."""

    frames: tuple[Frame, ...]
    total_md5: str | None

    @property
    def samples(self) -> int:
        """The samples in all frames."""
        return sum(frame.samples for frame in self.frames)


def sequence(paths: Iterable[str]) -> bytes:
    """The list that ``IN_SEQUENCE`` reads: absolute paths, quoted as FFmpeg's concat demuxer wants them."""
    # the protocol is named, because the list is read from another one
    return "".join("file 'file:{}'\n".format(path.replace("'", "'\\''")) for path in paths).encode()


def one_flac(path: str, first: int = 0, end: int | None = None) -> Output:
    """The output that writes the samples from ``first`` to before ``end`` as one FLAC file."""
    options: Options = {
        # a new file: its own frame numbers from 0, its own total and MD5
        "c:a": "flac",
        # the encoder's input is 32 bit; the programme is 24
        "bits_per_raw_sample": 24,
        "compression_level": LEVEL,
        # the tags of the first file are not those of all
        "map_metadata": -1,
        "f": "flac",
    }
    return Output(f"file:{path}", options, _cut(first, end))


def frame_digests(frame_samples: int, first: int = 0, end: int | None = None) -> Output:
    """The output that prints an MD5 for every ``frame_samples`` samples of the same cut; the last may be shorter."""
    options: Options = {
        "c:a": "pcm_s24le",
        "f": "framemd5",
        # each line at once: whoever waits sees how far it is, and a reader who has died is noticed
        "flush_packets": 1,
    }
    framed = Filter("asetnsamples", options={"n": frame_samples, "p": 0})
    return Output("pipe:1", options, (*_cut(first, end), framed))


def total_digest() -> Output:
    """The output that prints the MD5 of everything."""
    return Output("pipe:1", {"c:a": "pcm_s24le", "f": "md5"})


def read_digests(printed: bytes) -> Digests:
    """What ``frame_digests`` and ``total_digest`` printed."""
    frames = re.findall(rb"^0, +\d+, +\d+, +(\d+), +\d+, ([0-9a-f]{32})$", printed, re.MULTILINE)
    total = re.search(rb"^MD5=([0-9a-f]{32})$", printed, re.MULTILINE)
    return Digests(
        tuple(Frame(int(samples), md5.decode("ascii")) for samples, md5 in frames),
        total[1].decode("ascii") if total else None,
    )


def _cut(first: int, end: int | None) -> tuple[Filter, ...]:
    if first == 0 and end is None:
        return ()
    limits: dict[str, str | float | None] = {"start_sample": first}
    if end is not None:
        limits["end_sample"] = end
    return (Filter("atrim", options=limits), Filter("asetpts", ("N/SR/TB",)))
