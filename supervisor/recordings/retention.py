"""What has to go so that the archive keeps its limits. Pure: from names, times and sizes to files, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from supervisor.recordings.catalogue import Found
from supervisor.recordings.joining import period_of

_AHEAD = timedelta(days=1)
"""What is dated later than that is not of now: a clock that was ahead has named it, or this one is behind."""


@dataclass(frozen=True)
class Limits:
    """How long recordings are kept (None: for ever), what stays free on their disk, and how long one of them is."""

    keep_days: int | None
    min_free_bytes: int
    period_s: int


@dataclass(frozen=True)
class Stored:
    """A file of the archive on its disk: its size, when it was written, and the room that its going would make."""

    found: Found
    bytes: int
    written: datetime
    frees_bytes: int


def by_witness(limits: Limits, now: datetime, witness_ahead_s: float | None) -> tuple[Limits, datetime]:
    """The limits and the time to prune by: a clock that is wrong by years must not cost a collection.

    The earlier of the two clocks counts; without a witness (None) nothing goes for its age.
    """
    if witness_ahead_s is None:
        return replace(limits, keep_days=None), now
    return limits, now + timedelta(seconds=min(0.0, witness_ahead_s))


def too_old(files: Iterable[Stored], limits: Limits, now: datetime) -> Iterator[Stored]:
    """The recordings that ended, and were written, more than ``keep_days`` ago; ``files`` is oldest first.

    What a clock that was behind has named is old by its name alone. A piece is not a recording yet, whatever its name.
    """
    if limits.keep_days is None:
        return iter(())
    written_before = now - timedelta(days=limits.keep_days)
    oldest = written_before - timedelta(seconds=limits.period_s)
    by_name = takewhile(lambda file: file.found.name.start < oldest and _is_past(file, limits, now), files)
    return (file for file in by_name if not file.found.is_piece and file.written < written_before)


def for_room(files: Iterable[Stored], limits: Limits, now: datetime) -> list[Stored]:
    """The files that may go for room, in that order: the oldest by name and by when they were written.

    What is dated in the future is therefore the last, and goes only before the archive would have to stop.
    """
    may_go = (file for file in files if file.frees_bytes and not _is_current(file, limits, now))
    return sorted(may_go, key=lambda file: (max(file.found.name.start, file.written), file.found.path))


def _is_past(file: Stored, limits: Limits, now: datetime) -> bool:
    return period_of(file.found.name.start, limits.period_s) < period_of(now, limits.period_s)


def _is_current(file: Stored, limits: Limits, now: datetime) -> bool:
    """Whether it may be of the current period, which is never touched: a clock that was just set back is ahead of it.

    A piece of the future is still to become a recording.
    """
    if _is_past(file, limits, now):
        return False
    return file.found.is_piece or file.found.name.start - now < _AHEAD
