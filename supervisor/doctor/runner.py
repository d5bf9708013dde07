"""Runs all areas at the same time, and does not wait for one that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from supervisor.doctor.check import Area, Check, failed


def run(areas: Sequence[Area], within_s: float) -> list[Check]:
    """The checks of every area, in the order of ``areas``; one that is not done after ``within_s`` fails by name."""
    ends_at_s = time.monotonic() + within_s
    running = [_Running(area) for area in areas]
    for one in running:
        one.start()
    return [check for one in running for check in one.until(ends_at_s)]


class _Running(threading.Thread):
    """A daemon: what hangs in a driver or on a dead file system can only be left behind."""

    def __init__(self, area: Area) -> None:
        super().__init__(name=f"doctor-{area.name}", daemon=True)
        self._area = area
        self._checks: list[Check] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._checks.extend(self._area.checks())
        except BaseException as error:  # noqa: BLE001 - raised again where it is joined
            self._error = error

    def until(self, ends_at_s: float) -> list[Check]:
        """What it came to by then."""
        self.join(max(0.0, ends_at_s - time.monotonic()))
        if self._error is not None:
            raise self._error
        done = list(self._checks)
        return [*done, self._late(done)] if self.is_alive() else done

    def _late(self, done: Sequence[Check]) -> Check:
        after = f" after the check '{done[-1].name}'" if done else ""
        left = f" Delete by hand what may be left: {self._area.left}." if self._area.left else ""
        return failed(
            self._area.name,
            f"no answer in time{after}: something hangs",
            f"Look at what was to come next: a device, a disk or a network that answers nothing.{left} Then ask again.",
        )
