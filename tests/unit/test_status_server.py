"""The status as others get it: which path answers what, when a station counts as healthy, what one look says."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from supervisor.cli import _status_text
from supervisor.events import AlarmRaised, CaptureEnded, Cause, Severity
from supervisor.metrics import CONTENT_TYPE
from supervisor.state import State
from supervisor.status import Snapshot
from supervisor.status_server import respond_with
from supervisor.web import Answer
from tests.unit import pictures
from tests.unit.made import RUN

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


def test_one_look_has_each_alarm_with_its_remedy() -> None:
    """`status` says the state, what is wrong now and what is only to know, each with what to do."""
    notice = AlarmRaised("archive_gap", "something went missing", "Look where.", Severity.NOTICE)
    gone = CaptureEnded(RUN, 1, Cause.DEVICE_LOST, "ALSA read error", 2.0)
    lines = _status_text(pictures.replayed(*pictures.life(2), (30.0, notice), (31.0, gone))).splitlines()
    assert lines[0].startswith("my-radio: degraded since 2026-11-23 15:46:01 UTC")
    assert "NOTICE archive_gap: something went missing Look where." in lines
    assert any(line.startswith("ALARM device_lost: the device is gone: ALSA read error Plug it in") for line in lines)
