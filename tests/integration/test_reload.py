"""SIGHUP: new keys without going off air; from a terminal that is closed, a graceful stop."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.rig.parts import eventually, free_port, need
from tests.rig.radio import PROGRAM, Radio, environment, on_air, write_env
from tests.rig.reader import reading
from tests.rig.s3 import SECRET_KEY, Bucket

OLD_KEY, OLD_SECRET = "OLDACCESSKEY00000001", "old-secret-that-must-appear-nowhere"
NEW_KEY, NEW_SECRET = "NEWACCESSKEY00007777", "new-secret-that-must-appear-nowhere"
NOTHING = "ERROR   the settings were read anew and nothing was taken over"


def hang_up(radio: Radio, until: str) -> str:
    """Sends SIGHUP and waits for the line of the log that says what came of it."""
    before = len(radio.log)
    radio.process.send_signal(signal.SIGHUP)
    eventually(lambda: until in radio.log[before:], 15, f"the log says '{until}'\n{radio.log[before:]}")
    return radio.log[before:]


def catches_hangup(pid: int) -> bool:
    """Whether the process has a handler for SIGHUP."""
    told = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    return bool(int(told["SigCgt"], 16) & 1 << (signal.SIGHUP - 1))


@pytest.mark.timeout(90)
def test_keys_are_rotated_on_air(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """New keys are tried and taken without one lost sample; what is wrong or needs a restart is told, and kept out."""
    bucket.server.add_key(OLD_KEY, OLD_SECRET)
    bucket.server.add_key(NEW_KEY, NEW_SECRET)
    env_file = tmp_path / "station.env"
    first = {**bucket.settings, "R2_ACCESS_KEY": OLD_KEY, "R2_SECRET_KEY": OLD_SECRET, "RADIO_SILENCE_DB": "-60"}
    write_env(env_file, first)
    station = {"RADIO_SOURCE": "tone:", "RADIO_SEGMENT_SECONDS": "1", "RADIO_SPOOL_DIR": str(tmpfs / "spool")}
    with reading(bucket) as reader, on_air(tmp_path, station, "start", "--env-file", str(env_file)) as radio:
        radio.published(2, within_s=20)
        said = hang_up(radio, "the settings were read anew")
        assert "INFO    the settings were read anew; the keys are the same as before" in said

        write_env(env_file, {**first, "R2_SECRET_KEY": NEW_SECRET})
        said = hang_up(radio, "the settings were read anew")
        (refused,) = (line for line in said.splitlines() if " ERROR " in line)
        assert "the old ones stay in use: SignatureDoesNotMatch" in refused
        assert "R2_SECRET_KEY" in refused

        write_env(env_file, {**first, "R2_ACCESS_KEY": NEW_KEY, "RADIO_SILENCE_DB": "loud"})
        assert "RADIO_SILENCE_DB=loud" in hang_up(radio, NOTHING)
        env_file.unlink()
        assert str(env_file) in hang_up(radio, NOTHING)

        changed = {
            "R2_ACCESS_KEY": NEW_KEY,
            "R2_SECRET_KEY": NEW_SECRET,
            "RADIO_SILENCE_DB": "-50",
            "RADIO_WINDOW": "4",
        }
        write_env(env_file, {**first, **changed})
        said = hang_up(radio, "the settings were read anew")
        assert "INFO    the store accepts the new keys: requests are signed with …7777" in said
        assert "a restart is needed for what has changed: RADIO_WINDOW, RADIO_SILENCE_DB" in said
        bucket.server.remove_key(OLD_KEY)
        radio.published(int(radio.status()["segments_published"]) + 3, within_s=15)
        status = radio.status()
        assert radio.stop() == 0
    assert reader.violations == []
    assert (status["lost"]["samples"], status["upload"]["errors"], status["capture"]["restarts"]) == (0, 0, 0)
    assert sum(segment["gap"] for segment in reader.segments.values()) == 0
    left = bucket.keys()
    assert [key for key in left if "doctor" in key] == []
    days = json.loads((tmp_path / "recordings/.radio-supervisor/keys.json").read_text(encoding="utf-8"))
    assert len(days["first_days"]) == 2  # of the start, and of the hangup
    assert [word for word in (OLD_SECRET, NEW_SECRET, SECRET_KEY, NEW_KEY, OLD_KEY) if word in radio.log] == []


@pytest.mark.timeout(60)
def test_keys_of_the_environment_need_a_restart(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """A key that is in the environment cannot change in a running process: SIGHUP says so, and so it does of --set."""
    (tmp_path / ".env").write_text("R2_ACCESS_KEY=another\nRADIO_WINDOW=5\n", encoding="utf-8")
    station = {
        **bucket.settings,
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }
    with on_air(tmp_path, station, "start", "--set", "RADIO_WINDOW=4") as radio:
        radio.published(1, within_s=20)
        said = hang_up(radio, "the settings were read anew")
        assert radio.stop() == 0
    needed = "a restart is needed to change what is not from the env file: R2_ACCESS_KEY, R2_SECRET_KEY, RADIO_WINDOW"
    assert needed in said
    assert " WARNING " in said


@pytest.mark.timeout(60)
def test_hangups_at_any_time_do_no_harm(tmp_path: Path, tmpfs: Path) -> None:
    """From its first moments to its last a station takes SIGHUP without ending of it, losing anything or failing."""
    station = {
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }
    with on_air(tmp_path, station) as radio:
        eventually(lambda: catches_hangup(radio.process.pid), 10, "SIGHUP is caught", every_s=0.002)

        def on_air_while_hanging_up() -> bool:
            radio.process.send_signal(signal.SIGHUP)
            return int(radio.status().get("segments_published", 0)) >= 2

        eventually(on_air_while_hanging_up, 20, radio.log)
        assert radio.status()["lost"]["samples"] == 0
        radio.process.terminate()

        def ended_while_hanging_up() -> bool:
            radio.process.send_signal(signal.SIGHUP)
            return radio.process.poll() is not None

        eventually(ended_while_hanging_up, 25, "it has ended", every_s=0.001)
        assert radio.process.returncode == 0, radio.log
    assert "the settings were read anew" in radio.log
    assert '"live":false' in (tmp_path / "bucket/live/manifest.json").read_text(encoding="utf-8").replace(" ", "")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("words", [["start"], ["start", "--no-dashboard"]], ids=["dashboard", "lines"])
def test_a_closed_terminal_is_a_graceful_stop(tmp_path: Path, tmpfs: Path, words: list[str]) -> None:
    """When the window is closed the station goes off air in order, with exit code 0 and nothing left to publish."""
    need("setsid")
    station = {
        "TERM": "xterm-256color",
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}",
    }
    window, terminal = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *PROGRAM, *words],
        env=environment(station),
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    manifest = tmp_path / "bucket/live/manifest.json"
    try:
        eventually(lambda: os.read(window, 65_536) and manifest.exists(), 20, "it is on air")
        os.close(window)
        assert process.wait(25) == 0
    finally:
        process.kill()
        process.wait()
    assert '"live":false' in manifest.read_text(encoding="utf-8").replace(" ", "")
