"""The publish stage: what it tells about the store is true when it is over."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from supervisor.backoff import Backoff
from supervisor.bucket import LiveBucket, Programme
from supervisor.clock import Clock, SystemClock
from supervisor.events import AlarmCleared, AlarmRaised, Emit, Event, OffAir, SegmentPublished, StoreFailed, WindowMoved
from supervisor.manifest import Manifest
from supervisor.names import Keys
from supervisor.publish import Publisher
from supervisor.spool import Spool
from supervisor.state import State
from supervisor.status import Snapshot, reduce
from supervisor.stores.folder import FolderStore
from supervisor.stores.store import Body, Headers, StoreError, Trouble
from tests.rig.parts import eventually
from tests.rig.sealing import SealedFiles, put_sealed
from tests.unit.made import sealed_segment

OTHER_RUN = "20261123T154530413Z"
PAIR = SealedFiles(hq=b"flac", lq=b"opus", samples=480_000, md5="00" * 16, preroll=15_360)


class _Flaky(FolderStore):
    """A folder that fails the next ``failures`` requests of one kind."""

    failing = ""
    failures = 0

    def put(self, key: str, body: Body, headers: Headers) -> None:
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
        put_sealed(self.spool, sealed_segment(number).model_copy(update=closed), PAIR)
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
    clock: Clock | None = None,
) -> Iterator[None]:
    programme = Programme("radio", "3f9c", 10, 48_000, window=2, offline_after_s=offline_after_s)
    bucket = LiveBucket(programme, Keys(), line.store, SystemClock())
    quick = Backoff(first_s=0.01, most_s=0.01)
    clock = clock or SystemClock()
    line.publisher = Publisher(programme, bucket, line.spool, clock, take or line.take, backoff or quick)
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


def test_a_store_out_of_reach__is_off_air(line: _Line) -> None:
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

    def put(self, key: str, body: Body, headers: Headers) -> None:
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


class _LongTries(SystemClock):
    """A clock by which each failure took half a minute."""

    def __init__(self, store: _Flaky) -> None:
        self._store = store
        self._began_with = store.failures

    def monotonic_s(self) -> float:
        """Half a minute more for each that there was."""
        return super().monotonic_s() + 30.0 * (self._began_with - self._store.failures)


def test_after_a_long_try_there_is_no_pause(line: _Line) -> None:
    """A request that hung until its time was out has been pause enough: a network that is back is used at once."""
    line.store.failing, line.store.failures = "flac", 3
    with _publishing(line, backoff=Backoff(first_s=20, most_s=20), clock=_LongTries(line.store)):
        line.seal(0)
        line.wait_for(0)
    assert [event.retry_in_s for event in line.events if isinstance(event, StoreFailed)] == [0.0] * 3


def _is_off_air(line: _Line) -> bool:
    """Whether another writer was seen."""
    return any(isinstance(event, OffAir) for event in line.events)


def _another_goes_on_air(line: _Line, tmp_path: Path) -> LiveBucket:
    """Another installation takes the prefix over."""
    other = Programme("radio", "77aa", 10, 48_000, window=2, offline_after_s=30)
    rival = LiveBucket(other, Keys(), FolderStore(tmp_path / "bucket"), SystemClock())
    rival.open(take_over=True)
    rival.add(rival.entry(sealed_segment(line.published[-1], run=OTHER_RUN), 0))
    rival.store_manifest(live=True)
    return rival


def test_who_was_replaced_writes_nothing_until_the_other_is_silent(
    line: _Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken over, it says by whom, leaves bucket and manifest alone, lets go of what is too late, and goes on after."""
    monkeypatch.setattr("supervisor.publish._LOOK_AGAIN_S", 0.05)
    manifest = tmp_path / "bucket/live/manifest.json"
    with _publishing(line):
        line.seal(0)
        line.wait_for(0)
        rival = _another_goes_on_air(line, tmp_path)
        for number in range(1, 12):
            rival.store_manifest(live=True)
            line.seal(number)
            eventually(lambda: line.spool.to_publish.depth() == 0 or _is_off_air(line), 10, "it goes on, or sees it")
            if _is_off_air(line):
                break
        (alarm,) = [event for event in line.events if isinstance(event, AlarmRaised)]
        assert (alarm.code, "writer 77aa" in alarm.message) == ("another_writer", True)
        assert len(line.published) <= 6
        before = len(line.published), sorted(line.store.keys("")), manifest.read_bytes()
        for number in range(20, 26):
            line.seal(number)
        eventually(lambda: line.spool.to_publish.depth() <= 2, 10, "what is too late is let go")
        assert (len(line.published), sorted(line.store.keys("")), manifest.read_bytes()) == before
        long_ago_s = time.time() - 31
        os.utime(manifest, (long_ago_s, long_ago_s))
        line.wait_for(25)
    assert AlarmCleared("another_writer") in line.events
    assert OffAir("stopped") in line.events
    (first,) = [event for event in line.events if isinstance(event, SegmentPublished) and event.segment.number == 24]
    assert first.index > rival.entries[-1].index
    missing_s = (first.segment.start - rival.entries[-1].start).total_seconds() - 10
    assert first.gap == missing_s * 48_000


def test_a_stop_leaves_another_writer_on_air(line: _Line, tmp_path: Path) -> None:
    """Whoever was replaced and is stopped before it has seen it does not take the other off air."""
    with _publishing(line):
        line.seal(0)
        line.wait_for(0)
        _another_goes_on_air(line, tmp_path)
    assert Manifest.model_validate_json((tmp_path / "bucket/live/manifest.json").read_bytes()).writer == "77aa"
    assert OffAir("stopped") not in line.events
