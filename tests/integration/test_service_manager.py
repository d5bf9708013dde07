"""What a service manager hears of a real `start`: ready, words, the end, and signs of life while loops come round."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest

from tests.rig.disks import hanging_disk
from tests.rig.manager import Manager, listening
from tests.rig.parts import eventually
from tests.rig.radio import Radio, on_air
from tests.rig.sound import sound_device


def settings(manager: Manager, bucket: Path, spool: Path, watchdog_s: float) -> dict[str, str]:
    """A station that publishes into a folder, started as systemd starts it."""
    return {
        "NOTIFY_SOCKET": manager.address,
        "WATCHDOG_USEC": f"{watchdog_s * 1e6:.0f}",
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{bucket}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(spool),
    }


def environment_of(pid: int) -> bytes:
    """What a process was started with."""
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.timeout(60)
def test_a_service_manager_is_kept_informed(tmp_path: Path, tmpfs: Path) -> None:
    """Ready once everything was checked, beats at more than twice the pace that is asked for, a reload, and the end."""
    with (
        listening() as manager,
        on_air(tmp_path, settings(manager, tmp_path / "bucket", tmpfs / "spool", 4.0)) as radio,
    ):
        radio.published(2, within_s=20)
        eventually(lambda: any(said.startswith("on air, since ") for said in manager.said("STATUS")), 10, "words")
        assert b"NOTIFY_SOCKET" not in environment_of(radio.status()["capture"]["pid"])
        assert b"WATCHDOG" not in environment_of(radio.status()["capture"]["pid"])
        radio.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(manager.said("READY")) == 2, 10, "it is ready again")
        assert radio.stop() == 0
    said = [name for message in manager.messages for name in message.fields]
    assert said[:2] == ["READY", "STATUS"]
    assert [name for name in said if name in {"READY", "RELOADING", "STOPPING"}] == [
        "READY",
        "RELOADING",
        "READY",
        "STOPPING",
    ]
    assert manager.said("STATUS")[0].startswith("starting: ")
    assert manager.said("STATUS")[-1].startswith("stopping: ")
    (reloading,) = (message for message in manager.messages if "RELOADING" in message.fields)
    assert abs(int(reloading.fields["MONOTONIC_USEC"]) / 1e6 - reloading.at_s) < 1
    beats = manager.times("WATCHDOG")
    assert len(beats) >= 3
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 2.0


@pytest.mark.timeout(60)
def test_a_card_that_comes_late_is_waited_for(tmp_path: Path, tmpfs: Path) -> None:
    """While the machine still boots the device may not be there: the start waits, says so once, and goes on air."""
    with listening() as manager, sound_device(tmpfs, 2) as device:
        config = Path(device.settings["ALSA_CONFIG_PATH"])
        away = config.rename(config.with_suffix(".away"))
        station = {**settings(manager, tmp_path / "bucket", tmpfs / "spool", 20.0), **device.settings}
        with on_air(tmp_path, station) as radio:
            eventually(lambda: "waiting for the device" in radio.log, 10, "it waits")
            assert manager.said("READY") == []
            away.rename(config)
            radio.published(1, within_s=20)
            assert manager.said("READY") == ["1"]
            assert radio.stop() == 0
    assert radio.log.count("waiting for the device") == 1


@pytest.mark.timeout(90)
def test_no_sign_of_life_while_a_stage_hangs(tmp_path: Path, tmpfs: Path) -> None:
    """A publisher that hangs ends the signs of life, though everything else goes on, and they begin again after it."""
    with listening() as manager, hanging_disk(tmp_path / "disk") as disk:
        station = settings(manager, disk.folder / "bucket", tmpfs / "spool", 6.0)
        with on_air(tmp_path, station) as radio:
            radio.published(2, within_s=20)
            disk.freeze()
            try:
                eventually(lambda: "stuck for 6 s: publish" in radio.log, 20, "it is noticed")
                silent_since = len(manager.times("WATCHDOG"))
                sealed = waiting(radio)
                eventually(lambda: waiting(radio) > sealed, 10, "the rest goes on")
                assert len(manager.times("WATCHDOG")) == silent_since
            finally:
                disk.thaw()
            eventually(lambda: len(manager.times("WATCHDOG")) > silent_since, 15, "it lives again")
            assert radio.stop() == 0


def waiting(radio: Radio) -> int:
    """How many segments wait for the publisher: what the stages before it have done."""
    return int(radio.status()["queue_depth"])


@pytest.mark.timeout(60)
def test_a_store_that_is_away_is_no_reason_to_restart(tmp_path: Path, tmpfs: Path) -> None:
    """While the store refuses everything the signs of life go on, and the status says what is wrong."""
    bucket = tmp_path / "bucket"
    with listening() as manager, on_air(tmp_path, settings(manager, bucket, tmpfs / "spool", 6.0)) as radio:
        radio.published(1, within_s=20)
        for quality in ("hq", "lq"):
            (bucket / "live" / quality).rename(bucket / f"gone-{quality}")
            (bucket / "live" / quality).write_bytes(b"a file where a folder should be")
        eventually(lambda: any("store_upload_failing" in said for said in manager.said("STATUS")), 15, "words")
        before = len(manager.times("WATCHDOG"))
        # for longer than a stage may be silent
        ends_at_s = manager.messages[-1].at_s + 7
        eventually(lambda: manager.messages[-1].at_s > ends_at_s, 15, "time goes by")
        beats = manager.times("WATCHDOG")[before - 1 :]
        assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 3.0
        assert "stuck" not in radio.log
        radio.kill()
