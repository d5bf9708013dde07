"""What the publisher may rely on, run against every store."""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from supervisor.files import mapped
from supervisor.stores.folder import FolderStore
from supervisor.stores.s3 import Account, S3Store
from supervisor.stores.store import Headers, Store, StoreError, Trouble
from tests.rig.answering import answering
from tests.rig.parts import ROOT, free_port, need
from tests.rig.proxy import BLACK_HOLE, Line, proxy_to
from tests.rig.radio import UNPRIVILEGED
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY, S3Server

HEADERS = Headers("audio/flac", "public, max-age=31536000, immutable")
BUCKET = "contract"


def s3_store(port: int, secret_key: str = SECRET_KEY, access_key: str = ACCESS_KEY, bucket: str = BUCKET) -> S3Store:
    """A store of the project's own kind on the test's server."""
    account = Account(f"127.0.0.1:{port}", False, bucket, access_key, secret_key)
    return S3Store(account, timeout_s=5)


@pytest.fixture(scope="module")
def contract_bucket(s3_server: S3Server) -> S3Server:
    """The server with the suite's bucket in it."""
    s3_server.make_bucket(BUCKET)
    return s3_server


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store in turn, empty."""
    if request.param == "folder":
        yield FolderStore(tmp_path)
        return
    server: S3Server = request.getfixturevalue("contract_bucket")
    made = s3_store(server.port)
    yield made
    for key in made.keys(""):
        made.delete(key)


def test_what_was_put_is_got(store: Store) -> None:
    """An object comes back whole, and its age is that of something just written."""
    store.put("live/hq/segment-00000001.flac", b"\x00\xff" * 1_500_000, HEADERS)
    stored = store.get("live/hq/segment-00000001.flac")
    assert stored is not None
    assert stored.body == b"\x00\xff" * 1_500_000
    assert stored.age_s < 10


def test_a_mapped_file_is_stored_as_it_is(store: Store, tmpfs: Path) -> None:
    """A segment goes from the spool to the store without a copy in between, and its file may go meanwhile."""
    (tmpfs / "segment").write_bytes(b"\x00\xff" * 1_500_000)
    with mapped(tmpfs / "segment") as body:
        (tmpfs / "segment").unlink()
        store.put("live/hq/segment-00000002.flac", body, HEADERS)
    stored = store.get("live/hq/segment-00000002.flac")
    assert stored is not None
    assert stored.body == b"\x00\xff" * 1_500_000


@pytest.mark.timeout(30)
def test_a_request_that_broke_holds_nothing_of_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs up in the middle of an upload over TLS costs neither memory nor a descriptor."""
    (tmp_path / "segment").write_bytes(os.urandom(3_000_000))
    gc.disable()  # what goes with the next collection would go unseen
    try:
        with hanging_up(tmp_path) as port:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
            account = Account(f"127.0.0.1:{port}", True, BUCKET, ACCESS_KEY, SECRET_KEY)
            broken = S3Store(account, timeout_s=5)
            for _ in range(3):
                with pytest.raises(StoreError) as failed, mapped(tmp_path / "segment") as body:
                    broken.put("key", body, HEADERS)
                assert failed.value.trouble is Trouble.PASSING
        assert "segment" not in Path("/proc/self/maps").read_text(encoding="utf-8")
    finally:
        gc.enable()


@contextmanager
def hanging_up(folder: Path) -> Iterator[int]:
    """The port of a server with a ``certificate`` in ``folder`` that resets each connection when something comes."""
    need("openssl")
    certificate, key = folder / "certificate", folder / "key"
    made = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "1", "-subj", "/CN=127.0.0.1"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(["openssl", *made, *files], capture_output=True, timeout=20, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # the end of the test closes it
                while True:
                    plain, _ = server.accept()
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(1000)

        thread = threading.Thread(target=serve, name="hanging-up")
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_nothing_is_got_where_nothing_was_put(store: Store) -> None:
    """A missing object is None, not an error."""
    assert store.get("live/manifest.json") is None


def test_put_replaces(store: Store) -> None:
    """The manifest is rewritten in place."""
    store.put("live/manifest.json", b"old", HEADERS)
    store.put("live/manifest.json", b"new!", HEADERS)
    stored = store.get("live/manifest.json")
    assert stored is not None
    assert stored.body == b"new!"


def test_delete_removes_and_may_be_repeated(store: Store) -> None:
    """A delete that is tried again, because its answer was lost, is no error."""
    store.put("live/a", b"x", HEADERS)
    store.delete("live/a")
    store.delete("live/a")
    assert store.get("live/a") is None


def test_keys_are_listed_by_prefix(store: Store) -> None:
    """Exactly the keys below the prefix are listed, sorted."""
    for key in ("live/b", "live/a", "other/live/c", "lively"):
        store.put(key, b"x", HEADERS)
    assert store.keys("live/") == ["live/a", "live/b"]


def test_more_keys_than_one_page_of_a_listing(store: Store) -> None:
    """A listing does not end at the thousand keys of S3's pages."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"many/{n:04d}", b"", HEADERS), range(1_050)))
    assert len(store.keys("many/")) == 1_050
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.delete, store.keys("many/")))


def test_s3_serves_the_headers_that_were_given(contract_bucket: S3Server) -> None:
    """Browsers get the content type and the cache header."""
    s3_store(contract_bucket.port).put("headers", b"x", HEADERS)
    told = contract_bucket.client().stat_object(BUCKET, "headers")
    assert told.content_type == HEADERS.content_type
    assert told.metadata is not None
    assert told.metadata["Cache-Control"] == HEADERS.cache_control


@pytest.mark.parametrize(
    ("wrong", "code", "named"),
    [
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch", "R2_SECRET_KEY"),
        ({"access_key": "NOBODY"}, "InvalidAccessKeyId", "R2_ACCESS_KEY"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket", "R2_BUCKET"),
    ],
)
def test_s3_refusals_are_named(contract_bucket: S3Server, wrong: dict[str, str], code: str, named: str) -> None:
    """A refusal carries the server's own code, names the setting to check, and not the secret."""
    with pytest.raises(StoreError) as refused:
        s3_store(contract_bucket.port, **wrong).put("x", b"x", HEADERS)
    assert refused.value.code == code
    assert refused.value.trouble is Trouble.REFUSED
    assert named in refused.value.hint
    assert SECRET_KEY not in repr(refused.value)


def test_s3_signs_with_other_keys_from_the_next_request_on(contract_bucket: S3Server) -> None:
    """Keys change while threads are at work: each request is signed with one whole pair, the newest."""
    contract_bucket.add_key("SECONDKEY00000000002", "second-secret")
    made = s3_store(contract_bucket.port)
    pairs = [("SECONDKEY00000000002", "second-secret"), (ACCESS_KEY, SECRET_KEY)]
    with ThreadPoolExecutor(4) as pool:
        puts = [pool.submit(made.put, f"changing/{n}", b"x", HEADERS) for n in range(200)]
        turns = 0
        while not all(put.done() for put in puts):
            made.sign_with(*pairs[turns % 2])
            turns += 1
        assert [put.exception() for put in puts if put.exception()] == []
    assert turns > 1
    made.sign_with("NOBODY", "wrong")
    with pytest.raises(StoreError) as refused:
        made.put("changing/last", b"x", HEADERS)
    assert refused.value.code == "InvalidAccessKeyId"


def test_keys_that_went_through_are_not_the_first_to_be_doubted(s3_server: S3Server) -> None:
    """A 403 after a success says to check the time first, and by how much the clocks differ; one before it does not."""
    s3_server.make_bucket("turned-away")
    made = s3_store(s3_server.port, bucket="turned-away")
    made.put("x", b"x", HEADERS)
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:PutObject", "s3:DeleteObject"],
        "Resource": ["arn:aws:s3:::turned-away/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3_server.client().set_bucket_policy("turned-away", policy)
    with pytest.raises(StoreError) as later:
        made.put("x", b"x", HEADERS)
    assert later.value.code == "AccessDenied"
    told = r"It went through until now: check time synchronisation first.* [+-][01]\.\d s .*Check that the key"
    assert re.match(told, later.value.hint)
    with pytest.raises(StoreError) as first:
        made.delete("x")
    assert first.value.code == "AccessDenied"
    assert "time" not in first.value.hint


@pytest.mark.parametrize("told_s", [None, 0.0])
def test_a_folder_tells_no_clock_but_the_one_it_is_given(tmp_path: Path, told_s: float | None) -> None:
    """Nothing vouches for this machine's clock by being a folder on it."""
    assert FolderStore(tmp_path).clock_ahead_s is None
    assert FolderStore(tmp_path, lambda: told_s).clock_ahead_s == told_s


def test_s3_tells_its_clock(contract_bucket: S3Server) -> None:
    """How far the server's clock is from ours is known from its first answer on, and not before."""
    made = s3_store(contract_bucket.port)
    before_s = made.clock_ahead_s
    assert before_s is None
    made.get("x")
    after_s = made.clock_ahead_s
    assert after_s is not None
    assert abs(after_s) < 2


def test_s3_out_of_reach_is_passing() -> None:
    """A server that is not there is worth trying again."""
    with pytest.raises(StoreError) as failed:
        s3_store(free_port()).get("x")
    assert failed.value.trouble is Trouble.PASSING


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    """A folder that may not be written is told as somebody's to mend, not tried for ever without a word."""
    need("setpriv")
    (tmp_path / "live").mkdir(mode=0o500)
    within = UNPRIVILEGED if os.geteuid() == 0 else ()
    told = subprocess.run(
        [*within, sys.executable, "-c", _PUT_INTO_FOLDER, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert told.stdout.split() == ["put", "refused", "Check", "the", "folder's", "owner", "and", "mode."]


_PUT_INTO_FOLDER = """
import sys
from pathlib import Path
from supervisor.files import mapped
from supervisor.stores.folder import FolderStore
from supervisor.stores.store import Headers, StoreError

try:
    FolderStore(Path(sys.argv[1])).put("live/manifest.json", b"x", Headers("", ""))
except StoreError as error:
    print(error.operation, error.trouble.value, error.hint)
"""


def test_a_folder_where_a_file_is_in_the_way_is_passing(tmp_path: Path) -> None:
    """What is in the way may be taken away: it is tried again."""
    (tmp_path / "live").write_bytes(b"a file where a folder should be")
    with pytest.raises(StoreError) as failed:
        FolderStore(tmp_path).put("live/manifest.json", b"x", HEADERS)
    assert (failed.value.operation, failed.value.trouble) == ("put", Trouble.PASSING)


def test_connections_are_kept_alive(contract_bucket: S3Server) -> None:
    """A row of requests goes over one connection: no segment waits for a new one to be made."""
    with proxy_to(contract_bucket.port) as line:
        made = s3_store(line.port)
        for number in range(10):
            made.put(f"kept-alive/{number}", b"x", HEADERS)
            made.delete(f"kept-alive/{number}")
        assert line.accepted == 1


def test_an_upload_is_one_request(contract_bucket: S3Server) -> None:
    """A segment of 30 s, larger than the SDK's parts, is one PUT: three writes a segment is what is paid for."""
    s3_store(contract_bucket.port).put("large", bytes(9_000_000), HEADERS)
    etag = contract_bucket.client().stat_object(BUCKET, "large").etag
    assert etag is not None
    assert "-" not in etag


def test_an_account_does_not_show_its_secret() -> None:
    """The secret is in no repr, and so in no log line that prints one."""
    assert SECRET_KEY not in repr(Account("host", True, "bucket", ACCESS_KEY, SECRET_KEY))


def _error(status: str, code: str, message: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


@pytest.mark.parametrize(
    ("answer", "code", "named"),
    [
        (_error("401 Unauthorized", "Unauthorized", "Unauthorized"), "Unauthorized", "R2_ENDPOINT"),
        (
            _error("400 Bad Request", "InvalidArgument", "Credential access key has length 20, should be 32"),
            "InvalidAccessKeyId",
            "R2_ACCESS_KEY",
        ),
        (
            _error("403 Forbidden", "NotEntitled", "Please enable R2."),
            "NotEntitled",
            "subscription",
        ),
    ],
)
def test_r2_s_own_refusals_are_named(answer: bytes, code: str, named: str) -> None:
    """What R2 says instead of S3's codes is a refusal too, with what to check, and not a network that is away."""
    with answering(answer) as url, pytest.raises(StoreError) as refused:
        s3_store(int(url.rpartition(":")[2])).put("x", b"x", HEADERS)
    assert (refused.value.code, refused.value.trouble) == (code, Trouble.REFUSED)
    assert named in refused.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n\xe4\xf6\xfc\xdf",
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/xml\r\nContent-Length: 4\r\n\r\n\xe4\xf6\xfc\xdf",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nDate: today\r\nLast-Modified: now\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/login\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=["latin-1 page", "latin-1 XML", "no date", "no date that means anything", "a login page", "no HTTP", "nothing"],
)
def test_whatever_answers_is_a_store_error(answer: bytes) -> None:
    """A proxy, a login page or a fault of the server's is trouble that passes; a store raises nothing else."""
    with answering(answer) as url, pytest.raises(StoreError) as failed:
        s3_store(int(url.rpartition(":")[2])).get("live/manifest.json")
    assert failed.value.trouble is Trouble.PASSING


def test_an_odd_date_does_not_fail_a_request() -> None:
    """What is stored is stored, whatever the answer says of the time."""
    told = b'HTTP/1.1 200 OK\r\nDate: today\r\nETag: "0"\r\nContent-Length: 0\r\n\r\n'
    with answering(told) as url:
        made = s3_store(int(url.rpartition(":")[2]))
        made.put("x", b"x", HEADERS)
    assert made.clock_ahead_s is None


@pytest.fixture
def stalled_s(monkeypatch: pytest.MonkeyPatch) -> float:
    """After so many seconds without a byte a line is dead; less than a station waits, for a test's sake."""
    monkeypatch.setattr("supervisor.stores.s3.STALLED_S", 1.0)
    return 1.0


@contextmanager
def _deaf() -> Iterator[int]:
    """A port at which the kernel drops every attempt to connect, as a network does that is a black hole."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@contextmanager
def _swallowing() -> Iterator[int]:
    """A port that takes connections and nothing else."""
    with proxy_to(free_port()) as proxy:
        proxy.become(BLACK_HOLE)
        yield proxy.port


@pytest.mark.parametrize("dead", [_deaf, _swallowing])
def test_a_line_that_carries_nothing_is_given_up_soon(
    dead: Callable[[], AbstractContextManager[int]], stalled_s: float
) -> None:
    """However long an upload may take, nobody waits for that on a line on which nothing moves."""
    with dead() as port:
        account = Account(f"127.0.0.1:{port}", False, BUCKET, ACCESS_KEY, SECRET_KEY)
        made = S3Store(account, timeout_s=60)
        much: Callable[[], object] = partial(made.put, "x", bytes(3_000_000), HEADERS)
        for request in (much, partial(made.get, "x")):
            began_s = time.monotonic()
            with pytest.raises(StoreError) as failed:
                request()
            assert failed.value.trouble is Trouble.PASSING
            assert stalled_s * 0.9 < time.monotonic() - began_s < 15


def test_a_slow_line_has_the_time_that_it_was_given(contract_bucket: S3Server, stalled_s: float) -> None:
    """A line on which something moves is slow, not dead: what it carries gets there."""
    with proxy_to(contract_bucket.port) as proxy:
        proxy.become(Line(bit_s=2e6))
        account = Account(f"127.0.0.1:{proxy.port}", False, BUCKET, ACCESS_KEY, SECRET_KEY)
        began_s = time.monotonic()
        S3Store(account, timeout_s=60).put("slow", bytes(1_000_000), HEADERS)
        assert time.monotonic() - began_s > 3 * stalled_s
