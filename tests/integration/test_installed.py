"""What `make install` leaves: a program that needs no source tree, a unit that systemd accepts, the right modes."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import __version__
from tests.rig.confined import UNIT, settings
from tests.rig.parts import ROOT, eventually, free_port, need
from tests.rig.radio import environment, on_air, write_env
from tests.rig.s3 import Bucket
from tests.rig.sound import SoundDevice, sound_device

MOST_EXPOSURE = 2.0
"""As docs/deployment/systemd.md says; 10 is a service that may do everything."""

PROGRAM = "/opt/radio-supervisor/bin/radio-supervisor"
SECRETS = "etc/radio-server/secrets.env"


def make(target: str, destination: Path) -> str:
    """Runs a target of the Makefile as a packager does, or an administrator whose files are their own."""
    done = subprocess.run(
        ["make", "--no-print-directory", target, f"DESTDIR={destination}"],
        cwd=ROOT,
        env={**os.environ, "PIP_NO_COMPILE": "1"},
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=190,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an installation, made once."""
    destination = tmp_path_factory.mktemp("root")
    make("install", destination)
    return destination


@pytest.fixture
def demo(installed: Path, tmp_path: Path) -> Iterator[int]:
    """The installed program's demo, run far from any source tree; its port."""
    port = free_port()
    python = installed / "opt/radio-supervisor/bin/python"
    words = [str(python), "-I", "-m", "supervisor", "demo", "--port", str(port), "--segment-seconds", "1"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=tmp_path, env=environment({}), stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(25) == 0, (tmp_path / "log").read_text(encoding="utf-8")


def fetched(port: int, path: str) -> bytes | None:
    """What the demo serves there; nothing while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return None


@pytest.mark.timeout(200)
def test_the_installed_program_brings_everything(installed: Path, demo: int) -> None:
    """Without the source tree there are all commands, the page and the player, and the demo is on air."""
    assert b"<radio-player" in eventually(lambda: fetched(demo, "/"), 20, "the page is served")
    for module in (ROOT / "radio-client/player").glob("*.js"):
        assert fetched(demo, f"/player/{module.name}") == module.read_bytes()
    eventually(lambda: fetched(demo, "/live/manifest.json"), 20, "it is on air")
    script = installed / PROGRAM.removeprefix("/")
    assert script.read_text(encoding="utf-8").startswith("#!/opt/radio-supervisor/bin/python")
    assert (installed / "usr/local/bin/radio-supervisor").readlink() == Path(PROGRAM)


@pytest.mark.timeout(200)
def test_systemd_accepts_the_unit(installed: Path, tmp_path: Path) -> None:
    """Every line is known to systemd and every program that it names is there."""
    need("systemd-analyze")
    unit = (installed / "etc/systemd/system/radio-supervisor.service").read_text(encoding="utf-8")
    assert unit == UNIT.read_text(encoding="utf-8")
    here = tmp_path / UNIT.name
    here.write_text(unit.replace("=/opt/", f"={installed}/opt/"), encoding="utf-8")
    told = subprocess.run(
        ["systemd-analyze", "verify", str(here)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.timeout(60)
def test_the_unit_is_exposed_no_more_than_is_said() -> None:
    """By systemd's own score the service can do little, and the guide tells how little."""
    need("systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE * 10:.0f}", "--no-pager"]
    told = subprocess.run([*command, str(UNIT)], capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 0, told.stdout
    assert re.search(r"exposure level .*: (\d\.\d)", told.stdout)
    guide = (ROOT / "docs/deployment/systemd.md").read_text(encoding="utf-8")
    assert f"{MOST_EXPOSURE:.1f} of 10" in guide


def test_the_unit_loses_nothing_and_fits_the_program() -> None:
    """The spool outlives a crash, a stop has its time, a station is never given up, and keys can be read anew."""
    wanted = {
        "Type": ["notify"],
        "RuntimeDirectoryPreserve": ["yes"],
        "TimeoutStopSec": ["30"],
        "KillMode": ["mixed"],
        "Restart": ["on-failure"],
        "RestartPreventExitStatus": [],
        "StartLimitIntervalSec": ["0"],
        "SupplementaryGroups": ["audio"],
        "EnvironmentFile": ["/etc/radio-server/secrets.env"],
        "UnsetEnvironment": ["R2_ACCESS_KEY R2_SECRET_KEY"],
        "ExecStart": [f"{PROGRAM} start --no-dashboard --env-file /etc/radio-server/secrets.env"],
        "ExecReload": ["/bin/sh -c 'kill -HUP $MAINPID'"],
    }
    assert {name: settings(name) for name in wanted} == wanted


@pytest.fixture
def sound(tmpfs: Path) -> Iterator[SoundDevice]:
    """An ALSA device: its library is what a confined FFmpeg has to load and to run."""
    with sound_device(tmpfs, 2) as device:
        yield device


@pytest.mark.timeout(90)
def test_a_station_lives_within_what_the_unit_allows(
    tmp_path: Path, tmpfs: Path, bucket: Bucket, sound: SoundDevice
) -> None:
    """Without capabilities, further system calls and memory to execute it captures, joins, takes new keys and ends."""
    need("setpriv", "systemd-analyze")
    key, secret = "CONFINEDKEY000000042", "confined-secret"
    bucket.server.add_key(key, secret)
    told = {
        **bucket.settings,
        "RADIO_SOURCE": sound.settings["RADIO_SOURCE"],
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_RECORDING_SECONDS": "2",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }
    env_file = tmp_path / "secrets.env"
    write_env(env_file, told)
    # as systemd makes it of EnvironmentFile and UnsetEnvironment
    unset = settings("UnsetEnvironment")[0].split()
    given = {name: value for name, value in told.items() if name not in unset}
    given = {**sound.settings, **given, "PYTHONPATH": str(ROOT)}
    confined = [sys.executable, "-m", "tests.rig.confined"]
    privileges = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"]
    words = ("start", "--no-dashboard", "--env-file", str(env_file))
    with on_air(tmp_path, given, *words, within=(*privileges, *confined)) as radio:
        radio.published(2, within_s=30)
        status = Path(f"/proc/{radio.process.pid}/status").read_text(encoding="utf-8")
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
        write_env(env_file, {**told, "R2_ACCESS_KEY": key, "R2_SECRET_KEY": secret})
        os.kill(radio.process.pid, signal.SIGHUP)
        eventually(lambda: "the settings were read anew" in radio.log, 15, "the keys are looked at")
        radio.published(int(radio.status()["segments_published"]) + 2, within_s=15)
        eventually(lambda: re.search(r"joined \d+ pieces? to", radio.log), 15, "a recording is joined")
        assert (radio.status()["capture"]["restarts"], radio.status()["lost"]["samples"]) == (0, 0)
        assert radio.stop() == 0
    assert "could not be joined" not in radio.log
    assert "signed with …0042 from now on" in radio.log
    assert "a restart is needed" not in radio.log


@pytest.mark.timeout(200)
def test_the_service_gets_at_all_of_it(installed: Path) -> None:
    """Whatever umask it was installed with, the service's user can read and run all of it but for the settings."""
    others = {path: stat.S_IMODE(path.stat().st_mode) & 0o7 for path in installed.rglob("*") if not path.is_symlink()}
    assert [path for path, mode in others.items() if path.is_dir() and mode != 0o5] == []
    assert [path for path, mode in others.items() if mode & 0o4 == 0] == [installed / SECRETS]
    assert others[installed / PROGRAM.removeprefix("/")] == 0o5


@pytest.mark.timeout(200)
def test_installing_after_an_upgrade_of_the_system_mends_the_program(installed: Path) -> None:
    """With the system's new Python the old environment has no packages; installing makes it anew, with that Python."""
    (packages,) = (installed / "opt/radio-supervisor/lib").glob("python3.*")
    packages.rename(packages.with_name("python3.0"))
    assert version_told(installed).returncode == 1
    make("install", installed)
    assert version_told(installed).stdout == f"radio-supervisor {__version__}\n"
    assert [folder.name for folder in packages.parent.iterdir()] == [packages.name]


def version_told(root: Path) -> subprocess.CompletedProcess[str]:
    """What the installed program says of itself, far from any source tree."""
    python = root / "opt/radio-supervisor/bin/python"
    ask = [str(python), "-I", "-m", "supervisor", "--version"]
    return subprocess.run(ask, cwd="/", capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.timeout(200)
def test_installing_again_keeps_what_is_the_operator_s(installed: Path) -> None:
    """The example is for who has no settings yet; they stay their owner's alone, and uninstalling keeps them."""
    secrets = installed / SECRETS
    assert secrets.read_text(encoding="utf-8") == UNIT.with_name("secrets.env.example").read_text(encoding="utf-8")
    secrets.write_text("RADIO_STATION=mine\n", encoding="utf-8")
    recording = installed / "var/lib/radio-supervisor/recordings/an-hour.flac"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"kept")
    make("install", installed)
    assert version_told(installed).stdout == f"radio-supervisor {__version__}\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    make("uninstall", installed)
    assert secrets.read_text(encoding="utf-8") == "RADIO_STATION=mine\n"
    assert recording.read_bytes() == b"kept"
    gone = ("opt/radio-supervisor", "etc/systemd/system/radio-supervisor.service", "usr/local/bin/radio-supervisor")
    assert [path for path in gone if (installed / path).exists() or (installed / path).is_symlink()] == []
