"""The throttle counts everything, whatever comes when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisor.throttle import Throttle


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 50)), max_size=100))
def test_nothing_is_lost(happened: list[tuple[str, float]]) -> None:
    """Every message is said, or counted by the next one that is, and no two of a kind within a minute."""
    throttle = Throttle()
    now_s = 0.0
    waiting = {"a": 0, "b": 0, "c": 0}
    said_at_s: dict[str, float] = {}
    for key, pause_s in happened:
        now_s += pause_s
        count = throttle.unsaid(key, now_s)
        if count is None:
            waiting[key] += 1
            assert now_s - said_at_s[key] < 60
        else:
            assert count == waiting[key]
            assert now_s - said_at_s.get(key, -1000.0) >= 60
            waiting[key], said_at_s[key] = 0, now_s
