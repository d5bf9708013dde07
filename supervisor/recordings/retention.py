"""What has to go so that the archive keeps its limits. Pure: from names and sizes to a list, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from supervisor.recordings.catalogue import Found
from supervisor.recordings.joining import period_of


@dataclass(frozen=True)
class Limits:
    """How long recordings are kept (None: for ever), what stays free on their disk, and how long one of them is."""

    keep_days: int | None
    min_free_bytes: int
    period_s: int


def by_witness(limits: Limits, now: datetime, witness_ahead_s: float | None) -> tuple[Limits, datetime]:
    """The limits and the time to prune by: a clock that is wrong by years must not cost a collection.

    The earlier of the two clocks counts; without a witness (None) nothing goes for its age.
    """
    if witness_ahead_s is None:
        return replace(limits, keep_days=None), now
    return limits, now + timedelta(seconds=min(0.0, witness_ahead_s))


def too_old(found: Iterable[Found], limits: Limits, now: datetime) -> Iterator[Found]:
    """The files of periods that ended more than ``keep_days`` ago; ``found`` is oldest first."""
    if limits.keep_days is None:
        return iter(())
    oldest = now - timedelta(days=limits.keep_days, seconds=limits.period_s)
    return takewhile(lambda file: file.name.start < oldest and _is_past(file, limits, now), found)


def to_free(found: Iterable[tuple[Found, int]], limits: Limits, now: datetime, lacking_bytes: int) -> list[Found]:
    """The oldest files that together free ``lacking_bytes``, or all that may go; ``found`` is oldest first."""
    going: list[Found] = []
    for file, size_bytes in found:
        if lacking_bytes <= 0:
            break
        if _is_past(file, limits, now):
            going.append(file)
            lacking_bytes -= size_bytes
    return going


def _is_past(file: Found, limits: Limits, now: datetime) -> bool:
    """Whether its period is over: the current one is never touched."""
    return period_of(file.name.start, limits.period_s) < period_of(now, limits.period_s)
