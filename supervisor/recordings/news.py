"""Which gaps of the archive are news, for the log and for the alarm: no clock that may be set has a say in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from supervisor.recordings.coverage import Gap

_Key = tuple[str, int]


class GapNews:
    """Remembers gaps by the sample that follows them; this life began at ``began_boottime_s`` of boot ``boot_id``."""

    def __init__(self, boot_id: str, began_boottime_s: float) -> None:
        self._boot_id = boot_id
        self._began_boottime_s = began_boottime_s
        self._told: frozenset[_Key] | None = None
        self._own: frozenset[_Key] = frozenset()

    def untold(self, found: Sequence[Gap], since: datetime) -> list[Gap]:
        """The gaps that were not there when this was asked last; at first those that ended after ``since``."""
        told, self._told = self._told, frozenset(map(_key, found))
        if told is None:
            return [gap for gap in found if gap.end > since]
        return [gap for gap in found if _key(gap) not in told]

    def new(self, found: Sequence[Gap]) -> int:
        """How many gaps of this life were not there when this was asked last.

        The one that this life's own start ended began before it.
        """
        own = frozenset(_key(gap) for gap in found if self._is_own(gap))
        new, self._own = own - self._own, own
        return len(new)

    def _is_own(self, gap: Gap) -> bool:
        began_s = gap.after.start_boottime_s - gap.seconds
        return gap.after.boot_id == self._boot_id and began_s >= self._began_boottime_s


def _key(gap: Gap) -> _Key:
    return gap.after.run, gap.after.first_sample
