"""Hanging children, stalled and vanished devices: noticed, replaced, and the loss told by its cause."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rig.parts import eventually
from tests.rig.radio import Radio, on_air
from tests.rig.sound import SoundDevice, sound_device
from tests.rig.usb import Sysfs

STALLED_S = 3.0


@pytest.fixture
def device(tmpfs: Path) -> Iterator[SoundDevice]:
    """A real ALSA device."""
    (tmpfs / "sound").mkdir()
    with sound_device(tmpfs / "sound", 2) as made:
        yield made


def settings_for(device: SoundDevice, tmp_path: Path, tmpfs: Path, segment_s: int) -> dict[str, str]:
    """A station on that device that publishes into a folder."""
    return {
        **device.settings,
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": str(segment_s),
        "RADIO_WINDOW": "50",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }


@pytest.fixture
def radio(tmp_path: Path, tmpfs: Path, device: SoundDevice) -> Iterator[Radio]:
    """A station on that device, on air, in one-second segments."""
    with on_air(tmp_path, settings_for(device, tmp_path, tmpfs, 1)) as made:
        made.published(2, within_s=20)
        yield made
        assert made.stop() == 0


def next_run(radio: Radio, after: dict[str, Any], within_s: float) -> float:
    """Waits until another child captures; says how long that took."""
    began_s = time.monotonic()

    def captures() -> bool:
        capture = radio.status()["capture"]
        return capture["run"] != after["run"] and capture["pid"] is not None

    eventually(captures, within_s, f"another run captures\n{radio.log}")
    return time.monotonic() - began_s


def gaps(radio: Radio) -> list[int]:
    """The gaps in the manifest."""
    manifest = json.loads((radio.folder / "bucket/live/manifest.json").read_bytes())
    return [segment["gap"] for segment in manifest["segments"] if segment["gap"]]


@pytest.mark.timeout(60)
def test_a_hanging_child_is_replaced(radio: Radio) -> None:
    """An FFmpeg that does nothing any more is noticed within 3 s, killed and replaced; what it missed is the gap."""
    before = radio.status()["capture"]
    os.killpg(before["pid"], signal.SIGSTOP)
    took_s = next_run(radio, before, within_s=10)
    assert STALLED_S - 0.6 <= took_s < STALLED_S + 1.5
    count = int(radio.status()["segments_published"])
    radio.published(count + 2, within_s=10)
    (gap,) = gaps(radio)
    assert 2 * 48_000 < gap < 6 * 48_000
    assert radio.status()["lost"] == {"samples": gap, "by_cause": {"restart": gap}}
    assert radio.status()["capture"]["restarts_by_reason"] == {"hung": 1}


@pytest.mark.timeout(90)
def test_a_stalled_device_is_waited_for(radio: Radio, device: SoundDevice) -> None:
    """A device that stops delivering and then goes on is on air again without help."""
    device.signal(signal.SIGSTOP)
    eventually(lambda: radio.status()["capture"]["restarts"] >= 1, 10, "the stall is noticed")
    device.signal(signal.SIGCONT)
    count = int(radio.status()["segments_published"])
    radio.published(count + 3, within_s=20)
    assert radio.status()["state"] == "on_air"
    assert radio.status()["lost"]["samples"] == sum(gaps(radio))


@pytest.mark.timeout(90)
def test_an_unplugged_device_comes_back(radio: Radio, device: SoundDevice) -> None:
    """While the device is gone the alarm names it; within 3 s of its return it is captured again."""
    before = radio.status()["capture"]
    device.unplug()
    alarm = eventually(lambda: radio.status()["alarms"], 10, "an alarm is raised")
    assert alarm[0]["code"] == "device_lost"
    eventually(lambda: radio.status()["capture"]["restarts"] >= 4, 15, "the device is looked for again and again")
    device.plug_in()
    assert next_run(radio, before, within_s=10) < 3.0
    count = int(radio.status()["segments_published"])
    radio.published(count + 2, within_s=15)
    status = radio.status()
    assert status["alarms"] == []
    assert status["lost"]["by_cause"] == {"device_lost": sum(gaps(radio))}
    assert status["capture"]["restarts_by_reason"] == {"device_lost": status["capture"]["restarts"]}
    assert radio.log.count("FFmpeg ended") <= 3


@pytest.mark.timeout(90)
def test_what_a_device_leaves_out_is_found(radio: Radio, device: SoundDevice) -> None:
    """Samples that go by inside a run, without a word from the device, are a gap, counted as an overrun's, and kept."""
    eventually(lambda: radio.status()["segments_published"] >= 8, 20, "the timeline is settled")
    run = radio.status()["capture"]["run"]
    began_s = time.monotonic()
    with device.skipping():
        eventually(lambda: time.monotonic() - began_s > 1.0, 5, "a second has passed")
    took_s = time.monotonic() - began_s
    eventually(lambda: radio.status()["lost"]["samples"], 20, f"the loss is found\n{radio.log}")
    status = radio.status()
    (gap,) = gaps(radio)
    assert status["lost"] == {"samples": gap, "by_cause": {"xrun": gap}}
    assert 1.0 * 48_000 - 4_800 < gap < took_s * 48_000 + 4_800
    assert status["capture"]["run"] == run
    segments = json.loads((radio.folder / "bucket/live/manifest.json").read_bytes())["segments"]
    starts_s = [datetime.fromisoformat(segment["start"]).timestamp() for segment in segments]
    covered = sum(segment["samples"] + segment["gap"] for segment in segments[8:-1]) + segments[-1]["gap"]
    assert covered / 48_000 == pytest.approx(starts_s[-1] - starts_s[8], abs=0.1)
    ledger = next(radio.folder.glob("recordings/*_losses.jsonl"))
    eventually(lambda: ledger.read_text(encoding="utf-8"), 10, "the ledger has it")
    (entry,) = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    assert (entry["samples"], entry["cause"], entry["missing_from"]) == (gap, "xrun", "stream")


@pytest.mark.timeout(90)
def test_what_is_known_before_its_segment_is_published_keeps_its_cause(
    tmp_path: Path, tmpfs: Path, device: SoundDevice
) -> None:
    """A loss that is judged while its own segment is still being captured shows as the next one's gap, by its cause."""
    with on_air(tmp_path, settings_for(device, tmp_path, tmpfs, 8)) as radio:
        radio.published(1, within_s=25)
        began_s = time.monotonic()
        with device.skipping():
            eventually(lambda: time.monotonic() - began_s > 0.5, 5, "half a second has passed")
        radio.published(3, within_s=30)
        (gap,) = gaps(radio)
        assert radio.status()["lost"] == {"samples": gap, "by_cause": {"xrun": gap}}
        assert radio.stop() == 0


@pytest.mark.timeout(90)
def test_a_usb_card_comes_back_under_another_number(tmp_path: Path, tmpfs: Path, device: SoundDevice) -> None:
    """A card that is known by its USB name is captured again within 3 s, whatever card number it comes back with."""
    sysfs = Sysfs(tmp_path / "sys")
    sysfs.plug_in(1, "UMC404HD", "1397:0509", "A1")
    settings = {
        **device.settings_as_card(1),
        "RADIO_SOURCE": "usb:1397:0509:A1",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }
    with on_air(tmp_path, settings, within=sysfs.as_own()) as radio:
        radio.published(2, within_s=20)
        before = radio.status()["capture"]
        assert "-i hw:1 " in radio.log
        sysfs.unplug(1)
        device.unplug()
        eventually(lambda: radio.status()["capture"]["restarts"] >= 3, 15, "the card is looked for again and again")
        # where FFmpeg hung in the device that was pulled, and had to be killed, that is told too
        told = {alarm["code"]: alarm["message"] for alarm in radio.status()["alarms"]}
        assert told.keys() - {"capture_restarting"} == {"device_lost"}
        assert "no USB sound card usb:1397:0509:A1 is plugged in" in told["device_lost"]
        device.plug_in()
        device.settings_as_card(3)
        sysfs.plug_in(3, "UMC404HD_1", "1397:0509", "A1")
        assert next_run(radio, before, within_s=10) < 3.0
        radio.published(int(radio.status()["segments_published"]) + 2, within_s=15)
        assert radio.status()["alarms"] == []
        assert radio.status()["lost"]["by_cause"].keys() == {"device_lost"}
        assert radio.stop() == 0
