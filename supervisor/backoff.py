"""How long to wait before trying again: growing, bounded, and not in step with anybody else."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backoff:
    """Delays ``first_s``, doubled each time up to ``most_s``, each shortened at random by up to ``jitter`` of it."""

    first_s: float
    most_s: float
    jitter: float = 0.5
    random: random.Random = field(default_factory=random.SystemRandom, compare=False, repr=False)

    def delay_s(self, failures: int) -> float:
        """The pause after ``failures`` failures in a row; 0 when there were none."""
        if failures == 0:
            return 0.0
        full_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return full_s * (1 - self.jitter * self.random.random())
