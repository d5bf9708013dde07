"""One station in this process: signals, the end within its time, the exit code."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Protocol

from supervisor.clock import SystemClock
from supervisor.errors import Exit
from supervisor.notifier import Notifier
from supervisor.report import LOG, Reporter, told_to
from supervisor.sd_notify import ServiceManager
from supervisor.spool import Spool
from supervisor.station import Plan, Station
from supervisor.status import Snapshot
from supervisor.stores.store import Store

_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 128 * 1024

_SWITCH_INTERVAL_S = 0.0005
"""How long a busy thread may keep another waiting: Python's 5 ms are a fifth of a segment's way to the bucket."""

_SAME_SIGNAL_S = 0.5
"""Tools that signal a process and then its group send one wish twice."""


def keep_memory_flat() -> None:
    """Lets every buffer of a segment go back to the kernel when it is freed (mallopt(3)).

    Left alone, glibc raises the size from which it maps memory separately to that of the largest buffer it ever freed,
    and segments then fragment the heap.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


class Picture(Protocol):
    """Shows a station in the terminal."""

    def beside(self, ask: Callable[[], Snapshot]) -> AbstractContextManager[None]:
        """Shows what ``ask`` tells for as long as the block runs."""
        ...

    def leave(self) -> None:
        """Gives the terminal back at once; safe in a signal handler."""
        ...


def run_station(
    plan: Plan,
    store: Store,
    spool: Spool,
    picture: Picture | None = None,
    attend: Callable[[Station], None] = lambda _: None,
    command_level: int = logging.INFO,
) -> None:
    """Runs until SIGTERM, SIGINT or SIGQUIT; a second signal ends the process at once. ``picture`` shows it meanwhile.

    SIGHUP ends it too where nobody has given it another meaning before. ``attend`` adds what is to go on beside the
    station. FFmpeg's command is logged at ``command_level``.

    Raises:
        UserError: something that the operator has to put right.
    """
    clock = SystemClock()
    keep_memory_flat()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    station = Station(plan, store, spool, clock, Reporter(clock, command_level).take)
    attend(station)
    shown = picture.beside(station.status) if picture else nullcontext()
    with told_to(station.note), _signals(station, picture), shown:
        finished = station.run()
    if not finished:
        LOG.warning("some requests still hang; what they carry stays in the spool and is taken up by the next start")
        logging.shutdown()
        os._exit(Exit.OK)


def attend_service(station: Station, manager: ServiceManager) -> None:
    """Has ``manager`` be told of the station for as long as it runs."""
    notifier = Notifier(manager, station.status, station.silent_for)
    station.attend("service-manager", lambda ended: notifier.run(station.stopping, ended))


@contextmanager
def _signals(station: Station, picture: Picture | None) -> Iterator[None]:
    asked_at_s: float | None = None

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal asked_at_s
        now_s = time.monotonic()
        if asked_at_s is not None and now_s - asked_at_s < _SAME_SIGNAL_S:
            return
        if asked_at_s is not None:
            if picture is not None:
                picture.leave()
            LOG.warning("ended at once by a second signal; the next start takes up what is in the spool")
            logging.shutdown()
            os._exit(Exit.FAILED)
        asked_at_s = now_s
        LOG.info("%s received", signal.Signals(number).name)
        station.request_stop()

    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        # a closing terminal says so more than once, and Python itself takes handlers away before it ends
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
