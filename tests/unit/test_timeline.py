"""The timeline: when a run's first sample was captured, from measurements that are never early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.timeline import Timeline

RATE = 48_000
BLOCK = 4_800  # one measurement every 100 ms


def test_without_a_measurement_nothing_is_known() -> None:
    """Before the first measurement there is no origin to be wrong about."""
    assert Timeline(RATE).origin_s is None


def test_the_first_measurement_is_counted_back() -> None:
    """The origin is the arrival less the time that its samples took."""
    timeline = Timeline(RATE)
    timeline.measured(2 * RATE, 1002.25)
    assert timeline.origin_s == pytest.approx(1000.25)


@given(delays=st.lists(st.floats(0, 5), min_size=1, max_size=300), least=st.floats(0, 0.01))
def test_late_arrivals_do_no_harm(delays: list[float], least: float) -> None:
    """However late most measurements are, the least delayed one of the last 30 s tells the origin."""
    timeline = Timeline(RATE)
    ends = [BLOCK * (number + 1) for number in range(len(delays) + 1)]
    for end, delay in zip(ends, [least, *delays], strict=True):
        timeline.measured(end, 1000 + end / RATE + delay)
    assert timeline.origin_s == pytest.approx(1000 + min(least, *delays), abs=1e-6)


@given(
    memory_s=st.floats(0.1, 60),
    steps=st.lists(st.tuples(st.floats(0, 20), st.integers(0, RATE)), min_size=1, max_size=100),
)
def test_it_is_the_earliest_of_what_it_remembers(memory_s: float, steps: list[tuple[float, int]]) -> None:
    """At every moment the origin is the least of all measurements that are no older than the memory."""
    timeline = Timeline(RATE, memory_s)
    seen: list[tuple[float, float]] = []
    arrival_s, end = 0.0, 0
    for later_s, samples in steps:
        arrival_s, end = arrival_s + later_s, end + samples
        timeline.measured(end, arrival_s)
        seen.append((arrival_s, arrival_s - end / RATE))
        assert timeline.origin_s == min(origin for at, origin in seen if at >= arrival_s - memory_s)


@pytest.mark.parametrize("ppm", [-200, -50, 50, 200])
def test_it_follows_the_drift_of_the_sound_card(ppm: float) -> None:
    """After a day of drift, when clocks are seconds apart, a sample's time is still right within 20 ms."""
    timeline = Timeline(RATE)
    captured_at_s = 0.0
    for number in range(1, 24 * 3600 + 1):
        end = number * RATE
        captured_at_s = 1000 + end / RATE * (1 + ppm / 1e6)
        timeline.measured(end, captured_at_s)
    assert timeline.origin_s is not None
    assert abs(timeline.origin_s + 24 * 3600 - captured_at_s) < 0.02


def test_samples_that_an_overrun_lost_are_forgotten_in_time() -> None:
    """When a run loses a second inside it, times are right again once the memory has passed."""
    timeline = Timeline(RATE, memory_s=30)
    for number in range(1, 1000):
        lost_s = 1.0 if number > 500 else 0.0
        timeline.measured(number * BLOCK, number * 0.1 + lost_s)
    assert timeline.origin_s == pytest.approx(1.0)
