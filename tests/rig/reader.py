"""Somebody who reads the bucket as fast as possible and believes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from minio.error import S3Error, ServerError

from tests.rig.s3 import Bucket


class Reader:
    """Polls the manifest without pause; every key of every manifest must be there, with the size that it says."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(10), maxsize=2, retries=False)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader")
        self.manifests: list[dict[str, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.etags: dict[str, str] = {}
        self.segments: dict[int, dict[str, Any]] = {}
        self.violations: list[str] = []
        self.most_objects = {"hq": 0, "lq": 0}

    def start(self) -> None:
        """Begins to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, after one last look."""
        self._ended.set()
        self._thread.join()

    def forget(self, key: str) -> None:
        """Lets the bytes of an object go; it stays known."""
        if key in self.objects:
            self.objects[key] = b""

    def _read(self) -> None:
        while not self._ended.is_set():
            self.look()
        self.look()

    def look(self) -> None:
        """One look at the manifest, at everything that it names, and at what is in the bucket.

        While the store does not answer there is nothing to see.
        """
        try:
            self._look()
        except (urllib3.exceptions.HTTPError, ServerError):
            self._ended.wait(0.05)

    def _look(self) -> None:
        manifest = self._manifest()
        if manifest is None:
            return
        if not self.manifests or manifest != self.manifests[-1]:
            self.manifests.append(manifest)
        for segment in manifest["segments"]:
            for quality in ("hq", "lq"):
                self._check(segment[quality]["key"], segment[quality]["bytes"])
            if self.segments.setdefault(segment["index"], segment) != segment:
                self.violations.append(f"index {segment['index']} was used for two segments")
        try:
            keys = self._bucket.keys()
        except S3Error as error:
            if error.code == "RequestTimeTooSkewed":  # who reads needs no signature, and so no clock
                return
            raise
        for quality, most in self.most_objects.items():
            self.most_objects[quality] = max(most, sum(f"/{quality}/" in key for key in keys))

    def _manifest(self) -> dict[str, Any] | None:
        answer = self._http.request("GET", f"{self._bucket.public_url}/live/manifest.json")
        if answer.status != 200:
            return None
        self.headers["live/manifest.json"] = dict(answer.headers)
        manifest: dict[str, Any] = json.loads(answer.data)
        return manifest

    def _check(self, key: str, size: int) -> None:
        answer = self._http.request("HEAD" if key in self.objects else "GET", f"{self._bucket.public_url}/{key}")
        if answer.status in {403, 404}:  # S3 answers 403 for what is not there to those who may not list
            now = self._manifest() or {"segments": []}
            if any(key in (segment["hq"]["key"], segment["lq"]["key"]) for segment in now["segments"]):
                self.violations.append(f"{key} is named but not there")
            return
        if answer.status >= 500:
            return
        if answer.status != 200:
            self.violations.append(f"{key} answers {answer.status}")
            return
        if int(answer.headers["Content-Length"]) != size:
            self.violations.append(f"{key} has {answer.headers['Content-Length']} bytes, not {size}")
        if self.etags.setdefault(key, answer.headers["ETag"]) != answer.headers["ETag"]:
            self.violations.append(f"{key} was used twice")
        if key not in self.objects:
            self.objects[key] = answer.data
            self.headers[key] = dict(answer.headers)


@contextmanager
def reading(bucket: Bucket) -> Iterator[Reader]:
    """A reader that polls until the block ends."""
    reader = Reader(bucket)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()
