"""FFmpeg's log: its lines taken apart, and which of its words tell why it ended."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from supervisor.events import Cause

_LINE = re.compile(r"^(?P<where>(?:\[[^\]]*\] )*?)\[(?P<level>warning|error|fatal|panic)\] (?P<text>.*)$")
_SERIOUS = {"error", "fatal", "panic"}
_SAYS_NOTHING = re.compile(r"Last message repeated \d+ times")
_DEVICE_LOST = re.compile(r"cannot open audio device|ALSA read error|No such device")
_SPOOL_FULL = re.compile(r"No space left on device")

_TELLS_FOR_S = 10.0
"""An error that FFmpeg has survived for so long is not what it died of."""


@dataclass(frozen=True)
class Said:
    """One line of FFmpeg's, with its level."""

    level: str
    text: str


@dataclass(frozen=True)
class _Words:
    text: str = ""
    at_s: float = 0.0

    def now(self, now_s: float) -> str:
        return self.text if now_s - self.at_s < _TELLS_FOR_S else ""


class FFmpegLog:
    """The log of one child, as it comes; times are monotonic.

    A line without a level is not of FFmpeg but of what failed to start it (the shell, the dynamic linker), or an
    assertion: it tells why the child ended when nothing better does.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._serious = _Words()
        self._stray = _Words()

    def feed(self, data: bytes, now_s: float) -> list[Said]:
        """Takes what came, nothing at the end; the lines of FFmpeg that are whole by now."""
        *lines, self._rest = (self._rest + (data or b"\n")).split(b"\n")
        taken = (self._take(line.decode(errors="replace").strip(), now_s) for line in lines)
        return [said for said in taken if said is not None]

    def reason(self, exit_code: int, now_s: float) -> str:
        """Why the child ended that nobody asked to."""
        words = self._serious.now(now_s) or self._stray.now(now_s)
        if exit_code < 0:
            killed = f"killed by {_signal(-exit_code)}"
            return f"{killed}; its last words: {words}" if words else killed
        return words or "it ended by itself"

    def _take(self, line: str, now_s: float) -> Said | None:
        found = _LINE.match(line)
        if found is None:
            if line and not _SAYS_NOTHING.search(line):
                self._stray = _Words(line, now_s)
            return None
        said = Said(found["level"], found["where"] + found["text"])
        # the last, but not what only follows from a lost device
        if said.level in _SERIOUS and not _DEVICE_LOST.search(self._serious.now(now_s)):
            self._serious = _Words(said.text, now_s)
        return said


def cause_of(reason: str) -> Cause:
    """What kind of end a reason tells of."""
    if _DEVICE_LOST.search(reason):
        return Cause.DEVICE_LOST
    return Cause.SPOOL_FULL if _SPOOL_FULL.search(reason) else Cause.RESTART


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal has no name of its own
        return f"signal {number}"
