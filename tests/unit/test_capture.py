"""Leftovers of a previous life: the FFmpeg of this spool is ended, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from supervisor.capture import end_leftovers
from supervisor.clock import SystemClock
from supervisor.spool import Spool
from tests.rig.parts import eventually
from tests.unit.made import RUN


@contextmanager
def _writing_to(folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that names a file of the folder as FFmpeg does, and leads its own group as FFmpeg does."""
    sleep = "import time; print(flush=True); time.sleep(30)"
    command = [sys.executable, "-c", sleep, f"{folder}/{RUN}.hq.%08d.flac"]
    with subprocess.Popen(command, process_group=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_the_ffmpeg_of_a_previous_life_is_ended(tmp_path: Path) -> None:
    """An FFmpeg that still writes into this spool is ended before a new one is started."""
    with closing(Spool(tmp_path / "spool")) as spool, _writing_to(str(spool.folders.raw)) as leftover:
        end_leftovers(spool, SystemClock())
        eventually(lambda: leftover.poll() is not None, 5, "the leftover is gone")


@pytest.mark.parametrize("other", ["/elsewhere{0}/raw", "{0}-of-another/raw", "{0}/raw-of-another"])
def test_the_ffmpeg_of_another_station_goes_on(tmp_path: Path, other: str) -> None:
    """An FFmpeg whose folder only resembles this spool's is left alone."""
    with closing(Spool(tmp_path / "spool")) as spool, _writing_to(other.format(spool.folders.root)) as foreign:
        end_leftovers(spool, SystemClock())
        assert foreign.poll() is None


def test_a_relative_spool_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stations may each call their spool by the same relative name, from different folders."""
    monkeypatch.chdir(tmp_path)
    name = f"spool-{uuid.uuid4().hex}"
    with closing(Spool(Path(name))) as spool, _writing_to(f"/elsewhere/{name}/raw") as foreign:
        end_leftovers(spool, SystemClock())
        assert foreign.poll() is None
