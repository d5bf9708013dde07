"""The protocol of sd_notify(3): datagrams of ``NAME=value`` lines to the socket that the service manager names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress


class ServiceManager:
    """Whoever listens at ``address`` (a path, or ``@`` and an abstract name), as systemd.

    ``watchdog_s`` is the time within which it wants to hear that all is well; None when it does not ask for that.
    """

    def __init__(self, address: str, watchdog_s: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s

    def tell(self, *lines: str) -> None:
        """Sends one message; nobody listening is no reason to fail."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto("\n".join(lines).encode(), self._address)

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Says that the settings are being read anew while the block runs."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.tell("READY=1")


def service_manager(environment: MutableMapping[str, str]) -> ServiceManager | None:
    """The one that started this process, if one did; its names leave ``environment``: no child may speak for us."""
    names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    address, watchdog_us, watchdog_pid = (environment.pop(name, "") for name in names)
    if not address.startswith(("/", "@")):
        return None
    ours = watchdog_us.isdecimal() and int(watchdog_us) > 0 and watchdog_pid in {"", str(os.getpid())}
    return ServiceManager(address, int(watchdog_us) / 1e6 if ours else None)
