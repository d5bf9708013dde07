"""A supervisor as the operator runs it: a process, its log, its status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.rig.parts import eventually, free_port

PROGRAM = [sys.executable, "-m", "supervisor"]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The test's environment without any setting of the machine's own, plus ``settings``."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RADIO_", "R2_"))}
    return {**own, **settings}


def write_env(path: Path, settings: Mapping[str, str]) -> None:
    """Writes the operator's file, in one step."""
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)


UNPRIVILEGED = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""What makes root obey the modes of files, as everybody else does."""


def command(
    *words: str, settings: Mapping[str, str], folder: Path, within: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end in ``folder``; ``within`` goes before it."""
    return subprocess.run(
        [*within, *PROGRAM, *words],
        env=environment(settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Radio:
    """One ``radio-supervisor start`` (or another command that stays)."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        words: tuple[str, ...] = ("start",),
        within: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {
            "RADIO_RECORDINGS_DIR": str(folder / "recordings"),
            **settings,
            "RADIO_STATUS_LISTEN": f"127.0.0.1:{self.port}",
        }
        self.log_path = folder / "radio.log"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*within, *PROGRAM, *words],
                env=environment(self.settings),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    @property
    def log(self) -> str:
        """Everything that it printed."""
        return self.log_path.read_text(encoding="utf-8")

    def status(self) -> dict[str, Any]:
        """The status, or nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status.json", timeout=5) as answer:
                status: dict[str, Any] = json.load(answer)
                return status
        except OSError:
            return {}

    def published(self, count: int, within_s: float, every_s: float = 0.02) -> None:
        """Waits until so many segments were published in this life."""

        def enough() -> bool:
            assert self.process.poll() is None, self.log
            return int(self.status().get("segments_published", 0)) >= count

        eventually(enough, within_s, f"{count} segments are published\n{self.log[-8000:]}", every_s)

    def kill_capture(self) -> None:
        """Kills the FFmpeg child, as a crash of it would."""
        os.kill(self.status()["capture"]["pid"], signal.SIGKILL)

    def stop(self, within_s: float = 25.0) -> int:
        """Asks it to stop, as systemd and Docker do; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """Ends it as a power cut of the process would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def on_air(folder: Path, settings: Mapping[str, str], *words: str, within: tuple[str, ...] = ()) -> Iterator[Radio]:
    """A supervisor that is gone when the block ends, whatever happens in it; ``within`` is a program that starts it."""
    radio = Radio(folder, settings, words or ("start",), within)
    try:
        yield radio
    finally:
        if radio.process.poll() is None:
            radio.process.terminate()
            try:
                radio.process.wait(25)
            except subprocess.TimeoutExpired:
                radio.kill()
