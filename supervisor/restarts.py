"""When FFmpeg is started again after it ended: at once the first time, then later and later. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from supervisor.backoff import Backoff
from supervisor.events import Cause

HEALTHY_AFTER_S = 30.0
"""A child that lived for so long is none that cannot live."""

DEVICE_WANTED_EVERY_S = 2.0
"""A device may be plugged in at any moment: it is looked for at least this often, for as long as it is gone."""


@dataclass(frozen=True)
class Restarts:
    """How many children ended soon after their start, one after another."""

    failures: int = 0

    def after(self, lived_s: float) -> Restarts:
        """The count once a child has ended that lived for so long."""
        return Restarts() if lived_s >= HEALTHY_AFTER_S else Restarts(self.failures + 1)

    def pause_s(self, cause: Cause, backoff: Backoff) -> float:
        """How long to wait for the next child, when the last one ended by ``cause``."""
        most_s = DEVICE_WANTED_EVERY_S if cause is Cause.DEVICE_LOST else math.inf
        return min(most_s, backoff.delay_s(max(0, self.failures - 1)))
