"""A small HTTP server for loopback: JSON documents by path, and files of a folder as a bucket would serve them."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from urllib.parse import unquote, urlsplit

from supervisor.errors import UserError

_LOOKS_UP_EVERY_S = 1.0  # how often the server wakes without a request, to see whether it was stopped


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


NOT_FOUND = Answer(HTTPStatus.NOT_FOUND, b"not found\n", {"Content-Type": "text/plain"})

_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}

Respond = Callable[[str, Mapping[str, str]], Answer]
"""Answers a GET of a path (decoded, without its query), given the request's headers (``If-None-Match`` …)."""


class WebServer:
    """Answers GET and HEAD at one address, each connection in a thread of its own.

    Raises:
        UserError: the address cannot be bound; ``setting`` is named as what to change.
    """

    def __init__(self, address: tuple[str, int], respond: Respond, setting: str) -> None:
        handler = type("Handler", (_Handler,), {"respond": staticmethod(respond)})
        try:
            self._server = _Server(address, handler)
        except OSError as error:
            raise UserError(
                f"{setting}: {address[0]}:{address[1]} cannot be used: {error.strerror}",
                "Is another radio-supervisor running? Stop it, or choose another port.",
            ) from error
        self._thread = threading.Thread(target=self._serve, name=f"http-{self.port}", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=_LOOKS_UP_EVERY_S)

    def stop(self) -> None:
        """Stops answering and joins its thread."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Binds, and does not ask DNS for this machine's name, as HTTPServer would: it may take long, for nobody."""
        TCPServer.server_bind(self)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that hangs up, at whatever moment, is no error of ours; anything else is told as it is."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    respond: Respond

    def do_GET(self) -> None:
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        self._send(with_body=False)

    def do_OPTIONS(self) -> None:
        """A CORS preflight."""
        self._write(Answer(HTTPStatus.NO_CONTENT, b""), with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Requests are not logged."""

    def _send(self, *, with_body: bool) -> None:
        headers = {name.title(): value for name, value in self.headers.items()}
        self._write(self.respond(unquote(urlsplit(self.path).path), headers), with_body=with_body)

    def _write(self, answer: Answer, *, with_body: bool) -> None:
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status not in _BODILESS:
                self.send_header("Content-Length", str(len(answer.body)))
            if "Origin" in self.headers:
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Expose-Headers", "ETag, Content-Length, Date")
                self.send_header("Access-Control-Allow-Methods", "GET, HEAD")
                self.send_header("Access-Control-Allow-Headers", "If-None-Match, Range")
            self.end_headers()
            if with_body and answer.status not in _BODILESS:
                self.wfile.write(answer.body)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True


def file_answer(root: Path, path: str, request: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """The file at ``path`` below ``root``, with an ETag, or 304 when ``If-None-Match`` names it already."""
    if any(part.startswith(".") for part in Path(path).parts):
        return NOT_FOUND
    try:
        file = (root / path.lstrip("/")).resolve()
        body = file.read_bytes() if file.is_relative_to(root.resolve()) else None
    except (OSError, RuntimeError, ValueError):  # no such file, or a name that no file can have
        body = None
    if body is None:
        return NOT_FOUND
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    sent = {**headers, "ETag": etag}
    asked = {tag.strip().removeprefix("W/") for tag in request.get("If-None-Match", "").split(",")}
    if etag in asked or "*" in asked:
        return Answer(HTTPStatus.NOT_MODIFIED, b"", sent)
    return Answer(HTTPStatus.OK, body, sent)
