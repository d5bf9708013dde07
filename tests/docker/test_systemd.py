"""The service on a machine with systemd: installed by `make install`, started, reloaded, killed, stopped, put right."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.docker import checkout
from tests.rig.parts import ROOT, eventually
from tests.rig.terminal import terminal

MACHINE = "radio-test-systemd"
UNIT = "radio-supervisor"
SECRETS = "/etc/radio-server/secrets.env"
BUCKET = "/var/lib/radio-supervisor/bucket"
SETTINGS = {
    "RADIO_STORE": f"dir:{BUCKET}",
    "RADIO_SOURCE": "tone:",
    "RADIO_SEGMENT_SECONDS": "1",
    "RADIO_RECORDING_SECONDS": "5",
    "RADIO_RECORDINGS_MIN_FREE_GB": "0",
}

DOCUMENT = ROOT / "docs/deployment/systemd.md"
RUNBOOK = ROOT / "docs/operations/runbook.md"
SOURCE = "/radio-supervisor"
"""Where the image has its clone of the repository."""

NOT_TYPED_HERE = {
    "git clone <this repository> && cd radio-supervisor",  # the image is made of one
    "journalctl -u radio-supervisor -f",  # stays
    "radio-supervisor dashboard",  # typed into a terminal
    "pipx install radio-supervisor",  # another way to get there
    "radio-supervisor start --env-file station.env",
}

pytestmark = pytest.mark.timeout(120)


def written(settings: Mapping[str, str]) -> str:
    """Settings as the lines of their file."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def docker(*words: str, within_s: float = 60) -> str:
    """Calls docker; what it prints."""
    ran = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=within_s, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout


@dataclass(frozen=True)
class Machine:
    """A machine with systemd, and somebody at its shell as root."""

    name: str

    def types(self, command: str, within_s: float = 60) -> tuple[int, str]:
        """Types a command; its exit code, and what it prints."""
        ran = subprocess.run(
            ["docker", "exec", self.name, "sh", "-c", f"cd /root && {command}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        return ran.returncode, ran.stdout

    def runs(self, command: str, within_s: float = 60) -> str:
        """Types a command that succeeds; what it prints."""
        code, printed = self.types(command, within_s)
        assert code == 0, printed
        return printed

    def property(self, name: str) -> str:
        """What systemd knows of the service."""
        return self.runs(f"systemctl show {UNIT} --property={name} --value").strip()

    def log(self) -> str:
        """The service's journal."""
        return self.runs(f"journalctl --unit={UNIT} --no-pager --output=cat")

    def set(self, **settings: str) -> None:
        """Writes the settings, as `sudoedit` does: owner and mode stay."""
        self.runs(f"printf %s {shlex.quote(written({**SETTINGS, **settings}))} >{SECRETS}")

    def manifest(self) -> dict[str, Any]:
        """The manifest; empty while there is none."""
        code, printed = self.types(f"cat {BUCKET}/live/manifest.json")
        read: dict[str, Any] = json.loads(printed) if code == 0 else {}
        return read

    def after(self, index: int) -> int:
        """Waits until a segment after ``index`` is on air; the newest."""

        def newer() -> int:
            manifest = self.manifest()
            return int(manifest["latest"]) if manifest.get("live") and manifest["latest"] > index else 0

        return eventually(newer, 30, f"a segment after {index} is on air", 0.2)

    def is_said_to_be_on_air(self) -> None:
        """Waits until the runbook's first look says so."""
        look, *_ = (line for line in shell_lines(RUNBOOK) if line.startswith("systemctl "))
        eventually(
            lambda: 'Status: "on air' in self.runs(look), 20, "the service's status tells that it is on air", 0.5
        )


@pytest.fixture(scope="module")
def machine(repository: Path) -> Iterator[Machine]:
    """A machine on which `make install` has run and systemd is the first process."""
    source = checkout(repository.parent / "to-install")
    (source / ".dockerignore").unlink()  # says what the product's own images need
    build = ["--quiet", "--tag", MACHINE, "--file", str(ROOT / "tests/docker/systemd.Dockerfile")]
    base = ["--build-arg", f"DEBIAN={os.environ['DEBIAN']}"] if "DEBIAN" in os.environ else []
    docker("build", *build, *base, str(source), within_s=540)
    docker("container", "rm", "--force", MACHINE)
    # what systemd needs of a container: to mount, and a memory of its own; it gets none of the machine's devices
    rights = ["--cap-add=SYS_ADMIN", "--cap-add=SYS_NICE", "--security-opt=seccomp=unconfined"]
    rights += ["--security-opt=apparmor=unconfined", "--cgroupns=private"]
    memory = ["--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp"]
    docker("run", "--detach", "--name", MACHINE, "--env=container=docker", *rights, *memory, MACHINE)
    made = Machine(MACHINE)
    eventually(lambda: made.types("systemctl is-system-running")[1].strip() == "running", 30, "systemd runs", 0.2)
    yield made
    docker("container", "rm", "--force", MACHINE)


@pytest.fixture
def on_air(machine: Machine) -> Machine:
    """The machine with the service on air."""
    machine.set()
    machine.runs(f"systemctl restart {UNIT}")
    machine.after(int(machine.manifest().get("latest", 0)))
    return machine


def folders() -> dict[str, str]:
    """Where the example of the settings has recordings and spool."""
    example = (ROOT / "compose/systemd/secrets.env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^(RADIO_(?:RECORDINGS|SPOOL)_DIR)=(.+)$", example, re.MULTILINE))


@pytest.mark.timeout(600)
def test_the_doctor_looks_at_the_service_s_own_folders(machine: Machine) -> None:
    """Called as the guide says, before the first start, as the station's user, nothing fails."""
    machine.runs(f"systemctl stop {UNIT}; install -d -o radio -g radio /run/radio-supervisor")
    machine.set(**folders())
    told = json.loads(machine.runs(f"runuser -u radio -- radio-supervisor doctor --json --env-file {SECRETS}"))
    assert told["ok"], told
    by_name = {check["name"]: check for check in told["checks"]}
    assert "/var/lib/radio-supervisor/recordings" in by_name["recordings"]["found"]
    assert "/run/radio-supervisor/spool" in by_name["spool"]["found"]


def test_the_service_is_what_the_unit_says(on_air: Machine) -> None:
    """It is ready, tells systemd of itself, has no right and no system call to spare, and goes before others."""
    assert (on_air.property("ActiveState"), on_air.property("SubState")) == ("active", "running")
    eventually(lambda: on_air.property("StatusText").startswith("on air"), 20, "the status is told", 0.2)
    begun = on_air.property("WatchdogTimestampMonotonic")
    eventually(lambda: on_air.property("WatchdogTimestampMonotonic") != begun, 20, "signs of life come", 0.2)
    pid = on_air.property("MainPID")
    status = on_air.runs(f"cat /proc/{pid}/status")
    for line in ("CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status
    assert on_air.runs(f"stat -c %U /proc/{pid}").strip() == "radio"
    # the nineteenth field of proc(5)'s stat, counted from behind the name in brackets
    assert on_air.runs(f"cat /proc/{pid}/stat").rpartition(")")[2].split()[16] == "-10"


def test_hours_are_joined_within_the_unit_s_limits(on_air: Machine) -> None:
    """The service can lower its own priority, which joining does first, and writes where recordings belong."""
    joined = re.compile(r"joined \d+ pieces? to /var/lib/radio-supervisor/recordings/")
    eventually(lambda: joined.search(on_air.log()), 30, "a recording is joined", 0.2)
    assert "could not be joined" not in on_air.log()


def test_a_reload_stays_on_air(on_air: Machine) -> None:
    """`systemctl reload` has the settings read anew, in the same process and the same run."""
    pid, latest = on_air.property("MainPID"), on_air.manifest()["latest"]
    on_air.set(RADIO_SILENCE_DB="-70")
    on_air.runs(f"systemctl reload {UNIT}")
    told = "a restart is needed for what has changed: RADIO_SILENCE_DB"
    eventually(lambda: told in on_air.log(), 20, "the settings are read anew", 0.2)
    on_air.after(latest)
    assert on_air.property("MainPID") == pid


def test_a_killed_service_comes_back(on_air: Machine) -> None:
    """After SIGKILL systemd starts it again, and nothing of the old life's is left at work."""
    latest, of_old = on_air.manifest()["latest"], on_air.runs("pidof ffmpeg").split()
    on_air.runs(f"systemctl kill --kill-whom=main --signal=KILL {UNIT}")
    assert on_air.after(latest + 1) > latest
    # a recording may be joined meanwhile, by an FFmpeg of the new life's
    assert not {*of_old} & {*on_air.runs("pidof ffmpeg").split()}


def test_a_stop_says_goodbye(on_air: Machine) -> None:
    """`systemctl stop` ends it by itself, with `live: false`, and with nothing left over."""
    on_air.runs(f"systemctl stop {UNIT}")
    assert (on_air.property("Result"), on_air.property("ExecMainStatus")) == ("success", "0")
    assert on_air.manifest()["live"] is False
    assert on_air.types("pidof ffmpeg")[0] == 1


def test_a_mistake_is_told_and_needs_no_second_start(machine: Machine) -> None:
    """Settings that cannot work fail the start with one clear line; when they are right it goes on air by itself."""
    latest = int(machine.manifest().get("latest", 0))
    machine.set(RADIO_SEGMENT_SECONDS="99")
    code, _ = machine.types(f"systemctl restart {UNIT}")
    assert code == 1
    assert "RADIO_SEGMENT_SECONDS=99" in machine.log()
    assert "Traceback" not in machine.log()
    machine.set()
    machine.after(latest)


@pytest.mark.timeout(600)
def test_the_document_can_be_followed(machine: Machine, tmp_path: Path) -> None:
    """Its commands, typed in their order: installed, filled in, on air, looked at, stopped, upgraded, taken away."""
    typed = shell_lines(DOCUMENT)
    assert set(typed) > NOT_TYPED_HERE
    machine.runs(f"systemctl stop {UNIT}")
    assert machine.types(f"systemctl is-enabled {UNIT}") == (1, "disabled\n")
    filled_in = written({**SETTINGS, **folders()})
    editor = f'#!/bin/sh\nprintf %s {shlex.quote(filled_in)} >"$1"\n'
    machine.runs(f"printf %s {shlex.quote(editor)} >fill-in; chmod 755 fill-in")
    for line in typed:
        latest = int(machine.manifest().get("latest", 0))
        if line == "radio-supervisor dashboard":
            watch_and_leave(machine, line, tmp_path)
        elif line not in NOT_TYPED_HERE:
            # there is nothing to pull from
            here = line.removeprefix("git pull && ")
            machine.runs(f"cd {SOURCE} && EDITOR=/root/fill-in && export EDITOR && {here}", within_s=300)
        if "enable --now" in line or " restart " in line:
            machine.after(latest)
            machine.is_said_to_be_on_air()
        if " stop " in line:
            assert machine.manifest()["live"] is False
    assert machine.types(f"systemctl is-enabled {UNIT}")[0] != 0
    assert machine.types("radio-supervisor --version")[0] != 0
    assert machine.runs(f"stat -c '%a %U' {SECRETS}") == "600 radio\n"
    assert machine.runs(f"cat {SECRETS}") == filled_in
    assert machine.runs("find /var/lib/radio-supervisor/recordings -name '*.flac'")


def shell_lines(document: Path) -> list[str]:
    """The lines of a document's shell blocks, without what is said beside them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [re.split(r"\s+# ", line)[0] for block in blocks for line in block.splitlines()]


def watch_and_leave(machine: Machine, command: str, folder: Path) -> None:
    """In a terminal of the machine the dashboard shows the station, and q leaves it."""
    with terminal(folder, {}) as window:
        window.type(f"docker exec -it {machine.name} {command}; echo ended $?")
        window.shows("ON AIR", "q leaves, the station goes on")
        window.press("q")
        window.shows("ended 0")
