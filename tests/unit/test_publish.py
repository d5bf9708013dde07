"""The publish stage: what it tells about the store is true when it is over."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from supervisor.backoff import Backoff
from supervisor.bucket import LiveBucket, Programme
from supervisor.clock import SystemClock
from supervisor.events import Emit, Event, OffAir, SegmentPublished, StoreFailed, WindowMoved
from supervisor.names import Keys
from supervisor.publish import Publisher
from supervisor.sealing.pair import SealedPair
from supervisor.spool import Spool
from supervisor.state import State
from supervisor.status import Snapshot, reduce
from supervisor.stores.folder import FolderStore
from supervisor.stores.store import Headers, StoreError, Trouble
from tests.rig.parts import eventually
from tests.unit.made import sealed_segment

PAIR = SealedPair(hq=b"flac", lq=b"opus", samples=480_000, md5="00" * 16, preroll=15_360)


class _Flaky(FolderStore):
    """A folder that fails the next ``failures`` requests of one kind."""

    failing = ""
    failures = 0

    def put(self, key: str, body: bytes, headers: Headers) -> None:
        self._fail(key.rpartition(".")[2], key)
        super().put(key, body, headers)

    def delete(self, key: str) -> None:
        self._fail("delete", key)
        super().delete(key)

    def _fail(self, kind: str, key: str) -> None:
        if kind == self.failing and self.failures > 0:
            self.failures -= 1
            raise StoreError(kind, key, "SlowDown", "slow down", Trouble.PASSING)


@dataclass
class _Line:
    """A publisher at work, its store, and what the status makes of it."""

    spool: Spool
    store: _Flaky
    publisher: Publisher | None = None
    snapshots: list[Snapshot] = field(default_factory=list)
    published: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seals_on_failure: list[int] = field(default_factory=list)

    def seal(self, number: int) -> None:
        """Puts a segment into the queue that was closed just now."""
        closed = {"closed_boottime_s": SystemClock().boottime_s()}
        self.spool.store_sealed(sealed_segment(number).model_copy(update=closed), PAIR)
        if self.publisher is not None:
            self.publisher.wake()

    def take(self, event: Event) -> None:
        """Takes an event, as status and station do; a failure may come just when the next segment is sealed."""
        now = datetime.now(UTC)
        begun = Snapshot(since=now, started_at=now, updated_at=now, station="radio", pid=1)
        self.snapshots.append(reduce(self.snapshots[-1] if self.snapshots else begun, event, now))
        self.events.append(event)
        if isinstance(event, SegmentPublished):
            self.published.append(event.segment.number)
        if isinstance(event, StoreFailed) and self.seals_on_failure:
            self.seal(self.seals_on_failure.pop(0))

    def wait_for(self, number: int) -> None:
        """Waits until a segment is published."""
        eventually(lambda: number in self.published, 10, f"segment {number} is published")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[_Line]:
    """A line whose window is two segments."""
    (tmp_path / "bucket").mkdir()
    with closing(Spool(tmp_path / "spool")) as spool:
        yield _Line(spool, _Flaky(tmp_path / "bucket"))


@contextmanager
def _publishing(
    line: _Line,
    offline_after_s: float = 30,
    take: Emit | None = None,
    backoff: Backoff | None = None,
) -> Iterator[None]:
    programme = Programme("radio", "3f9c", 10, 48_000, window=2, offline_after_s=offline_after_s)
    bucket = LiveBucket(programme, Keys(), line.store, SystemClock())
    quick = Backoff(first_s=0.01, most_s=0.01)
    line.publisher = Publisher(programme, bucket, line.spool, SystemClock(), take or line.take, backoff or quick)
    more = threading.Event()
    more.set()
    run = line.publisher.run
    thread = threading.Thread(target=lambda: run(more.is_set, lambda: bucket.open(take_over=False)))
    thread.start()
    yield
    more.clear()
    line.publisher.wake()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("failing", ["flac", "opus", "json", "delete"])
@pytest.mark.parametrize("arriving", [[], [4], [4, 5, 6, 7]], ids=["nothing", "the next", "more than the window"])
def test_an_alarm_goes_when_the_store_is_well_again(line: _Line, failing: str, arriving: list[int]) -> None:
    """Whatever request failed, and whatever was sealed meanwhile: once everything goes through the alarm is gone."""
    with _publishing(line):
        for number in range(3):
            line.seal(number)
            line.wait_for(number)
        line.seals_on_failure = list(arriving)
        line.store.failing, line.store.failures = failing, max(1, len(arriving))
        line.seal(3)
        last = max([3, *arriving])
        line.wait_for(last)
        for number in range(last + 1, last + 4):
            line.seal(number)
            line.wait_for(number)
    assert line.store.failures == 0
    assert any(snapshot.alarms for snapshot in line.snapshots)
    assert line.snapshots[-1].alarms == ()


def test_a_line_that_is_always_behind_leaves_nothing_in_the_bucket(line: _Line) -> None:
    """Where the next segment always waits already, the bucket still holds the window, and one more at the most."""
    held: list[int] = []

    def take(event: Event) -> None:
        line.take(event)
        if isinstance(event, SegmentPublished):
            held.append(len(line.store.keys("live/hq/")))
            if event.segment.number <= 10:
                line.seal(event.segment.number + 2)

    with _publishing(line, take=take):
        line.seal(0)
        line.seal(1)
        line.wait_for(12)
    assert max(held) <= 3
    assert any(isinstance(event, WindowMoved) for event in line.events)


def test_refused_deletes_keep_no_station_on_air(line: _Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that may not delete is an alarm; silence and a stop are told to listeners all the same."""
    monkeypatch.setattr("supervisor.publish._LOOK_AGAIN_S", 0.05)
    line.store.failing, line.store.failures = "delete", 10**6
    with _publishing(line, offline_after_s=0.3):
        for number in range(4):
            line.seal(number)
            line.wait_for(number)
        eventually(lambda: OffAir("no new segment for 0.3 s") in line.events, 10, "listeners are told")
        line.seal(4)
        line.wait_for(4)
    assert OffAir("stopped") in line.events
    assert "store_delete_failing" in {alarm.code for alarm in line.snapshots[-1].alarms}


def test_a_store_out_of_reach_is_off_air(line: _Line) -> None:
    """Where nothing can be stored, not even that nothing comes, the status says off air, and on air when it is over."""
    with _publishing(line, offline_after_s=0.3):
        line.seal(0)
        line.wait_for(0)
        line.store.failing, line.store.failures = "flac", 10**6
        line.seal(1)
        eventually(lambda: line.snapshots[-1].state is State.OFF_AIR, 10, "nobody hears it")
        line.store.failures = 0
        line.wait_for(1)
        eventually(lambda: line.snapshots[-1].state is State.ON_AIR, 10, "it is heard again")
    untold = [event for event in line.events if isinstance(event, OffAir) and not event.told]
    assert len(untold) == 1


def test_a_full_spool_is_emptied(line: _Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not a byte can be written, what waits is published and let go, now and at the next start."""

    def full(path: Path, _: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("supervisor.spool.write_whole", full)
    for first in (0, 2):
        with _publishing(line):
            for number in (first, first + 1):
                line.seal(number)
                line.wait_for(number)
        assert line.spool.to_publish.depth() == 0


class _TogetherOnly(_Flaky):
    """A folder that stores a segment's file only when another is being stored at the same moment."""

    together: threading.Barrier

    def put(self, key: str, body: bytes, headers: Headers) -> None:
        if not key.endswith(".json"):
            self.together.wait(10)
        super().put(key, body, headers)


def test_both_qualities_are_uploaded_at_once(tmp_path: Path) -> None:
    """A segment takes as long as its longer upload, not as both: neither waits for the other."""
    store = _TogetherOnly(tmp_path / "bucket")
    store.together = threading.Barrier(2)
    with closing(Spool(tmp_path / "spool")) as spool:
        line = _Line(spool, store)
        with _publishing(line):
            line.seal(0)
            line.wait_for(0)
    assert line.store.keys("live/hq")
    assert line.store.keys("live/lq")


def test_what_the_line_carries_is_measured_by_what_went_through(line: _Line) -> None:
    """Failed tries and pauses do not count as upload time: after an outage they would say that the line is slow."""
    with _publishing(line, backoff=Backoff(first_s=0.5, most_s=0.5)):
        line.store.failing, line.store.failures = "flac", 1
        line.seal(0)
        line.wait_for(0)
    (published,) = (event for event in line.events if isinstance(event, SegmentPublished))
    assert published.upload_s < 0.25 < published.latency_s
