"""A clock that is off while on air: published all the same, and told for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.stores.s3 import Account, S3Store
from tests.rig.parts import eventually
from tests.rig.radio import on_air
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY, Bucket, start_s3

WRONG_S = 1_200


@pytest.mark.timeout(120)
def test_clocks_that_are_apart_are_an_alarm_and_no_outage(tmp_path: Path, tmpfs: Path) -> None:
    """With 20 minutes between the clocks all is published, and the alarm names whose clock, how much and the remedy."""
    (tmp_path / "rgw").mkdir()
    server = start_s3(tmp_path / "rgw", clock_offset_s=WRONG_S)
    try:
        account = Account(f"127.0.0.1:{server.port}", False, "apart", ACCESS_KEY, SECRET_KEY, region="us-east-1")
        S3Store(account, timeout_s=5)._client.make_bucket("apart")
        settings = {
            **Bucket(server, "apart").settings,
            "RADIO_SOURCE": "tone:",
            "RADIO_SEGMENT_SECONDS": "1",
            "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        }
        with on_air(tmp_path, settings) as radio:
            radio.published(3, within_s=30)
            (alarm,) = eventually(lambda: radio.status()["alarms"], 10, "an alarm is raised")
            status = radio.status()
            assert radio.stop() == 0
    finally:
        server.stop()
    assert alarm["code"] == "clock_off"
    assert "s behind the store's" in alarm["message"]
    assert "timedatectl set-ntp true" in alarm["remedy"]
    assert abs(status["clock"]["store_skew_ms"] - WRONG_S * 1000) < 3_000
    assert status["clock"]["synchronised"] in {True, False}
    assert status["state"] == "degraded"
    assert status["upload"]["errors"] == 0
    assert status["lost"]["samples"] == 0
    assert radio.log.count("check time synchronisation") == 1
    assert "Check R2_" not in radio.log
