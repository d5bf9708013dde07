"""No FFmpeg outlives its supervisor, and the FFmpeg of a previous life is ended: this spool's, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from supervisor.capture import die_with_parent, end_leftovers
from supervisor.clock import SystemClock
from supervisor.spool import Spool
from tests.rig.parts import ROOT, eventually, need
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


@pytest.mark.parametrize(("parent", "begun"), [(None, True), (1, False)], ids=["lives", "has died already"])
def test_nothing_is_begun_for_a_parent_that_is_gone(tmp_path: Path, parent: int | None, begun: bool) -> None:  # noqa: FBT001
    """A child whose parent died before the kernel was told of the bond does not begin: nobody would ever end it."""
    need("setpriv")
    mark = tmp_path / "begun"
    subprocess.run([*die_with_parent(parent), "touch", str(mark)], timeout=20, check=False)
    assert mark.exists() == begun


def test_a_child_dies_with_its_parent() -> None:
    """A supervisor that is killed takes its child along, which is asked to end as by Ctrl-C."""
    need("setpriv")
    child = (
        "import signal,time; signal.signal(signal.SIGINT, lambda *_: exit(print('asked', flush=True)));"
        "print('up', flush=True); time.sleep(30)"
    )
    parent = (
        "import subprocess,sys,time; from supervisor.capture import die_with_parent;"
        "subprocess.Popen([*die_with_parent(), sys.executable, '-c', sys.argv[1]]); time.sleep(30)"
    )
    with subprocess.Popen([sys.executable, "-c", parent, child], stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "up\n"
        killed.kill()
        assert killed.stdout.read() == "asked\n"
