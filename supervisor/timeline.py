"""When the samples of a run were captured, and what a run lost inside itself, from the times of single samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from statistics import median

_MEMORY_S = 30.0
_FRESH_S = 3.0
_SETTLED_AFTER_S = 5.0
_ENOUGH = 10
_UNTOLD_S = 0.05
"""A jump that nobody announced counts from here on; less may be a buffer that has grown."""
_ANNOUNCED_S = 0.001
_STEADY_S = 300.0


@dataclass(frozen=True)
class Jump:
    """``samples`` went by uncaptured where the run had come to ``at_sample``."""

    at_sample: int
    samples: int


@dataclass(frozen=True)
class _Moved:
    """Since when and where the origin seems to have moved, and what it was before."""

    since_s: float
    at_sample: int
    before_s: float
    announced: bool


class Timeline:
    """Maps sample positions of one run to time, from pairs of a position and when it was captured.

    Single pairs are some 10 ms off; the median of the last 30 s is not, and follows the drift of the sound card's clock
    against the machine's (200 ppm are 6 ms in 30 s). When the last 3 s say otherwise, and go on to, samples were lost.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._settled: deque[tuple[float, float]] = deque()
        self._fresh: deque[tuple[float, float]] = deque()
        self._at_sample = 0
        self._moved: _Moved | None = None
        self._steady: tuple[float, float] | None = None
        self.origin_s: float | None = None
        """When the run's first sample would have been captured by the present clock; None before any measurement."""

    def measured(self, captured: Iterable[tuple[int, float]]) -> Jump | None:
        """Takes pairs of a sample and when it was captured, in order; gives a loss once it is sure how large it is."""
        for sample, captured_s in captured:
            self._fresh.append((captured_s, captured_s - sample / self._sample_rate))
            self._at_sample = sample
        if not self._fresh:
            return None
        self._age()
        if self._moved is None:
            self._suspect()
        if self._moved is None:
            self.origin_s = _median(chain(self._settled, self._fresh))
            self._hold_steady()
            return None
        return self._judge(self._moved)

    def overrun(self) -> None:
        """The device says that samples were lost about now."""
        if self.origin_s is None:
            return
        before_s = self._moved.before_s if self._moved else self.origin_s
        now_s = max(when_s for when_s, _ in chain(self._settled, self._fresh))
        self._moved = _Moved(now_s, self._at_sample, before_s, announced=True)

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the device's clock runs than the machine's; None before that can be told."""
        if self._steady is None or self.origin_s is None or not self._fresh:
            return None
        since_s, origin_s = self._steady
        elapsed_s = self._fresh[-1][0] - since_s
        return None if elapsed_s < _STEADY_S else (origin_s - self.origin_s) / elapsed_s * 1e6

    def _age(self) -> None:
        newest_s = self._fresh[-1][0]
        while self._fresh[0][0] < newest_s - _FRESH_S:
            self._settled.append(self._fresh.popleft())
        while self._settled and self._settled[0][0] < newest_s - _MEMORY_S:
            self._settled.popleft()

    def _suspect(self) -> None:
        """Remembers how it was before, when what is fresh differs from what is known."""
        if self.origin_s is None or self._at_sample < _SETTLED_AFTER_S * self._sample_rate:
            return
        if abs(_median(self._fresh) - self.origin_s) > _UNTOLD_S:
            self._moved = _Moved(self._fresh[-1][0], self._at_sample, self.origin_s, announced=False)

    def _judge(self, moved: _Moved) -> Jump | None:
        """Says by how much the origin has moved, when everything that is fresh came since."""
        since = [pair for pair in self._fresh if pair[0] > moved.since_s]
        if self._fresh[-1][0] < moved.since_s + _FRESH_S or len(since) < _ENOUGH:
            return None
        self._moved = None
        self._settled.clear()
        self._fresh = deque(since)
        self.origin_s = _median(since)
        jump_s = self.origin_s - moved.before_s
        self._steady = None
        if jump_s < (_ANNOUNCED_S if moved.announced else _UNTOLD_S):
            return None
        return Jump(moved.at_sample, round(jump_s * self._sample_rate))

    def _hold_steady(self) -> None:
        """Notes where the drift is counted from: the first moment at which the origin is well known."""
        if self._steady is None and self.origin_s is not None and len(self._settled) >= _ENOUGH:
            self._steady = (self._fresh[-1][0], self.origin_s)


def _median(pairs: Iterable[tuple[float, float]]) -> float:
    return median(origin_s for _, origin_s in pairs)
