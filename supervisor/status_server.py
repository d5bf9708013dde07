"""Answers what the station is doing, and asks another process for the same."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from pydantic import ValidationError

from supervisor.files import write_whole
from supervisor.metrics import CONTENT_TYPE as METRICS_TYPE
from supervisor.metrics import exposed
from supervisor.spool import Folders, is_in_use
from supervisor.state import ON_AIR, State
from supervisor.status import Snapshot
from supervisor.stop import Stop
from supervisor.web import NOT_FOUND, Answer, Respond

_STATE_EVERY_S = 5.0
_STALE_AFTER_S = 15.0
_ANSWER_WITHIN_S = 3.0


def respond_with(current: Callable[[], Snapshot], starts_within_s: float) -> Respond:
    """``/status.json``, ``/metrics``, ``/healthz``: 200 on air and for ``starts_within_s`` from the start, else 503."""

    def respond(path: str, _: Mapping[str, str]) -> Answer:
        snapshot = current()
        if path == "/status.json":
            return Answer(HTTPStatus.OK, snapshot.model_dump_json().encode(), _headers("application/json"))
        if path == "/metrics":
            return Answer(HTTPStatus.OK, exposed(snapshot), _headers(METRICS_TYPE))
        if path == "/healthz":
            starting = snapshot.state is State.STARTING and snapshot.uptime_s <= starts_within_s
            healthy = snapshot.state in ON_AIR or starting
            status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
            return Answer(status, f"{snapshot.state}\n".encode(), _headers("text/plain"))
        return NOT_FOUND

    return respond


def keep_state_file(current: Callable[[], Snapshot], path: Path, stop: Stop) -> None:
    """Writes the snapshot to ``path`` every 5 s until stopped, for when no port can be reached.

    A full spool costs this file, never the station.
    """
    stopped = False
    while not stopped:
        with suppress(OSError):
            write_whole(path, current().model_dump_json().encode())
        stopped = stop.wait(_STATE_EVERY_S)


def ask(address: tuple[str, int], spool: Folders) -> Snapshot | None:
    """The snapshot of a running supervisor: over HTTP, else from its state file; None when nobody is there."""
    answered = _over_http(address)
    if answered is None and is_in_use(spool):
        return _from_file(spool.state)
    return answered


def _over_http(address: tuple[str, int]) -> Snapshot | None:
    connection = http.client.HTTPConnection(*address, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/status.json")
        answer = connection.getresponse()
        return Snapshot.model_validate_json(answer.read()) if answer.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValidationError):
        return None
    finally:
        connection.close()


def _from_file(path: Path) -> Snapshot | None:
    try:
        fresh = time.time() - path.stat().st_mtime < _STALE_AFTER_S
        return Snapshot.model_validate_json(path.read_bytes()) if fresh else None
    except (OSError, ValidationError):
        return None


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "Cache-Control": "no-store"}


def status_json(snapshot: Snapshot) -> str:
    """The snapshot for machines, readable for people."""
    return json.dumps(snapshot.model_dump(mode="json"), indent=2)
