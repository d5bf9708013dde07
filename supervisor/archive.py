"""The archive stage: its own durable copy of every sealed HQ segment on the local disk, whatever the network does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from supervisor.backoff import Backoff
from supervisor.events import ArchiveFailed, Emit, SegmentArchived, SpoolOverflowed
from supervisor.files import make_folders, write_whole
from supervisor.names import piece_name
from supervisor.segments import QueuedSegment, SealedSegment
from supervisor.spool import Spool
from supervisor.stop import Signal, Stop

_LOOK_AGAIN_S = 5.0


class Archivist:
    """Copies the spool's queue to ``recordings``, oldest first; a segment leaves the queue when its copy is durable.

    While the disk takes nothing, segments wait in the spool; above ``spool_limit_bytes`` the oldest has to go.
    """

    def __init__(
        self,
        station: str,
        recordings: Path,
        spool: Spool,
        spool_limit_bytes: int,
        emit: Emit,
        backoff: Backoff | None = None,
    ) -> None:
        self._station = station
        self._recordings = recordings
        self._spool = spool
        self._spool_limit_bytes = spool_limit_bytes
        self._emit = emit
        self._backoff = backoff or Backoff(first_s=1.0, most_s=30.0)
        self._changed = Signal()
        self._given_up = Stop()

    def wake(self) -> None:
        """Something new may be in the queue, or nothing more will come."""
        self._changed.set()

    def give_up(self) -> None:
        """Nothing is tried again; what is not archived stays in the spool for the next start."""
        self._given_up.request()
        self._changed.set()

    def run(self, sealing: Callable[[], bool]) -> None:
        """Archives until ``sealing`` says that nothing more can come and the queue is empty."""
        more = True
        while more and not self._given_up.is_requested():
            more = sealing()
            for queued in self._spool.to_archive.pending():
                if not self._archive(queued):
                    break
            if more:
                self._changed.wait(_LOOK_AGAIN_S)

    def path(self, segment: SealedSegment) -> Path:
        """Where a segment is kept: a folder for each UTC day."""
        day = self._recordings / segment.start.strftime("%Y/%m/%d")
        return day / piece_name(self._station, segment.start, segment.id)

    def _archive(self, queued: QueuedSegment) -> bool:
        """Copies one segment, trying again until it is durable; false when it could not be and others come first."""
        failures = 0
        path = self.path(queued.sealed)
        while True:
            try:
                make_folders(path.parent)
                write_whole(path, queued.path("hq").read_bytes(), durable=True)
            except OSError as error:
                failures += 1
                pause_s = self._backoff.delay_s(failures)
                self._emit(ArchiveFailed(queued.sealed, f"{error.strerror} ({path.parent})", pause_s))
                if self._make_room() or self._given_up.wait(pause_s):
                    return False
            else:
                self._spool.to_archive.done(queued)
                self._emit(SegmentArchived(queued.sealed, path))
                return True

    def _make_room(self) -> bool:
        """Lets the oldest segments go while the spool is above its limit; says whether any went."""
        dropped = False
        for queued in self._spool.to_archive.pending():
            if self._spool.used_bytes() <= self._spool_limit_bytes:
                break
            self._spool.to_archive.done(queued)
            self._emit(SpoolOverflowed(queued.sealed))
            dropped = True
        return dropped
