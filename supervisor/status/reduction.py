"""From a snapshot and an event to the next snapshot: each part of the line says what it means for the status. Pure."""

from __future__ import annotations

from datetime import datetime

from supervisor.events import (
    AlarmCleared,
    AlarmRaised,
    ClockChecked,
    Event,
    LevelsMeasured,
    Logged,
    OffAir,
    OnlookerFailed,
    SegmentPublished,
    Stopping,
)
from supervisor.recent import recent_after
from supervisor.requests import counted
from supervisor.state import ON_AIR, Moment, after
from supervisor.status.archiving import archived
from supervisor.status.capturing import captured, measured
from supervisor.status.model import LogLine, Snapshot
from supervisor.status.publishing import published
from supervisor.status.sealing import sealed
from supervisor.status.standing import changed, cleared, faded, is_degraded, raised

_LOG_LINES_KEPT = 30
_CLOCK_ALARM_S, _CLOCK_WELL_S = 10.0, 5.0
_TELL_DEVELOPERS = "The programme goes on, and it is begun again. Tell the developers; RADIO_LOG_LEVEL=DEBUG logs more."
_SYNCHRONISE = (
    "Have the host keep its clock: 'timedatectl set-ntp true' where systemd-timesyncd is, else install chrony and run "
    "'chronyc makestep'. Requests are signed with the store's time meanwhile; the keys are not to blame."
)


def reduce(before: Snapshot, event: Event, now: datetime) -> Snapshot:
    """The snapshot after ``event``, which happened at ``now``."""
    if isinstance(event, LevelsMeasured):  # the most frequent by far, and it changes nothing else
        return measured(before, event)
    if isinstance(event, Logged):
        line = LogLine(at=now, level=event.level, text=event.text)
        return changed(before, log=(*before.log, line)[-_LOG_LINES_KEPT:])
    s = before
    for part in (captured, sealed, published, archived, _watched, _remembered):
        s = part(s, event, now)
    state = after(before.state, _moment(event), alarmed=is_degraded(s))
    since = now if state is not before.state else before.since
    on_air_since = (before.on_air_since or now) if state in ON_AIR else None
    return changed(s, state=state, since=since, on_air_since=on_air_since, updated_at=now)


def _watched(s: Snapshot, event: Event, now: datetime) -> Snapshot:
    """After an event of those who look on: the clock's watch, and the rules."""
    match event:
        case ClockChecked():
            return _clock_checked(s, event, now)
        case AlarmRaised():
            return raised(s, event.code, event.message, event.remedy, now, event.severity)
        case AlarmCleared():
            return cleared(s, event.code)
        case OnlookerFailed():
            message = f"'{event.name}' failed: {event.why}"
            return raised(s, "onlooker_failed", message, _TELL_DEVELOPERS, now)
        case SegmentPublished():
            return faded(s, now, "onlooker_failed")
        case _:
            return s


def _remembered(s: Snapshot, event: Event, now: datetime) -> Snapshot:
    """What is remembered of many events: the last segments, and how many requests there were."""
    recent = recent_after(s.recent, event, now)
    return changed(s, recent=recent, requests=counted(s.requests, event, now, s.uptime_s, s.setup.segment_s))


def _clock_checked(s: Snapshot, event: ClockChecked, now: datetime) -> Snapshot:
    told = {"offset_ms": _ms(event.offset_s), "store_skew_ms": _ms(event.store_skew_s)}
    s = changed(s, clock=changed(s.clock, synchronised=event.synchronised, **told))
    if event.off_s >= _CLOCK_ALARM_S:
        return raised(s, "clock_off", event.in_words, _SYNCHRONISE, now)
    return cleared(s, "clock_off") if event.off_s < _CLOCK_WELL_S else s


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


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
