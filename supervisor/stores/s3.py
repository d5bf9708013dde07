"""An S3 bucket, through the minio SDK; the only place that knows minio and urllib3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from io import BytesIO
from xml.etree.ElementTree import ParseError

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from supervisor.stores.store import Headers, Stored, StoreError, Trouble

_SINGLE_PUT_BYTES = 512 * 1024 * 1024
"""Larger than any segment: an upload is always one request, which is what the free tier counts."""

_REFUSALS = {
    "AccessDenied": "Check that the key may read and write objects of this bucket.",
    "InvalidAccessKeyId": "Check R2_ACCESS_KEY: the store does not know it. Was it deleted or rotated?",
    "SignatureDoesNotMatch": "Check R2_SECRET_KEY: it does not belong to R2_ACCESS_KEY.",
    "NoSuchBucket": "Check R2_BUCKET and R2_ENDPOINT: there is no such bucket.",
    "PermanentRedirect": "Check R2_ENDPOINT: the bucket lives elsewhere.",
    "AuthorizationHeaderMalformed": "Check R2_REGION: the store expects another one.",
    "InvalidBucketName": "Check R2_BUCKET.",
}
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


class S3Store:
    """One bucket over kept-alive connections, every request bounded by ``timeout_s`` for each of its parts.

    Retries are the publisher's business: here a request is made once.
    """

    def __init__(self, account: Account, timeout_s: float) -> None:
        self._bucket = account.bucket
        self._client = Minio(
            account.endpoint,
            access_key=account.access_key,
            secret_key=account.secret_key,
            secure=account.secure,
            region=account.region,
            http_client=urllib3.PoolManager(
                # sending a whole body counts as connecting
                timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
                retries=False,
                maxsize=4,
                cert_reqs="CERT_REQUIRED",
                ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
            ),
        )
        self.name = f"bucket {account.bucket} at {account.endpoint}"

    def put(self, key: str, body: bytes, headers: Headers) -> None:
        """PutObject, in one request."""
        with _store_errors("put", key):
            self._client.put_object(
                self._bucket,
                key,
                BytesIO(body),
                len(body),
                content_type=headers.content_type,
                metadata={"Cache-Control": headers.cache_control},
                part_size=_SINGLE_PUT_BYTES,
            )

    def get(self, key: str) -> Stored | None:
        """GetObject; the age is told by the store's own two clock readings."""
        try:
            with _store_errors("get", key):
                response = self._client.get_object(self._bucket, key)
                try:
                    body, headers = response.read(), response.headers
                finally:
                    response.close()
                    response.release_conn()
        except StoreError as error:
            if error.code in _ABSENT:
                return None
            raise
        now, written = (parsedate_to_datetime(headers[name]) for name in ("Date", "Last-Modified"))
        return Stored(body, max(0.0, (now - written).total_seconds()))

    def delete(self, key: str) -> None:
        """DeleteObject."""
        with _store_errors("delete", key):
            self._client.remove_object(self._bucket, key)

    def keys(self, prefix: str) -> list[str]:
        """ListObjectsV2, every page of it."""
        with _store_errors("list", prefix):
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sorted(item.object_name for item in found if item.object_name)


@contextmanager
def _store_errors(operation: str, key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        code = error.code or "UnknownError"
        trouble = Trouble.REFUSED if code in _REFUSALS else Trouble.PASSING
        raise StoreError(operation, key, code, error.message or "", trouble, _REFUSALS.get(code, "")) from error
    except ServerError as error:
        raise StoreError(operation, key, f"HTTP {error.status_code}", str(error), Trouble.PASSING) from error
    except (InvalidResponseError, ParseError) as error:
        message = f"the answer is not one of an S3 server: {str(error)[:_EXCERPT_CHARACTERS]}"
        raise StoreError(operation, key, "InvalidResponse", message, Trouble.PASSING, "Check R2_ENDPOINT.") from error
    except HTTPError as error:
        raise StoreError(operation, key, type(error).__name__, str(error), Trouble.PASSING) from error
