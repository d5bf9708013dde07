"""The store's clock, told from its answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisor.clock import SystemClock
from supervisor.stores.skew import Skew


class Clock(SystemClock):
    """A machine whose wall clock is ``ahead_s`` from the time since its boot."""

    ahead_s = 0.0

    def wall_s(self) -> float:
        """The test's wall clock."""
        return 1_000_000.0 + self.ahead_s

    def boottime_s(self) -> float:
        """The same without what it was stepped by."""
        return 1_000_000.0


def test_nothing_is_corrected_before_an_answer() -> None:
    """Without an answer there is no offset."""
    assert Skew(Clock()).correction_s == 0.0


@given(st.lists(st.floats(0.0, 0.9), min_size=1, max_size=20))
def test_less_than_a_second_is_not_corrected(fractions: list[float]) -> None:
    """Dates are whole seconds: what they cannot tell is left alone."""
    skew = Skew(Clock())
    for at, fraction in enumerate(fractions):
        skew.answered(1_000.0 + at, 1_000.0 + at + fraction, 1_000.0 + at + fraction)
    assert skew.correction_s == 0.0


def test_one_slow_answer_moves_nothing() -> None:
    """A request of half a minute says nothing of when within it the date was taken."""
    skew = Skew(Clock())
    for at in range(5):
        skew.answered(2_000.0 + at, 1_000.0 + at, 1_000.0 + at)
    before_s = skew.offset_s
    skew.answered(2_040.0, 1_010.0, 1_040.0)
    assert skew.offset_s == before_s


def test_the_median_ignores_one_liar() -> None:
    """A single wrong date among nine is not believed."""
    skew = Skew(Clock())
    for at in range(8):
        skew.answered(1_000.0 + at, 1_000.0 + at, 1_000.0 + at)
    skew.answered(9_000.0, 1_009.0, 1_009.0)
    assert skew.correction_s == 0.0


def test_a_refusal_forgets_what_was_before() -> None:
    """When the store says that the time is wrong, its last answer alone counts."""
    skew = Skew(Clock())
    for at in range(9):
        skew.answered(1_000.0 + at, 1_000.0 + at, 1_000.0 + at)
    skew.answered(1_010.0, 2_210.0, 2_210.0)
    assert skew.correction_s == 0.0
    skew.refused()
    assert skew.correction_s == 1_010.5 - 2_210.0


def test_a_slow_refusal_counts_too() -> None:
    """On a slow line the refusal itself takes long, and is all the same what tells the store's time."""
    skew = Skew(Clock())
    for at in range(9):
        skew.answered(1_000.0 + at, 1_000.5 + at, 1_000.5 + at)
    skew.answered(2_220.0, 1_010.0, 1_030.0)
    assert skew.correction_s == 0.0
    skew.refused()
    assert skew.correction_s == 2_220.5 - 1_020.0


def test_a_step_of_our_clock_is_seen_while_the_store_is_silent() -> None:
    """What earlier answers told is held against the clock that nobody sets: a jump of years is known at once."""
    clock = Clock()
    skew = Skew(clock)
    for at in range(9):
        skew.answered(1_000.0 + at, 1_000.5 + at, 1_000.5 + at)
    assert skew.offset_s == 0.0
    clock.ahead_s = 10 * 365 * 86_400.0
    assert skew.offset_s == skew.correction_s == -clock.ahead_s
