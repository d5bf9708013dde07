"""The publish stage: what it tells about the store is true when it is over."""

from __future__ import annotations

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
from supervisor.events import Event, SegmentPublished, StoreFailed
from supervisor.names import Keys
from supervisor.publish import Publisher
from supervisor.sealing.pair import SealedPair
from supervisor.spool import Spool
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
    seals_on_failure: list[int] = field(default_factory=list)

    def seal(self, number: int) -> None:
        """Puts a segment into the queue."""
        self.spool.store_sealed(sealed_segment(number), PAIR)
        if self.publisher is not None:
            self.publisher.wake()

    def take(self, event: Event) -> None:
        """Takes an event, as status and station do; a failure may come just when the next segment is sealed."""
        now = datetime.now(UTC)
        begun = Snapshot(since=now, started_at=now, updated_at=now, station="radio", pid=1)
        self.snapshots.append(reduce(self.snapshots[-1] if self.snapshots else begun, event, now))
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
def _publishing(line: _Line) -> Iterator[None]:
    programme = Programme("radio", "3f9c", 10, 48_000, window=2, offline_after_s=30)
    bucket = LiveBucket(programme, Keys(), line.store, SystemClock())
    backoff = Backoff(first_s=0.01, most_s=0.01)
    line.publisher = Publisher(programme, bucket, line.spool, SystemClock(), line.take, backoff)
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
