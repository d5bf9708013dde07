"""The status over HTTP: which path answers what, and when a station counts as healthy."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from supervisor.metrics import CONTENT_TYPE
from supervisor.state import State
from supervisor.status import Snapshot
from supervisor.status_server import respond_with
from supervisor.web import Answer
from tests.unit import pictures

STARTS_WITHIN_S = 40.0


def _asked(path: str, snapshot: Snapshot) -> Answer:
    return respond_with(lambda: snapshot, STARTS_WITHIN_S)(path, {})


@pytest.mark.parametrize(
    ("state", "uptime_s", "healthy"),
    [
        (State.STARTING, 0.0, True),
        (State.STARTING, STARTS_WITHIN_S, True),
        (State.STARTING, STARTS_WITHIN_S + 0.1, False),
        (State.ON_AIR, 1.0, True),
        (State.ON_AIR, 1e7, True),
        (State.DEGRADED, 1e7, True),
        (State.OFF_AIR, 1.0, False),
        (State.OFF_AIR, 1e7, False),
        (State.STOPPING, 1.0, False),
    ],
)
def test_health_is_to_be_heard_or_to_start_in_time(state: State, uptime_s: float, healthy: bool) -> None:  # noqa: FBT001
    """/healthz is 200 on air, degraded too, and while a start is in time; else 503. It says the state."""
    answer = _asked("/healthz", pictures.well().model_copy(update={"state": state, "uptime_s": uptime_s}))
    assert answer.status == (HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)
    assert answer.body.decode() == f"{state}\n"


def test_three_paths_are_answered_and_nothing_else() -> None:
    """Each answer has its type and is kept by nobody on the way; any other path is not found."""
    for path, kind in (("/status.json", "application/json"), ("/metrics", CONTENT_TYPE), ("/healthz", "text/plain")):
        answer = _asked(path, pictures.ill())
        assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (kind, "no-store")
    assert json.loads(_asked("/status.json", pictures.ill()).body)["state"] == "degraded"
    for path in ("/", "/status", "/metrics/", "/.env"):
        assert _asked(path, pictures.ill()).status == HTTPStatus.NOT_FOUND
