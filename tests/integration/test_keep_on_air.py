"""The container's program: what it makes of the end of a station, and of signals; a script stands for the station."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rig.parts import ROOT, eventually

STAYS = "trap 'echo TERM; exit 0' TERM; trap 'echo HUP' HUP; echo ready; while :; do sleep 0.02; done"

pytestmark = pytest.mark.timeout(30)


class Kept:
    """The program with its station, which gets the same words."""

    def __init__(self, folder: Path, station: str, *words: str) -> None:
        script = folder / "radio-supervisor"
        script.write_text(f"#!/usr/bin/env bash\n{station}\n", encoding="ascii")
        script.chmod(0o755)
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [ROOT / "compose/keep-on-air", *words],
                env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
                stdout=output,
                stderr=output,
                process_group=0,
            )

    def tells(self, line: str, times: int = 1, within_s: float = 10) -> None:
        """Waits until a line was printed so many times, by the program or by its station."""
        eventually(lambda: self.told().count(line) >= times, within_s, f"{line!r} {times} times")

    def told(self) -> list[str]:
        """What was printed so far."""
        return self._output.read_text(encoding="utf-8").splitlines()


@contextmanager
def kept(folder: Path, station: str, *words: str) -> Iterator[Kept]:
    """Starts it; whatever is left of it at the end of the block is killed."""
    program = Kept(folder, station, *(words or ("start",)))
    yield program
    if program.process.poll() is None:
        os.killpg(program.process.pid, signal.SIGKILL)
    program.process.wait()


@pytest.mark.parametrize("code", [0, 2])
def test_what_is_done_or_needs_other_settings_ends(tmp_path: Path, code: int) -> None:
    """A station that ended cleanly, or whose first start fails for its settings, ends the container with its code."""
    with kept(tmp_path, f"exit {code}") as program:
        assert program.process.wait(10) == code
        assert program.told() == []


@pytest.mark.parametrize("end", ["exit 1", "kill -KILL $$", "kill -SEGV $$"])
def test_what_failed_is_started_again(tmp_path: Path, end: str) -> None:
    """After a failure or a signal the station is started again, and the container lives on."""
    with kept(tmp_path, f"echo on air; {end}") as program:
        program.tells("on air", times=2)
        assert program.process.poll() is None


def test_a_start_that_fails_after_a_crash_ends_nothing(tmp_path: Path) -> None:
    """What a crash left in the container's memory outlives the starts that its missing device or refused keys fail."""
    count = tmp_path / "count"
    then = f"echo >>{count}; case $(wc -l <{count}) in 1) kill -KILL $$ ;; 2) exit 2 ;; esac; {STAYS}"
    with kept(tmp_path, then) as program:
        program.tells("radio-supervisor ended with exit code 2; it is started again")
        program.tells("ready", within_s=20)
        program.process.terminate()
        assert program.process.wait(10) == 0


def test_a_stop_ends_the_tries_after_a_crash(tmp_path: Path) -> None:
    """While nothing but failing starts follow a crash, a stop is heard at once."""
    with kept(tmp_path, f"[[ -e {tmp_path}/crashed ]] && exit 2; touch {tmp_path}/crashed; exit 1") as program:
        program.tells("radio-supervisor ended with exit code 2; it is started again")
        program.process.terminate()
        program.process.wait(5)


def test_signals_reach_the_station(tmp_path: Path) -> None:
    """SIGHUP goes to the station, which goes on; SIGTERM as well, and its exit code is the container's."""
    with kept(tmp_path, STAYS) as program:
        program.tells("ready")
        for times in (1, 2):
            program.process.send_signal(signal.SIGHUP)
            program.tells("HUP", times)
        program.process.terminate()
        assert program.process.wait(10) == 0
        assert program.told() == ["ready", "HUP", "HUP", "TERM"]


def test_a_stop_ends_the_wait_for_the_next_start(tmp_path: Path) -> None:
    """Asked to stop while no station runs, it starts none."""
    with kept(tmp_path, "echo on air; exit 1") as program:
        program.tells("radio-supervisor ended with exit code 1; it is started again")
        program.process.terminate()
        program.process.wait(10)
        assert program.told().count("on air") == 1


def test_other_commands_are_the_program_s_own(tmp_path: Path) -> None:
    """Every command but `start` is called once with its words, and its exit code is the answer."""
    with kept(tmp_path, 'echo "$@"; exit 1', "status", "--json") as program:
        assert program.process.wait(10) == 1
        assert program.told() == ["status --json"]
