"""The commands as the operator types them: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.rig.parts import free_port, need
from tests.rig.radio import PROGRAM, command, environment, on_air
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY, Bucket
from tests.rig.sound import sound_device


def folder_station(tmp_path: Path, tmpfs: Path) -> dict[str, str]:
    """A station that publishes into a folder."""
    return {
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["RADIO_SOURCE is not set", "radio-supervisor devices"]),
        ({"RADIO_SOURCE": "vinyl:1"}, ["RADIO_SOURCE=vinyl:1", "alsa:", "file:", "tone:"]),
        ({"RADIO_SOURCE": "file:/no/such.flac"}, ["RADIO_SOURCE=file:/no/such.flac", "no file"]),
        ({"RADIO_SOURCE": "alsa:hw:CARD=Nowhere"}, ["alsa:hw:CARD=Nowhere", "cannot be opened", "devices"]),
        ({"RADIO_SOURCE": "usb:1397"}, ["RADIO_SOURCE=usb:1397", "VID:PID:SERIAL", "hexadecimal", "devices"]),
        (
            {"RADIO_SOURCE": "usb:1397:0509:A1"},
            ["RADIO_SOURCE=usb:1397:0509:A1", "no USB sound card", "plugged in", "devices"],
        ),
        ({"RADIO_SOURCE": "tone:"}, ["R2_ENDPOINT", "R2_BUCKET", "R2_ACCESS_KEY", "R2_SECRET_KEY", "RADIO_STORE"]),
        ({"RADIO_SEGMENT_SECONDS": "31"}, ["RADIO_SEGMENT_SECONDS=31", "1 to 30"]),
        ({"RADIO_SAMPLE_RATE": "44100"}, ["RADIO_SAMPLE_RATE=44100", "48000"]),
        ({"RADIO_SEGMENT_SECOND": "5"}, ["RADIO_SEGMENT_SECOND", "Did you mean RADIO_SEGMENT_SECONDS"]),
        ({"R2_BUCKET": "My Bucket"}, ["R2_BUCKET=My Bucket", "3 to 63"]),
        ({"R2_ENDPOINT": "https://h/bucket"}, ["R2_ENDPOINT", "path", "R2_BUCKET"]),
        ({"RADIO_SOURCE": "tone:", "RADIO_RECORDINGS_DIR": "/proc/x"}, ["recordings", "/proc", "RADIO_RECORDINGS_DIR"]),
        ({"RADIO_SOURCE": "tone:", "RADIO_STORE": "dir:/proc/x"}, ["RADIO_STORE=dir:/proc/x", "cannot be written"]),
        (
            {"RADIO_SOURCE": "tone:", "RADIO_STORE": "dir:bucket", "RADIO_SPOOL_DIR": "/proc/x"},
            ["spool folder '/proc/x'", "RADIO_SPOOL_DIR"],
        ),
        ({"RADIO_SOURCE": "tone:", "PATH": "/nowhere"}, ["no FFmpeg", "apt-get install ffmpeg"]),
    ],
)
def test_one_clear_error_for_each_mistake(tmp_path: Path, settings: dict[str, str], words: list[str]) -> None:
    """A wrong start ends with exit code 2 and says what, where and what to do, without a traceback."""
    ended = command("start", settings=settings, folder=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 3
    assert [word for word in words if word not in ended.stderr] == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"R2_SECRET_KEY": "wrong-" + SECRET_KEY}, "SignatureDoesNotMatch"),
        ({"R2_ACCESS_KEY": "NOBODY"}, "InvalidAccessKeyId"),
        ({"R2_BUCKET": "nowhere"}, "NoSuchBucket"),
    ],
)
def test_a_refusing_store_ends_the_start(
    tmp_path: Path, tmpfs: Path, bucket: Bucket, wrong: dict[str, str], code: str
) -> None:
    """Wrong keys and a wrong bucket are found before going on air, by the store's own code, without the secret."""
    settings = {**folder_station(tmp_path, tmpfs), **bucket.settings, "RADIO_STORE": "s3", **wrong}
    ended = command("start", settings={**settings, "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}"}, folder=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert code in ended.stderr
    assert next(iter(wrong)) in ended.stderr
    assert SECRET_KEY not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_secrets_are_not_taken_from_the_command_line(tmp_path: Path) -> None:
    """A secret in the list of processes is refused before it is used."""
    ended = command("start", "--set", "R2_SECRET_KEY=x", settings={}, folder=tmp_path)
    assert ended.returncode == 2
    assert "R2_SECRET_KEY may not be given on the command line" in ended.stderr


def test_config_shows_values_and_origins_and_masks_secrets(tmp_path: Path) -> None:
    """Every setting is shown with its value and where that came from; the command line wins, then the environment."""
    (tmp_path / ".env").write_text(
        f"RADIO_STATION=from-file\nRADIO_WINDOW=5\nRADIO_PREFIX=from-file\nR2_SECRET_KEY={SECRET_KEY}\nOTHER=x\n",
        encoding="utf-8",
    )
    settings = {"RADIO_WINDOW": "6", "RADIO_PREFIX": "from-environment", "R2_ACCESS_KEY": ACCESS_KEY}
    shown = command("config", "--json", "--set", "RADIO_PREFIX=typed", settings=settings, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert told["RADIO_STATION"] == {"value": "from-file", "from": ".env"}
    assert told["RADIO_WINDOW"] == {"value": "6", "from": "environment"}
    assert told["RADIO_PREFIX"] == {"value": "typed", "from": "command line"}
    assert told["RADIO_SEGMENT_SECONDS"] == {"value": "10", "from": "default"}
    assert SECRET_KEY not in shown.stdout
    assert ACCESS_KEY not in shown.stdout
    text = command("config", settings=settings, folder=tmp_path)
    assert text.returncode == 0
    assert SECRET_KEY not in text.stdout
    assert all(name in text.stdout for name in told)


def test_devices_names_what_to_configure(tmp_path: Path, tmpfs: Path) -> None:
    """A capture device is listed under the name that RADIO_SOURCE takes, with channels, rates and formats."""
    with sound_device(tmpfs, 2) as device:
        listed = command("devices", "--json", settings=device.settings, folder=tmp_path)
        text = command("devices", settings=device.settings, folder=tmp_path)
    found = {row["source"]: row for row in json.loads(listed.stdout)}
    assert found["alsa:umc"]["description"] == "Test interface"
    assert 48_000 in found["alsa:umc"]["rates"]
    assert "S32_LE" in found["alsa:umc"]["formats"]
    assert found["alsa:umc"]["problem"] is None
    assert found["alsa:umc"]["usb_source"] is None
    assert "alsa:umc" in text.stdout


def test_status_says_nothing_answers(tmp_path: Path, tmpfs: Path) -> None:
    """Without a supervisor the exit code is 3, and the address is named."""
    port = free_port()
    settings = {"RADIO_STATUS_LISTEN": f"127.0.0.1:{port}", "RADIO_SPOOL_DIR": str(tmpfs)}
    ended = command("status", settings=settings, folder=tmp_path)
    assert ended.returncode == 3
    assert f"127.0.0.1:{port}" in ended.stderr


@pytest.mark.timeout(90)
def test_status_follows_the_station(tmp_path: Path, tmpfs: Path) -> None:
    """Starting is exit code 1, on air 0; /healthz agrees; a hidden port is made up for by the state file."""
    with on_air(tmp_path, {**folder_station(tmp_path, tmpfs), "RADIO_SEGMENT_SECONDS": "3"}) as radio:
        settings = radio.settings
        while not radio.status():
            assert radio.process.poll() is None, radio.log
        starting = command("status", settings=settings, folder=tmp_path)
        assert (starting.returncode, "starting" in starting.stdout) == (1, True)
        assert _health(radio.port) == (200, "starting\n")
        radio.published(2, within_s=20)
        on = command("status", "--json", settings=settings, folder=tmp_path)
        assert on.returncode == 0
        told = json.loads(on.stdout)
        assert told["state"] == "on_air"
        assert told["segments_published"] >= 2
        assert told["publish_latency_ms"]["p50"] > 0
        assert told["capture"]["restarts"] == 0
        assert told["lost"]["samples"] == 0
        assert len(told["levels"]["peak_db"]) == 2
        with urllib.request.urlopen(f"http://127.0.0.1:{radio.port}/metrics", timeout=5) as answer:
            assert 'radio_state{state="on_air"} 1.0' in answer.read().decode().splitlines()
        assert _health(radio.port) == (200, "on_air\n")
        elsewhere = {**settings, "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}"}
        assert command("status", settings=elsewhere, folder=tmp_path).returncode == 0
        assert radio.stop() == 0
    assert command("status", settings=settings, folder=tmp_path).returncode == 3


@pytest.mark.timeout(60)
def test_one_spool_and_one_port_have_one_supervisor(tmp_path: Path, tmpfs: Path) -> None:
    """A second supervisor on the same spool or status port is refused with exit code 2, and told which."""
    with on_air(tmp_path, folder_station(tmp_path, tmpfs)) as radio:
        radio.published(1, within_s=20)
        other_port = {**radio.settings, "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}"}
        spool = command("start", settings=other_port, folder=tmp_path)
        assert spool.returncode == 2
        assert f"process {radio.process.pid}" in spool.stderr
        port = command("start", settings={**radio.settings, "RADIO_SPOOL_DIR": str(tmpfs / "other")}, folder=tmp_path)
        assert port.returncode == 2
        assert f"127.0.0.1:{radio.port}" in port.stderr


@pytest.mark.timeout(60)
def test_a_rival_on_the_same_prefix_is_refused(tmp_path: Path, tmpfs: Path) -> None:
    """Another installation may not go on air at a prefix that is on air, unless it is told to take over."""
    with on_air(tmp_path, folder_station(tmp_path, tmpfs)) as radio:
        radio.published(1, within_s=20)
        rival = {
            **radio.settings,
            "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}",
            "RADIO_SPOOL_DIR": str(tmpfs / "rival"),
            "RADIO_RECORDINGS_DIR": str(tmp_path / "rival"),
        }
        refused = command("start", settings=rival, folder=tmp_path)
        assert refused.returncode == 2
        assert "on air" in refused.stderr
        assert "--take-over" in refused.stderr
        radio.kill()
    (tmp_path / "other").mkdir()
    with on_air(tmp_path / "other", rival, "start", "--take-over") as successor:
        successor.published(1, within_s=20)


def test_help_teaches(tmp_path: Path) -> None:
    """Every command explains itself and its exit codes; bad usage is exit code 2."""
    assert "demo" in command("--help", settings={}, folder=tmp_path).stdout
    assert "Exit codes" in command("start", "--help", settings={}, folder=tmp_path).stdout
    assert "Exit codes" in command("status", "--help", settings={}, folder=tmp_path).stdout
    assert command("start", "--no-such-option", settings={}, folder=tmp_path).returncode == 2
    assert command("--version", settings={}, folder=tmp_path).stdout.startswith("radio-supervisor ")


def _health(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_estimate_is_of_the_station_s_own_settings(tmp_path: Path) -> None:
    """The settings count unless an option says otherwise; no key and no device is needed for it."""
    (tmp_path / ".env").write_text("RADIO_SEGMENT_SECONDS=5\nRADIO_WINDOW=4\n", encoding="utf-8")
    told = json.loads(command("estimate", "--json", "--window", "6", settings={}, folder=tmp_path).stdout)
    assert told["assumptions"]["segment_s"] == 5
    assert told["assumptions"]["window"] == 6
    # ten listeners read a little more than ten million times
    assert (told["estimate"]["class_a_month"], told["estimate"]["usd_month"]) == (1_555_200, 4.86)
    text = command("estimate", "--listeners", "3", settings={}, folder=tmp_path)
    assert text.returncode == 0
    assert "1,555,200 a month" in text.stdout
    assert command("estimate", "--segment-seconds", "31", settings={}, folder=tmp_path).returncode == 2


def test_a_spool_of_another_user_is_no_traceback(tmp_path: Path, tmpfs: Path) -> None:
    """Asked as the wrong user, status and dashboard say whom to ask as, and the doctor fails the spool by name."""
    need("setpriv")
    (tmpfs / "spool").mkdir(mode=0)
    settings = {**folder_station(tmp_path, tmpfs), "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}"}
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []

    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*unprivileged, *PROGRAM, *words]
        return subprocess.run(
            command,
            env=environment(settings),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    for words in (["status"], ["dashboard"]):
        ended = asked(*words)
        assert ended.returncode == 3, ended.stderr
        assert "another user's: ask as the user that runs" in ended.stderr
        assert "Traceback" not in ended.stderr
    examined = asked("doctor", "--json")
    assert "Traceback" not in examined.stderr
    checks = {check["name"]: check for check in json.loads(examined.stdout)["checks"]}
    assert checks["spool"]["verdict"] == "failed"
    assert "Permission denied" in checks["spool"]["found"]
