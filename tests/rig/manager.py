"""A service manager as the supervisor meets it: a real datagram socket, with what was sent to it and when."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_LARGEST_BYTES = 65_536


@dataclass(frozen=True)
class Message:
    """One datagram: when it came (monotonic), and its assignments."""

    at_s: float
    fields: dict[str, str]


class Manager:
    """Listens at an abstract address of its own."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")  # the kernel chooses an abstract name
        self._thread = threading.Thread(target=self._listen, name="manager", daemon=True)
        self.messages: list[Message] = []
        self._thread.start()

    @property
    def address(self) -> str:
        """What NOTIFY_SOCKET is set to."""
        return "@" + bytes(self._socket.getsockname()[1:]).decode()

    def times(self, name: str) -> list[float]:
        """When something was said of ``name``."""
        return [message.at_s for message in self.messages if name in message.fields]

    def said(self, name: str) -> list[str]:
        """What was said of ``name``, in order."""
        return [message.fields[name] for message in self.messages if name in message.fields]

    def close(self) -> None:
        """Ends listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def _listen(self) -> None:
        while data := self._socket.recv(_LARGEST_BYTES):
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.messages.append(Message(time.monotonic(), fields))


@contextmanager
def listening() -> Iterator[Manager]:
    """A manager that is gone when the block ends."""
    manager = Manager()
    try:
        yield manager
    finally:
        manager.close()
