"""Every name the program makes and parses: keys in the bucket, files in the spool and in the archive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from supervisor.clock import compact_ms

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

EXTENSIONS = {"hq": "flac", "lq": "opus"}
"""File extension of each quality."""


@dataclass(frozen=True)
class Keys:
    """Object keys under an optional prefix: ``[prefix/]live/…``."""

    prefix: str = ""

    @property
    def root(self) -> str:
        """What all keys of this station begin with."""
        return f"{self.prefix}/live/" if self.prefix else "live/"

    @property
    def manifest(self) -> str:
        """The key of the manifest."""
        return f"{self.root}manifest.json"

    def segment(self, quality: str, index: int) -> str:
        """The key of a segment: 8 digits, more when they no longer suffice."""
        return f"{self.root}{quality}/segment-{index:08d}.{EXTENSIONS[quality]}"

    def index_of(self, key: str) -> int | None:
        """The index in a segment's key, or None when the key is not one of ours."""
        match = re.fullmatch(re.escape(self.root) + r"(hq|lq)/segment-(\d{8,})\.(flac|opus)", key)
        return int(match[2]) if match and self.segment(match[1], int(match[2])) == key else None


def next_index(latest: int | None, now: datetime, segment_s: int) -> int:
    """Where a start continues: after ``latest``, and never below the number of segment lengths since 2026.

    The second bound holds when the bucket was emptied: segments are cached as immutable, so no key may come twice.
    """
    by_time = int((now - _EPOCH).total_seconds()) // segment_s
    return max(by_time, 0 if latest is None else latest + 1)


@dataclass(frozen=True, order=True)
class SegmentId:
    """A segment by the run it was captured in and its number there, from 0."""

    run: str
    number: int

    def __str__(self) -> str:
        return f"{self.run}.{self.number:08d}"


_RUN = r"\d{8}T\d{9}Z"


def run_name(started: datetime, newest: str = "") -> str:
    """A run by its start: ``20261123T154530412Z``.

    A millisecond after ``newest`` when the wall clock was set back, so that runs sort as they happened.
    """
    name = compact_ms(started).replace(".", "")
    if name > newest:
        return name
    return compact_ms(run_began(newest) + timedelta(milliseconds=1)).replace(".", "")


def run_began(run: str) -> datetime:
    """When a run was started, by the wall clock of that moment."""
    return datetime.strptime(run, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


def is_run(name: str) -> bool:
    """Whether it is the name of a run, after which another can be named."""
    if not re.fullmatch(_RUN, name):
        return False
    try:
        return run_name(datetime.min.replace(tzinfo=UTC), newest=name) > name
    except (ValueError, OverflowError):  # the 31st of February, or the end of time
        return False


def parse_raw(name: str) -> tuple[SegmentId, str] | None:
    """Segment and stream (``hq``, ``lq``, ``check``) of a file that FFmpeg wrote, or None for any other name."""
    match = re.fullmatch(rf"({_RUN})\.(hq(?=.*flac$)|lq(?=.*opus$)|check(?=.*framemd5$))\.(\d{{8,}})\.\w+", name)
    return (SegmentId(match[1], int(match[3])), match[2]) if match else None


def parse_sealed(name: str) -> SegmentId | None:
    """The segment of a sealed segment's description (``<run>.<number>.json``), or None for any other name."""
    match = re.fullmatch(rf"({_RUN})\.(\d{{8,}})\.json", name)
    return SegmentId(match[1], int(match[2])) if match else None


def requests_name(station: str) -> str:
    """The file of a station's count of billed requests, beside its recordings."""
    return f"{station}_requests.json"


def ledger_name(station: str) -> str:
    """The file of JSON lines in which a station's losses are kept, beside its recordings."""
    return f"{station}_losses.jsonl"


def piece_name(station: str, start: datetime, segment: SegmentId) -> str:
    """An archived segment: sortable by time, and by run and number where clocks were stepped."""
    return f"{station}_{compact_ms(start)}_{segment}.flac"


@dataclass(frozen=True)
class RecordedName:
    """A file of the archive by its name: a piece has a segment, a recording has none.

    ``damaged`` when it was set aside because its content is not what was captured.
    """

    start: datetime
    segment: SegmentId | None
    damaged: bool


_START = r"\d{8}T\d{6}\.\d{3}Z"
_RECORDED = rf"_(?P<start>{_START})(?:_(?P<run>{_RUN})\.(?P<number>\d{{8,}}))?\.flac"
_DAMAGED = ".damaged"


def recording_name(station: str, start: datetime) -> str:
    """A recording by the time of its first sample: ``radio_20261123T150000.397Z.flac``."""
    return f"{station}_{compact_ms(start)}.flac"


def damaged_name(name: str, number: int = 1) -> str:
    """A damaged file of the archive, set aside: no player and no search for ``*.flac`` takes it for a whole one.

    ``number`` tells apart those that had the same name one after the other.
    """
    return f"{name}{_DAMAGED}" if number == 1 else f"{name}{_DAMAGED}.{number}"


def parse_recorded(station: str, name: str) -> RecordedName | None:
    """What the name of a piece or a recording of ``station`` says, or None for any other name."""
    match = re.fullmatch(rf"{re.escape(station)}{_RECORDED}(?P<damaged>{re.escape(_DAMAGED)}(?:\.\d+)?)?", name)
    start = match and _instant(match["start"])
    if not match or not start:
        return None
    segment = SegmentId(match["run"], int(match["number"])) if match["run"] else None
    return RecordedName(start, segment, match["damaged"] is not None)


def is_temporary(station: str, name: str) -> bool:
    """Whether the name is that of a piece or a recording of ``station`` that was not written to its end."""
    return re.fullmatch(rf"\.{re.escape(station)}{_RECORDED}\..+", name) is not None


def _instant(compact: str) -> datetime | None:
    try:
        return datetime.fromisoformat(compact)
    except ValueError:  # the 31st of February
        return None
