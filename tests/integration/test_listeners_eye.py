"""The listener's eye: what is published and cannot be played is an alarm until it can be played again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.edge import Passed, edge
from tests.rig.parts import eventually
from tests.rig.radio import on_air
from tests.rig.s3 import Bucket

PAGE = "https://radio.example"


@pytest.mark.timeout(120)
def test_published_but_not_playable(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """A cache that keeps the first manifest is an alarm with its remedy while all is published; gone with the cache."""
    bucket.set_cors([{"AllowedOrigins": [PAGE], "AllowedMethods": ["GET"], "ExposeHeaders": ["ETag"]}])
    kept: list[bytes] = []
    stale = True

    def through(method: str, passed: Passed) -> Passed:
        if passed.headers.get("Content-Type") != "application/json" or method != "GET":
            return passed
        kept.append(passed.body)
        old = json.loads(kept[0]) | {"updated_at": "2026-01-01T00:00:00.000Z"}
        return replace(passed, body=json.dumps(old).encode()) if stale else passed

    settings = {
        **bucket.settings,
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "2",
        "RADIO_WINDOW": "5",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        "RADIO_PAGE_ORIGIN": PAGE,
    }
    with edge(bucket.server.port, through) as port:
        settings["R2_PUBLIC_URL"] = f"http://127.0.0.1:{port}/{bucket.name}"
        with on_air(tmp_path, settings) as radio:
            (alarm,) = eventually(lambda: radio.status().get("alarms"), 60, "an alarm is raised", every_s=0.5)
            status = radio.status()
            stale = False
            eventually(lambda: radio.status().get("alarms") == [], 60, "the alarm is over", every_s=0.5)
            assert radio.status()["state"] == "on_air"
            assert radio.stop() == 0
    assert alarm["code"] == "not_playable"
    assert "listeners get a manifest that is" in alarm["message"]
    assert "caching rules" in alarm["remedy"]
    assert status["state"] == "degraded"
    assert status["upload"]["errors"] == 0
    assert radio.log.count("listeners cannot play it") == 1
