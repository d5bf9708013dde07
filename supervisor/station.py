"""The composition root: builds the line from plain values, starts it, and ends it in order.

capture -> spool -> seal -> publish -> manifest -> prune, with the archive beside publish. Only this module knows all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.digest import DecodeError, opus_samples, pcm_md5
from ffmpeg_profiles.profile import Source
from supervisor.alerts import Alerts, apprise_places
from supervisor.archive import Archivist, Overflow
from supervisor.bucket import LiveBucket, Programme
from supervisor.capture import Capture, Format
from supervisor.clock import Clock
from supervisor.encoding import outputs
from supervisor.errors import UserError
from supervisor.events import (
    CaptureEnded,
    Emit,
    Event,
    LevelsMeasured,
    RecordingDamaged,
    SegmentPublished,
    SegmentSealed,
    Stopping,
)
from supervisor.host_clock import HostClockWatch
from supervisor.ledger import Ledger
from supervisor.leftovers import end_leftovers
from supervisor.lineage import newest_run
from supervisor.listener import Decoders, Listener, ListenerWatch, PublicAddress, get_as_page
from supervisor.names import Keys, ledger_name, requests_name
from supervisor.onlooking import onlook
from supervisor.progress import Progress
from supervisor.publish import Publisher
from supervisor.recordings.join import Joiner
from supervisor.recordings.keeper import Keeper
from supervisor.recordings.reading import Reader
from supervisor.recordings.retention import Limits
from supervisor.report import ALERTS_THREAD, LOG
from supervisor.room import Wanted
from supervisor.seal import Sealer
from supervisor.sealing.damage import DamagedError
from supervisor.spool import Spool
from supervisor.status import Setup, Snapshot, StatusBoard
from supervisor.status_server import keep_state_file, respond_with
from supervisor.stop import Signal, Stop, Worker, wait_for_any
from supervisor.stores.store import Store, StoreError, Trouble
from supervisor.tally import keep_requests, kept_requests
from supervisor.watch import RawWatch
from supervisor.watchman import keep_watch
from supervisor.web import WebServer

_Decoded = TypeVar("_Decoded", int, str)

RETRIES_END_AFTER_S = 9.0
"""How long after a stop is asked for the store and the recordings disk are still tried again."""

ABANDON_AFTER_S = 19.5
"""When a stop has taken so long, what still hangs is left behind: 25 s is what was promised, on a busy machine too.

A request that was begun before the retries ended has its 10 s.
"""

_ONLOOKERS_END_WITHIN_S = 1.0


STORE_PATIENCE_S = 3.0
"""How long a start waits for the store's first answer: what it refuses is better known before going on air."""


@dataclass(frozen=True)
class Plan:
    """Everything that a station is made of, as plain values."""

    programme: Programme
    prefix: str
    source: Source
    ffmpeg: str
    environment: Mapping[str, str]
    recordings: Path
    limits: Limits
    spool_wanted: Wanted
    status_address: tuple[str, int]
    take_over: bool
    setup: Setup
    public: PublicAddress | None = None
    alert_urls: tuple[str, ...] = field(default=(), repr=False)


class Station:
    """One station from start to stop.

    Raises:
        UserError: the status address is taken.
    """

    def __init__(self, plan: Plan, store: Store, spool: Spool, clock: Clock, report: Emit) -> None:
        programme = plan.programme
        self._plan = plan
        self._spool = spool
        self._clock = clock
        self._report = report
        self._stop = Stop()
        self._ended = Stop()
        self._store_tried = Stop()
        self._workers: list[Worker] = []
        tally = plan.recordings / requests_name(programme.station)
        self._board = StatusBoard(
            programme.station,
            clock,
            spool.used_bytes,
            spool.to_publish.depth,
            plan.setup,
            kept_requests(tally),
        )
        self._progress = Progress(clock)
        self._raw_changed = Signal()
        self._published = threading.Event()
        self._watch = RawWatch(spool.folders.raw, clock, self._raw_changed.set)

        self._ledger = Ledger(plan.recordings / ledger_name(programme.station), spool.folders.losses, self.tell)

        # a loop that comes round says something or asks whether there is more to come
        noting = self._progress.noting

        def emit(loop: str) -> Emit:
            return noting(loop, self._emit)

        self._audio = Format(programme.sample_rate, programme.segment_s * programme.sample_rate, plan.source.device)
        capture = Capture(
            self._command,
            self._audio,
            dict(plan.environment),
            spool,
            clock,
            emit("capture"),
            newest_run=newest_run(plan.recordings),
        )
        sealer = Sealer(spool, self._watch, self._raw_changed, self._pcm_md5, clock, emit("seal"))
        self._bucket = LiveBucket(programme, Keys(plan.prefix), store, clock)
        self._publisher = Publisher(programme, self._bucket, spool, clock, emit("publish"))
        self._archivist = Archivist(
            programme.station, plan.recordings, spool, plan.limits.min_free_bytes, clock, self._emit
        )
        self._overflow = Overflow(self._archivist, spool, plan.spool_wanted, self._emit)
        joiner = Joiner(programme.station, Reader(plan.ffmpeg, self._stop))
        keeper = Keeper(
            programme.station, plan.recordings, plan.limits, joiner, clock, self._emit, lambda: store.clock_ahead_s
        )

        # each goes on until the one before it has ended and its own queue is empty
        self._capturing = self._worker("capture", lambda: capture.run(self._stop))
        self._sealing = self._worker("seal", lambda: sealer.run(noting("seal", self._capture_goes_on)))
        more_to_publish = noting("publish", self._more_to_come)
        self._publishing = self._worker("publish", lambda: self._publisher.run(more_to_publish, self._open_bucket))
        self._archiving = self._worker("archive", lambda: self._archivist.run(self._more_to_come))
        limiting = self._worker("spool-limit", lambda: self._overflow.run(lambda: not self._archiving.is_done()))
        keeping = self._worker("recordings", lambda: keeper.run(self._stop))
        self._line = (self._capturing, self._sealing, self._publishing, self._archiving, limiting, keeping)
        self._onlookers = self._make_onlookers(store, tally)
        starts_within_s = programme.segment_s + programme.offline_after_s
        self._web = WebServer(plan.status_address, respond_with(self.status, starts_within_s), "RADIO_STATUS_LISTEN")

    def status(self) -> Snapshot:
        """What the station is doing now."""
        return self._board.current()

    def note(self, event: Event) -> None:
        """Takes an event from outside the line into the status alone: a line of the log."""
        self._board.take(event)

    def tell(self, event: Event) -> None:
        """Takes an event from outside the line into the status and the log."""
        self._board.take(event)
        self._report(event)

    def silent_for(self, at_least_s: float) -> list[str]:
        """The stages from capture to publishing that have not come round for so long: they hang.

        Trouble with device, store or network is none: a stage that tries again comes round. The archive is not asked,
        because a disk may hang for hours without harm to the rest.
        """
        at_work = {worker.name for worker in self._line if not worker.is_done()}
        return [loop for loop in self._progress.silent_for(at_least_s) if loop in at_work]

    @property
    def stopping(self) -> Stop:
        """Requested when the station begins to end."""
        return self._stop

    def attend(self, name: str, work: Callable[[Stop], None]) -> None:
        """Has ``work`` go on beside the line in a thread of its own, until the Stop that it is given is requested."""
        self._onlookers.append(self._onlooker(name, work))

    def request_stop(self) -> None:
        """Asks the station to end; ``run`` returns when it has."""
        self._stop.request()

    def run(self) -> bool:
        """Runs until asked to stop or until a worker fails; says whether everything was finished in time.

        Raises:
            UserError: something at the start that the operator has to put right.
        """
        self._clear_up()
        self._publishing.start()
        wait_for_any(self._store_tried, self._stop, timeout_s=STORE_PATIENCE_S)
        if failed := self._failed():
            raise failed
        self._watch.start()
        self._web.start()
        for worker in (*self._onlookers, *reversed(self._line)):
            if worker is not self._publishing:
                worker.start()
        wait_for_any(self._stop)
        self._emit(Stopping("asked to" if self._failed() is None else "something failed"))
        finished = self._end_in_order()
        self._ended.request()
        self._ledger.wake()
        self._join(self._onlookers, _ONLOOKERS_END_WITHIN_S)
        self._web.stop()
        self._watch.stop()
        if failed := self._failed():
            raise failed
        return finished

    def _clear_up(self) -> None:
        """What a previous life left behind is over."""
        for pid in end_leftovers(self._spool, self._plan.ffmpeg, self._clock):
            LOG.warning("process %d, an FFmpeg of a previous life, writes into the spool and cannot be ended", pid)
        for run in self._spool.take_up_unknown(self._audio.sample_rate, self._audio.segment_samples):
            LOG.warning("the record of run %s is torn or gone: its place in time is that of its files", run)
        for kept in self._spool.set_aside_torn():
            self._emit(RecordingDamaged(kept, "a segment in the spool is torn, as a power cut leaves it"))

    def _make_onlookers(self, store: Store, tally: Path) -> list[Worker]:
        """What goes on beside the line until it has ended, and is in nobody's way."""
        plan, folders = self._plan, self._spool.folders
        clock_watch = HostClockWatch(lambda: store.clock_ahead_s, self._emit)
        alerts = Alerts(self.status, lambda: apprise_places(plan.alert_urls), self._clock, folders.alerts)
        made = [
            self._onlooker("state-file", lambda ended: keep_state_file(self.status, folders.state, ended)),
            self._onlooker("ledger", self._ledger.run),
            self._onlooker("host-clock", clock_watch.run),
            self._onlooker("tally", lambda ended: keep_requests(self._board.requests, tally, ended)),
            self._onlooker("alarms", lambda ended: keep_watch(self.status, self.tell, ended)),
        ]
        if plan.public:
            made.append(self._onlooker("listener", partial(self._listen, plan.public)))
        if plan.alert_urls:
            made.append(self._onlooker(ALERTS_THREAD, alerts.run))
        return made

    def _end_in_order(self) -> bool:
        give_up = threading.Timer(RETRIES_END_AFTER_S, self._give_up)
        give_up.name, give_up.daemon = "give-up", True
        give_up.start()
        finished = self._join(self._line, ABANDON_AFTER_S)
        give_up.cancel()
        return finished

    def _join(self, workers: Iterable[Worker], within_s: float) -> bool:
        """Joins all of them within one time; says whether all have ended."""
        ends_at_s = self._clock.monotonic_s() + within_s
        ended = [worker.join(max(0.0, ends_at_s - self._clock.monotonic_s())) for worker in workers]
        return all(ended)

    def _give_up(self) -> None:
        self._publisher.give_up()
        self._archivist.give_up()

    def _open_bucket(self) -> None:
        """Wrong keys end the start, however late the first answer comes; a store that is away is tried again.

        Raises:
            UserError: another writer is on air, or the store refused the very first try.
            StoreError: the store did not answer, or it refuses what it had not before.
        """
        try:
            self._bucket.open(take_over=self._plan.take_over)
        except StoreError as error:
            if error.trouble is Trouble.REFUSED and not self._store_tried.is_requested():
                raise UserError(f"the store refuses: {error}", error.hint) from error
            self._store_tried.request()
            raise
        self._store_tried.request()

    def _command(self, stem: Path, meters_descriptor: int) -> list[str]:
        programme = self._plan.programme
        wanted = outputs(stem, programme.segment_s, programme.sample_rate, meters_descriptor)
        return compile_command(self._plan.ffmpeg, self._plan.source.located(), wanted)

    def _pcm_md5(self, flac: bytes) -> str:
        return self._decoded(pcm_md5, flac)

    def _decoded(self, decode: Callable[[str, bytes], _Decoded], content: bytes) -> _Decoded:
        try:
            return decode(self._plan.ffmpeg, content)
        except (DecodeError, OSError) as error:  # its files are kept either way
            raise DamagedError(f"it cannot be decoded: {error}") from error

    def _listen(self, address: PublicAddress, _: Stop) -> None:
        if not address.origin:
            LOG.info("RADIO_PAGE_ORIGIN is not set: whether a page may read the bucket (CORS) is not looked at on air")
        decoders = Decoders(self._pcm_md5, partial(self._decoded, opus_samples))
        listener = Listener(address, decoders, self._clock, get_as_page)
        ListenerWatch(listener, self._is_heard, self._emit).run(self._stop)

    def _is_heard(self) -> bool:
        """What a previous life left in the bucket may say live too, and is for nobody to hear."""
        return self._published.is_set() and self._bucket.live

    def _onlooker(self, name: str, work: Callable[[Stop], None]) -> Worker:
        return self._worker(name, lambda: onlook(name, work, self.tell, self._ended))

    def _worker(self, name: str, work: Callable[[], None]) -> Worker:
        worker = Worker(name, work, self._worker_ended)
        self._workers.append(worker)
        return worker

    def _worker_ended(self) -> None:
        """Whoever waits for a worker looks again; a failure stops the station."""
        if self._failed() is not None:
            self._stop.request()
        self._raw_changed.set()
        self._wake_queues()

    def _failed(self) -> BaseException | None:
        return next((worker.error for worker in self._workers if worker.error is not None), None)

    def _capture_goes_on(self) -> bool:
        return not self._capturing.is_done()

    def _more_to_come(self) -> bool:
        return not self._sealing.is_done()

    def _wake_queues(self) -> None:
        self._publisher.wake()
        self._archivist.wake()
        self._overflow.wake()

    def _emit(self, event: Event) -> None:
        match event:
            case LevelsMeasured():  # the most frequent by far, and for the status alone
                self._board.take(event)
                return
            case CaptureEnded():
                self._raw_changed.set()
            case SegmentSealed():  # publishing first: the archive has until tomorrow, a listener has not
                self._publisher.wake()
            case SegmentPublished():
                self._published.set()
                self._archivist.wake()
                self._overflow.wake()
            case _:
                pass
        # first, so that whoever sees a segment published sees its losses too
        self._ledger.take(event)
        self.tell(event)
