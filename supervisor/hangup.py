"""SIGHUP: from a terminal that it was closed; where there is none, as for every daemon, to read the settings anew."""

from __future__ import annotations

import os
import select
import signal

from supervisor.stop import Stop


class Wish:
    """A wish to read the settings anew; it may come at any time, and several that wait are one."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def note(self) -> None:
        """Notes the wish: one system call and no lock, for signal handlers that may interrupt each other."""
        os.eventfd_write(self._descriptor, 1)

    def wait(self, ended: Stop) -> bool:
        """Waits for the next wish, which is granted thereby; false when ``ended`` is requested first."""
        while not ended.is_requested():
            ready, _, _ = select.select([self._descriptor, ended.descriptor], [], [])
            if self._descriptor in ready:
                os.eventfd_read(self._descriptor)
                return True
        return False


def is_on_terminal() -> bool:
    """Whether somebody's terminal is at the other end: there SIGHUP means that its window was closed."""
    return any(os.isatty(descriptor) for descriptor in range(3))


def wish_by_hangup() -> Wish:
    """From now to the end of the process SIGHUP is a wish; one that comes before anybody waits for it is kept."""
    wish = Wish()
    signal.signal(signal.SIGHUP, lambda *_: wish.note())
    return wish
