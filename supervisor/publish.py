"""The publish stage: both objects, then the manifest that names them, then the deletes of what it no longer names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from supervisor.backoff import Backoff
from supervisor.bucket import AnotherWriterError, LiveBucket, Programme
from supervisor.clock import Clock
from supervisor.events import (
    ANOTHER_WRITER,
    AlarmCleared,
    AlarmRaised,
    Emit,
    OffAir,
    SegmentExpired,
    SegmentFoundListed,
    SegmentPublished,
    StoreFailed,
    StoreRecovered,
    WindowMoved,
)
from supervisor.manifest import Entry
from supervisor.names import EXTENSIONS
from supervisor.segments import Place, QueuedSegment, missing_before
from supervisor.spool import Spool
from supervisor.stop import Signal
from supervisor.stores.store import StoreError, Trouble

_LOOK_AGAIN_S = 5.0

_LOOKED_AT_EVERY = 6
"""How often, in segments, it is looked at whether another writer has taken over: a read costs next to nothing."""

_UNSEEN_SEGMENTS = 2
"""After so many segment lengths without a manifest of ours another writer may soon think that we are gone."""


@dataclass
class _Outage:
    """One kind of request that does not go through."""

    began_s: float
    failures: int = 0


class Publisher:
    """Publishes the spool's queue, oldest first: each segment until it is listed or can no longer enter the window.

    This is the one place where requests to the store are tried again.
    """

    def __init__(
        self,
        programme: Programme,
        bucket: LiveBucket,
        spool: Spool,
        clock: Clock,
        emit: Emit,
        backoff: Backoff | None = None,
    ) -> None:
        self._programme = programme
        self._bucket = bucket
        self._spool = spool
        self._queue = spool.to_publish
        self._clock = clock
        self._emit = emit
        self._backoff = backoff or Backoff(first_s=0.25, most_s=5.0)
        self._changed = Signal()
        self._given_up = threading.Event()
        self._outages: dict[str, _Outage] = {}
        self._in_hand: QueuedSegment | None = None
        self._previous: Place | None = None
        self._alive_at_s = clock.monotonic_s()
        self._unheard = False
        self._last_try_s = 0.0

    def wake(self) -> None:
        """Something new may be in the queue, or nothing more will come."""
        self._changed.set()

    def give_up(self) -> None:
        """No request is made any more; what is not published stays in the spool."""
        self._given_up.set()
        self._changed.set()

    def run(self, sealing: Callable[[], bool], open_bucket: Callable[[], None]) -> None:
        """Publishes until ``sealing`` says that nothing more can come, then takes the station off air.

        ``open_bucket`` is called until it goes through, before anything is published.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="upload") as uploads:
            if not self._persist("open", open_bucket):
                return
            self._continue_from_bucket()
            more = True
            while more and not self._given_up.is_set():
                more = sealing()
                try:
                    self._round(uploads, more=more)
                except AnotherWriterError as other:
                    self._stand_back(other, sealing)

    def _round(self, uploads: ThreadPoolExecutor, *, more: bool) -> None:
        """Publishes what waits, then waits for more; without more to come it takes the station off air."""
        while (queued := self._next()) is not None and not self._given_up.is_set():
            if self._publish(queued, uploads):
                self._prune()
        if more:
            self._prune_again()
            self._go_off_air_if_silent()
            self._changed.wait(_LOOK_AGAIN_S)
        elif self._bucket.live:
            self._go_off_air("stopped")

    def _stand_back(self, other: AnotherWriterError, more: Callable[[], bool]) -> None:
        """Writes and deletes nothing until the other writer has been silent for long; then goes on after it."""
        remedy = "Stop the one that is too many. This one goes on archiving, and on air when the other has gone silent."
        self._emit(AlarmRaised(ANOTHER_WRITER, f"{other.what}.", remedy))
        self._emit(OffAir("another supervisor has taken over", told=False))
        while more() and not self._given_up.is_set():
            try:
                if self._persist("open", self._bucket.open_again, more):
                    self._continue_from_bucket()
                    self._emit(AlarmCleared(ANOTHER_WRITER))
                    return
            except AnotherWriterError:
                self._went_through("open")
                self._next()
                self._changed.wait(_LOOK_AGAIN_S)

    def _look_for_successor(self, *, due: bool = False) -> None:
        unseen_s = self._clock.monotonic_s() - self._alive_at_s
        if due or not self._bucket.live or unseen_s > _UNSEEN_SEGMENTS * self._programme.segment_s:
            self._bucket.look_for_successor()

    def _continue_from_bucket(self) -> None:
        """Finds out what was published last, and lets go of what was listed just before the process ended."""
        listed = {(entry.hq.md5, entry.start): entry for entry in self._bucket.entries}
        for queued in self._queue.pending():
            entry = listed.get((queued.sealed.hq.md5, queued.sealed.start))
            if entry is not None:
                self._spool.note_published(queued.sealed)
                self._emit(SegmentFoundListed(queued.sealed, entry.gap))
                self._queue.done(queued)
        if self._bucket.entries:
            newest = self._bucket.entries[-1]
            known = self._spool.last_published()
            same = known is not None and (known.hq.md5, known.start) == (newest.hq.md5, newest.start)
            self._previous = known.place if known is not None and same else self._place_by_wall_clock(newest)

    def _place_by_wall_clock(self, entry: Entry) -> Place:
        return Place("", 0, entry.samples, self._programme.sample_rate, entry.start, 0.0, "")

    def _next(self) -> QueuedSegment | None:
        """The oldest segment that can still enter the window; those that cannot are let go."""
        pending = [queued for queued in self._queue.pending() if queued != self._in_hand]
        late = max(0, len(pending) - self._programme.window)
        for queued in pending[:late]:
            self._queue.done(queued)
            self._emit(SegmentExpired(queued.sealed))
        return next(iter(pending[late:]), None)

    def _publish(self, queued: QueuedSegment, uploads: ThreadPoolExecutor) -> bool:
        """Whether the segment is listed; if not, it came too late or everything is given up."""
        entry = self._bucket.entry(queued.sealed, missing_before(self._previous, queued.sealed.place))
        files = {quality: queued.path(quality) for quality in EXTENSIONS}

        def upload() -> None:
            self._look_for_successor()
            self._bucket.upload(entry, files, uploads)

        if not self._persist("upload", upload, queued.description.exists):
            return False
        uploaded_at_s, upload_s = self._clock.monotonic_s(), self._last_try_s
        self._in_hand = queued
        try:
            self._bucket.add(entry)
            # right before it: two writers on the same beat would overwrite each other and never see it
            listed = self._persist_manifest(live=True, look=entry.index % _LOOKED_AT_EVERY == 0)
            if listed:
                self._listed(queued, entry, upload_s, self._clock.monotonic_s() - uploaded_at_s)
            return listed
        finally:
            self._in_hand = None

    def _persist_manifest(self, *, live: bool, look: bool, worth_it: Callable[[], bool] = lambda: True) -> bool:
        def manifest() -> None:
            self._look_for_successor(due=look)
            self._bucket.store_manifest(live=live)

        return self._persist("manifest", manifest, worth_it)

    def _prune(self) -> None:
        """Deletes what the manifest no longer names, in one try: neither the next segment nor going off air waits."""
        try:
            self._bucket.delete_unnamed()
        except StoreError as error:
            self._failed("delete", error, _LOOK_AGAIN_S)
        else:
            self._went_through("delete")
            self._emit(WindowMoved(self._bucket.entries[0].index))

    def _prune_again(self) -> None:
        if "delete" in self._outages:
            self._prune()

    def _listed(self, queued: QueuedSegment, entry: Entry, upload_s: float, manifest_s: float) -> None:
        latency_s = self._clock.boottime_s() - queued.sealed.closed_boottime_s
        self._alive_at_s = self._clock.monotonic_s()
        self._unheard = False
        self._previous = queued.sealed.place
        self._spool.note_published(queued.sealed)
        # told first: what was not told is still queued at the next start
        self._emit(SegmentPublished(entry.index, queued.sealed, entry.gap, latency_s, upload_s, manifest_s))
        self._queue.done(queued)

    def _is_silent(self) -> bool:
        silent_s = self._clock.monotonic_s() - self._alive_at_s
        return self._bucket.live and silent_s >= self._programme.offline_after_s

    def _go_off_air_if_silent(self) -> None:
        if self._is_silent():
            self._go_off_air(f"no new segment for {self._programme.offline_after_s:g} s")

    def _notice_that_nobody_hears(self) -> None:
        """Where the store cannot be told either, listeners see by the manifest's age that the station is off air."""
        if self._is_silent() and not self._unheard:
            self._unheard = True
            self._emit(OffAir(f"nothing reaches the store for {self._programme.offline_after_s:g} s", told=False))

    def _go_off_air(self, reason: str) -> None:
        if self._persist_manifest(live=False, look=True, worth_it=self._nothing_waits):
            self._emit(OffAir(reason))

    def _nothing_waits(self) -> bool:
        return self._next() is None

    def _persist(
        self, operation: str, request: Callable[[], None], worth_it: Callable[[], bool] = lambda: True
    ) -> bool:
        """Makes a request until it goes through, is no longer worth it or everything is given up; says whether it did.

        The queue stays bounded meanwhile: what can no longer enter the window is let go. A try that took its time is
        followed by the next one the sooner: what a pause is for, it has done already.
        """
        failures = 0
        while not self._given_up.is_set() and worth_it():
            began_s = self._clock.monotonic_s()
            try:
                request()
            except StoreError as error:
                failures += 1
                pause_s = max(0.0, self._backoff.delay_s(failures) - (self._clock.monotonic_s() - began_s))
                self._failed(operation, error, pause_s)
                self._given_up.wait(pause_s)
                self._next()
            else:
                self._last_try_s = self._clock.monotonic_s() - began_s
                self._went_through(operation)
                return True
        return False

    def _failed(self, operation: str, error: StoreError, pause_s: float) -> None:
        outage = self._outages.setdefault(operation, _Outage(self._clock.monotonic_s()))
        outage.failures += 1
        refused = error.trouble is Trouble.REFUSED
        self._emit(StoreFailed(operation, error.code, error.message, error.hint, refused, outage.failures, pause_s))
        self._notice_that_nobody_hears()

    def _went_through(self, operation: str) -> None:
        """An outage ends with the first request of its kind that goes through, for whichever segment it was."""
        outage = self._outages.pop(operation, None)
        if outage is not None:
            self._emit(StoreRecovered(operation, outage.failures, self._clock.monotonic_s() - outage.began_s))
