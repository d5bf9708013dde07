"""The state machine: every state, every moment, and any sequence of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.state import Moment, State, after

TABLE = {
    (State.STARTING, Moment.PUBLISHED): (State.ON_AIR, State.DEGRADED),
    (State.STARTING, Moment.WENT_OFF_AIR): (State.OFF_AIR, State.OFF_AIR),
    (State.STARTING, Moment.ANY_OTHER): (State.STARTING, State.STARTING),
    (State.ON_AIR, Moment.PUBLISHED): (State.ON_AIR, State.DEGRADED),
    (State.ON_AIR, Moment.WENT_OFF_AIR): (State.OFF_AIR, State.OFF_AIR),
    (State.ON_AIR, Moment.ANY_OTHER): (State.ON_AIR, State.DEGRADED),
    (State.DEGRADED, Moment.PUBLISHED): (State.ON_AIR, State.DEGRADED),
    (State.DEGRADED, Moment.WENT_OFF_AIR): (State.OFF_AIR, State.OFF_AIR),
    (State.DEGRADED, Moment.ANY_OTHER): (State.ON_AIR, State.DEGRADED),
    (State.OFF_AIR, Moment.PUBLISHED): (State.ON_AIR, State.DEGRADED),
    (State.OFF_AIR, Moment.WENT_OFF_AIR): (State.OFF_AIR, State.OFF_AIR),
    (State.OFF_AIR, Moment.ANY_OTHER): (State.OFF_AIR, State.OFF_AIR),
    (State.STOPPING, Moment.PUBLISHED): (State.STOPPING, State.STOPPING),
    (State.STOPPING, Moment.WENT_OFF_AIR): (State.STOPPING, State.STOPPING),
    (State.STOPPING, Moment.ANY_OTHER): (State.STOPPING, State.STOPPING),
    **{(state, Moment.ASKED_TO_STOP): (State.STOPPING, State.STOPPING) for state in State},
}
"""What follows without and with an alarm."""


@pytest.mark.parametrize(("state", "moment"), TABLE)
def test_every_step_is_the_drawn_one(state: State, moment: Moment) -> None:
    """The machine does what its drawing says, in each state, at each moment, with and without an alarm."""
    assert (after(state, moment, alarmed=False), after(state, moment, alarmed=True)) == TABLE[state, moment]


def test_the_table_is_whole() -> None:
    """No state and no moment is left out."""
    assert set(TABLE) == {(state, moment) for state in State for moment in Moment}


@given(st.lists(st.tuples(st.sampled_from(Moment), st.booleans()), max_size=50))
def test_any_sequence_keeps_the_rules(steps: list[tuple[Moment, bool]]) -> None:
    """On air means that the newest manifest is live; degraded means on air with an alarm; stopping is for good."""
    state, live, asked = State.STARTING, False, False
    for moment, alarmed in steps:
        state = after(state, moment, alarmed=alarmed)
        live = moment is Moment.PUBLISHED or (live and moment is not Moment.WENT_OFF_AIR)
        asked = asked or moment is Moment.ASKED_TO_STOP
        assert (state is State.STOPPING) == asked
        if not asked:
            assert (state in {State.ON_AIR, State.DEGRADED}) == live
            assert (state is State.DEGRADED) == (live and alarmed)
