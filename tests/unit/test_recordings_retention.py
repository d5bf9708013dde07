"""Retention: the oldest goes first, the current hour never, and no more than is needed."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from supervisor.recordings.joining import period_of
from supervisor.recordings.retention import Limits, by_witness, to_free, too_old
from tests.unit.timelines import BEGAN, RATE, Timeline, archives, found

HOUR_S = 3600
NOW = st.integers(-HOUR_S, 12 * HOUR_S).map(lambda seconds: BEGAN + timedelta(seconds=seconds))
SIZES = st.integers(0, 20 * RATE)


@given(archives(), NOW, SIZES, st.sampled_from([1, 60, HOUR_S]))
def test_room_is_made_from_the_oldest_on(timeline: Timeline, now: object, lacking_bytes: int, period_s: int) -> None:
    """What goes is the oldest of what may go; it is enough or everything; without its last it would not be enough."""
    assert isinstance(now, type(BEGAN))
    limits = Limits(None, 0, period_s)
    sized = sorted(((found(file), file.bytes) for file in timeline.files), key=lambda one: one[0].path)
    going = to_free(sized, limits, now, lacking_bytes)
    may_go = [(file, size) for file, size in sized if period_of(file.name.start, period_s) < period_of(now, period_s)]
    assert going == [file for file, _ in may_go[: len(going)]]
    freed = [size for _, size in may_go[: len(going)]]
    assert sum(freed) >= lacking_bytes or len(going) == len(may_go)
    assert sum(freed[:-1]) < lacking_bytes or not going


@given(archives(), st.integers(0, 20), st.one_of(st.none(), st.integers(1, 10)))
def test_age_alone_decides_what_is_too_old(timeline: Timeline, days: int, keep_days: int | None) -> None:
    """A file goes when its hour ended more than the kept days ago; without a limit none does."""
    now = BEGAN + timedelta(days=days, hours=5)
    files = sorted(map(found, timeline.files), key=lambda file: file.path)
    going = list(too_old(files, Limits(keep_days, 0, HOUR_S), now))
    age = timedelta(days=keep_days or 10_000, hours=1)
    assert going == [file for file in files if keep_days is not None and now - file.name.start > age]


@given(archives(), st.floats(0, 20 * 365 * 86_400))
def test_a_clock_that_is_years_ahead_costs_nothing(timeline: Timeline, ahead_s: float) -> None:
    """However far this machine's clock runs ahead of its witness, what goes is what would go by the witness."""
    true_now = BEGAN + timedelta(days=5)
    files = sorted(map(found, timeline.files), key=lambda file: file.path)
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
    """However much is lacking, what belongs to the hour of now is not touched, nor what is dated later."""
    for file in timeline.files:
        now = file.place.start
        current = period_of(now, HOUR_S)
        for gone in to_free(((found(one), 1) for one in timeline.files), Limits(None, 0, HOUR_S), now, 10**12):
            assert period_of(gone.name.start, HOUR_S) < current
