"""The FFmpeg of a previous life is ended: this spool's, and nobody else's; what cannot be ended holds up nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from supervisor.capture import die_with_parent
from supervisor.clock import SystemClock
from supervisor.leftovers import end_leftovers
from supervisor.spool import RunRecord, Spool
from tests.rig.parts import eventually, need
from tests.unit.made import RUN

FFMPEG = sys.executable
"""What stands for FFmpeg here: it does what a test tells it."""

WAITS = "import time; print(flush=True); time.sleep(30)"


class _Hasty(SystemClock):
    """A clock on which a second passes between two looks."""

    now_s = 0.0

    def monotonic_s(self) -> float:
        """Later by a second each time."""
        self.now_s += 1.0
        return self.now_s


@contextmanager
def _writing_to(folder: str, does: str = WAITS, before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A process that names a file of the folder as FFmpeg does, and leads its own group as FFmpeg does."""
    command = [*before, FFMPEG, "-c", does, f"{folder}/{RUN}.hq.%08d.flac"]
    with subprocess.Popen(command, process_group=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def _descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool in which a run was captured when the supervisor was killed."""
    with closing(Spool(tmp_path / "spool")) as made:
        made.write_run(RunRecord(run=RUN, boot_id="6a1f", sample_rate=48_000, segment_samples=480_000))
        yield made


def test_the_ffmpeg_of_a_previous_life_is_ended(spool: Spool) -> None:
    """An FFmpeg that still writes into this spool is ended before a new one is started, and its run is over."""
    with _writing_to(str(spool.folders.raw)) as leftover:
        assert end_leftovers(spool, FFMPEG, SystemClock()) == []
        eventually(lambda: leftover.poll() is not None, 5, "the leftover is gone")
    assert [record.over for record in spool.runs()] == [True]


def test_a_leftover_may_finish_its_files(spool: Spool) -> None:
    """It is asked once: to be asked three times more means to FFmpeg that it shall drop everything."""
    counts = (
        "import signal,sys,time; asked=[]; signal.signal(signal.SIGINT, lambda *_: asked.append(1));"
        "print(flush=True); deadline=time.monotonic()+20;\n"
        "while not asked and time.monotonic() < deadline: time.sleep(0.01)\n"
        "time.sleep(0.5); sys.exit(len(asked))"
    )
    with _writing_to(str(spool.folders.raw), counts) as leftover:
        assert end_leftovers(spool, FFMPEG, SystemClock()) == []
        assert leftover.wait(5) == 1


def test_a_leftover_that_does_not_listen_is_killed(spool: Spool) -> None:
    """One that has not finished after eight seconds is ended all the same."""
    deaf = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {WAITS}"
    with _writing_to(str(spool.folders.raw), deaf) as leftover:
        assert end_leftovers(spool, FFMPEG, _Hasty()) == []
        assert leftover.wait(5) == -signal.SIGKILL


def test_what_cannot_be_ended_is_told_and_left(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that even SIGKILL does not end, or that is another user's, is named, and the start goes on."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refused)
    with _writing_to(str(spool.folders.raw)) as leftover:
        descriptors = _descriptors()
        assert end_leftovers(spool, FFMPEG, _Hasty()) == [leftover.pid]
        assert _descriptors() == descriptors
    assert [record.over for record in spool.runs()] == [True]


@pytest.mark.parametrize("other", ["/elsewhere{0}/raw", "{0}-of-another/raw", "{0}/raw-of-another"])
def test_the_ffmpeg_of_another_station_goes_on(spool: Spool, other: str) -> None:
    """An FFmpeg whose folder only resembles this spool's is left alone."""
    with _writing_to(other.format(spool.folders.root)) as foreign:
        assert end_leftovers(spool, FFMPEG, SystemClock()) == []
        assert foreign.poll() is None


def test_whoever_looks_at_a_file_goes_on(spool: Spool) -> None:
    """A program of the operator's that was given a file of the spool is no FFmpeg, though it may lead its group."""
    with _writing_to(str(spool.folders.raw)) as looking:
        assert end_leftovers(spool, "/usr/bin/ffmpeg", SystemClock()) == []
        assert looking.poll() is None


def test_a_child_that_is_not_yet_ffmpeg_is_ended(spool: Spool) -> None:
    """In the moment before it becomes FFmpeg a child is known by the command that it will be."""
    need("setpriv")
    # the shell stays, because it has more to do after the command
    *bond, shell, _, _, parent = die_with_parent(os.getpid())
    assert shell == "/bin/sh"
    assert bond[0].endswith("setpriv")
    with _writing_to(str(spool.folders.raw), before=(shell, "-c", '"$@"; true', parent)) as leftover:
        assert end_leftovers(spool, FFMPEG, SystemClock()) == []
        eventually(lambda: leftover.poll() is not None, 5, "the leftover is gone")


def test_a_relative_spool_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stations may each call their spool by the same relative name, from different folders."""
    monkeypatch.chdir(tmp_path)
    name = f"spool-{uuid.uuid4().hex}"
    with closing(Spool(Path(name))) as spool, _writing_to(f"/elsewhere/{name}/raw") as foreign:
        assert end_leftovers(spool, FFMPEG, SystemClock()) == []
        assert foreign.poll() is None
