"""The thin shell around the frames: where snapshots come from, when a frame is shown, and how it ends."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from supervisor.dashboard.frame import frame
from supervisor.dashboard.screen import Screen, is_fit
from supervisor.dashboard.view import View, first, seen
from supervisor.errors import UserError
from supervisor.report import LOG, pause_lines
from supervisor.status import Snapshot
from supervisor.stop import Stop

FRAME_S = 0.2
_ASK_S = 0.5
_GIVE_UP_S = 1.0

Ask = Callable[[], Snapshot | None]
"""Gives the newest snapshot, or None when nobody answers; may take its time."""


class Feed:
    """Asks for snapshots twice a second in a thread of its own, as often as levels are measured: no frame waits."""

    def __init__(self, ask: Ask, first: Snapshot | None = None) -> None:
        self._ask = ask
        self._guard = threading.Lock()
        self._newest = first
        self._stop = Stop()
        self._thread = threading.Thread(target=self._run, name="dashboard-feed", daemon=True)

    def newest(self) -> Snapshot | None:
        """The snapshot that came since the last call, if one did."""
        with self._guard:
            newest, self._newest = self._newest, None
        return newest

    def start(self) -> None:
        """Begins to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; one that hangs in an answer is left behind."""
        self._stop.request()
        self._thread.join(_GIVE_UP_S)

    def _run(self) -> None:
        while not self._stop.wait(_ASK_S):
            answer = self._ask()
            with self._guard:
                self._newest = answer or self._newest


class Dashboard:
    """Shows frames on ``screen`` until asked to stop, or until one of ``leave_keys`` is pressed."""

    def __init__(
        self, screen: Screen, ask: Ask, foot: str, leave_keys: str = "", first: Snapshot | None = None
    ) -> None:
        self._screen = screen
        self._feed = Feed(ask, first)
        self._foot = foot
        self._leave_keys = leave_keys
        self._asked = threading.Event()

    def stop(self) -> None:
        """Asks it to end; may be called in a signal handler."""
        self._asked.set()

    def run(self) -> None:
        """Shows frames until it is to end; the terminal is given back whatever happens.

        Raises:
            OSError: the terminal is gone.
        """
        view: View | None = None
        self._feed.start()
        try:
            self._screen.enter()
            while not self._asked.is_set():
                began_s = time.monotonic()
                snapshot = self._feed.newest()
                if view is not None:
                    view = seen(view, snapshot, began_s)
                elif snapshot is not None:
                    view = first(snapshot, began_s)
                if view is not None:
                    size = self._screen.size()
                    self._screen.show(frame(view, *size, datetime.now(UTC), self._foot), size)
                if self._left(FRAME_S - (time.monotonic() - began_s)):
                    return
        finally:
            self._screen.leave()
            self._feed.stop()

    def _left(self, for_s: float) -> bool:
        """Waits for the next frame's time; says whether a key was pressed that leaves."""
        ends_at_s = time.monotonic() + for_s
        while (rest_s := ends_at_s - time.monotonic()) > 0 and not self._asked.is_set():
            keys = self._screen.pressed(rest_s)
            if any(key in self._leave_keys for key in keys):
                return True
            if not keys:
                self._asked.wait(max(0.0, ends_at_s - time.monotonic()))
        return False


class OnTerminal:
    """The dashboard beside a station in this process."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    @contextmanager
    def beside(self, ask: Callable[[], Snapshot]) -> Iterator[None]:
        """Shows the station instead of log lines while the block runs."""
        resume_lines = pause_lines()

        def failed(error: Exception) -> None:
            resume_lines()
            LOG.error("the dashboard ended, the station goes on: %s: %s", type(error).__name__, error)

        try:
            with shown(Dashboard(self._screen, ask, "Ctrl-C stops the station"), failed):
                yield
        finally:
            resume_lines()

    def leave(self) -> None:
        """Gives the terminal back at once; safe in a signal handler."""
        self._screen.leave()


def on_terminal() -> OnTerminal | None:
    """The dashboard on standard output; None when that is no terminal that can show it."""
    output = sys.stdout.fileno()
    return OnTerminal(Screen(output, sys.stdin.fileno())) if is_fit(output) else None


def attach(ask: Ask, first: Snapshot) -> None:
    """Shows a station of another process until q, Ctrl-C or a signal.

    Raises:
        UserError: there is no terminal that can show it.
    """
    output = sys.stdout.fileno()
    if not is_fit(output):
        raise UserError("there is no terminal to show the dashboard in.", "'radio-supervisor status' needs none.")
    foot = "q leaves, the station goes on"
    dashboard = Dashboard(Screen(output, sys.stdin.fileno()), ask, foot, leave_keys="qQ", first=first)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: dashboard.stop())
    with suppress(OSError):  # the terminal is gone, and whoever looked at it
        dashboard.run()


@contextmanager
def shown(dashboard: Dashboard, failed: Callable[[Exception], None]) -> Iterator[None]:
    """Runs ``dashboard`` in a thread beside the block; if it fails, ``failed`` is told, and the block goes on."""

    def run() -> None:
        try:
            dashboard.run()
        except Exception as error:  # noqa: BLE001 - a picture that fails must not take the station with it
            failed(error)

    thread = threading.Thread(target=run, name="dashboard", daemon=True)
    thread.start()
    try:
        yield
    finally:
        dashboard.stop()
        thread.join(_GIVE_UP_S)
