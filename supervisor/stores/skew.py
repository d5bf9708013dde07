"""How far the store's clock is from ours, told by the Date of its answers: signatures are good for 15 minutes only.

What is remembered is the store's time on the clock that nobody sets, so a step of the wall clock is seen at once.
"""

from __future__ import annotations

import statistics
import threading
from collections import deque

from supervisor.clock import Clock

_REMEMBERED = 9
_QUICK_S = 2.0
_WORTH_CORRECTING_S = 1.0


class Skew:
    """The median over the last quick answers; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._booted_at_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._last_booted_at_s: float | None = None
        self._guard = threading.Lock()

    def answered(self, date_s: float, asked_at_s: float, answered_at_s: float) -> None:
        """An answer dated ``date_s`` (whole seconds) to a request that took from one to the other of our boot times.

        Of a slow one it is not known when within it the date was taken, so it counts only while there is no other.
        """
        booted_at_s = date_s + 0.5 - (asked_at_s + answered_at_s) / 2
        with self._guard:
            self._last_booted_at_s = booted_at_s
            if answered_at_s - asked_at_s <= _QUICK_S or not self._booted_at_s:
                self._booted_at_s.append(booted_at_s)

    def refused(self) -> None:
        """The store says that the time is wrong: only what its last answer told counts, however slow that was.

        Half a slow request is an error of seconds, where signatures are good for minutes.
        """
        with self._guard:
            if self._last_booted_at_s is not None:
                self._booted_at_s.clear()
                self._booted_at_s.append(self._last_booted_at_s)

    @property
    def offset_s(self) -> float | None:
        """Seconds that the store is ahead of us; None before any answer."""
        with self._guard:
            if not self._booted_at_s:
                return None
            booted_at_s = statistics.median(self._booted_at_s)
        return booted_at_s + self._clock.boottime_s() - self._clock.wall_s()

    @property
    def correction_s(self) -> float:
        """What to add to our time for signing: nothing for less than a second, which is the header's own precision."""
        offset_s = self.offset_s or 0.0
        return offset_s if abs(offset_s) > _WORTH_CORRECTING_S else 0.0
