"""What a segment is on its way: a raw set of files, then a sealed pair with its description."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from supervisor.clock import Instant
from supervisor.names import EXTENSIONS, SegmentId


@dataclass(frozen=True)
class RawSegment:
    """The closed files that FFmpeg wrote for one segment.

    ``previous_lq`` is the Opus file before it in the same run, whose last packets become the pre-roll.
    ``last`` is true for one in which its run ended: it may be short, empty, cut off, or without a checksum.
    """

    id: SegmentId
    hq: Path | None
    lq: Path | None
    check: Path | None
    previous_lq: Path | None
    last: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are there."""
        return tuple(path for path in (self.hq, self.lq, self.check) if path is not None)


class SealedHq(BaseModel):
    """The FLAC file: its size and the MD5 of its PCM (24 bit, little-endian, interleaved)."""

    model_config = ConfigDict(frozen=True)
    bytes: int
    md5: str


class SealedLq(BaseModel):
    """The Opus file: its size and how many of its first samples are pre-roll."""

    model_config = ConfigDict(frozen=True)
    bytes: int
    preroll: int


class SealedSegment(BaseModel):
    """All there is to know of a sealed segment; kept beside it in the spool as JSON.

    ``start`` is the wall-clock time of the first sample; ``start_boottime_s`` the same on the clock that is never
    stepped, comparable under the same ``boot_id``. ``closed_boottime_s`` is when the HQ file was closed.
    ``lost_before`` are the samples that its run had lost inside itself until then.
    """

    model_config = ConfigDict(frozen=True)
    run: str
    number: int
    first_sample: int
    samples: int
    lost_before: int = 0
    sample_rate: int
    start: Instant
    start_boottime_s: float
    closed_boottime_s: float
    boot_id: str
    hq: SealedHq
    lq: SealedLq

    @property
    def id(self) -> SegmentId:
        """Run and number."""
        return SegmentId(self.run, self.number)

    @property
    def place(self) -> Place:
        """Where it stands in time."""
        return Place(
            run=self.run,
            first_sample=self.first_sample,
            samples=self.samples,
            sample_rate=self.sample_rate,
            start=self.start,
            start_boottime_s=self.start_boottime_s,
            boot_id=self.boot_id,
            lost_before=self.lost_before,
        )


@dataclass(frozen=True)
class QueuedSegment:
    """A sealed segment as it waits in a folder of the spool."""

    sealed: SealedSegment
    folder: Path

    def path(self, quality: str) -> Path:
        """The file of one quality."""
        return self.folder / f"{self.sealed.id}.{EXTENSIONS[quality]}"

    @property
    def description(self) -> Path:
        """The JSON file that makes it whole."""
        return self.folder / f"{self.sealed.id}.json"


@dataclass(frozen=True)
class Place:
    """Where a segment stands in time: exactly within its run, by the boot clock and by the wall clock beyond it.

    Without a ``boot_id`` its ``start_boottime_s`` says nothing.
    """

    run: str
    first_sample: int
    samples: int
    sample_rate: int
    start: datetime
    start_boottime_s: float
    boot_id: str
    lost_before: int = 0


def missing_before(previous: Place | None, segment: Place) -> int:
    """How many samples are missing between two segments; 0 when one continues the other or nothing came before."""
    return 0 if previous is None else max(0, samples_between(previous, segment))


def samples_between(previous: Place, segment: Place) -> int:
    """How many samples lie between the end of one and the start of the other; negative when they overlap.

    Within a run it is what is not there and what the device is known to have lost. Between runs it is measured: on the
    boot clock, or on the wall clock when the machine was started anew in between or it is not known under which boot
    one of them was captured.
    """
    if previous.run == segment.run:
        lost = segment.lost_before - previous.lost_before
        return segment.first_sample - previous.first_sample - previous.samples + lost
    if previous.boot_id and previous.boot_id == segment.boot_id:
        silence_s = segment.start_boottime_s - previous.start_boottime_s
    else:
        silence_s = (segment.start - previous.start).total_seconds()
    return round(silence_s * segment.sample_rate) - previous.samples
