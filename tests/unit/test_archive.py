"""The archive stage: copies in order, waits for the disk, and lets go only what the spool cannot hold."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import pytest

from supervisor.archive import Archivist, Overflow
from supervisor.backoff import Backoff
from supervisor.clock import SystemClock
from supervisor.events import ArchiveFailed, Event, RecordingDamaged, SegmentArchived, SpoolOverflowed
from supervisor.identity import writer_id
from supervisor.lineage import newest_run
from supervisor.room import Wanted
from supervisor.sealing.tags import read_head
from supervisor.segments import SealedSegment
from supervisor.spool import Spool
from supervisor.stop import Worker
from tests.rig.mounts import tiny_tmpfs
from tests.rig.parts import eventually
from tests.rig.sealing import SealedFiles, put_sealed, seal
from tests.unit.made import sealed_segment
from tests.unit.takes import RATE, Take


class Clock(SystemClock):
    """A clock whose monotonic time a test sets."""

    now_s = 1000.0

    def monotonic_s(self) -> float:
        """The test's time."""
        return self.now_s


@dataclass
class Line:
    """A spool with sealed segments, the archive that they go to, and what was told."""

    spool: Spool
    recordings: Path
    pair: SealedFiles
    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)

    def archivist(self, min_free_bytes: int = 0, pause_s: float = 0.001) -> Archivist:
        """The stage, trying again after ``pause_s``."""
        backoff = Backoff(pause_s, pause_s)
        return Archivist("radio", self.recordings, self.spool, min_free_bytes, self.clock, self.events.append, backoff)

    def put(self, *numbers: int) -> list[SealedSegment]:
        """Puts segments into the queue."""
        segments = [sealed_segment(number) for number in numbers]
        for segment in segments:
            put_sealed(self.spool, segment, self.pair)
        return segments

    @property
    def waiting(self) -> list[int]:
        """The numbers in the queue."""
        return [queued.sealed.number for queued in self.spool.to_archive.pending()]

    @property
    def kept(self) -> list[Path]:
        """What is in the archive."""
        return sorted(self.recordings.rglob("*.flac"))

    def told(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def allowing(limit_bytes: int) -> Wanted:
    """A spool of one-second segments with a limit."""
    return Wanted(segment_samples=RATE, sample_rate=RATE, window=3, limit_bytes=limit_bytes)


@pytest.fixture
def line(tmp_path: Path, short_take: Take) -> Iterator[Line]:
    """An archive that was started once."""
    writer_id(tmp_path / "recordings")
    spool = Spool(tmp_path / "spool")
    yield Line(spool, tmp_path / "recordings", seal(short_take.pair(0), 0, RATE))
    spool.close()


def test_each_segment_is_kept_with_its_place(line: Line) -> None:
    """Every segment of the queue is a file that says where in its run it belongs, and is gone from the queue."""
    segments = line.put(0, 1, 2)
    line.archivist().run(lambda: False)
    assert line.waiting == []
    assert line.told(ArchiveFailed) == []
    for path, segment in zip(line.kept, segments, strict=True):
        tags = read_head(BytesIO(path.read_bytes())).tags
        assert (tags["RUN"], tags["FIRST_SAMPLE"]) == (segment.run, str(segment.first_sample))
        assert tags["BOOT_ID"] == segment.boot_id
    assert newest_run(line.recordings) == segments[-1].run


def test_the_limit_stops_archiving_and_it_resumes(line: Line) -> None:
    """With less free than is to stay free nothing is written; the cause is told; with room again nothing was lost."""
    line.put(0, 1)
    free = os.statvfs(line.recordings)
    held = line.archivist(min_free_bytes=free.f_bavail * free.f_frsize + 10**12)
    worker = Worker("archive", lambda: held.run(lambda: False), lambda: None)
    worker.start()
    eventually(lambda: line.told(ArchiveFailed), 10, "the limit is told")
    held.give_up()
    assert worker.join(10)
    assert worker.error is None
    assert (line.kept, line.waiting) == ([], [0, 1])
    (told, *_) = line.told(ArchiveFailed)
    assert isinstance(told, ArchiveFailed)
    assert "RADIO_RECORDINGS_MIN_FREE_GB" in told.why
    assert str(line.recordings) in told.why
    line.archivist().run(lambda: False)
    assert (len(line.kept), line.waiting) == (2, [])


def test_an_empty_mount_point_is_not_filled(line: Line) -> None:
    """When the disk with the recordings is gone, nothing is written in its place; when it is back, all of it is."""
    line.put(0)
    away = line.recordings.with_name("away")
    line.recordings.rename(away)
    line.recordings.mkdir()
    archivist = line.archivist()
    worker = Worker("archive", lambda: archivist.run(lambda: False), lambda: None)
    worker.start()
    eventually(lambda: line.told(ArchiveFailed), 10, "the missing disk is told")
    assert list(line.recordings.iterdir()) == []
    line.recordings.rmdir()
    away.rename(line.recordings)
    assert worker.join(10)
    assert (len(line.kept), line.waiting) == (1, [])


def test_the_spool_is_bounded_while_the_disk_hangs(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that hangs for longer than 10 s costs the oldest segments that wait, never the one that is on its way."""
    hang, hanging = threading.Event(), threading.Event()

    def stuck(_: int) -> None:
        hanging.set()
        assert hang.wait(30)

    monkeypatch.setattr(os, "fsync", stuck)
    line.put(0, 1, 2, 3)
    archivist = line.archivist()
    for queued in line.spool.to_publish.pending():
        line.spool.to_publish.done(queued)  # listeners have them already
    worker = Worker("archive", lambda: archivist.run(lambda: False), lambda: None)
    worker.start()
    assert hanging.wait(10)
    full = Overflow(archivist, line.spool, allowing(line.spool.used_bytes() - 1), line.events.append)
    full.look()
    assert line.told(SpoolOverflowed) == []  # it may only be slow
    line.clock.now_s += 10.1
    full.look()
    assert line.waiting == [0, 2, 3]
    monkeypatch.undo()
    hang.set()
    assert worker.join(10)
    archived = [event.segment.number for event in line.events if isinstance(event, SegmentArchived)]
    assert archived == [0, 2, 3]
    assert [event.segment.number for event in line.events if isinstance(event, SpoolOverflowed)] == [1]
    assert line.told(ArchiveFailed) == []  # what was let go is not missed


def test_what_is_being_copied_by_now_is_not_let_go(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that moves again while the spool is relieved: no segment is both lost and archived."""
    gate = threading.Semaphore(0)
    hanging: list[int] = []

    def stuck(descriptor: int) -> None:
        hanging.append(descriptor)
        assert gate.acquire(timeout=30)

    monkeypatch.setattr(os, "fsync", stuck)
    line.put(0, 1, 2, 3)
    for queued in line.spool.to_publish.pending():
        line.spool.to_publish.done(queued)
    waiting = line.spool.to_archive.pending()
    archivist = line.archivist()
    worker = Worker("archive", lambda: archivist.run(lambda: False), lambda: None)
    worker.start()
    eventually(lambda: hanging, 10, "the first is being copied")
    assert [archivist.let_go(queued) for queued in waiting] == [False] * 4  # it may only be slow
    line.clock.now_s += 10.1
    assert [archivist.let_go(queued) for queued in waiting[:2]] == [False, True]
    while not line.told(SegmentArchived):
        seen = len(hanging)
        gate.release()
        eventually(lambda seen=seen: len(hanging) > seen, 10, "the disk hangs again")  # type: ignore[misc]
    line.clock.now_s += 10.1
    assert [archivist.let_go(queued) for queued in waiting] == [False, False, False, True]
    gate.release(100)
    assert worker.join(10)
    archived = [event.segment.number for event in line.events if isinstance(event, SegmentArchived)]
    assert (archived, line.told(ArchiveFailed)) == ([0, 2], [])


def test_a_spool_that_is_full_of_other_things_costs_the_archive_nothing(line: Line) -> None:
    """While copies go through, nothing is let go, however full the spool is."""
    line.put(0, 1)
    archivist = line.archivist()
    Overflow(archivist, line.spool, allowing(0), line.events.append).look()
    assert line.waiting == [0, 1]
    archivist.run(lambda: False)
    Overflow(archivist, line.spool, allowing(0), line.events.append).look()
    assert line.told(SpoolOverflowed) == []


def test_a_segment_without_its_sound_holds_up_no_other(line: Line) -> None:
    """What a power cut left empty is kept aside and told, and the next segment is archived."""
    first, second = line.put(0, 1)
    listening, archiving = line.spool.to_publish.pending()[0], line.spool.to_archive.pending()[0]
    archiving.path("hq").write_bytes(b"")
    line.archivist().run(lambda: False)
    assert line.waiting == []
    assert [event.segment for event in line.events if isinstance(event, SegmentArchived)] == [second]
    (told,) = line.told(RecordingDamaged)
    assert isinstance(told, RecordingDamaged)
    assert sorted(path.name for path in told.kept.iterdir()) == [f"{first.id}.flac", f"{first.id}.json"]
    assert listening.path("hq").exists()  # what the other queue has is its own business


def test_what_was_refused_goes_before_what_is_good(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool at its limit gives up the oldest files that are kept to be looked at, and no more than it takes."""
    monkeypatch.setattr(Archivist, "behind_with", lambda _: sealed_segment(9).id)
    without = line.spool.used_bytes()
    kept = []
    for segment in line.put(0, 1, 2):
        kept.append(line.spool.set_aside(line.spool.to_archive, segment.id))
        line.spool.to_publish.done(line.spool.to_publish.pending()[0])
    line.put(3)
    three = line.spool.used_bytes() - without
    Overflow(line.archivist(), line.spool, allowing(without + three), line.events.append).look()
    assert line.spool.refused() == kept
    Overflow(line.archivist(), line.spool, allowing(without + three - 1), line.events.append).look()
    assert line.spool.refused() == kept[1:]
    Overflow(line.archivist(), line.spool, allowing(without + three // 3), line.events.append).look()
    assert line.spool.refused() == []
    assert line.waiting == [3]
    assert line.told(SpoolOverflowed) == []


def test_damaged_segments_are_bounded(line: Line) -> None:
    """However many segments the archive finds damaged, the newest eight are kept."""
    line.put(*range(12))
    for queued in line.spool.to_archive.pending():
        queued.path("hq").write_bytes(b"")
    line.archivist().run(lambda: False)
    assert line.waiting == []
    assert [path.name for path in line.spool.refused()] == [str(sealed_segment(number).id) for number in range(4, 12)]


def test_what_listeners_wait_for_is_not_let_go(line: Line) -> None:
    """A segment that the store has not yet stays for the archive too: letting it go would free nothing."""
    line.put(0, 1, 2, 3)
    published, *_ = line.spool.to_publish.pending()[2:]
    line.spool.to_publish.done(published)
    archivist = line.archivist(min_free_bytes=10**18, pause_s=30.0)
    worker = Worker("archive", lambda: archivist.run(lambda: False), lambda: None)
    worker.start()
    eventually(archivist.behind_with, 10, "the disk takes nothing")
    Overflow(archivist, line.spool, allowing(0), line.events.append).look()
    archivist.give_up()
    assert worker.join(10)
    assert [event.segment.number for event in line.events if isinstance(event, SpoolOverflowed)] == [2]
    assert line.waiting == [0, 1, 3]
    assert [queued.sealed.number for queued in line.spool.to_publish.pending()] == [0, 1, 3]


def test_the_end_of_the_file_system_counts_as_the_limit(line: Line, tmp_path: Path) -> None:
    """Where the spool's file system is smaller than the limit, what is not archived goes before that is full."""
    with tiny_tmpfs(tmp_path / "tiny", "size=4m") as root, closing(Spool(root)) as tiny:
        small = replace(line, spool=tiny)
        small.put(*range(8))
        for queued in tiny.to_publish.pending():
            tiny.to_publish.done(queued)
        archivist = small.archivist(min_free_bytes=10**18, pause_s=30.0)
        worker = Worker("archive", lambda: archivist.run(lambda: False), lambda: None)
        worker.start()
        eventually(archivist.behind_with, 10, "the disk takes nothing")
        wanted = allowing(256_000_000)
        Overflow(archivist, tiny, wanted, line.events.append).look()
        archivist.give_up()
        assert worker.join(10)
        assert tiny.used_bytes() <= 4 * 2**20 - 4 * wanted.segment_bytes
        assert 0 in small.waiting  # the one that is being copied
        assert len(small.waiting) + len(line.told(SpoolOverflowed)) == 8
