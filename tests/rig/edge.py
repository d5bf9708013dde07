"""What stands between a bucket and its listeners: passes requests on to the real server, and changes the answers."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Passed:
    """An answer on its way."""

    status: int
    headers: dict[str, str]
    body: bytes

    def having(self, **headers: str | None) -> Passed:
        """The same with other headers (``_`` for ``-``); None takes one away."""
        changed = {name.replace("_", "-").title(): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name.title() not in changed}
        return replace(self, headers=kept | {name: value for name, value in changed.items() if value is not None})


Change = Callable[[str, Passed], Passed]
"""Given the method and the true answer: what is sent."""


class _Handler(BaseHTTPRequestHandler):
    target: tuple[str, int]
    change: Change

    def pass_on(self) -> None:
        """Asks the real server the same."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(*self.target, timeout=10)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        passed = type(self).change(self.command, Passed(answer.status, headers, answer.read()))
        connection.close()
        self.send_response(passed.status)
        for name, value in passed.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(passed.body)))
        self.end_headers()
        self.wfile.write(passed.body)

    do_GET = do_PUT = do_OPTIONS = pass_on  # noqa: N815 - the base class calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Requests are not logged."""


@contextmanager
def edge(target_port: int, change: Change) -> Iterator[int]:
    """The port at which the server at ``target_port`` is seen through ``change`` until the block ends."""
    handler = type("Handler", (_Handler,), {"target": ("127.0.0.1", target_port), "change": staticmethod(change)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), name="edge")
    serving.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
