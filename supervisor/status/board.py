"""Holds the newest snapshot for whoever asks, from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from supervisor.clock import Clock, utc
from supervisor.events import Event
from supervisor.requests import Requests
from supervisor.status.model import Setup, Snapshot
from supervisor.status.reduction import reduce
from supervisor.status.standing import changed


class StatusBoard:
    """The status of one station, from its start on."""

    def __init__(
        self,
        station: str,
        clock: Clock,
        spool_bytes: Callable[[], int],
        queue_depth: Callable[[], int],
        setup: Setup | None = None,
        requests: Requests | None = None,
    ) -> None:
        now = utc(clock.wall_s())
        self._clock = clock
        self._spool_bytes = spool_bytes
        self._queue_depth = queue_depth
        self._began_s = clock.monotonic_s()
        self._guard = threading.Lock()
        self._snapshot = Snapshot(
            since=now,
            started_at=now,
            updated_at=now,
            station=station,
            pid=os.getpid(),
            setup=setup or Setup(),
            requests=requests or Requests(),
        )

    def take(self, event: Event) -> None:
        """Takes an event."""
        with self._guard:
            before = changed(self._snapshot, uptime_s=self._uptime_s())
            self._snapshot = reduce(before, event, utc(self._clock.wall_s()))

    def requests(self) -> Requests:
        """How many billed requests there were."""
        with self._guard:
            return self._snapshot.requests

    def current(self) -> Snapshot:
        """The snapshot now."""
        with self._guard:
            snapshot = self._snapshot
        return changed(
            snapshot,
            uptime_s=self._uptime_s(),
            queue_depth=self._queue_depth(),
            spool_bytes=self._spool_bytes(),
            updated_at=utc(self._clock.wall_s()),
        )

    def _uptime_s(self) -> float:
        return round(self._clock.monotonic_s() - self._began_s, 3)
