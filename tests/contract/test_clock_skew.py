"""A wrong clock, here or there, costs no segment and is never taken for wrong keys."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import suppress

import minio.time
import pytest
from minio.error import S3Error

from supervisor.stores.s3 import Account, S3Store
from supervisor.stores.store import Headers
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY, S3Server, start_s3

HEADERS = Headers("text/plain", "no-cache")
WRONG_S = 1_200


@pytest.fixture(params=[WRONG_S, -WRONG_S], ids=["ahead", "behind"])
def wrong_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server whose clock is 20 minutes off."""
    server = start_s3(tmp_path_factory.mktemp("rgw"), clock_offset_s=request.param)
    yield server
    server.stop()


def store(server: S3Server) -> S3Store:
    """A new store of the project's own kind; its bucket is there."""
    account = Account(f"127.0.0.1:{server.port}", False, "skewed", ACCESS_KEY, SECRET_KEY, region="us-east-1")
    made = S3Store(account, timeout_s=5)
    with suppress(S3Error):  # it is there already
        made._client.make_bucket("skewed")
    return made


@pytest.mark.timeout(60)
def test_a_server_20_minutes_off_is_written_to(wrong_server: S3Server) -> None:
    """The first request is signed again with the server's time, and all later ones at once."""
    with pytest.raises(S3Error, match="RequestTimeTooSkewed"):
        wrong_server.client().list_buckets()
    made = store(wrong_server)
    for number in range(12):
        made.put(f"key{number}", b"body", HEADERS)
    stored = made.get("key11")
    assert stored is not None
    assert stored.body == b"body"
    assert stored.age_s < 10
    assert made.clock_ahead_s is not None
    assert abs(abs(made.clock_ahead_s) - WRONG_S) < 3
    assert made.skew.correction_s == pytest.approx(made.clock_ahead_s, abs=0.01)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("jump_s", [WRONG_S, -WRONG_S])
def test_our_clock_jumps_while_on_air(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, jump_s: int) -> None:
    """After a step of the host's clock the next request goes through, without a restart."""
    made = store(s3_server)
    for number in range(12):
        made.put(f"key{number}", b"before", HEADERS)
    assert made.skew.correction_s == 0.0
    now, utcnow = time.time, minio.time.utcnow
    monkeypatch.setattr("supervisor.clock.time.time", lambda: now() + jump_s)
    monkeypatch.setattr("minio.time.utcnow", lambda: utcnow() + dt.timedelta(seconds=jump_s))
    for number in range(12):
        made.put(f"key{number}", b"after", HEADERS)
    assert made.clock_ahead_s is not None
    assert abs(made.clock_ahead_s + jump_s) < 3
