"""The archive stage: its own durable copy of every sealed HQ segment on the local disk, whatever the network does."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from supervisor.backoff import Backoff
from supervisor.clock import Clock
from supervisor.events import ArchiveFailed, Emit, RecordingDamaged, SegmentArchived, SpoolOverflowed
from supervisor.files import make_folders, mapped, write_pieces
from supervisor.identity import require_marked
from supervisor.lineage import remember_run
from supervisor.names import SegmentId, piece_name
from supervisor.room import Wanted, room_in
from supervisor.sealing.damage import DamagedError
from supervisor.sealing.tags import place_tags, tagged
from supervisor.segments import QueuedSegment, SealedSegment
from supervisor.spool import Spool
from supervisor.stop import Signal, Stop

_LOOK_AGAIN_S = 5.0

_HANGS_AFTER_S = 10.0
"""A disk that takes longer for one segment does not keep up."""


class Archivist:
    """Copies the spool's queue to ``recordings``, oldest first; a segment leaves the queue when its copy is durable.

    While the disk takes nothing, or less than ``min_free_bytes`` would be left on it, segments wait in the spool.
    """

    def __init__(
        self,
        station: str,
        recordings: Path,
        spool: Spool,
        min_free_bytes: int,
        clock: Clock,
        emit: Emit,
        backoff: Backoff | None = None,
    ) -> None:
        self._station = station
        self._recordings = recordings
        self._spool = spool
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._emit = emit
        self._backoff = backoff or Backoff(first_s=1.0, most_s=30.0)
        self._changed = Signal()
        self._given_up = Stop()
        self._failures = 0
        self._trying: tuple[SegmentId, float] | None = None
        self._claiming = Lock()

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
            emptied = all(map(self._archive, self._spool.to_archive.pending()))
            if emptied and more:
                self._changed.wait(_LOOK_AGAIN_S)
            more = more or not emptied

    def behind_with(self) -> SegmentId | None:
        """The segment that the disk does not take, while that is so: its copy failed, or takes far too long."""
        trying = self._trying
        if trying is None:
            return None
        segment, since_s = trying
        return segment if self._failures or self._clock.monotonic_s() - since_s > _HANGS_AFTER_S else None

    def let_go(self, queued: QueuedSegment) -> bool:
        """Gives a segment up, if the disk does not keep up and it is not the one that is being copied: whether it did.

        Only a segment that nobody else waits for, too: letting another go would free nothing.
        """
        with self._claiming:
            behind = self.behind_with()
            if behind in (None, queued.sealed.id) or not self._spool.to_archive.holds_alone(queued):
                return False
            self._spool.to_archive.done(queued)
            return True

    def path(self, segment: SealedSegment) -> Path:
        """Where a segment is kept: a folder for each UTC day."""
        day = self._recordings / segment.start.strftime("%Y/%m/%d")
        return day / piece_name(self._station, segment.start, segment.id)

    def _archive(self, queued: QueuedSegment) -> bool:
        """Copies one segment, unless it was let go meanwhile; false, after a pause, when it could not be."""
        if not self._claim(queued):
            return True
        path = self.path(queued.sealed)
        try:
            self._copy(queued, path)
        except OSError as error:
            self._failures += 1
            pause_s = self._backoff.delay_s(self._failures)
            self._emit(ArchiveFailed(queued.sealed, f"{error.strerror} ({path.parent})", pause_s))
            self._given_up.wait(pause_s)
            return False
        except DamagedError as error:
            kept = self._spool.set_aside(self._spool.to_archive, queued.sealed.id)
            self._failures, self._trying = 0, None
            self._emit(RecordingDamaged(kept, str(error)))
            return True
        self._failures, self._trying = 0, None
        self._spool.to_archive.done(queued)
        self._emit(SegmentArchived(queued.sealed, path))
        return True

    def _claim(self, queued: QueuedSegment) -> bool:
        """Whether it still waits; from now on nobody lets it go."""
        with self._claiming:
            waits = queued.description.exists()
            if waits:
                self._trying = (queued.sealed.id, self._clock.monotonic_s())
            return waits

    def _copy(self, queued: QueuedSegment, path: Path) -> None:
        require_marked(self._recordings)
        with mapped(queued.path("hq")) as flac:
            pieces = tagged(flac, place_tags(self._station, queued.sealed.place))
            self._require_room(sum(map(len, pieces)))
            make_folders(path.parent)
            write_pieces(path, pieces, durable=True)
        remember_run(self._recordings, queued.sealed.run)

    def _require_room(self, wanted_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self._recordings).free
        if free_bytes - wanted_bytes < self._min_free_bytes:
            left = f"only {free_bytes / 1e9:.2f} GB are free, and {self._min_free_bytes / 1e9:g} are to stay so"
            raise OSError(errno.ENOSPC, f"{left} (RADIO_RECORDINGS_MIN_FREE_GB)")


class Overflow:
    """Keeps the spool within its limit: what was refused goes first, then, where the disk does not keep up, the oldest.

    It works beside the Archivist, which may hang in a write for as long as the disk does.
    """

    def __init__(self, archivist: Archivist, spool: Spool, wanted: Wanted, emit: Emit) -> None:
        self._archivist = archivist
        self._spool = spool
        self._wanted = wanted
        self._emit = emit
        self._changed = Signal()

    def wake(self) -> None:
        """There may be more in the spool, or the archive may have ended."""
        self._changed.set()

    def run(self, archiving: Callable[[], bool]) -> None:
        """Watches until ``archiving`` says that it is over."""
        while archiving():
            self.look()
            self._changed.wait(_LOOK_AGAIN_S)

    def look(self) -> None:
        """One look; the segment that is being copied stays, it may get there yet."""
        while self._spool.refused() and self._is_full():
            self._spool.let_go_of_oldest_refused()
        if self._archivist.behind_with() is None:
            return
        for queued in self._spool.to_archive.pending():
            if not self._is_full():
                return
            if self._archivist.let_go(queued):
                self._emit(SpoolOverflowed(queued.sealed))

    def _is_full(self) -> bool:
        used_bytes = self._spool.used_bytes()
        return used_bytes > self._wanted.limit_in(room_in(self._spool.folders.root, used_bytes))
