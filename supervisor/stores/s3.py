"""An S3 bucket, through the minio SDK; the only place that knows minio and urllib3."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, cast
from xml.etree.ElementTree import ParseError

import certifi
import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.time import to_amz_date
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from supervisor.clock import Clock, SystemClock
from supervisor.stores.skew import Skew
from supervisor.stores.store import Body, Headers, Stored, StoreError, Trouble

STALLED_S = 10.0
"""A connection that carries nothing for so long is given up, however much time its request would have."""

_QUICKLY_SENT_BYTES = 65_536
"""What is no larger is not what a request waits for."""

_REFUSALS = {
    "AccessDenied": "Check that the key may read and write objects of this bucket.",
    "InvalidAccessKeyId": "Check R2_ACCESS_KEY: the store does not know it. Was it deleted or rotated?",
    "SignatureDoesNotMatch": "Check R2_SECRET_KEY: it does not belong to R2_ACCESS_KEY.",
    "Unauthorized": "Check R2_ACCESS_KEY, R2_SECRET_KEY and the account in R2_ENDPOINT (.eu. for a jurisdiction): "
    "R2 knows no such key there.",
    "NotEntitled": "The account has no R2 subscription: see the Cloudflare dashboard.",
    "NoSuchBucket": "Check R2_BUCKET and R2_ENDPOINT: there is no such bucket.",
    "PermanentRedirect": "Check R2_ENDPOINT: the bucket lives elsewhere.",
    "AuthorizationHeaderMalformed": "Check R2_REGION: the store expects another one.",
    "InvalidBucketName": "Check R2_BUCKET.",
}
_CLOCK = {
    "RequestTimeTooSkewed": "The clock of this machine or of the store is wrong: check time synchronisation "
    "(timedatectl). The keys are not to blame."
}
_CLOCK_FIRST = (
    "It went through until now: check time synchronisation first (timedatectl): "
    "the store's clock is {:+.1f} s from this machine's."
)
_FORBIDDEN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_ABSENT = {"NoSuchKey"}
_EXCERPT_CHARACTERS = 200


@dataclass(frozen=True)
class Account:
    """Where the bucket is and who we are there; the secret is in no ``repr``."""

    endpoint: str
    secure: bool
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "auto"


class _NotingPool(urllib3.PoolManager):
    """Notes the Date of every answer, and tells a slow line from a dead one.

    The kernel ends a connection on which nothing was acknowledged for ``STALLED_S`` (tcp(7)), a new one too. What is
    acknowledged has ``timeout_s`` to get there and be answered, if it is much, and else ``STALLED_S``.
    """

    def __init__(self, skew: Skew, clock: Clock, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._stalled_s = min(STALLED_S, timeout_s)
        given_up = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._stalled_s * 1000))
        super().__init__(
            socket_options=[*HTTPConnection.default_socket_options, given_up],
            retries=False,
            maxsize=4,
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        self._skew = skew
        self._clock = clock

    def urlopen(  # type: ignore[override] # the base class narrows redirect in its own signature
        self, method: str, url: str, *, redirect: bool = True, **kw: Any
    ) -> urllib3.BaseHTTPResponse:
        """Makes the request."""
        is_much = len(kw.get("body") or b"") > _QUICKLY_SENT_BYTES
        timeout = urllib3.Timeout(total=self._timeout_s if is_much else self._stalled_s)
        asked_at_s = self._clock.boottime_s()
        answer = super().urlopen(method, url, redirect=redirect, timeout=timeout, **kw)
        with suppress(KeyError, ValueError):  # no date, or none that means anything, tells nothing
            date_s = parsedate_to_datetime(answer.headers["Date"]).timestamp()
            self._skew.answered(date_s, asked_at_s, self._clock.boottime_s())
        return answer


class _TimelyMinio(Minio):
    """Signs with the store's time where ours is wrong.

    Leans on three private methods of the SDK, which is pinned for that; tests/contract/test_minio_canary.py watches.
    """

    skew: Skew

    def put_whole(self, bucket: str, key: str, body: Body, headers: dict[str, str]) -> None:
        """What ``put_object`` does in the end, which cuts a stream into parts first and copies what it reads of it."""
        self._put_object(bucket, key, cast("bytes", body), {**headers})

    def _build_headers(self, *args: Any, **kw: Any) -> Any:
        headers, date = super()._build_headers(*args, **kw)
        corrected = date + timedelta(seconds=self.skew.correction_s)
        headers["x-amz-date"] = to_amz_date(corrected)
        return headers, corrected

    def _url_open(self, *args: Any, **kw: Any) -> Any:
        try:
            return super()._url_open(*args, **kw)
        except S3Error as error:
            if error.code != "RequestTimeTooSkewed":
                raise
            self.skew.refused()
            return super()._url_open(*args, **kw)


class _Signatory(Provider):
    """The keys that the next request is signed with: the SDK asks for them once for each."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self.change(access_key, secret_key)

    def change(self, access_key: str, secret_key: str) -> None:
        """One assignment, so that no thread ever sees half of a pair."""
        self._pair = Credentials(access_key, secret_key)

    def retrieve(self) -> Credentials:
        """The keys now."""
        return self._pair


class S3Store:
    """One bucket over kept-alive connections; a request that carries much has ``timeout_s``, any other 10 s at most.

    Retries are the publisher's business: here a request is made once.
    """

    def __init__(self, account: Account, timeout_s: float) -> None:
        self._bucket = account.bucket
        clock = SystemClock()
        self.skew = Skew(clock)
        self._signatory = _Signatory(account.access_key, account.secret_key)
        self._client = _TimelyMinio(
            account.endpoint,
            credentials=self._signatory,
            secure=account.secure,
            region=account.region,
            http_client=_NotingPool(self.skew, clock, timeout_s),
        )
        self._client.skew = self.skew
        self._went_through: set[str] = set()
        self.name = f"bucket {account.bucket} at {account.endpoint}"

    @property
    def clock_ahead_s(self) -> float | None:
        """By the Date of its last answers."""
        return self.skew.offset_s

    def sign_with(self, access_key: str, secret_key: str) -> None:
        """Signs with these keys from the next request on; those under way end as they were begun."""
        self._signatory.change(access_key, secret_key)

    def put(self, key: str, body: Body, headers: Headers) -> None:
        """PutObject, in one request."""
        sent = {"Content-Type": headers.content_type, "Cache-Control": headers.cache_control}
        with self._request("put", key):
            self._client.put_whole(self._bucket, key, body, sent)

    def get(self, key: str) -> Stored | None:
        """GetObject; the age is told by the store's own two clock readings."""
        try:
            with self._request("get", key):
                response = self._client.get_object(self._bucket, key)
                try:
                    body, headers = response.read(), response.headers
                finally:
                    response.close()
                    response.release_conn()
                now, written = (parsedate_to_datetime(headers[name]) for name in ("Date", "Last-Modified"))
        except StoreError as error:
            if error.code in _ABSENT:
                return None
            raise
        return Stored(body, max(0.0, (now - written).total_seconds()))

    def delete(self, key: str) -> None:
        """DeleteObject."""
        with self._request("delete", key):
            self._client.remove_object(self._bucket, key)

    def keys(self, prefix: str) -> list[str]:
        """ListObjectsV2, every page of it."""
        with self._request("list", prefix):
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sorted(item.object_name for item in found if item.object_name)

    def buckets(self) -> list[str]:
        """ListBuckets: all that the key can see, which is not for publishing but tells how much the key may do."""
        with self._request("list buckets", ""):
            return sorted(bucket.name for bucket in self._client.list_buckets())

    @contextmanager
    def _request(self, operation: str, key: str) -> Iterator[None]:
        """A failure becomes a StoreError; keys that were good until now are not the first thing to doubt."""
        try:
            with _store_errors(operation, key):
                yield
        except StoreError as error:
            _let_go(error)
            if operation in self._went_through and _is_forbidden(error):
                error.hint = f"{_CLOCK_FIRST.format(self.clock_ahead_s or 0.0)} {error.hint}".strip()
            raise
        self._went_through.add(operation)


def _let_go(error: BaseException | None) -> None:
    """Frees what a failed request held, its body above all, which the SDK's errors would until garbage is collected."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _is_forbidden(error: StoreError) -> bool:
    """Whether it is a 401 or a 403 that does not already speak of the time."""
    cause = error.__cause__
    return isinstance(cause, S3Error) and cause.response.status in _FORBIDDEN and error.code not in _CLOCK


def _code(error: S3Error) -> str:
    """The store's own; R2 calls an access key that is not 32 characters long an invalid argument."""
    if error.code == "InvalidArgument" and "credential access key" in (error.message or "").lower():
        return "InvalidAccessKeyId"
    return error.code or "UnknownError"


@contextmanager
def _store_errors(operation: str, key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        code = _code(error)
        trouble = Trouble.REFUSED if code in _REFUSALS else Trouble.PASSING
        raise StoreError(
            operation, key, code, error.message or "", trouble, (_REFUSALS | _CLOCK).get(code, "")
        ) from error
    except ServerError as error:
        raise StoreError(operation, key, f"HTTP {error.status_code}", str(error), Trouble.PASSING) from error
    except (InvalidResponseError, ParseError, KeyError, ValueError) as error:
        # any other ValueError may speak of the request, whose headers are nobody's business
        told = str(error) if isinstance(error, (InvalidResponseError, ParseError)) else type(error).__name__
        message = f"the answer is not one of an S3 server: {told[:_EXCERPT_CHARACTERS]}"
        raise StoreError(operation, key, "InvalidResponse", message, Trouble.PASSING, "Check R2_ENDPOINT.") from error
    except HTTPError as error:
        raise StoreError(operation, key, type(error).__name__, str(error), Trouble.PASSING) from error
