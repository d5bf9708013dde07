"""A TCP proxy that does what networks do: passes, delays, throttles, cuts, resets, swallows, answers itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

_CHUNK_BYTES = 16_384
_SOCKET_BUFFER_BYTES = 32_768
"""Small, so that what the client has sent is not much more than what the line has carried."""

_SEGMENT_BYTES = 1_448
"""What a packet carries on Ethernet: loopback's 64 KB do not fit so small a buffer, and TCP then goes by probes."""


@dataclass(frozen=True)
class Line:
    """What happens to a connection.

    ``delay_s`` holds every piece back, ``bit_s`` is what all connections together may send to the server in a second,
    ``cut_request`` and ``cut_answer`` reset a connection after so many bytes of that direction, ``answer`` is given
    instead of the server's.
    """

    delay_s: float = 0.0
    bit_s: float | None = None
    cut_request: int | None = None
    cut_answer: int | None = None
    answer: HTTPStatus | None = None
    reset: bool = False
    black_hole: bool = False


PASS = Line()
RESET = Line(reset=True)
BLACK_HOLE = Line(black_hole=True)
BUSY = Line(answer=HTTPStatus.SERVICE_UNAVAILABLE)


class Proxy:
    """Listens on a port of its own; a change of the line ends the connections that are open."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._line = PASS
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._uplink_free_at_s = 0.0
        self._swallowed: set[socket.socket] = set()
        self.accepted = 0
        """How many connections were made, whatever became of them."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def port(self) -> int:
        """Where to connect to."""
        return int(self._listener.getsockname()[1])

    @property
    def swallows(self) -> int:
        """How many connections it holds of which nothing comes back."""
        return len(self._swallowed)

    def become(self, line: Line) -> None:
        """Changes what happens from now on."""
        with self._guard:
            self._line = line
            self._swallowed |= self._open
            self._open = set()
            left, self._swallowed = (set(), self._swallowed) if line.black_hole else (self._swallowed, set())
        for connection in left:
            _reset(connection)

    def close(self) -> None:
        """Ends everything."""
        self.become(RESET)
        # wakes the thread that accepts; closing alone does not
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection, self._line), daemon=True).start()

    def _serve(self, client: socket.socket, line: Line) -> None:
        if line.black_hole:
            self._swallowed.add(client)
        elif line.reset:
            _reset(client)
        elif line.answer is not None:
            _answer(client, line.answer)
        else:
            self._pass(client, line)

    def _pass(self, client: socket.socket, line: Line) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target_port)) as server:
            with self._guard:
                self._open |= {client, server}
            back = threading.Thread(target=self._copy, args=(server, client, line, line.cut_answer), daemon=True)
            back.start()
            self._copy(client, server, line, line.cut_request, uplink=True)
            back.join()
            with self._guard:
                self._open -= {client, server}

    def _copy(
        self, source: socket.socket, target: socket.socket, line: Line, left: int | None, *, uplink: bool = False
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                if source in self._swallowed:
                    continue
                self._carry(len(data), line, uplink=uplink)
                target.sendall(data if left is None else data[:left])
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        _reset(source)
                        _reset(target)
                        return
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _carry(self, size: int, line: Line, *, uplink: bool) -> None:
        if line.delay_s:
            time.sleep(line.delay_s)
        if uplink and line.bit_s:
            with self._guard:  # one line for all connections, each of which has its turn
                begins_s = max(time.monotonic(), self._uplink_free_at_s)
                self._uplink_free_at_s = begins_s + 8 * size / line.bit_s
                passed_at_s = self._uplink_free_at_s
            time.sleep(max(0.0, passed_at_s - time.monotonic()))


def _reset(connection: socket.socket) -> None:
    """Ends both directions at once, whoever is reading; what was not yet delivered is gone."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _answer(client: socket.socket, status: HTTPStatus) -> None:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\n"
    with suppress(OSError), client:
        client.recv(_CHUNK_BYTES)
        client.sendall(f"{head}Content-Length: 4\r\nConnection: close\r\n\r\nbusy".encode())


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy that is gone when the block ends."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
