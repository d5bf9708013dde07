"""When the samples of a run were captured, from the times at which measurements of them arrived."""

from __future__ import annotations

from collections import deque


class Timeline:
    """Maps sample positions of one run to time.

    Whatever delays a measurement only makes it late, so the earliest arrival, counted back to the first sample, is
    the best estimate. It is taken over the last ``memory_s`` only, so that it follows the drift of the sound card's
    clock against the machine's (200 ppm are 6 ms in 30 s).
    """

    def __init__(self, sample_rate: int, memory_s: float = 30.0) -> None:
        self._sample_rate = sample_rate
        self._memory_s = memory_s
        self._minima: deque[tuple[float, float]] = deque()

    def measured(self, end_sample: int, arrival_s: float) -> None:
        """The samples before ``end_sample`` had been captured when it was ``arrival_s``."""
        origin_s = arrival_s - end_sample / self._sample_rate
        while self._minima and self._minima[-1][1] >= origin_s:
            self._minima.pop()
        self._minima.append((arrival_s, origin_s))
        while self._minima[0][0] < arrival_s - self._memory_s:
            self._minima.popleft()

    @property
    def origin_s(self) -> float | None:
        """When the run's first sample would have been captured by the present clock; None before any measurement."""
        return self._minima[0][1] if self._minima else None
