"""What operators are told to type, typed into a shell: what the documents say about Docker works as it stands."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.conftest import OWNER, Operator
from tests.rig.numbered import playing_numbers
from tests.rig.parts import ROOT, eventually
from tests.rig.sound import SoundDevice
from tests.rig.terminal import terminal

GUIDE = ROOT / "docs/deployment/production.md"
RUNBOOK = ROOT / "docs/operations/runbook.md"
README = ROOT / "README.md"

NOT_TYPED_HERE = {
    "docker compose logs -f radio",  # stays
    "docker compose exec radio radio-supervisor dashboard",  # typed into a terminal
}

pytestmark = pytest.mark.timeout(600)


def lines(text: str) -> list[str]:
    """The lines of a text's shell blocks, without what is said beside them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [re.split(r"\s+# ", line)[0] for block in blocks for line in block.splitlines()]


def commands() -> Iterator[tuple[str, str]]:
    """What the guide has one type that begins with docker, in its order, each with the `export` before it.

    The numbered steps are taken in one shell; what comes after them is typed on other days, into fresh ones.
    """
    exported = ""
    for section in GUIDE.read_text(encoding="utf-8").split("\n## "):
        if not re.match(r"\d+\. ", section):
            exported = ""
        for line in lines(section):
            if line.startswith("export "):
                exported = line
            elif line.startswith("docker "):
                yield exported, line


def test_the_guide_can_be_followed(operator: Operator, sound: SoundDevice, sound_cards: Path, tmp_path: Path) -> None:  # noqa: ARG001
    """Every command of the guide does what it says, and the station is on air at the end."""
    typed = list(commands())
    assert {command for _, command in typed} >= NOT_TYPED_HERE
    with playing_numbers(sound, 0):
        for exported, command in typed:
            if command not in NOT_TYPED_HERE:
                before = operator.bucket.manifest().get("latest", 0)
                operator.runs(f"{exported or ':'}\n{command}")
                if " up " in command:
                    operator.bucket.after(before)
                if " stop " in command:
                    assert operator.bucket.manifest()["live"] is False
        changes_are_seen_on_air(operator)
        the_dashboard_is_shown(operator, tmp_path)
        the_runbook_s_looks_answer(operator)
        changes_of_the_container_s_own_are_taken_up(operator)


def changes_are_seen_on_air(operator: Operator) -> None:
    """The settings file, written in place, is read anew at SIGHUP, and the same run goes on."""
    before = run(operator)
    with (operator.repository / ".env.prod").open("a", encoding="ascii") as file:
        file.write("RADIO_SILENCE_DB=-70\n")
    operator.runs("docker compose exec radio sh -c 'kill -HUP 1'")
    told = "the keys are the same as before; a restart is needed for what has changed: RADIO_SILENCE_DB"
    eventually(lambda: told in operator.runs("docker compose logs radio"), 20, "the log tells what has changed", 0.2)
    operator.bucket.after(operator.bucket.manifest()["latest"])
    assert run(operator) == before


def the_dashboard_is_shown(operator: Operator, folder: Path) -> None:
    """In a terminal the guide's command shows the station, and q leaves it."""
    (command,) = (line for line in lines(GUIDE.read_text(encoding="utf-8")) if line.endswith(" dashboard"))
    assert command in NOT_TYPED_HERE
    with terminal(folder, {}) as window:
        window.type(f"cd {operator.repository}; {command}; echo ended $?")
        window.shows("ON AIR  prod", "q leaves, the station goes on")
        window.press("q")
        window.shows("ended 0")


def the_runbook_s_looks_answer(operator: Operator) -> None:
    """Whoever was woken up sees the station, its log, and what listeners read of it."""
    typed = lines(RUNBOOK.read_text(encoding="utf-8"))
    docker = [line for line in typed if line.startswith("docker ")]
    assert len(docker) == 2
    assert all("radio" in operator.runs(line) for line in docker)
    (look,) = (line for line in typed if line.startswith("curl "))
    assert '"live":true' in operator.runs(look.replace("https://radio.example.org", operator.bucket.url))
    inside = [line for line in typed if line.startswith("radio-supervisor ")]
    assert {line.split()[1] for line in inside} == {"status", "doctor"}
    assert all(operator.inside(line) for line in inside)


def changes_of_the_container_s_own_are_taken_up(operator: Operator) -> None:
    """`up -d` makes the container anew with them; a restart takes up the rest, also of a file that was replaced."""
    export = "export COMPOSE_ENV_FILES=.env.prod COMPOSE_PROFILES=prod"
    env_file = operator.repository / ".env.prod"
    write(env_file, env_file.read_text(encoding="ascii") + "MEMORY_LIMIT=800m\n")
    operator.runs(f"{export}\ndocker compose up -d")
    assert operator.ask("{{.HostConfig.Memory}}") == str(800 * 2**20)
    operator.bucket.after(operator.bucket.manifest()["latest"])
    fresh = env_file.with_name("fresh.env")
    write(fresh, env_file.read_text(encoding="ascii") + "RADIO_SILENCE_DB=-71\n")
    fresh.replace(env_file)
    operator.runs("docker compose restart radio")
    assert "-71" in operator.inside("radio-supervisor config")


def test_the_readme_s_short_way_works(
    operator: Operator,
    sound: SoundDevice,
    sound_cards: Path,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The README's lines for Docker, as they stand: settings, images, the doctor, on air, and off air at the end."""
    block = README.read_text(encoding="utf-8").partition("In short, with Docker:")[2].partition("With systemd:")[0]
    filled_in = tmp_path / "filled-in"
    filled_in.write_bytes((operator.repository / ".env.prod").read_bytes())
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncat {filled_in} >"$1"\nchown {OWNER} "$1"\n', encoding="ascii")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    with playing_numbers(sound, 0):
        first, *between, last = lines(block)
        operator.runs(first)
        assert [line.split()[:2] for line in (*between, last)] == [["docker", "compose"]] * 4
        before = operator.bucket.manifest().get("latest", 0)
        for command in between:
            operator.runs(command)
        operator.bucket.after(before)
        operator.runs(last)
    assert operator.bucket.manifest()["live"] is False


def write(path: Path, text: str) -> None:
    """Writes the operator's file, which is theirs alone."""
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, OWNER, OWNER)


def run(operator: Operator) -> str:
    """The life of FFmpeg that captures."""
    return str(json.loads(operator.inside("radio-supervisor status --json"))["capture"]["run"])
