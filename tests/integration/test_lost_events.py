"""The folder is the truth: what the observer never told is sealed all the same."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Source
from supervisor.clock import SystemClock, boot_id
from supervisor.encoding import outputs
from supervisor.events import Event, SegmentSealed
from supervisor.seal import Sealer
from supervisor.spool import RunRecord, Spool
from supervisor.stop import Signal
from supervisor.watch import RawWatch

RUN = "20261123T100000000Z"


def never_decoded(_: bytes) -> str:
    """Fails the test when a segment had to be decoded."""
    raise AssertionError


@pytest.mark.timeout(60)
def test_every_segment_is_sealed_without_a_single_event(tmp_path: Path, tmpfs: Path) -> None:
    """With an observer that never says anything every closed segment is sealed once, in order, while FFmpeg runs."""
    spool = Spool(tmpfs / "spool")
    record = RunRecord(run=RUN, boot_id=boot_id(), sample_rate=48_000, segment_samples=48_000)
    spool.write_run(record)
    events: list[Event] = []
    clock = SystemClock()
    silent = RawWatch(spool.folders.raw, clock, lambda: None)
    sealer = Sealer(spool, silent, Signal(), never_decoded, clock, events.append)
    source = Source("anoisesrc=d=8:c=pink:r=48000:seed=1", {"f": "lavfi", "re": None})
    with (tmp_path / "meters").open("wb") as meters:
        command = compile_command("ffmpeg", source, outputs(spool.folders.raw / RUN, 1, 48_000, meters.fileno()))
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(meters.fileno(),))
    sealing = threading.Thread(target=sealer.run, args=(lambda: child.poll() is None,), name="seal")
    sealing.start()
    assert child.wait(30) == 0
    sealing.join(30)
    early = [event.segment.number for event in events if isinstance(event, SegmentSealed)]
    spool.end_run(RUN)
    sealer.seal_all()
    every = [event.segment.number for event in events if isinstance(event, SegmentSealed)]
    assert len(early) >= 3
    assert every == list(range(8))
    assert [queued.sealed.number for queued in spool.to_publish.pending()] == every
    assert [queued.sealed.number for queued in spool.to_archive.pending()] == every
    assert list(spool.folders.raw.iterdir()) == []
    spool.close()
