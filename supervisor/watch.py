"""The watchdog observer: says when FFmpeg has opened or closed a file in the spool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileClosedEvent, FileCreatedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from supervisor.clock import Clock
from supervisor.names import SegmentId, parse_raw

_LOOKS_UP_EVERY_S = 5.0  # how often watchdog's threads wake without an event; the default is every second


MOST_KEPT = 64
"""Of so many segments the moment of closing is kept until somebody asks; some never are, or their event comes late."""


class RawWatch(FileSystemEventHandler):
    """Watches one folder and calls ``on_change`` for every file that is opened or closed there.

    Events are only a reason to look: they may come twice, late, or, when the kernel's queue overflows, never. The
    one thing kept from them is the moment at which each HQ file was closed.
    """

    def __init__(self, folder: Path, clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._closed_at_s: dict[SegmentId, float] = {}
        self._guard = threading.Lock()
        self._observer = Observer(timeout=_LOOKS_UP_EVERY_S)
        self._observer.name = "spool-observer"
        self._observer.schedule(self, str(folder), event_filter=[FileClosedEvent, FileCreatedEvent])

    def start(self) -> None:
        """Begins to watch; returns when every later change will be seen."""
        self._observer.start()

    def stop(self) -> None:
        """Ends watching and joins the observer's threads."""
        self._observer.stop()
        self._observer.join()

    def closed_at_s(self, segment: SegmentId) -> float | None:
        """When the HQ file was closed (boot clock), told once; None when no event came."""
        with self._guard:
            return self._closed_at_s.pop(segment, None)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by the observer's thread."""
        parsed = parse_raw(Path(str(event.src_path)).name)
        if parsed is None:
            return
        segment, stream = parsed
        if isinstance(event, FileClosedEvent) and stream == "hq":
            with self._guard:
                self._closed_at_s[segment] = self._clock.boottime_s()
                for oldest in list(self._closed_at_s)[:-MOST_KEPT]:
                    del self._closed_at_s[oldest]
        self._on_change()
