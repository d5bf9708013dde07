"""What the S3 store leans on in the minio SDK beyond its documented interface."""

from __future__ import annotations

import http.server
import threading
from typing import ClassVar

import pytest

from supervisor.stores.s3 import Account, S3Store
from supervisor.stores.store import Headers, StoreError, Trouble


class _Refusing(http.server.BaseHTTPRequestHandler):
    requests: ClassVar[list[str]] = []
    status = 503

    def do_PUT(self) -> None:
        self.requests.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"busy")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_call_is_one_request(status: int) -> None:
    """The SDK and urllib3 retry nothing by themselves: retries are decided in one place, with fresh signatures."""
    requests: list[str] = []
    handler = type("Handler", (_Refusing,), {"status": status, "requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = S3Store(Account(f"127.0.0.1:{server.server_address[1]}", False, "bucket", "a", "s"), timeout_s=5)
        with pytest.raises(StoreError) as failed:
            store.put("key", b"body", Headers("text/plain", "no-cache"))
        server.shutdown()
    assert failed.value.trouble is Trouble.PASSING
    assert str(status) in str(failed.value)
    assert requests == ["/bucket/key"]
