"""Which of many like messages are said: the first at once, then one a minute with how many there were."""

from __future__ import annotations

from dataclasses import dataclass

EVERY_S = 60.0
_MOST_KEYS = 256


@dataclass
class _Kept:
    said_at_s: float
    unsaid: int = 0


class Throttle:
    """Remembers what was said when, by key."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def unsaid(self, key: str, now_s: float, every_s: float = EVERY_S) -> int | None:
        """How many like it were left unsaid since the last one; None when this one is to be left unsaid too."""
        kept = self._kept.get(key)
        if kept is not None and now_s - kept.said_at_s < every_s:
            kept.unsaid += 1
            return None
        if len(self._kept) >= _MOST_KEYS:
            self._kept.clear()
        self._kept[key] = _Kept(now_s)
        return 0 if kept is None else kept.unsaid

    def over(self, key: str) -> bool:
        """It has ended: the next one is a first again. Says whether there was one."""
        return self._kept.pop(key, None) is not None
