"""Retention: the oldest goes first, the current hour never, and no more than is needed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from supervisor.recordings.catalogue import Recorded
from supervisor.recordings.joining import period_of
from supervisor.recordings.retention import Limits, Stored, by_witness, for_room, too_old
from tests.unit.timelines import BEGAN, RATE, Timeline, archives, found, place, recorded

HOUR_S = 3600
NOW = st.integers(-HOUR_S, 12 * HOUR_S).map(lambda seconds: BEGAN + timedelta(seconds=seconds))


def stored(file: Recorded, written: datetime | None = None, *, alone: bool = True) -> Stored:
    """A file on the archive's own disk, written when it was captured."""
    return Stored(found(file), file.bytes, written or file.place.start, file.bytes if alone else 0)


def by_path(files: Iterable[Recorded]) -> list[Stored]:
    """The files as they are found: oldest first."""
    return [stored(file) for file in sorted(files, key=lambda file: file.path)]


@given(archives(), NOW, st.sampled_from([1, 60, HOUR_S]))
def test_room_is_made_from_the_oldest_on(timeline: Timeline, now: datetime, period_s: int) -> None:
    """What may go for room is everything before the current period, the oldest first."""
    files = by_path(timeline.files)
    past = [one for one in files if period_of(one.found.name.start, period_s) < period_of(now, period_s)]
    assert for_room(reversed(files), Limits(None, 0, period_s), now) == past


def test_what_makes_no_room_does_not_go_for_it() -> None:
    """A link, a file on another disk, and one with a second name stay: their going would free nothing."""
    (linked, own) = (recorded(place(at_s, 0, RATE)) for at_s in (0, HOUR_S))
    files = [stored(linked, alone=False), stored(own)]
    assert for_room(files, Limits(None, 0, HOUR_S), BEGAN + timedelta(days=1)) == [stored(own)]


def test_what_a_clock_that_was_behind_has_named_is_not_the_oldest() -> None:
    """A recording dated 1970 that was written today is younger than last month's, and not old at all."""
    now = BEGAN + timedelta(days=40)
    epoch, last_month = recorded(place(-50 * 365 * 86_400, 0, RATE)), recorded(place(0, 0, RATE))
    files = [stored(epoch, now - timedelta(hours=2)), stored(last_month)]
    kept = Limits(30, 0, HOUR_S)
    assert list(too_old(files, kept, now)) == files[1:]
    assert for_room(files, kept, now) == files[::-1]


def test_what_a_clock_that_was_ahead_has_named_goes_last() -> None:
    """A recording dated next year goes when nothing else is left, never for its age; its pieces, and tomorrow, stay."""
    now = BEGAN + timedelta(hours=3)
    (past, soon, ahead) = (recorded(place(at_s, 0, RATE)) for at_s in (0, 20 * HOUR_S, 365 * 86_400))
    piece = recorded(place(366 * 86_400, 0, RATE), number=0)
    files = [stored(file) for file in (past, soon, ahead, piece)]
    kept = Limits(1, 0, HOUR_S)
    assert for_room(files, kept, now) == [files[0], files[2]]
    assert list(too_old(files, kept, now + timedelta(days=9))) == files[:2]


def test_a_clock_that_fell_back_to_1970_does_not_end_the_archive() -> None:
    """Where everything is in its future, the oldest goes for room as ever, and what is recorded now stays."""
    now = BEGAN - timedelta(days=50 * 365)
    (old, newer) = (recorded(place(at_s, 0, RATE)) for at_s in (0, HOUR_S))
    current = recorded(place(-50 * 365 * 86_400, 0, RATE), number=0)
    files = [stored(file) for file in (current, old, newer)]
    assert for_room(files, Limits(None, 0, HOUR_S), now) == files[1:]


def test_a_piece_is_never_too_old() -> None:
    """What was not joined yet has still to become a recording, whatever its name says."""
    piece = stored(recorded(place(0, 0, RATE), number=0))
    assert list(too_old([piece], Limits(1, 0, HOUR_S), BEGAN + timedelta(days=99))) == []


@given(archives(), st.integers(0, 20), st.one_of(st.none(), st.integers(1, 10)))
def test_age_alone_decides_what_is_too_old(timeline: Timeline, days: int, keep_days: int | None) -> None:
    """A recording goes when its hour ended more than the kept days ago; without a limit none does."""
    now = BEGAN + timedelta(days=days, hours=5)
    files = by_path(timeline.files)
    age = timedelta(days=keep_days or 10_000, hours=1)
    old = [file for file in files if keep_days is not None and now - file.found.name.start > age]
    assert list(too_old(files, Limits(keep_days, 0, HOUR_S), now)) == [one for one in old if not one.found.is_piece]


@given(archives(), st.floats(0, 20 * 365 * 86_400))
def test_a_clock_that_is_years_ahead_costs_nothing(timeline: Timeline, ahead_s: float) -> None:
    """However far this machine's clock runs ahead of its witness, what goes is what would go by the witness."""
    true_now = BEGAN + timedelta(days=5)
    files = by_path(timeline.files)
    kept = Limits(2, 0, HOUR_S)
    limits, now = by_witness(kept, true_now + timedelta(seconds=ahead_s), -ahead_s)
    assert list(too_old(files, limits, now)) == list(too_old(files, kept, true_now))


def test_the_earlier_clock_counts() -> None:
    """A clock that is behind its witness is believed; without a witness nothing goes for its age."""
    kept = Limits(2, 7, HOUR_S)
    assert by_witness(kept, BEGAN, 3600.0) == (kept, BEGAN)
    assert by_witness(kept, BEGAN, None) == (Limits(None, 7, HOUR_S), BEGAN)


@given(archives())
def test_the_current_hour_stays(timeline: Timeline) -> None:
    """However much is lacking, what belongs to the hour of now is not touched, nor what is dated soon after."""
    for file in timeline.files:
        now = file.place.start
        for gone in for_room(by_path(timeline.files), Limits(None, 0, HOUR_S), now):
            assert period_of(gone.found.name.start, HOUR_S) < period_of(now, HOUR_S)
