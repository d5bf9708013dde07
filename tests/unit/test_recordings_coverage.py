"""The timeline: every gap with its samples, every overlap, every second in its hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.names import run_name
from supervisor.recordings.catalogue import Recorded
from supervisor.recordings.coverage import Gap, calendar, gap_before, gaps, ordered, overlaps, seconds_of, stretches
from supervisor.segments import Place
from tests.unit.timelines import BEGAN, RATE, Timeline, archives, place, recorded


@given(archives())
def test_every_missing_sample_is_found(timeline: Timeline) -> None:
    """Whatever is joined and in whatever order it is read: each gap is there once, with exactly its samples."""
    assert tuple(gap.samples for gap in gaps(timeline.files)) == timeline.gaps
    assert overlaps(timeline.files) == []


@given(archives())
def test_the_calendar_has_every_second_once(timeline: Timeline) -> None:
    """The hours of all days add up to what is recorded, no hour has more than an hour, and gaps mark their hours."""
    days = calendar(timeline.files)
    assert sum(day.seconds for day in days) == pytest.approx(timeline.samples / RATE, abs=0.001 * len(timeline.files))
    assert all(0 <= hour_s <= 3600 for day in days for hour_s in day.hours)
    assert (
        [day.date for day in days] == [days[0].date + timedelta(number) for number in range(len(days))]
        if days
        else True
    )
    marked = {(day.date, hour) for day in days for hour in day.hours_with_gaps}
    for gap in gaps(timeline.files):
        assert (gap.start.date(), gap.start.hour) in marked
    assert bool(marked) == bool(timeline.gaps)
    for day in days:
        assert seconds_of(timeline.files, day.date) == pytest.approx(day.seconds)


@given(archives())
def test_stretches_hold_every_file_once_without_a_hole(timeline: Timeline) -> None:
    """A stretch is one run, sample after sample; between two stretches something is missing."""
    rows = stretches(timeline.files)
    assert [file for row in rows for file in row] == ordered(timeline.files)
    assert len(rows) == (len(timeline.gaps) + 1 if timeline.files else 0)
    assert all(not gaps(row) for row in rows)


@given(archives())
def test_a_file_that_is_there_twice_is_an_overlap(timeline: Timeline) -> None:
    """A copy is told with the number of samples that it claims, and no gap appears or goes."""
    for file in timeline.files:
        copied = [*timeline.files, replace(file, path=file.path.with_suffix(".copy.flac"))]
        assert [lap.samples for lap in overlaps(copied)] == [file.place.samples]
        assert tuple(gap.samples for gap in gaps(copied)) == timeline.gaps


def test_between_runs_20_ms_are_no_gap() -> None:
    """Between runs time is measured, to 20 ms; within a run one sample is a gap."""
    first = recorded(place(0, 0, RATE))
    assert gaps([first, recorded(place(1.02, 0, RATE))]) == []
    later = recorded(place(1.021, 0, RATE))
    assert gaps([first, later]) == [Gap(later.place, 1008)]
    assert [gap.samples for gap in gaps([first, recorded(place(0, RATE + 1, RATE))])] == [1]


def test_a_clock_that_was_set_back_between_boots_is_an_overlap() -> None:
    """Two files that claim the same time after a restart of the machine are told."""
    first = recorded(place(0, 0, 10 * RATE))
    again = recorded(place(5, 0, 10 * RATE))
    after_boot = replace(again, place=replace(again.place, boot_id="other", start_boottime_s=1.0))
    assert [lap.samples for lap in overlaps([first, after_boot])] == [5 * RATE]


def test_a_clock_that_was_stepped_under_one_boot_is_no_gap() -> None:
    """Between runs of one boot the boot clock counts: names an hour apart may be a second apart."""
    first, second = recorded(place(0, 0, RATE)), recorded(place(3600, 0, RATE))
    stepped = replace(second, place=replace(second.place, start_boottime_s=first.place.start_boottime_s + 2))
    assert [gap.samples for gap in gaps([first, stepped])] == [RATE]


def test_a_gap_over_midnight_marks_both_days() -> None:
    """From 22:58:31 to 01:00 the next day: four hours are red, and each day has its own seconds."""
    files = [recorded(place(0, 0, RATE)), recorded(place(2 * 3600 + 90, 0, RATE))]
    first, second = calendar(files)
    assert (first.date, sorted(first.hours_with_gaps)) == (date(2026, 11, 23), [22, 23])
    assert (second.date, sorted(second.hours_with_gaps)) == (date(2026, 11, 24), [0, 1])
    assert (first.hours[22], second.hours[1]) == (1.0, 1.0)
    assert calendar([]) == []


def test_a_calendar_leaves_out_what_is_empty_for_more_than_a_month() -> None:
    """A file of 1970 costs a day and not twenty thousand; up to a month of empty days is shown."""
    day_s = 86_400
    files = [recorded(place(at_s, 0, RATE)) for at_s in (-50 * 365 * day_s, 0, 32 * day_s, 65 * day_s)]
    days = [day.date for day in calendar(files)]
    today = BEGAN.date()
    filled = [today + timedelta(days=number) for number in range(33)]
    assert days == [today - timedelta(days=50 * 365), *filled, today + timedelta(days=65)]


def test_a_gap_begins_where_the_sound_ended() -> None:
    """Start and end of a gap are the end of what is before it and the start of what is after it."""
    (gap,) = gaps([recorded(place(0, 0, RATE)), recorded(place(3, 0, RATE))])
    assert (gap.start, gap.end, gap.seconds) == (
        datetime(2026, 11, 23, 22, 58, 31, 397_000, UTC),
        datetime(2026, 11, 23, 22, 58, 33, 397_000, UTC),
        2.0,
    )


def test_the_gap_before_a_file_is_told_by_its_place() -> None:
    """After a clock was set back, the file before is the one that was captured before, whatever the names say."""
    first, second = recorded(place(0, 0, 2 * RATE)), recorded(place(60, 0, 2 * RATE))
    third = recorded(place(30, 0, 2 * RATE))
    run, boot_s = f"{second.place.run[:-4]}999Z", second.place.start_boottime_s + 3
    after_all = replace(third, place=replace(third.place, run=run, start_boottime_s=boot_s))
    assert gap_before(after_all, [second, first]) == RATE
    assert gap_before(first, [second, after_all]) is None


def without_tags(file: Recorded) -> Recorded:
    """The same file as it is placed by its name alone."""
    start = file.place.start
    where = Place(run_name(start), 0, file.place.samples, RATE, start, start.timestamp(), "")
    return replace(file, place=where)


@given(archives(), st.data())
def test_files_that_lost_their_tags_are_where_they_were(timeline: Timeline, data: st.DataObject) -> None:
    """Whichever lost them, as long as one did not: no gap appears or goes, but for what a clock cannot measure."""
    kept = data.draw(st.sets(st.sampled_from(timeline.files or [None])))
    files = [file if file in kept else without_tags(file) for file in timeline.files]
    assert overlaps(files) == []
    measured = [gap.samples for gap in gaps(files)]
    assert measured == pytest.approx(list(timeline.gaps), abs=0.003 * RATE)


def test_a_run_that_began_days_ago_keeps_an_hour_without_tags() -> None:
    """In the middle of a long run, and before its oldest hour that is still there, such an hour is no gap."""
    hours = [recorded(place(0, number * 3600 * RATE, 3600 * RATE)) for number in range(20, 25)]
    for number in range(5):
        assert gaps([*hours[:number], without_tags(hours[number]), *hours[number + 1 :]]) == []
        assert overlaps([*hours[:number], without_tags(hours[number]), *hours[number + 1 :]]) == []
