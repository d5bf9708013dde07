"""The archive of a running station: nothing that happens to its disk takes the station off air."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from supervisor.recordings.coverage import stretches
from tests.rig.audio import flac_is_perfect
from tests.rig.disks import hanging_disk, plug_in, removable_disk, unplug
from tests.rig.mounts import tiny_tmpfs
from tests.rig.parts import eventually
from tests.rig.pieces import files, heads, heard
from tests.rig.radio import Radio, command, on_air
from tests.rig.tone import tone


def settings(tmp_path: Path, tmpfs: Path, **more: str) -> dict[str, str]:
    """A station of one-second segments and five-second recordings that publishes into a folder."""
    return {
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_RECORDING_SECONDS": "5",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        "RADIO_RECORDINGS_DIR": str(tmp_path / "recordings"),
        **more,
    }


def alarms(radio: Radio) -> dict[str, str]:
    """The alarms of a station, and what each says."""
    return {alarm["code"]: alarm["message"] for alarm in radio.status().get("alarms", [])}


def assert_is_the_tone(root: Path, runs: int = 1) -> None:
    """The archive holds each run from its first sample on, once and flawless."""
    rows = stretches(heads(root))
    assert len(rows) == runs
    for row in rows:
        assert row[0].place.first_sample == 0
        assert all(flac_is_perfect(file.path) for file in row)
        pcm = heard(file.path for file in row)
        assert np.array_equal(pcm, tone(len(pcm) / 48_000))


@pytest.mark.timeout(90)
def test_hours_become_recordings_while_the_station_is_on_air(tmp_path: Path, tmpfs: Path) -> None:
    """Closed periods are joined within the next, the status counts today, and a stop does not wait for joining."""
    with on_air(tmp_path, settings(tmp_path, tmpfs)) as radio:
        radio.published(13, within_s=30)
        joined = eventually(
            lambda: sum(not one.is_piece for one in files(tmp_path / "recordings")) >= 2, 10, "two periods are joined"
        )
        archive: dict[str, Any] = radio.status()["archive"]
        assert radio.stop() == 0
    assert joined
    assert archive["free_gb"] > 0
    assert archive["seconds_today"] >= 5
    assert archive["gaps_today"] == 0
    assert "the archive has no gap since" in radio.log
    assert_is_the_tone(tmp_path / "recordings")


@pytest.mark.timeout(120)
def test_a_station_that_is_killed_again_and_again_keeps_everything(tmp_path: Path, tmpfs: Path) -> None:
    """After SIGKILLs every run is there, whole; the gaps are found, and one that comes up on air is a notice."""
    for _ in range(3):
        with on_air(tmp_path, settings(tmp_path, tmpfs)) as radio:
            radio.published(4, within_s=20)
            radio.kill()
    with on_air(tmp_path, settings(tmp_path, tmpfs)) as radio:
        radio.published(4, within_s=20)
        eventually(lambda: radio.status()["archive"]["gaps_today"] == 3, 20, "three gaps are counted")
        told = re.compile(r"the archive has (\d+) gaps? since")
        eventually(lambda: sum(map(int, told.findall(radio.log))) >= 3, 20, "each of them is logged")
        assert (radio.status()["archive"]["gaps"], alarms(radio)) == (0, {})  # no start is a trouble
        radio.kill_capture()
        eventually(lambda: "archive_gap" in alarms(radio), 20, "what goes missing on air is a notice")
        eventually(lambda: list(alarms(radio)) == ["archive_gap"], 20, "nothing else is left of it")
        status = radio.status()
        assert radio.stop() == 0
    assert (status["state"], status["archive"]["gaps"], status["archive"]["gaps_today"]) == ("on_air", 1, 4)
    assert_is_the_tone(tmp_path / "recordings", runs=5)


@pytest.mark.timeout(120)
def test_a_full_disk_stops_the_archive_alone(tmp_path: Path, tmpfs: Path) -> None:
    """On a full disk the oldest go first; if that is too little there is an alarm, and archiving resumes by itself."""
    with tiny_tmpfs(tmp_path / "recordings", "size=4m") as disk:
        limited = settings(tmp_path, tmpfs, RADIO_RECORDINGS_MIN_FREE_GB="0.002")
        with on_air(tmp_path, limited) as radio:
            (disk / "old-photo.jpg").write_bytes(bytes(1_300_000))
            radio.published(3, within_s=20)
            oldest = eventually(lambda: files(disk)[:1], 20, "there is a file")[0].name.start
            eventually(lambda: files(disk)[0].name.start > oldest, 40, "the oldest recording has gone")
            assert "archive_failing" not in alarms(radio)
            ballast = disk / "holiday.jpg"
            ballast.write_bytes(bytes(1_400_000))
            eventually(lambda: "archive_failing" in alarms(radio), 20, "the alarm is raised")
            message, before = alarms(radio)["archive_failing"], radio.status()["segments_published"]
            radio.published(before + 6, within_s=20)
            assert radio.status()["state"] == "degraded"
            ballast.unlink()
            eventually(lambda: "archive_failing" not in alarms(radio), 40, "archiving has resumed")
            eventually(lambda: radio.status()["state"] == "on_air", 40, "nothing needs attention any more")
            assert radio.stop() == 0
        assert "RADIO_RECORDINGS_MIN_FREE_GB" in message
        assert str(disk) in message
        assert len(stretches(heads(disk))) == 1  # what waited in the spool is there


@pytest.mark.timeout(120)
def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path, tmpfs: Path) -> None:
    """While every write to the recordings hangs, segments go out as before; afterwards the archive is complete."""
    small = settings(tmp_path, tmpfs, RADIO_RECORDINGS_MIN_FREE_GB="0")
    with hanging_disk(tmp_path / "recordings") as disk, on_air(tmp_path, small) as radio:
        radio.published(3, within_s=20)
        disk.freeze()
        before = int(radio.status()["segments_published"])
        radio.published(before + 12, within_s=20)
        during = radio.status()
        disk.thaw()
        eventually(lambda: radio.status()["archive"]["segments"] >= before + 12, 20, "the archive has caught up")
        assert radio.stop() == 0
        assert during["lost"]["samples"] == 0
        assert during["publish_latency_ms"]["p99"] < 1000
        assert_is_the_tone(disk.folder)


@pytest.mark.timeout(120)
def test_a_disk_that_vanishes_is_waited_for(tmp_path: Path, tmpfs: Path) -> None:
    """Without its disk nothing is written into the empty mount point, no loss either; all of it is when it is back."""
    stick, root = tmp_path / "stick", tmp_path / "recordings"
    with removable_disk(stick, root), on_air(tmp_path, settings(tmp_path, tmpfs)) as radio:
        radio.published(3, within_s=20)
        unplug(root)
        eventually(lambda: "archive_failing" in alarms(radio), 20, "the alarm is raised")
        radio.kill_capture()
        radio.published(int(radio.status()["segments_published"]) + 3, within_s=20)
        eventually(lambda: radio.status()["lost"]["samples"], 20, "the loss is counted")
        eventually(lambda: "recordings_unreadable" in alarms(radio), 20, "the keeper misses it too")
        assert list(root.iterdir()) == []
        plug_in(stick, root)
        eventually(lambda: alarms(radio).keys() <= {"archive_gap"}, 40, "archiving has resumed")
        ledger = root / "radio_losses.jsonl"
        eventually(ledger.exists, 20, "the loss is in the ledger")
        (entry,) = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
        assert (entry["cause"], entry["samples"]) == ("restart", radio.status()["lost"]["samples"])
        assert radio.stop() == 0
        assert_is_the_tone(stick, runs=2)


def test_the_commands_tell_a_station_without_a_gap_from_one_with(tmp_path: Path, tmpfs: Path) -> None:
    """`archive list` and `archive verify` on what a station left behind: fine with one run, and a finding with two."""
    wanted = settings(tmp_path, tmpfs)
    for code, gaps in ((0, 0), (1, 1)):
        with on_air(tmp_path, wanted) as radio:
            radio.published(2, within_s=20)
            assert radio.stop() == 0
        listed = json.loads(command("archive", "list", "--json", settings=wanted, folder=tmp_path).stdout)
        assert len(listed["gaps"]) == gaps
        verified = command("archive", "verify", "--json", settings=wanted, folder=tmp_path)
        assert verified.returncode == code, verified.stderr
        told = json.loads(verified.stdout)
        assert (told["fine"], len(told["gaps"]), told["damaged"], told["overlaps"]) == (code == 0, gaps, [], [])
