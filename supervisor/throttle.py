"""Which of many like messages are said: the first at once, then one a minute with how many there were."""

from __future__ import annotations

from dataclasses import dataclass

EVERY_S = 60.0
_MOST_KEYS = 256


@dataclass
class _Kept:
    said_at_s: float
    unsaid: int = 0
    total: int = 0


class Throttle:
    """Remembers what was said when, by key."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def unsaid(self, key: str, now_s: float, every_s: float = EVERY_S) -> int | None:
        """How many like it were left unsaid since the last one; None when this one is to be left unsaid too."""
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _MOST_KEYS:
                self._kept.clear()
            self._kept[key] = _Kept(now_s, total=1)
            return 0
        kept.total += 1
        if now_s - kept.said_at_s < every_s:
            kept.unsaid += 1
            return None
        unsaid, kept.unsaid, kept.said_at_s = kept.unsaid, 0, now_s
        return unsaid

    def over(self, key: str) -> int:
        """It has ended, in all its kinds (``key`` and what follows a space): the next one is a first again.

        Says how many there were in all, said or not.
        """
        ended = [known for known in self._kept if known == key or known.startswith(f"{key} ")]
        return sum(self._kept.pop(known).total for known in ended)
