"""The small web server: files as a bucket would serve them, and nothing that is not meant to be served."""

from __future__ import annotations

import hashlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from supervisor.errors import Exit, UserError
from supervisor.web import NOT_FOUND, Answer, Respond, WebServer, file_answer
from tests.rig.parts import do_without, eventually

BODY = b"a segment"
ETAG = f'"{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"'


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is served, and beside it and in it things that must not be."""
    tmp_path = tmp_path_factory.mktemp("web")
    root = tmp_path / "bucket"
    (root / "live/hq").mkdir(parents=True)
    (root / "live/hq/segment-00000042.flac").write_bytes(BODY)
    (root / "live/.manifest.json.x1").write_bytes(b"half of it")
    (root / ".hidden").mkdir()
    (root / ".hidden/writer").write_bytes(b"3f9c")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "bucket-of-another").mkdir()
    (tmp_path / "bucket-of-another/file").write_bytes(b"secret")
    (root / "way-out").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    return root


def _get(root: Path, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    return file_answer(root, path, headers or {}, {"Content-Type": "audio/flac", "Cache-Control": "no-cache"})


def test_a_file_is_answered_with_its_etag(bucket: Path) -> None:
    """The file comes whole, with the headers of its kind and an ETag of its content."""
    answer = _get(bucket, "/live/hq/segment-00000042.flac")
    assert (answer.status, answer.body) == (HTTPStatus.OK, BODY)
    assert answer.headers == {"Content-Type": "audio/flac", "Cache-Control": "no-cache", "ETag": ETAG}


@pytest.mark.parametrize("known", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*", f' {ETAG} , "x"'])
def test_what_is_known_already_is_not_sent_again(bucket: Path, known: str) -> None:
    """A client that has the file gets 304 with the same headers and no body."""
    answer = _get(bucket, "/live/hq/segment-00000042.flac", {"If-None-Match": known})
    assert (answer.status, answer.body) == (HTTPStatus.NOT_MODIFIED, b"")
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("known", ['"other"', "", ETAG.strip('"'), f"X{ETAG}"])
def test_what_has_changed_is_sent(bucket: Path, known: str) -> None:
    """A client with another version gets the file."""
    assert _get(bucket, "/live/hq/segment-00000042.flac", {"If-None-Match": known}).body == BODY


def test_the_etag_changes_with_the_content(tmp_path: Path) -> None:
    """A file that is written anew has another ETag."""
    (tmp_path / "manifest.json").write_bytes(b"something")
    before = _get(tmp_path, "/manifest.json").headers["ETag"]
    (tmp_path / "manifest.json").write_bytes(b"something else")
    after = _get(tmp_path, "/manifest.json", {"If-None-Match": before})
    assert (after.status, after.body) == (HTTPStatus.OK, b"something else")
    assert after.headers["ETag"] != before


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/live",
        "/live/",
        "/missing",
        "/live/hq/segment-00000042.flac/x",
        "/../secret",
        "/live/../../secret",
        "/live/hq/../../../secret",
        "../secret",
        "//../secret",
        "/../bucket-of-another/file",
        "/way-out",
        "/loop",
        "/live/.manifest.json.x1",
        "/.hidden/writer",
        "/live/../.hidden/writer",
        "/live/./hq/../.././bucket/.hidden/writer",
        "/live/hq/segment-00000042.flac\0",
        "/" + "a" * 300,
        "/" + "a/" * 3000,
    ],
)
def test_nothing_else_is_served(bucket: Path, path: str) -> None:
    """Folders, hidden files, whatever lies outside, and names that no file can have are not found."""
    assert _get(bucket, path) == NOT_FOUND


def test_an_absolute_path_stays_inside(bucket: Path) -> None:
    """A path that names the file from the machine's root finds nothing."""
    assert _get(bucket, str(bucket.parent / "secret")) == NOT_FOUND
    assert _get(bucket, f"/{bucket.parent / 'secret'}") == NOT_FOUND


def _echo(path: str, headers: Mapping[str, str]) -> Answer:
    return Answer(HTTPStatus.OK, f"{path}|{headers.get('X-Test', '')}".encode(), {"Content-Type": "text/plain"})


@contextmanager
def _serving(respond: Respond) -> Iterator[int]:
    server = WebServer(("127.0.0.1", 0), respond, "RADIO_STATUS_LISTEN")
    server.start()
    yield server.port
    server.stop()


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    """A server that answers what it was asked."""
    with _serving(_echo) as port:
        yield port


@pytest.fixture(scope="module")
def files_port(bucket: Path) -> Iterator[int]:
    """A server of the folder."""
    with _serving(lambda path, headers: file_answer(bucket, path, headers, {"Content-Type": "audio/flac"})) as port:
        yield port


@pytest.fixture
def echo(echo_port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection of the test's own to the server that answers what it was asked."""
    connection = http.client.HTTPConnection("127.0.0.1", echo_port, timeout=5)
    yield connection
    connection.close()


@pytest.fixture
def files(files_port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection of the test's own to the server of the folder."""
    connection = http.client.HTTPConnection("127.0.0.1", files_port, timeout=5)
    yield connection
    connection.close()


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection.request(method, path, headers=dict(headers or {}))
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def test_a_get_is_answered(echo: http.client.HTTPConnection) -> None:
    """Path and headers reach whoever answers: the path decoded and without its query."""
    status, body, headers = _ask(echo, "GET", "/a%20b/%C3%BC?x=1#y", {"X-Test": "z"})
    assert (status, body.decode()) == (200, "/a b/ü|z")
    assert headers["Content-Type"] == "text/plain"
    assert headers["Content-Length"] == str(len(body))


def test_a_head_is_a_get_without_its_body(echo: http.client.HTTPConnection) -> None:
    """HEAD tells the same status and headers, the length included, and sends nothing more."""
    _, body, of_get = _ask(echo, "GET", "/x")
    status, nothing, of_head = _ask(echo, "HEAD", "/x")
    assert (status, nothing) == (200, b"")
    assert of_head["Content-Length"] == of_get["Content-Length"] == str(len(body))


def test_a_connection_is_kept(echo: http.client.HTTPConnection) -> None:
    """Several requests of every kind go through one connection, as a player polls."""
    _ask(echo, "GET", "/1")
    first = echo.sock
    for method in ("HEAD", "OPTIONS", "GET"):
        _ask(echo, method, "/2")
    assert echo.sock is first
    assert first is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_cors_headers_come_with_an_origin_only(echo: http.client.HTTPConnection, method: str) -> None:
    """A page on another origin may read, and sees the ETag; without an origin there is nothing of it, as with R2."""
    *_, headers = _ask(echo, method, "/x")
    assert not [name for name in headers if name.startswith("Access-Control")]
    *_, headers = _ask(echo, method, "/x", {"Origin": "https://radio.example.org"})
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in headers["Access-Control-Expose-Headers"]
    assert "GET" in headers["Access-Control-Allow-Methods"]


def test_a_preflight_has_no_content(echo: http.client.HTTPConnection) -> None:
    """A preflight is answered by 204, without a body and without a length (RFC 9110, section 8.6)."""
    status, body, headers = _ask(echo, "OPTIONS", "/x", {"Origin": "https://radio.example.org"})
    assert (status, body) == (204, b"")
    assert headers["Content-Length"] is None
    assert "If-None-Match" in headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(echo: http.client.HTTPConnection, method: str) -> None:
    """Methods that would change something are not known."""
    assert _ask(echo, method, "/x")[0] in {405, 501}


@pytest.mark.parametrize("name", ["If-None-Match", "if-none-match", "IF-NONE-MATCH"])
def test_headers_are_known_in_any_case(files: http.client.HTTPConnection, name: str) -> None:
    """The names of headers have no case (RFC 9110, section 5.1): node, Deno and proxies write them small."""
    status, body, headers = _ask(files, "GET", "/live/hq/segment-00000042.flac", {name: ETAG})
    assert (status, body) == (304, b"")
    assert headers["ETag"] == ETAG
    status, body, _ = _ask(files, "GET", "/live/hq/segment-00000042.flac")
    assert (status, body) == (200, BODY)


@pytest.mark.parametrize(
    "path",
    ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/live/%2E%2E/%2E%2E/secret", "/%2ehidden/writer", "/way-out"],
)
def test_no_way_of_writing_it_leads_out(files: http.client.HTTPConnection, path: str) -> None:
    """However a path is encoded, what must not be served is not found."""
    status, body, _ = _ask(files, "GET", path)
    assert (status, body) == (404, NOT_FOUND.body)


@pytest.mark.parametrize("path", ["/%00", "/live/hq/segment-00000042.flac%00", "/" + "a" * 300, "/%ff%fe", "/loop"])
def test_strange_paths_are_answered(files: http.client.HTTPConnection, path: str) -> None:
    """A path that no file can have is not found, and the connection lives on."""
    assert _ask(files, "GET", path)[0] == 404
    assert _ask(files, "GET", "/live/hq/segment-00000042.flac")[0] == 200


def test_a_busy_port_is_told_with_the_setting() -> None:
    """An address that is taken is one clear error: which, by which setting, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError) as caught:
            WebServer(("127.0.0.1", port), _echo, "RADIO_STATUS_LISTEN")
    assert f"RADIO_STATUS_LISTEN: 127.0.0.1:{port} cannot be used: Address already in use" in caught.value.what
    assert "another radio-supervisor" in caught.value.remedy
    assert caught.value.exit_code is Exit.USAGE


def test_ipv6_is_an_address_too() -> None:
    """A server on ::1 answers there."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        do_without("IPv6")
    server = WebServer(("::1", 0), _echo, "RADIO_STATUS_LISTEN")
    server.start()
    try:
        connection = http.client.HTTPConnection("::1", server.port, timeout=5)
        connection.request("GET", "/here")
        assert connection.getresponse().status == HTTPStatus.OK
        connection.close()
    finally:
        server.stop()


def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer cannot hold up a start: nobody asks it for this machine's name."""
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("a name is looked up"))
    WebServer(("127.0.0.1", 0), _echo, "RADIO_STATUS_LISTEN").stop()


def test_an_address_of_another_machine_is_told() -> None:
    """An address that is not this machine's is the same clear error."""
    with pytest.raises(UserError, match=r"RADIO_STATUS_LISTEN: 192\.0\.2\.1:9464 cannot be used"):
        WebServer(("192.0.2.1", 9464), _echo, "RADIO_STATUS_LISTEN")


def test_the_port_is_free_again_after_a_stop() -> None:
    """A stopped server leaves nothing behind: the next one gets the same port at once."""
    first = WebServer(("127.0.0.1", 0), _echo, "RADIO_STATUS_LISTEN")
    first.start()
    port = first.port
    first.stop()
    second = WebServer(("127.0.0.1", port), _echo, "RADIO_STATUS_LISTEN")
    assert second.port == port
    second.stop()


def test_a_client_that_goes_away_does_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    """A client that is gone before its answer leaves the server running and nothing on the terminal."""
    large = bytes(20_000_000)
    server = WebServer(("127.0.0.1", 0), lambda *_: Answer(HTTPStatus.OK, large), "RADIO_STATUS_LISTEN")
    server.start()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(10)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    eventually(lambda: _ask(connection, "GET", "/")[1] == large, 5, "the server still answers")
    connection.close()
    server.stop()
    assert capfd.readouterr().err == ""


def _nobody_is_served() -> bool:
    return not any("process_request_thread" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("said", [b"", b"GET /li", b"GET / HTTP/1.1\r\nHost:"])
def test_a_client_that_resets_is_no_error(said: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that is reset while its request is read ends without a word, and the next one is answered."""
    with _serving(_echo) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(said)
            eventually(lambda: not _nobody_is_served(), 5, "it is being served")
            # a linger of 0 has close(2) send RST instead of FIN (socket(7))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(_nobody_is_served, 5, "the connection is over")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        assert _ask(connection, "GET", "/")[0] == HTTPStatus.OK
        connection.close()
    assert capfd.readouterr().err == ""


def test_an_error_of_ours_is_not_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    """What fails on our side while answering is told with its traceback."""

    def fails(*_: object) -> Answer:
        raise RuntimeError("out of order")

    with _serving(fails) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with pytest.raises(http.client.HTTPException):
            _ask(connection, "GET", "/")
        connection.close()
        eventually(_nobody_is_served, 5, "the connection is over")
    assert "RuntimeError: out of order" in capfd.readouterr().err
