"""The log: when an event has its line, and where lines go, as text for people or JSON for machines."""

from __future__ import annotations

import json
import logging
import math
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from supervisor.clock import Clock, iso_ms, utc
from supervisor.events import (
    ArchiveFailed,
    ArchiveMeasured,
    CaptureEnded,
    CaptureStarted,
    Cause,
    ClockChecked,
    Emit,
    Event,
    FFmpegSaid,
    JoinFailed,
    KeepingFailed,
    ListenerLooked,
    Logged,
    Overrun,
    RecordingsPruned,
    SegmentArchived,
    SegmentExpired,
    SegmentPublished,
    SegmentSealed,
    SpoolFailed,
    SpoolOverflowed,
    StoreFailed,
    StoreRecovered,
)
from supervisor.sentences import ClockState, clock_state, line_of
from supervisor.throttle import EVERY_S, Throttle

LOG = logging.getLogger("radio")
ALERTS_THREAD = "alerts"
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_SAID_ONCE = {ClockState.LOOSE, ClockState.KEPT}
_OVER = {
    "listener": "listeners can play the station again",
    "archive": "the archive takes segments again",
    "spool": "the spool takes segments again",
    "keeping": "the recordings folder can be read again",
    "join": "every hour could be joined again",
    "retention": "retention can do its work again",
    "expired": "segments come in time for the window again; too late were {total}",
    "overflowed": "the archive takes segments again; lost to it were {total}",
}
"""What is said when a trouble is over of which no event of its own tells the end; ``total`` is how often it was."""


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

    def __init__(self, clock: Clock, command_level: int = logging.INFO) -> None:
        self._clock = clock
        self._command_level = command_level
        self._throttle = Throttle()
        self._command_shown = False

    def take(self, event: Event) -> None:
        """Takes an event."""
        key = _trouble(event)
        every_s = math.inf if key in _SAID_ONCE else EVERY_S
        unsaid = 0 if key is None else self._throttle.unsaid(key, self._clock.monotonic_s(), every_s)
        line = None if unsaid is None else line_of(event)
        if line is not None:
            level, text, fields = line
            more = f" ({unsaid} more like it since the last line)" if unsaid else ""
            LOG.log(level, "%s%s", text, more, extra={"fields": {"event": type(event).__name__, **fields}})
        for ended in _ends(event):
            total = self._throttle.over(ended)
            if total and ended in _OVER:
                fields = {"event": type(event).__name__, "total": total}
                LOG.info(_OVER[ended].format(total=total), extra={"fields": fields})
        if isinstance(event, CaptureStarted) and not self._command_shown:
            self._command_shown = True
            LOG.log(self._command_level, "FFmpeg's command: %s", shlex.join(event.command))


def _trouble(event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 - a table
    """What goes on when events of this kind repeat; None for events of which each is news."""
    match event:
        case StoreFailed():
            return f"store {event.operation} {event.code}"
        case SegmentExpired():
            return "expired"
        case SpoolOverflowed():
            return "overflowed"
        case ArchiveFailed():
            return "archive"
        case SpoolFailed():
            return "spool"
        case KeepingFailed():
            return "keeping"
        case ArchiveMeasured() if event.unreadable:
            return "keeping"
        case JoinFailed():
            return "join"
        case RecordingsPruned() if event.failed:
            return "retention"
        case CaptureStarted():
            return "capture started"
        case CaptureEnded() if event.cause is not Cause.STOPPED:
            return "capture ended"
        case Overrun():
            return "overrun"
        case FFmpegSaid():
            return f"ffmpeg {_ADDRESS.sub('', event.text)}"
        case ClockChecked():
            return clock_state(event)
        case ListenerLooked() if event.problem and event.confirmed:
            return "listener"
        case _:
            return None


def _ends(event: Event) -> tuple[str, ...]:  # noqa: PLR0911 - a table
    """The troubles that are over with this event."""
    match event:
        case StoreRecovered():
            return (f"store {event.operation}",)
        case SegmentPublished(gap=0):
            return ("expired",)
        case SegmentArchived():
            return ("archive", "overflowed")
        case RecordingsPruned(failed=""):
            return ("retention",)
        case ArchiveMeasured():
            return (*(("keeping",) if not event.unreadable else ()), *(("join",) if not event.unjoined else ()))
        case SegmentSealed():
            return ("spool", "capture started", "capture ended")
        case ListenerLooked(problem=""):
            return ("listener",)
        case ClockChecked():
            return tuple(state for state in ClockState if state is not clock_state(event))
        case _:
            return ()
