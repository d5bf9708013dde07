"""The status: one frozen snapshot, made from events alone."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from supervisor.clock import Clock, Instant, utc
from supervisor.events import (
    ArchiveFailed,
    ArchiveMeasured,
    CaptureEnded,
    CaptureStarted,
    Event,
    JoinFailed,
    KeepingFailed,
    LevelsMeasured,
    OffAir,
    Overrun,
    RecordingDamaged,
    RecordingJoined,
    SegmentArchived,
    SegmentExpired,
    SegmentPublished,
    SegmentRefused,
    SegmentSealed,
    SpoolFailed,
    SpoolOverflowed,
    Stopping,
    StoreFailed,
    StoreRecovered,
)

_LATENCIES_KEPT = 360
_Model = TypeVar("_Model", bound=BaseModel)


class State(StrEnum):
    """What the station is doing; ``degraded`` is on air with something that needs attention."""

    STARTING = "starting"
    ON_AIR = "on_air"
    DEGRADED = "degraded"
    OFF_AIR = "off_air"
    STOPPING = "stopping"


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
    """The last half second: dBFS per channel, short-term LUFS."""

    peak_db: tuple[float, ...] = ()
    rms_db: tuple[float, ...] = ()
    lufs: float | None = None


class Lost(_Frozen):
    """Samples that listeners will never get, by cause."""

    samples: int = 0
    by_cause: dict[str, int] = {}


class Upload(_Frozen):
    """The store."""

    errors: int = 0
    last_error: str | None = None
    mbit_s: float | None = None


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


class Snapshot(_Frozen):
    """Everything that is known at one moment."""

    version: Literal[1] = 1
    state: State = State.STARTING
    since: Instant
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
    upload: Upload = Upload()
    archive: ArchiveStatus = ArchiveStatus()
    alarms: tuple[Alarm, ...] = ()

    # what reduce has to remember; nobody else reads it
    latencies_ms: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    missing: dict[str, int] = Field(default={}, exclude=True, repr=False)
    gap_cause: str = Field(default="stopped", exclude=True, repr=False)


def reduce(before: Snapshot, event: Event, now: datetime) -> Snapshot:
    """The snapshot after ``event``, which happened at ``now``."""
    if isinstance(event, LevelsMeasured):  # the most frequent by far, and it changes nothing else
        return _set(before, levels=Levels(peak_db=event.peak_db, rms_db=event.rms_db, lufs=event.lufs))
    after = _with_facts(before, event, now)
    state = _state(after, event)
    since = now if state is not before.state else before.since
    return after.model_copy(update={"state": state, "since": since, "updated_at": now})


def _with_facts(s: Snapshot, event: Event, now: datetime) -> Snapshot:  # noqa: C901, PLR0911, PLR0912 - a table
    match event:
        case CaptureStarted():
            return _set(s, capture=_set(s.capture, pid=event.pid, run=event.run))
        case CaptureEnded():
            return _capture_ended(s, event, now)
        case Overrun():
            return _set(s, capture=_set(s.capture, xruns=s.capture.xruns + 1))
        case SegmentPublished():
            return _published(s, event)
        case SegmentExpired():
            return _missing(s, "upload_expired", event.segment.samples)
        case SpoolOverflowed():
            message = f"the spool is full: segment {event.segment.id} is lost to the archive"
            return _raise(s, "archive_lost", message, "Make room on the recordings disk, or mount it again.", now)
        case SpoolFailed():
            remedy = "Give RADIO_SPOOL_DIR more room; what is closed stays there and is tried again."
            return _raise(s, "spool_full", f"the spool takes no more: {event.why}", remedy, now)
        case SegmentSealed():
            return _clear(s, "spool_full")
        case SegmentRefused() if event.samples:
            s = _missing(s, "seal_refused", event.samples)
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
        case ArchiveMeasured() | KeepingFailed() | JoinFailed() | RecordingJoined() | RecordingDamaged():
            return _kept(s, event, now)
        case _:
            return s


def _state(s: Snapshot, event: Event) -> State:
    if isinstance(event, Stopping) or s.state is State.STOPPING:
        return State.STOPPING
    on_air = isinstance(event, SegmentPublished) or s.state in {State.ON_AIR, State.DEGRADED}
    if isinstance(event, OffAir) or not on_air:
        return State.OFF_AIR if isinstance(event, OffAir) else s.state
    return State.DEGRADED if s.alarms else State.ON_AIR


def _published(s: Snapshot, event: SegmentPublished) -> Snapshot:
    size_bits = 8 * (event.segment.hq.bytes + event.segment.lq.bytes)
    latencies_ms = (*s.latencies_ms, event.latency_s * 1000)[-_LATENCIES_KEPT:]
    changed = _set(
        _lost(s, event.gap),
        latest=event.index,
        segments_published=s.segments_published + 1,
        gap_cause="restart",
        queue_depth=event.waiting,
        upload=_set(s.upload, mbit_s=round(size_bits / max(event.upload_s, 1e-6) / 1e6, 3)),
        latencies_ms=latencies_ms,
        publish_latency_ms=Latency(p50=_quantile(latencies_ms, 0.5), p99=_quantile(latencies_ms, 0.99)),
    )
    return _clear(_clear(changed, "capture_restarting"), "device_lost")


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
    if event.wanted:
        return _set(s, capture=_set(s.capture, pid=None))
    cause = "device_lost" if event.device_lost else "restart"
    capture = _set(s.capture, pid=None, restarts=s.capture.restarts + 1)
    changed = _set(s, capture=capture, gap_cause=cause)
    if event.device_lost:
        remedy = "Plug it in again; it is looked for every 2 s. 'radio-supervisor devices' shows what is there."
        return _raise(changed, "device_lost", f"the device is gone: {event.reason}", remedy, now)
    message = f"FFmpeg ended (exit code {event.exit_code}): {event.reason}"
    return _raise(changed, "capture_restarting", message, "It is started again by itself. Is the device there?", now)


def _missing(s: Snapshot, cause: str, samples: int) -> Snapshot:
    """Notes why the gap that the next published segment will show is there."""
    return _set(s, missing={**s.missing, cause: s.missing.get(cause, 0) + samples})


def _lost(s: Snapshot, gap: int) -> Snapshot:
    """Counts a gap by what is known of its causes; what they do not explain went by while nothing was captured."""
    if gap == 0:
        return s
    explained: dict[str, int] = {}
    rest = gap
    for cause, samples in s.missing.items():
        explained[cause] = min(rest, samples)
        rest -= explained[cause]
    explained[s.gap_cause] = rest
    causes = s.lost.by_cause.keys() | explained.keys()
    totals = {cause: s.lost.by_cause.get(cause, 0) + explained.get(cause, 0) for cause in sorted(causes)}
    return _set(s, lost=Lost(samples=s.lost.samples + gap, by_cause={c: n for c, n in totals.items() if n}), missing={})


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

    def __init__(self, station: str, clock: Clock, spool_bytes: Callable[[], int]) -> None:
        now = utc(clock.wall_s())
        self._clock = clock
        self._spool_bytes = spool_bytes
        self._began_s = clock.monotonic_s()
        self._guard = threading.Lock()
        self._snapshot = Snapshot(since=now, started_at=now, updated_at=now, station=station, pid=os.getpid())

    def take(self, event: Event) -> None:
        """Takes an event."""
        with self._guard:
            self._snapshot = reduce(self._snapshot, event, utc(self._clock.wall_s()))

    def current(self) -> Snapshot:
        """The snapshot now."""
        with self._guard:
            snapshot = self._snapshot
        uptime_s = round(self._clock.monotonic_s() - self._began_s, 3)
        return _set(snapshot, uptime_s=uptime_s, spool_bytes=self._spool_bytes(), updated_at=utc(self._clock.wall_s()))
