"""A TCP proxy that does what networks do: passes, is slow, resets, swallows, or answers that the server is busy."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

_BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"

_SLOW_BYTES_PER_S = 200_000
"""1.6 Mbit/s each way."""


class Mode(Enum):
    """What happens to a connection."""

    PASS = auto()
    RESET = auto()
    BLACK_HOLE = auto()
    BUSY = auto()
    SLOW = auto()


class Proxy:
    """Listens on a port of its own; a change of mode ends the connections that are open."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._mode = Mode.PASS
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._swallowed: list[socket.socket] = []
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def port(self) -> int:
        """Where to connect to."""
        return int(self._listener.getsockname()[1])

    def become(self, mode: Mode) -> None:
        """Changes what happens from now on."""
        with self._guard:
            self._mode = mode
            left, self._open = self._open, set()
        if mode is Mode.BLACK_HOLE:
            return
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends everything."""
        self.become(Mode.RESET)
        self._listener.close()
        for connection in self._swallowed:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        match self._mode:
            case Mode.PASS | Mode.SLOW:
                self._pass(client)
            case Mode.RESET:
                client.close()
            case Mode.BLACK_HOLE:
                self._swallowed.append(client)
            case Mode.BUSY:
                with suppress(OSError), client:
                    client.recv(65_536)
                    client.sendall(_BUSY)

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._target_port)) as server, client:
            with self._guard:
                self._open |= {client, server}
            back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            back.start()
            self._copy(client, server)
            back.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self._mode is Mode.BLACK_HOLE:
                    continue
                if self._mode is Mode.SLOW:
                    time.sleep(len(data) / _SLOW_BYTES_PER_S)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy that is gone when the block ends."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
