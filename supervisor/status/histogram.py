"""How often latencies fell where, since the start: what Prometheus makes its quantiles of."""

from __future__ import annotations

from bisect import bisect_left

from pydantic import BaseModel, ConfigDict

BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bound of each bucket but the last, which has none."""


class Histogram(BaseModel):
    """How many values each bucket has of its own, and the sum of all."""

    model_config = ConfigDict(frozen=True)
    counts: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    sum_s: float = 0.0

    def with_value(self, value_s: float) -> Histogram:
        """With one more; a value that is a bound belongs below it."""
        bucket = bisect_left(BOUNDS_S, value_s)
        counts = (*self.counts[:bucket], self.counts[bucket] + 1, *self.counts[bucket + 1 :])
        return Histogram(counts=counts, sum_s=self.sum_s + value_s)
