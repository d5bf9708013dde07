"""The log: turns events into lines, text for people or JSON for machines."""

from __future__ import annotations

import json
import logging
import math
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TextIO

from supervisor.clock import Clock, iso_ms, utc
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
    Emit,
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
    OffAir,
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
    SpoolFailed,
    SpoolOverflowed,
    Stopping,
    StoreFailed,
    StoreRecovered,
    WindowMoved,
)
from supervisor.throttle import EVERY_S, Throttle

LOG = logging.getLogger("radio")
_GAPS_SHOWN = 5
ALERTS_THREAD = "alerts"
_ADDRESS = re.compile(r"0x[0-9a-f]+")


Line = tuple[int, str, dict[str, object]]
"""Level, sentence, and the same as fields."""


class _ClockState(StrEnum):
    """What there is to say of the clock: while it is off again and again, else once when it has become so."""

    OFF = "clock off"
    LOOSE = "clock not synchronised"
    KEPT = "clock kept"


_SAID_ONCE = {_ClockState.LOOSE, _ClockState.KEPT}


class TextFormatter(logging.Formatter):
    """``2026-11-23T15:45:30.412Z INFO  sentence``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        text = f"{iso_ms(utc(record.created))} {record.levelname:<7} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``message``, and the fields of the event."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, object] = {
            "time": iso_ms(utc(record.created)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def set_up(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Sends the log to ``stream`` (stderr) as ``text`` or ``json``."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(_is_news)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOG.setLevel(level)


@contextmanager
def told_to(emit: Emit) -> Iterator[None]:
    """Tells every line of the log as an event too, while the block runs."""
    handler = _Telling(emit)
    handler.addFilter(_is_news)
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


class _Telling(logging.Handler):
    def __init__(self, emit: Emit) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        self._emit(Logged(record.levelname, record.getMessage()))


def pause_lines() -> Callable[[], None]:
    """Writes no more lines to a terminal, until what is returned is called; lines to a file or a pipe go on."""
    paused = [
        handler
        for handler in logging.root.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream.isatty()
    ]
    for handler in paused:
        logging.root.removeHandler(handler)

    def resume() -> None:
        while paused:
            logging.root.addHandler(paused.pop())

    return resume


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line is for the operator.

    Not watchdog's remark, made as an error, that its thread saw an event while it was being stopped; and nothing that
    libraries say in the thread of the alerts, whose addresses hold passwords.
    """
    if record.threadName == ALERTS_THREAD and record.name != LOG.name:
        return False
    return not (record.name.startswith("watchdog") and "when the thread is inactive" in record.getMessage())


class Reporter:
    """Writes a line for each event that is worth one.

    FFmpeg's command is written once, however often it restarts, and the clock's state when it changes; of a trouble
    that goes on, its first line, one a minute with the count, and its end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._throttle = Throttle()
        self._command_shown = False

    def take(self, event: Event) -> None:
        """Takes an event."""
        key = _trouble(event)
        every_s = math.inf if key in _SAID_ONCE else EVERY_S
        unsaid = 0 if key is None else self._throttle.unsaid(key, self._clock.monotonic_s(), every_s)
        line = None if unsaid is None else _line(event)
        if line is not None:
            level, text, fields = line
            more = f" ({unsaid} more like it since the last line)" if unsaid else ""
            LOG.log(level, "%s%s", text, more, extra={"fields": {"event": type(event).__name__, **fields}})
        for ended in _ends(event):
            self._throttle.over(ended)
        if isinstance(event, CaptureStarted) and not self._command_shown:
            self._command_shown = True
            LOG.info("FFmpeg's command: %s", shlex.join(event.command))


def _trouble(event: Event) -> str | None:  # noqa: C901, PLR0911 - a table
    """What goes on when events of this kind repeat; None for events of which each is news."""
    match event:
        case StoreFailed():
            return f"store {event.operation} {event.refused}"
        case ArchiveFailed():
            return "archive"
        case SpoolFailed():
            return "spool"
        case KeepingFailed():
            return "keeping"
        case JoinFailed():
            return "join"
        case CaptureStarted():
            return "capture started"
        case CaptureEnded() if event.cause is not Cause.STOPPED:
            return "capture ended"
        case Overrun():
            return "overrun"
        case FFmpegSaid():
            return f"ffmpeg {_ADDRESS.sub('', event.text)}"
        case ClockChecked():
            return _clock_state(event)
        case ListenerLooked() if event.problem:
            return "listener"
        case _:
            return None


def _ends(event: Event) -> tuple[str, ...]:  # noqa: PLR0911 - a table
    """The troubles that are over with this event."""
    match event:
        case StoreRecovered():
            return tuple(f"store {event.operation} {refused}" for refused in (False, True))
        case SegmentArchived():
            return ("archive",)
        case RecordingJoined():
            return ("join",)
        case ArchiveMeasured():
            return ("keeping",)
        case SegmentSealed():
            return ("spool", "capture started", "capture ended")
        case ListenerLooked(problem=""):
            return ("listener",)
        case ClockChecked():
            return tuple(state for state in _ClockState if state is not _clock_state(event))
        case _:
            return ()


def _line(event: Event) -> Line | None:  # noqa: C901, PLR0911, PLR0912 - a table, one row for each event
    match event:
        case LevelsMeasured() | ArchiveMeasured() | Logged():
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
        case OffAir():
            return _info(f"off air: {event.reason} (live: false)", reason=event.reason)
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
        case ListenerLooked():
            return _error(f"published, but listeners cannot play it: {event.problem}", requests=event.requests)
        case RecordingJoined() | JoinFailed() | RecordingDamaged() | RecordingsPruned() | KeepingFailed():
            return _kept(event)
        case CoverageChecked():
            return _coverage(event)
        case KeysTaken() | KeysRefused() | SettingsReread() | SettingsRefused():
            return _reread(event)
        case AlarmRaised(code=code):
            return _warning(f"alarm {code}: {event.message} {event.remedy}", code=code)
        case AlarmCleared(code=code):
            return _info(f"alarm {code} is over", code=code)
        case Stopping():
            return _info(f"stopping: {event.why}", why=event.why)


def _clock_state(event: ClockChecked) -> _ClockState:
    if event.is_off:
        return _ClockState.OFF
    return _ClockState.LOOSE if event.synchronised is False else _ClockState.KEPT


def _clock_checked(event: ClockChecked) -> Line:
    fields = {"synchronised": event.synchronised, "offset_s": event.offset_s, "store_skew_s": event.store_skew_s}
    match _clock_state(event):
        case _ClockState.OFF:
            return _warning(f"{event.in_words}: check time synchronisation (timedatectl)", **fields)
        case _ClockState.LOOSE:
            advice = "'timedatectl set-ntp true', or install chrony"
            return _warning(f"{event.in_words}, but not synchronised ({event.told_by}): {advice}", **fields)
        case _ClockState.KEPT:
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
            up_to = iso_ms(event.up_to)
            text = f"deleted {_count(event.files, 'recording')} up to {up_to} ({event.bytes / 1e6:.1f} MB)"
            return _info(text, files=event.files, bytes=event.bytes, up_to=up_to)
        case KeepingFailed():
            return _error(f"the recordings folder {event.folder} cannot be read: {event.why}", why=event.why)


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
    level = logging.ERROR if event.refused else logging.WARNING
    return level, text, {"operation": event.operation, "code": event.code, "attempt": event.attempt}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _info(text: str, **fields: object) -> Line:
    return logging.INFO, text, fields


def _warning(text: str, **fields: object) -> Line:
    return logging.WARNING, text, fields


def _error(text: str, **fields: object) -> Line:
    return logging.ERROR, text, fields
