"""The timeline of an archive: what is covered, what is missing, what is there twice. Pure: from heads to figures."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from supervisor.recordings.catalogue import Recorded
from supervisor.segments import Place, samples_between

TOLERANCE_S = 0.02
"""Between runs, and where tags are lost, time is measured, to this; nothing shorter is called a gap.

Within a run samples are counted.
"""

_HOUR_S = 3600.0

_MOST_EMPTY_DAYS = 31
"""A calendar leaves out what is empty for longer: one file of 1970 would make 20 000 days."""


@dataclass(frozen=True)
class Gap:
    """Samples that are missing before the first one of ``after``."""

    after: Place
    samples: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.after.sample_rate

    @property
    def end(self) -> datetime:
        """When the sample after it was captured."""
        return self.after.start

    @property
    def start(self) -> datetime:
        """When the first of them would have been captured."""
        return self.end - timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Overlap:
    """Samples that two files claim: the same twice, or a clock that was set back between two runs."""

    path: Path
    other: Path
    samples: int


@dataclass(frozen=True)
class Day:
    """What a UTC day holds: seconds in each of its hours, and the hours in which something is missing."""

    date: date
    hours: tuple[float, ...]
    hours_with_gaps: frozenset[int]

    @property
    def seconds(self) -> float:
        """Seconds in all its hours."""
        return sum(self.hours)


def ordered(files: Iterable[Recorded]) -> list[Recorded]:
    """In the order of capture: by run (runs are named as they happened) and by sample within it.

    A file that lost its tags is in the run of the one before it, or else of the one after it, by the clock in its name.
    """
    every = sorted(files, key=_start)
    tagged = [file for file in every if file.place.boot_id]
    if tagged:
        every = [file if file.place.boot_id else _in_run_of(_beside(file, tagged), file) for file in every]
    return sorted(every, key=_order)


def gaps(files: Iterable[Recorded]) -> list[Gap]:
    """Everything that is missing between the first file and the last."""
    return [Gap(after.place, samples) for _, after, samples in _joins(files) if samples > 0]


def gap_before(file: Recorded, others: Iterable[Recorded]) -> int | None:
    """The samples missing between a file and what was captured before it; None when it is the first of all."""
    return next((max(0, samples) for _, after, samples in _joins([*others, file]) if after.path == file.path), None)


def overlaps(files: Iterable[Recorded]) -> list[Overlap]:
    """Everything that two files claim."""
    return [Overlap(after.path, before.path, -samples) for before, after, samples in _joins(files) if samples < 0]


def stretches(files: Iterable[Recorded]) -> list[list[Recorded]]:
    """The files in rows of one run without a missing sample."""
    rows: list[list[Recorded]] = []
    for file in ordered(files):
        before = rows[-1][-1].place if rows else None
        if before is None or before.run != file.place.run or samples_between(before, file.place) != 0:
            rows.append([])
        rows[-1].append(file)
    return rows


def calendar(files: Sequence[Recorded]) -> list[Day]:
    """The UTC days from the first file to the last, those with nothing in them too, up to a month of them."""
    seconds: dict[datetime, float] = {}
    for start, end in _merged(files):
        for hour, part_s in _by_hour(start, end):
            seconds[hour] = seconds.get(hour, 0.0) + part_s
    missing = {hour for gap in gaps(files) for hour, _ in _by_hour(gap.start, gap.end)}
    if not seconds:
        return []
    filled = sorted({hour.date() for hour in seconds})
    empty = (day for before, after in pairwise(filled) for day in _between_days(before, after))
    return [_day(day, seconds, missing) for day in sorted([*filled, *empty])]


def seconds_of(files: Iterable[Recorded], day: date) -> float:
    """How much of a UTC day the files cover."""
    return sum(part_s for start, end in _merged(files) for hour, part_s in _by_hour(start, end) if hour.date() == day)


def _order(file: Recorded) -> tuple[str, int, bool, Path]:
    return file.place.run, file.place.first_sample, file.is_piece, file.path


def _start(file: Recorded) -> datetime:
    return file.place.start


def _beside(file: Recorded, tagged: Sequence[Recorded]) -> Recorded:
    """The last that began before the file, or else the first of all; ``tagged`` is sorted by time."""
    return tagged[max(0, bisect(tagged, _start(file), key=_start) - 1)]


def _in_run_of(near: Recorded, file: Recorded) -> Recorded:
    """The file as far from ``near``, in its run, as the two are apart by the clock."""
    place = near.place
    apart_s = (file.place.start - place.start).total_seconds()
    first_sample = place.first_sample + round(apart_s * place.sample_rate)
    return replace(
        file, place=replace(file.place, run=place.run, first_sample=first_sample, lost_before=place.lost_before)
    )


def _joins(files: Iterable[Recorded]) -> Iterator[tuple[Recorded, Recorded, int]]:
    """Each file with the one whose end it should continue, and the samples between the two."""
    furthest: Recorded | None = None
    for file in ordered(files):
        if furthest is not None:
            yield furthest, file, _between(furthest.place, file.place)
        if furthest is None or file.place.run != furthest.place.run or _end(file.place) > _end(furthest.place):
            furthest = file


def _between(before: Place, after: Place) -> int:
    samples = samples_between(before, after)
    measured = before.run != after.run or not (before.boot_id and after.boot_id)
    return 0 if measured and abs(samples) <= TOLERANCE_S * after.sample_rate else samples


def _end(place: Place) -> int:
    return place.first_sample + place.samples


def _merged(files: Iterable[Recorded]) -> Iterator[tuple[datetime, datetime]]:
    """The spans of time that are covered, each once."""
    spans = sorted((file.place.start, file.place.start + timedelta(seconds=file.seconds)) for file in files)
    reached = datetime.min.replace(tzinfo=UTC)
    for start, end in spans:
        if end > reached:
            yield max(start, reached), end
            reached = end


def _by_hour(start: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
    """A span of time, cut at the full hours: the hour and the seconds in it."""
    while start < end:
        hour = start.replace(minute=0, second=0, microsecond=0)
        cut = min(end, hour + timedelta(seconds=_HOUR_S))
        yield hour, (cut - start).total_seconds()
        start = cut


def _between_days(before: date, after: date) -> list[date]:
    days = [before + timedelta(days=number) for number in range(1, (after - before).days)]
    return days if len(days) <= _MOST_EMPTY_DAYS else []


def _day(day: date, seconds: dict[datetime, float], missing: set[datetime]) -> Day:
    hours = [datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in range(24)]
    return Day(
        day,
        tuple(seconds.get(hour, 0.0) for hour in hours),
        frozenset(number for number, hour in enumerate(hours) if hour in missing),
    )
