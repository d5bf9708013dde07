"""The status: one frozen snapshot, made from events alone."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from supervisor.clock import Clock, Instant, utc
from supervisor.events import (
    AlarmCleared,
    AlarmRaised,
    ArchiveFailed,
    ArchiveMeasured,
    CaptureEnded,
    CaptureStarted,
    Cause,
    ClockChecked,
    Event,
    JoinFailed,
    KeepingFailed,
    LevelsMeasured,
    ListenerLooked,
    Logged,
    MissingFrom,
    OffAir,
    Overrun,
    RecordingDamaged,
    RecordingJoined,
    SamplesLost,
    SegmentArchived,
    SegmentPublished,
    SegmentRefused,
    SegmentSealed,
    SpoolFailed,
    SpoolOverflowed,
    Stopping,
    StoreFailed,
    StoreRecovered,
)
from supervisor.recent import SegmentTimes, recent_after
from supervisor.requests import Requests, counted
from supervisor.state import ON_AIR, Moment, State, after

_LATENCIES_KEPT = 360
_LOG_LINES_KEPT = 30
_FULL_SCALE_DB = -0.000002
"""The last of 24 bits, in the six decimals that FFmpeg prints; 16 bits reach it on the negative side."""
_CLOCK_ALARM_S = 10.0
_MORE_ROOM = "Give RADIO_SPOOL_DIR more room; what is closed stays there, and all is tried again by itself."
_ONCE = {"seal_refused", "archive_lost"}
_SHOWN_FOR = timedelta(hours=1)
_SYNCHRONISE = (
    "Have the host keep its clock: 'timedatectl set-ntp true' where systemd-timesyncd is, else install chrony and run "
    "'chronyc makestep'. Requests are signed with the store's time meanwhile; the keys are not to blame."
)
_Model = TypeVar("_Model", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Latency(_Frozen):
    """Publish latency over the last 360 segments; null before the first."""

    p50: float | None = None
    p99: float | None = None


class CaptureStatus(_Frozen):
    """The FFmpeg child."""

    pid: int | None = None
    run: str | None = None
    restarts: int = 0
    xruns: int = 0


class Levels(_Frozen):
    """The last half second: dBFS per channel, short-term LUFS.

    ``silent_s`` is for how long no sample was louder than ``setup.silence_db``; ``clips`` counts the half seconds with
    a sample at full scale.
    """

    peak_db: tuple[float, ...] = ()
    rms_db: tuple[float, ...] = ()
    lufs: float | None = None
    silent_s: float = 0.0
    clips: int = 0


class Lost(_Frozen):
    """Samples that listeners will never get, by cause."""

    samples: int = 0
    by_cause: dict[str, int] = {}


class ClockStatus(_Frozen):
    """This machine's clock; offset and skew are positive when it is behind. Null is what nobody tells."""

    synchronised: bool | None = None
    offset_ms: float | None = None
    store_skew_ms: float | None = None
    audio_ppm: float | None = None


class Upload(_Frozen):
    """The store: requests that failed and were tried again, and the line's rate beside what the programme needs."""

    errors: int = 0
    last_error: str | None = None
    mbit_s: float | None = None
    needed_mbit_s: float | None = None


class ArchiveStatus(_Frozen):
    """The recordings; today is the UTC day."""

    current: str | None = None
    segments: int = 0
    seconds_today: float = 0.0
    gaps_today: int = 0
    free_gb: float | None = None


class Alarm(_Frozen):
    """Something that the operator should know, and what to do about it."""

    code: str
    since: Instant
    message: str
    remedy: str


class LogLine(_Frozen):
    """A line of the log."""

    at: Instant
    level: str
    text: str


class Setup(_Frozen):
    """What the station was told to be, as far as the rest is read beside it.

    ``class_a_free`` is how many class A requests a month cost nothing; null where nobody has said.
    """

    source: str = ""
    segment_s: float = 10.0
    window: int = 3
    offline_after_s: float = 30.0
    silence_db: float = -60.0
    silence_s: float = 20.0
    min_free_gb: float = 5.0
    class_a_free: int | None = None


class Snapshot(_Frozen):
    """Everything that is known at one moment."""

    version: Literal[1] = 1
    state: State = State.STARTING
    since: Instant
    on_air_since: Instant | None = None
    started_at: Instant
    station: str
    pid: int
    uptime_s: float = 0.0
    updated_at: Instant
    segments_published: int = 0
    latest: int | None = None
    publish_latency_ms: Latency = Latency()
    queue_depth: int = 0
    spool_bytes: int = 0
    capture: CaptureStatus = CaptureStatus()
    levels: Levels = Levels()
    lost: Lost = Lost()
    clock: ClockStatus = ClockStatus()
    upload: Upload = Upload()
    archive: ArchiveStatus = ArchiveStatus()
    requests: Requests = Requests()
    alarms: tuple[Alarm, ...] = ()
    recent: tuple[SegmentTimes, ...] = ()
    log: tuple[LogLine, ...] = ()
    setup: Setup = Setup()

    # what reduce has to remember; nobody else reads it
    latencies_ms: tuple[float, ...] = Field(default=(), exclude=True, repr=False)


def reduce(before: Snapshot, event: Event, now: datetime) -> Snapshot:
    """The snapshot after ``event``, which happened at ``now``."""
    if isinstance(event, LevelsMeasured):  # the most frequent by far, and it changes nothing else
        audio_ppm = None if event.drift_ppm is None else round(event.drift_ppm, 1)
        return _set(before, levels=_levels(before, event), clock=_set(before.clock, audio_ppm=audio_ppm))
    if isinstance(event, Logged):
        line = LogLine(at=now, level=event.level, text=event.text)
        return _set(before, log=(*before.log, line)[-_LOG_LINES_KEPT:])
    changed = _with_memory(_with_facts(before, event, now), event, now)
    state = after(before.state, _moment(event), alarmed=bool(changed.alarms))
    since = now if state is not before.state else before.since
    on_air_since = (before.on_air_since or now) if state in ON_AIR else None
    return _set(changed, state=state, since=since, on_air_since=on_air_since, updated_at=now)


def _with_facts(s: Snapshot, event: Event, now: datetime) -> Snapshot:  # noqa: C901, PLR0911, PLR0912 - a table
    match event:
        case CaptureStarted():
            return _set(s, capture=_set(s.capture, pid=event.pid, run=event.run))
        case CaptureEnded():
            return _capture_ended(s, event, now)
        case Overrun():
            return _set(s, capture=_set(s.capture, xruns=s.capture.xruns + 1))
        case SegmentPublished():
            return _published(s, event, now)
        case SamplesLost(missing_from=MissingFrom.STREAM):
            return _lost(s, event)
        case SpoolOverflowed():
            message = f"the spool is full: segment {event.segment.id} is lost to the archive"
            return _raise(s, "archive_lost", message, "Make room on the recordings disk, or mount it again.", now)
        case SpoolFailed():
            return _raise(s, "spool_full", f"the spool takes no more: {event.why}", _MORE_ROOM, now)
        case SegmentSealed():
            return _clear(s, "spool_full")
        case SegmentRefused() if event.samples:
            message = f"segment {event.id} failed its check and was not published: {event.why}"
            return _raise(s, "seal_refused", message, f"Its files are kept in {event.kept}.", now)
        case StoreFailed():
            upload = _set(s.upload, errors=s.upload.errors + 1, last_error=event.code)
            message = f"{event.operation} failed ({event.code}): {event.message}"
            remedy = event.hint or "Capture and archive go on; the newest segments are sent when the store is back."
            return _raise(_set(s, upload=upload), f"store_{event.operation}_failing", message, remedy, now)
        case StoreRecovered():
            return _clear(s, f"store_{event.operation}_failing")
        case SegmentArchived():
            archive = _set(s.archive, current=str(event.path), segments=s.archive.segments + 1)
            return _clear(_set(s, archive=archive), "archive_failing")
        case ArchiveFailed():
            remedy = "Segments wait in the spool. Make room on the recordings disk, or mount it again."
            return _raise(s, "archive_failing", f"the archive cannot write: {event.why}", remedy, now)
        case ClockChecked():
            return _clock_checked(s, event, now)
        case ListenerLooked(problem=""):
            return _clear(s, "not_playable")
        case ListenerLooked():
            message = f"published, but listeners cannot play it: {event.problem}"
            return _raise(s, "not_playable", message, event.remedy, now)
        case ArchiveMeasured() | KeepingFailed() | JoinFailed() | RecordingJoined() | RecordingDamaged():
            return _kept(s, event, now)
        case AlarmRaised():
            return _raise(s, event.code, event.message, event.remedy, now)
        case AlarmCleared():
            return _clear(s, event.code)
        case _:
            return s


def _with_memory(s: Snapshot, event: Event, now: datetime) -> Snapshot:
    """What is remembered of many events: the last segments, and how many requests there were."""
    recent = recent_after(s.recent, event, now)
    up_s = (now - s.started_at).total_seconds()
    return _set(s, recent=recent, requests=counted(s.requests, event, now, up_s, s.setup.segment_s))


def _levels(s: Snapshot, event: LevelsMeasured) -> Levels:
    peak_db = max(event.peak_db, default=0.0)
    silent_s = round(s.levels.silent_s + event.span_s, 3) if peak_db < s.setup.silence_db else 0.0
    return Levels(
        peak_db=event.peak_db,
        rms_db=event.rms_db,
        lufs=event.lufs,
        silent_s=silent_s,
        clips=s.levels.clips + (peak_db >= _FULL_SCALE_DB and bool(event.peak_db)),
    )


def _moment(event: Event) -> Moment:
    match event:
        case SegmentPublished():
            return Moment.PUBLISHED
        case OffAir():
            return Moment.WENT_OFF_AIR
        case Stopping():
            return Moment.ASKED_TO_STOP
        case _:
            return Moment.ANY_OTHER


def _published(s: Snapshot, event: SegmentPublished, now: datetime) -> Snapshot:
    size_bits = 8 * (event.segment.hq.bytes + event.segment.lq.bytes)
    latencies_ms = (*s.latencies_ms, event.latency_s * 1000)[-_LATENCIES_KEPT:]
    needed_mbit_s = size_bits * event.segment.sample_rate / max(event.segment.samples, 1) / 1e6
    mbit_s = size_bits / max(event.upload_s, 1e-6) / 1e6
    changed = _set(
        s,
        latest=event.index,
        segments_published=s.segments_published + 1,
        upload=_set(s.upload, mbit_s=round(mbit_s, 3), needed_mbit_s=round(needed_mbit_s, 3)),
        latencies_ms=latencies_ms,
        publish_latency_ms=Latency(p50=_quantile(latencies_ms, 0.5), p99=_quantile(latencies_ms, 0.99)),
    )
    return _faded(_clear(_clear(changed, "capture_restarting"), "device_lost"), now)


def _faded(s: Snapshot, now: datetime) -> Snapshot:
    """What happened once and is over stays an alarm for an hour, so that somebody sees it."""
    fresh = (alarm for alarm in s.alarms if alarm.code not in _ONCE or now - alarm.since < _SHOWN_FOR)
    return _set(s, alarms=tuple(fresh))


_Keeping = ArchiveMeasured | KeepingFailed | JoinFailed | RecordingJoined | RecordingDamaged


def _kept(s: Snapshot, event: _Keeping, now: datetime) -> Snapshot:
    match event:
        case ArchiveMeasured():
            free_gb, seconds_today = round(event.free_bytes / 1e9, 3), round(event.seconds_today, 3)
            archive = _set(s.archive, free_gb=free_gb, seconds_today=seconds_today, gaps_today=event.gaps_today)
            return _clear(_set(s, archive=archive), "recordings_unreadable")
        case KeepingFailed():
            message = f"the recordings folder {event.folder} cannot be read: {event.why}"
            return _raise(s, "recordings_unreadable", message, "Is its disk there? Mount it again.", now)
        case JoinFailed():
            message = f"pieces from {event.path} on cannot be joined: {event.why}"
            return _raise(s, "join_failing", message, "Nothing is lost: the pieces stay, and are tried again.", now)
        case RecordingJoined():
            return _clear(s, "join_failing")
        case RecordingDamaged():
            message = f"a file of the archive is damaged: {event.why}"
            return _raise(s, "recording_damaged", message, f"It is kept as {event.kept}. Check the disk.", now)


def _quantile(values: tuple[float, ...], q: float) -> float:
    """The nearest-rank quantile."""
    return round(sorted(values)[max(0, math.ceil(q * len(values)) - 1)], 3)


def _capture_ended(s: Snapshot, event: CaptureEnded, now: datetime) -> Snapshot:
    s = _set(s, levels=Levels(clips=s.levels.clips))
    if event.cause is Cause.STOPPED:
        return _set(s, capture=_set(s.capture, pid=None))
    changed = _set(s, capture=_set(s.capture, pid=None, restarts=s.capture.restarts + 1))
    if event.cause is Cause.DEVICE_LOST:
        remedy = "Plug it in again; it is looked for every 2 s. 'radio-supervisor devices' shows what is there."
        return _raise(changed, "device_lost", f"the device is gone: {event.reason}", remedy, now)
    told = "" if event.exit_code is None else f"FFmpeg ended (exit code {event.exit_code}): "
    message = f"{told}{event.reason}"
    if event.cause is Cause.SPOOL_FULL:
        return _raise(changed, "spool_full", f"no room to capture into: {message}", _MORE_ROOM, now)
    return _raise(changed, "capture_restarting", message, "It is started again by itself. Is the device there?", now)


def _lost(s: Snapshot, event: SamplesLost) -> Snapshot:
    by_cause = {**s.lost.by_cause, event.cause.value: s.lost.by_cause.get(event.cause, 0) + event.samples}
    return _set(s, lost=Lost(samples=s.lost.samples + event.samples, by_cause=dict(sorted(by_cause.items()))))


def _clock_checked(s: Snapshot, event: ClockChecked, now: datetime) -> Snapshot:
    told = {"offset_ms": _ms(event.offset_s), "store_skew_ms": _ms(event.store_skew_s)}
    changed = _set(s, clock=_set(s.clock, synchronised=event.synchronised, **told))
    if event.off_s < _CLOCK_ALARM_S:
        return _clear(changed, "clock_off")
    return _raise(changed, "clock_off", event.in_words, _SYNCHRONISE, now)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _raise(s: Snapshot, code: str, message: str, remedy: str, now: datetime) -> Snapshot:
    since = next((alarm.since for alarm in s.alarms if alarm.code == code), now)
    others = tuple(alarm for alarm in s.alarms if alarm.code != code)
    return _set(s, alarms=(*others, Alarm(code=code, since=since, message=message, remedy=remedy)))


def _clear(s: Snapshot, code: str) -> Snapshot:
    return _set(s, alarms=tuple(alarm for alarm in s.alarms if alarm.code != code))


def _set(model: _Model, **changes: object) -> _Model:
    return model.model_copy(update=changes)


class StatusBoard:
    """Holds the newest snapshot for whoever asks, from any thread."""

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
            self._snapshot = reduce(self._snapshot, event, utc(self._clock.wall_s()))

    def requests(self) -> Requests:
        """How many billed requests there were."""
        with self._guard:
            return self._snapshot.requests

    def current(self) -> Snapshot:
        """The snapshot now."""
        with self._guard:
            snapshot = self._snapshot
        return _set(
            snapshot,
            uptime_s=round(self._clock.monotonic_s() - self._began_s, 3),
            queue_depth=self._queue_depth(),
            spool_bytes=self._spool_bytes(),
            updated_at=utc(self._clock.wall_s()),
        )
