"""A bucket as a browser meets it, the player's page beside it; remembers what it served, can be made to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from supervisor.web import Answer, WebServer, file_answer
from tests.rig.parts import ROOT

CLIENT = ROOT / "radio-client"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".flac": "audio/flac",
    ".opus": "audio/ogg; codecs=opus",
}
Fault = Callable[[str], Answer | None]
"""Given a path: what to answer instead of the truth, or None for the truth."""


@dataclass(frozen=True)
class Asked:
    """One request: when (monotonic), for what, with which validator, and the status of the answer."""

    at_s: float
    path: str
    validator: str
    status: int


@dataclass
class WebBucket:
    """What was asked and served so far."""

    folder: Path
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    not_named: list[str] = field(default_factory=list)
    fault: Fault | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def count(self, suffix: str, since_s: float = 0.0) -> int:
        """Requests for paths with this ending."""
        return sum(asked.path.endswith(suffix) and asked.at_s >= since_s for asked in self.asked)

    def answer(self, path: str, request: Mapping[str, str]) -> Answer:
        """Serves one GET."""
        answer = (self.fault(path) if self.fault else None) or self._true_answer(path, request)
        with self._lock:
            self.asked.append(Asked(time.monotonic(), path, request.get("If-None-Match", ""), int(answer.status)))
            if path.startswith("/live/"):
                self._remember(path, answer)
        return answer

    def _true_answer(self, path: str, request: Mapping[str, str]) -> Answer:
        path = "/index.html" if path == "/" else path
        headers = {"Content-Type": _TYPES.get(Path(path).suffix, "application/octet-stream")}
        if path.startswith("/live/"):
            caching = "no-cache" if path.endswith(".json") else "public, max-age=31536000, immutable"
            whole = file_answer(self.folder, path, request, {**headers, "Cache-Control": caching})
            return part(whole, request["Range"]) if "Range" in request else whole
        root = CLIENT if path.startswith("/player/") else CLIENT / "page"
        return file_answer(root, path, request, {**headers, "Cache-Control": "no-cache"})

    def _remember(self, path: str, answer: Answer) -> None:
        if path.endswith(".json") and answer.status is HTTPStatus.OK:
            for entry in segments_of(answer.body):
                self.entries[entry["index"]] = entry
                self.named |= {f"/{entry[quality]['key']}" for quality in ("hq", "lq")}
        elif not path.endswith(".json"):
            if path not in self.named:
                self.not_named.append(path)
            if answer.status is HTTPStatus.OK:
                self.objects[path.lstrip("/")] = answer.body


def segments_of(manifest: bytes) -> list[dict[str, Any]]:
    """The segments that a manifest names; none when it is no manifest."""
    try:
        segments: list[dict[str, Any]] = json.loads(manifest)["segments"]
    except (ValueError, KeyError):
        return []
    return segments


def part(whole: Answer, wanted: str) -> Answer:
    """What a bucket answers to ``Range: bytes=FIRST-LAST``."""
    if whole.status is not HTTPStatus.OK:
        return whole
    first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
    body = whole.body[first : last + 1]
    where = f"bytes {first}-{first + len(body) - 1}/{len(whole.body)}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, body, {**whole.headers, "Content-Range": where})


@contextmanager
def web_bucket(folder: Path) -> Iterator[WebBucket]:
    """Serves a folder until the block ends."""
    bucket = WebBucket(folder)
    server = WebServer(("127.0.0.1", 0), bucket.answer, "test")
    bucket.port = server.port
    server.start()
    try:
        yield bucket
    finally:
        server.stop()
