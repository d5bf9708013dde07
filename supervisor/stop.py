"""Stopping as a value that every wait observes, and the threads that have to end with it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable


class Stop:
    """A request to stop: set once, seen by every wait.

    ``descriptor`` becomes readable at the same moment, for waits on file descriptors.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def request(self) -> None:
        """Asks everything that holds this value to stop."""
        self._event.set()
        os.eventfd_write(self.descriptor, 1)

    def is_requested(self) -> bool:
        """Whether it was asked."""
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until it is asked, or for ``timeout_s``; says whether it was."""
        return self._event.wait(timeout_s)

    def close(self) -> None:
        """Gives the descriptor back; nothing may wait on it any more."""
        os.close(self.descriptor)


def wait_for_any(*stops: Stop, timeout_s: float | None = None) -> None:
    """Waits until one of them is asked, or for ``timeout_s``; a signal handler of this thread may be who asks."""
    select.select([stop.descriptor for stop in stops], [], [], timeout_s)


class Signal:
    """Wakes one consumer; being set twice before it looks is the same as once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Wakes the consumer."""
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """Waits until set or for ``timeout_s``, and is unset afterwards; says whether it was set."""
        was_set = self._event.wait(timeout_s)
        self._event.clear()
        return was_set


class Worker:
    """A named thread whose error is kept for whoever joins it.

    ``on_end`` is called when the work is done, with or without an error.
    """

    def __init__(self, name: str, work: Callable[[], None], on_end: Callable[[], None]) -> None:
        self._work = work
        self._on_end = on_end
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.error: BaseException | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    @property
    def name(self) -> str:
        """The thread's name."""
        return self._thread.name

    def is_done(self) -> bool:
        """Whether the work has ended."""
        return self._done.is_set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Waits for the end for at most ``timeout_s``; says whether it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - kept, and raised again where the thread is joined
            self.error = error
        finally:
            self._done.set()
            self._on_end()
