"""Whether loops still come round: told by what they say and ask anyway, so that none of them knows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from supervisor.clock import Clock

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Progress:
    """When each loop last came round, on the monotonic clock; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._came_round_s: dict[str, float] = {}

    def noting(self, loop: str, call: Callable[_P, _T]) -> Callable[_P, _T]:
        """``call``, which ``loop`` makes at least once each time round."""

        def noted(*args: _P.args, **kw: _P.kwargs) -> _T:
            self._came_round_s[loop] = self._clock.monotonic_s()
            return call(*args, **kw)

        return noted

    def silent_for(self, at_least_s: float) -> list[str]:
        """The loops that have begun and then did not come round for so long."""
        now_s = self._clock.monotonic_s()
        return [loop for loop, at_s in self._came_round_s.copy().items() if now_s - at_s >= at_least_s]
