"""Looks at the status every 2 s by the rules of ``alarms``, and tells what begins and what ends."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.alarms import judged, recalled
from supervisor.events import Emit
from supervisor.status import Snapshot
from supervisor.stop import Stop

_LOOK_EVERY_S = 2.0


def keep_watch(status: Callable[[], Snapshot], emit: Emit, ended: Stop) -> None:
    """Looks until ``ended`` is requested; what stands at the beginning ends when it is over."""
    watched = recalled(status())
    while not ended.wait(_LOOK_EVERY_S):
        watched, events = judged(watched, status())
        for event in events:
            emit(event)
