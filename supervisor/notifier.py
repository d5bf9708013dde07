"""Keeps the service manager informed: ready, what the station does, that it is alive, and that it stops."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.report import LOG
from supervisor.sd_notify import ServiceManager
from supervisor.state import State
from supervisor.status import Snapshot
from supervisor.stop import Stop

_LOOK_EVERY_S = 5.0
_LOOK_WHILE_STOPPING_EVERY_S = 0.5
_BEATS = 4
"""How often a station that is well says so within the time that it is given; systemd asks for twice."""

_WORDS = {
    State.STARTING: "starting: the first segment is being captured",
    State.ON_AIR: "on air",
    State.DEGRADED: "on air, but something needs attention",
    State.OFF_AIR: "off air",
    State.STOPPING: "stopping: the last segment is published and archived",
}


class Notifier:
    """Tells ``manager`` of a station: its status, and whether loops are ``silent_for`` too long."""

    def __init__(
        self, manager: ServiceManager, status: Callable[[], Snapshot], silent_for: Callable[[float], list[str]]
    ) -> None:
        self._manager = manager
        self._status = status
        self._silent_for = silent_for
        self._said = ""
        self._stuck: list[str] = []

    def run(self, stopping: Stop, ended: Stop) -> None:
        """Tells until ``ended`` is requested; ``stopping`` is when the end begins."""
        every_s = min(_LOOK_EVERY_S, (self._manager.watchdog_s or _LOOK_EVERY_S) / _BEATS)
        self._manager.tell("READY=1")
        self.look()
        while not stopping.wait(every_s):
            self.look()
        self._manager.tell("STOPPING=1")
        while not ended.wait(min(every_s, _LOOK_WHILE_STOPPING_EVERY_S)):
            self.look()
        self.look()

    def look(self) -> None:
        """One look at the station: a status that nobody can give any more ends the signs of life too."""
        words = in_words(self._status())
        if words != self._said:
            self._said = words
            self._manager.tell(f"STATUS={words}")
        if self._manager.watchdog_s is not None:
            self._sign_of_life(self._manager.watchdog_s)

    def _sign_of_life(self, within_s: float) -> None:
        stuck = self._silent_for(within_s)
        if stuck and stuck != self._stuck:
            names = ", ".join(stuck)
            LOG.error("stuck for %.0f s: %s; the service manager is not told that all is well", within_s, names)
        self._stuck = stuck
        if not stuck:
            self._manager.tell("WATCHDOG=1")


def in_words(s: Snapshot) -> str:
    """The state in one line."""
    alarms = "".join(f"; {alarm.code}: {alarm.message}" for alarm in s.alarms)
    return " ".join(f"{_WORDS[s.state]}, since {s.since:%Y-%m-%d %H:%M:%S} UTC{alarms}".split())
