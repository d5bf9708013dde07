"""What the log says of each event: a level, a sentence, and the same as fields. Pure."""

from __future__ import annotations

import logging
from enum import StrEnum

from supervisor.clock import iso_ms
from supervisor.events import (
    AlarmCleared,
    AlarmRaised,
    ArchiveFailed,
    ArchiveMeasured,
    CaptureEnded,
    CaptureStarted,
    Cause,
    ClockChecked,
    CoverageChecked,
    Event,
    FFmpegSaid,
    InputLost,
    JoinFailed,
    KeepingFailed,
    KeysRefused,
    KeysTaken,
    LevelsMeasured,
    ListenerLooked,
    Logged,
    MissingFrom,
    OffAir,
    OnlookerFailed,
    Overrun,
    RecordingDamaged,
    RecordingJoined,
    RecordingsPruned,
    SamplesLost,
    SegmentArchived,
    SegmentDropped,
    SegmentExpired,
    SegmentFoundListed,
    SegmentPublished,
    SegmentRefused,
    SegmentSealed,
    SettingsRefused,
    SettingsReread,
    Severity,
    SpoolFailed,
    SpoolOverflowed,
    Stopping,
    StoreFailed,
    StoreRecovered,
    WindowMoved,
)

_GAPS_SHOWN = 5
_CLOCK_REFUSED = "RequestTimeTooSkewed"
"""Trying again may help, and somebody has to act all the same."""

Line = tuple[int, str, dict[str, object]]
"""Level, sentence, and the same as fields."""


class ClockState(StrEnum):
    """What there is to say of the clock: while it is off again and again, else once when it has become so."""

    OFF = "clock off"
    LOOSE = "clock not synchronised"
    KEPT = "clock kept"


def line_of(event: Event) -> Line | None:  # noqa: C901, PLR0911, PLR0912 - a table, one row for each event
    """The line of an event; None when it is worth none."""
    match event:
        case LevelsMeasured() | ArchiveMeasured(unreadable="") | Logged():
            return None
        case SamplesLost(missing_from=MissingFrom.ARCHIVE):  # SpoolOverflowed says it
            return None
        case CaptureStarted():
            return _info(f"capturing, run {event.run} (FFmpeg is process {event.pid})", run=event.run, pid=event.pid)
        case CaptureEnded(cause=Cause.STOPPED):
            return _info(f"capture ended, run {event.run}", run=event.run, exit_code=event.exit_code)
        case CaptureEnded():
            what = (
                "capture could not begin" if event.exit_code is None else f"FFmpeg ended, exit code {event.exit_code}"
            )
            text = f"{what}: {event.reason}; next try in {event.retry_in_s:.1f} s"
            return _error(text, run=event.run, exit_code=event.exit_code, reason=event.reason)
        case FFmpegSaid():
            level = logging.INFO if event.level == "warning" else logging.ERROR
            return level, f"FFmpeg: {event.text}", {"ffmpeg_level": event.level}
        case Overrun():
            return _warning(
                "xrun: the device's buffer was full before FFmpeg read it; samples were lost", run=event.run
            )
        case InputLost():
            text = f"the device lost {event.samples} samples near sample {event.at_sample} of run {event.run}"
            return _warning(text, run=event.run, at_sample=event.at_sample, samples=event.samples)
        case SamplesLost():
            return _lost(event)
        case SegmentSealed(segment=s):
            return (
                logging.DEBUG,
                f"sealed {s.id} in {event.seal_ms:.1f} ms",
                {"segment": str(s.id), "ms": event.seal_ms},
            )
        case SegmentRefused():
            return _refused(event)
        case SpoolFailed(id=segment):
            return _error(f"the spool takes no more ({event.why}); {segment} stays as it is", segment=str(segment))
        case SegmentDropped():
            return _info(f"segment {event.id} held no sample and was dropped", segment=str(event.id))
        case SegmentPublished():
            return _published(event)
        case SegmentFoundListed(segment=s):
            return _info(
                f"segment {s.id} had been published just before the last end", segment=str(s.id), gap=event.gap
            )
        case WindowMoved(oldest=oldest):
            return logging.DEBUG, f"the bucket begins at {oldest:08d}", {"oldest": oldest}
        case SegmentExpired(segment=s):
            return _warning(f"segment {s.id} came too late for the window and was not published", segment=str(s.id))
        case StoreFailed():
            return _store_failed(event)
        case StoreRecovered():
            text = f"{event.operation} went through after {event.failures} failures in {event.outage_s:.1f} s"
            return _info(text, operation=event.operation, failures=event.failures, outage_s=event.outage_s)
        case OnlookerFailed(name=name):
            return _error(f"'{name}' failed and is begun again: {event.why}", name=name, why=event.why)
        case OffAir():
            how = "live: false" if event.told else "the manifest still says live: true"
            return _info(f"off air: {event.reason} ({how})", reason=event.reason)
        case SegmentArchived(segment=s):
            return logging.DEBUG, f"archived {s.id} as {event.path}", {"segment": str(s.id), "path": str(event.path)}
        case ArchiveFailed(segment=s):
            text = f"segment {s.id} could not be archived: {event.why}; next try in {event.retry_in_s:.1f} s"
            return _error(text, segment=str(s.id), why=event.why)
        case SpoolOverflowed(segment=s):
            return _error(f"the spool is full: segment {s.id} is lost to the archive", segment=str(s.id))
        case ClockChecked():
            return _clock_checked(event)
        case ListenerLooked(problem=""):
            return logging.DEBUG, "listeners can play the station", {"requests": event.requests}
        case ListenerLooked(confirmed=False):
            return logging.DEBUG, f"listeners may not be able to play it: {event.problem}", {"requests": event.requests}
        case ListenerLooked():
            return _error(f"published, but listeners cannot play it: {event.problem}", requests=event.requests)
        case ArchiveMeasured():
            return _error(f"the recordings cannot all be read: {event.unreadable}", why=event.unreadable)
        case RecordingJoined() | JoinFailed() | RecordingDamaged() | RecordingsPruned() | KeepingFailed():
            return _kept(event)
        case CoverageChecked():
            return _coverage(event)
        case KeysTaken() | KeysRefused() | SettingsReread() | SettingsRefused():
            return _reread(event)
        case AlarmRaised(code=code):
            level = logging.WARNING if event.severity is Severity.WARNING else logging.INFO
            return level, f"alarm {code}: {event.message} {event.remedy}", {"code": code}
        case AlarmCleared(code=code):
            return _info(f"alarm {code} is over", code=code)
        case Stopping():
            return _info(f"stopping: {event.why}", why=event.why)


def clock_state(event: ClockChecked) -> ClockState:
    """What there is to say of the clock."""
    if event.is_off:
        return ClockState.OFF
    return ClockState.LOOSE if event.synchronised is False else ClockState.KEPT


def _clock_checked(event: ClockChecked) -> Line:
    fields = {"synchronised": event.synchronised, "offset_s": event.offset_s, "store_skew_s": event.store_skew_s}
    match clock_state(event):
        case ClockState.OFF:
            return _warning(f"{event.in_words}: check time synchronisation (timedatectl)", **fields)
        case ClockState.LOOSE:
            advice = "'timedatectl set-ntp true', or install chrony"
            return _warning(f"{event.in_words}, but not synchronised ({event.told_by}): {advice}", **fields)
        case ClockState.KEPT:
            return _info(event.in_words, **fields)


def _kept(event: RecordingJoined | JoinFailed | RecordingDamaged | RecordingsPruned | KeepingFailed) -> Line:
    match event:
        case RecordingJoined():
            made = f"{event.path} ({event.seconds:.0f} s, {event.bytes / 1e6:.1f} MB)"
            text = f"joined {_count(event.pieces, 'piece')} to {made}"
            return _info(text, path=str(event.path), pieces=event.pieces, seconds=event.seconds, bytes=event.bytes)
        case JoinFailed():
            return _error(f"pieces from {event.path} on could not be joined: {event.why}", path=str(event.path))
        case RecordingDamaged():
            return _error(f"a file of the archive is damaged, kept as {event.kept}: {event.why}", kept=str(event.kept))
        case RecordingsPruned():
            return _pruned(event)
        case KeepingFailed():
            return _error(f"the recordings folder {event.folder} cannot be read: {event.why}", why=event.why)


def _pruned(event: RecordingsPruned) -> Line:
    up_to = event.up_to and iso_ms(event.up_to)
    text = f"deleted {_count(event.files, 'recording')}"
    text += f" up to {up_to} ({event.bytes / 1e6:.1f} MB)" if up_to else ""
    fields: dict[str, object] = {"files": event.files, "bytes": event.bytes, "up_to": up_to}
    if event.failed:
        return _error(f"retention cannot do its work: {event.failed}; {text}", why=event.failed, **fields)
    return _info(text, **fields)


def _reread(event: KeysTaken | KeysRefused | SettingsReread | SettingsRefused) -> Line:
    match event:
        case KeysTaken():
            key = f"…{event.ending}" if event.ending else "the new key"
            return _info(f"the store accepts the new keys: requests are signed with {key} from now on")
        case KeysRefused():
            why = f"{event.code}: {event.message}. {event.remedy}"
            return _error(f"the new keys were not taken, the old ones stay in use: {why}", code=event.code)
        case SettingsRefused():
            return _error(f"the settings were read anew and nothing was taken over: {event.problem}")
        case SettingsReread():
            return _settings_reread(event)


def _settings_reread(event: SettingsReread) -> Line:
    told = ["the settings were read anew"]
    if not event.keys_changed:
        told.append("the keys are the same as before")
    if event.need_restart:
        told.append(f"a restart is needed for what has changed: {', '.join(event.need_restart)}")
    if event.bound:
        told.append(f"a restart is needed to change what is not from the env file: {', '.join(event.bound)}")
    level = logging.WARNING if event.need_restart or event.bound else logging.INFO
    return level, "; ".join(told), {"need_restart": event.need_restart, "bound": event.bound}


def _coverage(event: CoverageChecked) -> Line:
    since, seconds = iso_ms(event.since), sum(seconds for _, seconds in event.gaps)
    fields = {"since": since, "gaps": [{"start": iso_ms(start), "seconds": round(s, 3)} for start, s in event.gaps]}
    if not event.gaps:
        return _info(f"the archive has no gap since {since}", **fields)
    shown = ", ".join(f"{iso_ms(start)} ({s:.3f} s)" for start, s in event.gaps[:_GAPS_SHOWN])
    more = f" and {len(event.gaps) - _GAPS_SHOWN} more" if len(event.gaps) > _GAPS_SHOWN else ""
    text = f"the archive has {_count(len(event.gaps), 'gap')} since {since}, {seconds:.3f} s in all: {shown}{more}"
    return _warning(text, **fields)


def _published(event: SegmentPublished) -> Line:
    s = event.segment
    seconds, latency_ms = s.samples / s.sample_rate, event.latency_s * 1000
    gap = f", {event.gap} samples missing before it" if event.gap else ""
    text = f"published {event.index:08d} ({seconds:g} s) {latency_ms:.0f} ms after it was closed{gap}"
    fields = {"segment": str(s.id), "index": event.index, "samples": s.samples, "gap": event.gap}
    return (
        (logging.WARNING if event.gap else logging.INFO),
        text,
        {**fields, "latency_ms": round(latency_ms, 3), "upload_ms": round(event.upload_s * 1000, 3)},
    )


def _lost(event: SamplesLost) -> Line:
    text = f"{event.samples} samples are missing from the {event.missing_from} at {event.where}: {event.cause}"
    fields = {"samples": event.samples, "cause": event.cause.value, "missing_from": event.missing_from.value}
    return _warning(text, segment=str(event.where), **fields)


def _refused(event: SegmentRefused) -> Line:
    text = f"segment {event.id} was refused and kept in {event.kept}: {event.why}"
    level = logging.ERROR if event.samples else logging.WARNING
    return level, text, {"segment": str(event.id), "why": event.why, "kept": str(event.kept)}


def _store_failed(event: StoreFailed) -> Line:
    hint = f" {event.hint}" if event.hint else ""
    text = f"{event.operation} failed ({event.code}): {event.message}.{hint} Next try in {event.retry_in_s:.1f} s"
    level = logging.ERROR if event.refused or event.code == _CLOCK_REFUSED else logging.WARNING
    return level, text, {"operation": event.operation, "code": event.code, "attempt": event.attempt}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _info(text: str, **fields: object) -> Line:
    return logging.INFO, text, fields


def _warning(text: str, **fields: object) -> Line:
    return logging.WARNING, text, fields


def _error(text: str, **fields: object) -> Line:
    return logging.ERROR, text, fields
