"""Cutting out a span: which samples of which files, so that cuts that meet join without losing one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.recordings.export import CannotCutError, cut
from tests.unit.timelines import BEGAN, RATE, Timeline, archives, place, recorded

MS = st.integers(-5_000, 20_000_000)


def samples_in(timeline: Timeline, begin_ms: int, end_ms: int) -> int:
    """How many samples a cut has; none when there is nothing."""
    begin, end = (BEGAN + timedelta(milliseconds=ms) for ms in (begin_ms, end_ms))
    try:
        return cut(timeline.files, begin, end).samples
    except CannotCutError:
        return 0


@given(archives(), st.lists(MS, min_size=3, max_size=3))
def test_cuts_that_meet_join_exactly(timeline: Timeline, instants_ms: list[int]) -> None:
    """[a, b) and [b, c) have together the samples of [a, c): none is lost, none is in both."""
    a, b, c = sorted(instants_ms)
    assert samples_in(timeline, a, b) + samples_in(timeline, b, c) == samples_in(timeline, a, c)


@given(archives())
def test_everything_can_be_cut_out(timeline: Timeline) -> None:
    """A span around the archive has every file whole, and every gap is told."""
    if not timeline.files:
        return
    whole = cut(timeline.files, BEGAN - timedelta(days=1), BEGAN + timedelta(days=9))
    assert (whole.first, whole.samples, len(whole.files)) == (0, timeline.samples, len(timeline.files))
    assert tuple(gap.samples for gap in whole.gaps) == timeline.gaps


def test_a_span_across_a_border_and_a_gap() -> None:
    """From inside one file, over its end into the next and over a gap: the samples of the span that are there."""
    files = [
        recorded(place(0, 0, 10 * RATE)),
        recorded(place(0, 10 * RATE, 10 * RATE)),
        recorded(place(0, 22 * RATE, 10 * RATE)),
        recorded(place(0, 32 * RATE, 10 * RATE)),
    ]
    wanted = cut(files, BEGAN + timedelta(seconds=7.5), BEGAN + timedelta(seconds=23, milliseconds=1))
    assert wanted.files == tuple(files[:3])
    assert (wanted.first, wanted.end) == (7 * RATE + RATE // 2, 21 * RATE + 48)
    assert [gap.samples for gap in wanted.gaps] == [2 * RATE]


def test_names_that_are_milliseconds_off_lose_nothing() -> None:
    """The start of a file is measured anew for each; a cut through the middle of the difference has every sample."""
    first = recorded(place(0, 0, 10 * RATE))
    for late_ms in (-7, 7):
        second = recorded(place(0, 10 * RATE, 10 * RATE))
        moved = replace(second.place, start=second.place.start + timedelta(milliseconds=late_ms))
        timeline = Timeline((first, replace(second, place=moved)), ())
        for border_ms in range(9_990, 10_010):
            halves = samples_in(timeline, 0, border_ms) + samples_in(timeline, border_ms, 30_000)
            assert halves == 20 * RATE


def test_what_cannot_be_cut_is_told() -> None:
    """A span without a sample, and one where two files claim the same time, are refused with the reason."""
    first = recorded(place(0, 0, 10 * RATE))
    again = recorded(place(5, 0, 10 * RATE))
    after_boot = replace(again, place=replace(again.place, boot_id="other", start_boottime_s=1.0))
    with pytest.raises(CannotCutError, match="nothing was recorded"):
        cut([first], BEGAN + timedelta(seconds=10), BEGAN + timedelta(seconds=11))
    with pytest.raises(CannotCutError, match="claim the same time"):
        cut([first, after_boot], BEGAN, BEGAN + timedelta(seconds=30))


def test_a_time_that_the_clock_went_over_twice_is_refused() -> None:
    """A clock that was set back between two runs of one boot gives a time to both: no cut has a part of each."""
    first = recorded(place(0, 0, 3600 * RATE))
    second = recorded(place(300, 0, 3600 * RATE))
    later = replace(second, place=replace(second.place, start_boottime_s=first.place.start_boottime_s + 3605))
    files = [first, later]
    with pytest.raises(CannotCutError, match="the clock was set"):
        cut(files, BEGAN + timedelta(minutes=30), BEGAN + timedelta(minutes=40))
    alone = cut(files, BEGAN + timedelta(minutes=1), BEGAN + timedelta(minutes=2))
    assert (alone.files, alone.first, alone.samples) == ((first,), 60 * RATE, 60 * RATE)
    both = cut(files, BEGAN, BEGAN + timedelta(hours=2))
    assert (both.files, both.samples, [gap.samples for gap in both.gaps]) == ((first, later), 7200 * RATE, [5 * RATE])


def test_a_clock_that_was_set_back_within_a_run_hides_nothing() -> None:
    """What was captured before the step can be cut out, and what was captured after it; what both have is refused."""
    minutes = [recorded(place(0, number * 60 * RATE, 60 * RATE)) for number in range(60)]
    back = timedelta(minutes=-80)
    stepped = [replace(file, place=replace(file.place, start=file.place.start + back)) for file in minutes[40:]]
    files = [*minutes[:40], *stepped]
    before = cut(files, BEGAN + timedelta(minutes=10.5), BEGAN + timedelta(minutes=20))
    assert (before.files, before.first, before.samples) == (tuple(files[10:20]), 30 * RATE, 570 * RATE)
    after = cut(files, BEGAN - timedelta(minutes=40), BEGAN - timedelta(minutes=25))
    assert (after.files, after.samples) == (tuple(files[40:55]), 900 * RATE)
    twice = [replace(file, place=replace(file.place, start=file.place.start - back / 2)) for file in stepped]
    with pytest.raises(CannotCutError, match="the clock was set"):
        cut([*minutes[:40], *twice], BEGAN + timedelta(minutes=10), BEGAN + timedelta(minutes=20))


def test_a_sound_card_that_is_fast_is_no_clock_that_was_set() -> None:
    """Hours of a card that is 500 ppm fast overlap by their samples, and are still cut wherever they meet."""
    hours = [recorded(place(0, number * 3600 * RATE, 3600 * RATE)) for number in range(3)]
    fast = [
        replace(hour, place=replace(hour.place, start=hour.place.start - timedelta(seconds=1.8 * number)))
        for number, hour in enumerate(hours)
    ]
    met = fast[1].place.start
    around = cut(fast, met - timedelta(seconds=9), met + timedelta(seconds=1))
    assert (around.files, around.gaps) == (tuple(fast[:2]), ())
