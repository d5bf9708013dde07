"""Watches whether this machine's clock is kept in time, and how far it is off: asks chrony, systemd, else the kernel.

Every offset is what this clock would have to be put forward: positive when it is behind.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from supervisor.events import ClockChecked, Emit
from supervisor.stop import Stop

CHECK_EVERY_S = 60.0

CHECK_AGAIN_S = 5.0
"""While the clock is off: an alarm ends soon after its cause."""

_ANSWER_WITHIN_S = 2.0

# what `chronyc -c tracking` prints: client.c of chrony, process_cmd_tracking
_CHRONY_FIELDS = 14
_CHRONY_REFERENCE, _CHRONY_SYSTEM_TIME, _CHRONY_LEAP = 0, 4, 13
_CHRONY_ITSELF = "7F7F0101"

# the kernel's flags, as adjtimex(2) tells them
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000


@dataclass(frozen=True)
class HostClock:
    """Whether the clock is synchronised, how far it is off, and who says so; None is what nobody tells."""

    synchronised: bool | None
    offset_s: float | None
    told_by: str


class HostClockWatch:
    """Tells the state of the clock at once and every minute, more often while it is off."""

    def __init__(
        self, store_skew_s: Callable[[], float | None], emit: Emit, read: Callable[[], HostClock] | None = None
    ) -> None:
        self._store_skew_s = store_skew_s
        self._emit = emit
        self._read = read or read_host_clock

    def run(self, stop: Stop) -> None:
        """Goes on until ``stop`` is requested."""
        stopped = False
        while not stopped:
            clock = self._read()
            checked = ClockChecked(clock.synchronised, clock.offset_s, self._store_skew_s(), clock.told_by)
            self._emit(checked)
            stopped = stop.wait(CHECK_AGAIN_S if checked.is_off else CHECK_EVERY_S)


def read_host_clock() -> HostClock:
    """The clock's state by the best witness there is.

    chrony alone knows an offset of seconds. systemd says no more than whether it is synchronised; how much of an offset
    is still being worked off is told by the kernel.
    """
    if clock := by_chrony(_ask("chronyc", "-c", "tracking")):
        return clock
    kernel = by_kernel()
    synchronised = by_systemd(_ask("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    if synchronised is None:
        return kernel
    return HostClock(synchronised, kernel.offset_s if synchronised else None, "timedatectl")


def kept_clock_ahead_s(read: Callable[[], HostClock] = read_host_clock) -> float | None:
    """0 while somebody keeps this machine's clock in time; None otherwise: on its own it is no witness of itself."""
    return 0.0 if read().synchronised else None


def by_chrony(tracking: str) -> HostClock | None:
    """From the line of ``chronyc -c tracking``; None when it is none."""
    row = tracking.strip().split(",")
    if len(row) < _CHRONY_FIELDS:
        return None
    try:
        offset_s = float(row[_CHRONY_SYSTEM_TIME])
    except ValueError:
        return None
    synchronised = row[_CHRONY_LEAP] != "Not synchronised" and row[_CHRONY_REFERENCE] != _CHRONY_ITSELF
    return HostClock(synchronised, offset_s if synchronised else None, "chrony")


def by_systemd(answer: str) -> bool | None:
    """From the value of timedatectl's NTPSynchronized; None when there is no answer."""
    return {"yes": True, "no": False}.get(answer.strip())


class Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def by_kernel() -> HostClock:
    """From adjtimex(2), which anybody may ask; where it is forbidden nothing is known."""
    timex = Timex(modes=0)
    if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) < 0:
        return HostClock(None, None, "nobody")
    return by_timex(timex)


def by_timex(timex: Timex) -> HostClock:
    """The kernel's own account: what is left of the last correction, in nanoseconds or microseconds."""
    if timex.status & _STA_UNSYNC:
        return HostClock(synchronised=False, offset_s=None, told_by="the kernel")
    unit_s = 1e-9 if timex.status & _STA_NANO else 1e-6
    return HostClock(synchronised=True, offset_s=timex.offset * unit_s, told_by="the kernel")


def _ask(*command: str) -> str:
    """What a program prints; nothing when it is not there, fails, or takes too long."""
    try:
        asked = subprocess.run(  # noqa: S603 - fixed words
            command,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_WITHIN_S,
            process_group=0,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout
