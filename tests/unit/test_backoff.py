"""Backoff: pauses that grow, stay bounded, and are never in step with anybody else's."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.backoff import Backoff

firsts = st.floats(0.01, 10)
mosts = st.floats(10, 1000)


@given(first_s=firsts, most_s=mosts, jitter=st.floats(0, 1), failures=st.integers(1, 10**6), random=st.randoms())
def test_a_pause_is_within_its_bounds(
    first_s: float, most_s: float, jitter: float, failures: int, random: Random
) -> None:
    """Each pause is at most the doubled one before and the most allowed, and shortened by at most the jitter."""
    full_s = most_s if failures > 64 else min(most_s, first_s * 2 ** (failures - 1))
    pause_s = Backoff(first_s, most_s, jitter, random).delay_s(failures)
    assert full_s * (1 - jitter) - 1e-9 <= pause_s <= full_s


@given(first_s=firsts, most_s=mosts)
def test_without_a_failure_there_is_no_pause(first_s: float, most_s: float) -> None:
    """The first try comes at once."""
    assert Backoff(first_s, most_s).delay_s(0) == 0


def test_without_jitter_pauses_double_up_to_the_most() -> None:
    """The pauses are those that were asked for."""
    backoff = Backoff(first_s=0.5, most_s=5, jitter=0)
    assert [backoff.delay_s(failures) for failures in range(7)] == [0, 0.5, 1, 2, 4, 5, 5]


def test_two_supervisors_do_not_keep_step() -> None:
    """Pauses are random without being asked: after an outage not everybody comes back at the same moment."""
    pauses = {Backoff(first_s=1, most_s=30).delay_s(5) for _ in range(20)}
    assert len(pauses) > 10
    assert max(pauses) - min(pauses) == pytest.approx(4, abs=4)
