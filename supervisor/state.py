"""The station's state machine: five states, what moves between them, and nothing else.

::

    starting ──published──▶ on_air ◀─warning over── degraded
                            │   ▲  ─warning raised▶    │
                     live:false │ published     live:false
                            ▼   │                      │
                            off_air ◀──────────────────┘
    any of them ──asked to stop──▶ stopping
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class State(StrEnum):
    """What the station is doing; ``degraded`` is on air with something wrong."""

    STARTING = "starting"
    ON_AIR = "on_air"
    DEGRADED = "degraded"
    OFF_AIR = "off_air"
    STOPPING = "stopping"


ON_AIR = frozenset({State.ON_AIR, State.DEGRADED})
"""The states in which listeners hear something."""


class Moment(Enum):
    """What may move a station from one state to another."""

    PUBLISHED = auto()
    """A live manifest that names a new segment is stored."""
    WENT_OFF_AIR = auto()
    """A manifest that says ``live: false`` is stored, or nothing reached the store for as long."""
    ASKED_TO_STOP = auto()
    ANY_OTHER = auto()
    """Nothing of these; alarms may have been raised or be over."""


def after(state: State, moment: Moment, *, alarmed: bool) -> State:
    """The state after ``moment``; ``alarmed`` says whether an alarm stands that degrades."""
    if state is State.STOPPING or moment is Moment.ASKED_TO_STOP:
        return State.STOPPING
    if moment is Moment.WENT_OFF_AIR:
        return State.OFF_AIR
    if moment is Moment.PUBLISHED or state in ON_AIR:
        return State.DEGRADED if alarmed else State.ON_AIR
    return state
