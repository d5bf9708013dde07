"""The guide to production, typed by an operator into a shell: what it says about Docker works as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docker.conftest import Operator
from tests.rig.numbered import playing_numbers
from tests.rig.parts import ROOT, eventually
from tests.rig.sound import SoundDevice

GUIDE = ROOT / "docs/deployment/production.md"

NOT_TYPED_HERE = {
    "docker compose logs -f radio",  # stays
    "docker compose exec radio radio-supervisor dashboard",  # needs a terminal
}

pytestmark = pytest.mark.timeout(600)


def commands() -> list[str]:
    """What the guide has one type that begins with docker, in its order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [re.split(r"\s+# ", line)[0] for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("docker ")]


def test_the_guide_can_be_followed(
    operator: Operator,
    sound: SoundDevice,
    sound_cards: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After its `export`, every command of the guide does what it says, and the station is on air at the end."""
    assert set(commands()) >= NOT_TYPED_HERE
    exported = re.search(r"^export (.+?)\s+#", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert exported is not None
    for assignment in exported[1].split():
        monkeypatch.setenv(*assignment.split("=", 1))
    with playing_numbers(sound, 0):
        for command in commands():
            if command not in NOT_TYPED_HERE:
                operator.runs(command)
                if " stop " in command:
                    assert operator.bucket.manifest()["live"] is False
        operator.bucket.after(operator.bucket.manifest()["latest"])
        changes_are_seen_on_air(operator)


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


def run(operator: Operator) -> str:
    """The life of FFmpeg that captures."""
    return str(json.loads(operator.inside("radio-supervisor status --json"))["capture"]["run"])
