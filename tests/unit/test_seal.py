"""The seal stage: whatever state a run was left in, what is whole of it reaches both queues, in order."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_profiles.digest import pcm_md5
from supervisor.clock import SystemClock
from supervisor.events import Event, SegmentDropped, SegmentRefused, SegmentSealed, SpoolFailed
from supervisor.seal import Sealer
from supervisor.sealing import flac
from supervisor.sealing.pair import SealedPair
from supervisor.segments import RawSegment, SealedSegment, missing_before
from supervisor.spool import RunRecord, Spool
from supervisor.stop import Signal
from supervisor.watch import RawWatch
from tests.rig.audio import Pcm, decode_flac
from tests.rig.parts import need
from tests.rig.sealing import saved_stream, whole_frames
from tests.unit.takes import RATE, RUN, Take

ORIGIN_S = 1000.25


@dataclass
class _Line:
    """A spool, its sealer, and what that told."""

    spool: Spool
    events: list[Event] = field(default_factory=list)

    def seal(self, take: Take) -> None:
        """Seals everything that can be sealed now."""
        clock, changed = SystemClock(), Signal()
        watch = RawWatch(self.spool.folders.raw, clock, changed.set)
        decode = lambda data: pcm_md5(take.ffmpeg, data)  # noqa: E731 - one line says it all
        Sealer(self.spool, watch, changed, decode, clock, self.events.append).seal_all()

    def put(self, path: Path, size: int | None = None) -> None:
        """Puts a file where FFmpeg writes, or its first ``size`` bytes."""
        (self.spool.folders.raw / path.name).write_bytes(path.read_bytes()[:size])

    def put_run(self, take: Take) -> None:
        """Puts a whole run there."""
        for path in take.folder.glob(f"{RUN}.*"):
            shutil.copy(path, self.spool.folders.raw)

    def record(self, take: Take, *, over: bool, sample_rate: int = RATE) -> None:
        """Tells what is known of the run."""
        record = RunRecord(
            run=RUN,
            boot_id="6a1f",
            sample_rate=sample_rate,
            segment_samples=take.full_samples,
            origin_boottime_s=ORIGIN_S,
        )
        self.spool.write_run(record)
        if over:
            self.spool.end_run(RUN)

    @property
    def archived(self) -> list[Pcm]:
        """What the archive will get, decoded."""
        return [decode_flac(queued.path("hq").read_bytes()) for queued in self.spool.to_archive.pending()]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[_Line]:
    """A new spool with a sealer."""
    need("flac")
    with closing(Spool(tmp_path / "spool")) as spool:
        yield _Line(spool)


def test_a_run_that_is_over_is_sealed_to_its_last_sample(line: _Line, take: Take) -> None:
    """Every sample of a run that ended cleanly waits for both destinations, and no raw file is left."""
    line.put_run(take)
    line.record(take, over=True)
    line.seal(take)
    assert np.array_equal(np.concatenate(line.archived), take.pcm >> 8)
    assert [type(event) for event in line.events] == [SegmentSealed] * 3
    assert line.spool.to_publish.pending() != []
    assert list(line.spool.folders.raw.iterdir()) == []
    assert line.spool.runs() == []


class _Writing(Signal):
    """FFmpeg at work: what is written while the sealer waits, a step each time; a step says whether anything closed."""

    def __init__(self, steps: list[Callable[[], bool]]) -> None:
        super().__init__()
        self.steps = steps
        self.waits_s: list[float] = []

    def wait(self, timeout_s: float) -> bool:
        """The next step."""
        self.waits_s.append(timeout_s)
        return self.steps.pop(0)()


def test_what_ffmpeg_writes_is_read_along(line: _Line, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is read once, all but the last before the segment is closed, and the next one's closing is expected."""
    hq, lq = take.hq(0), take.lq(0)
    fed: list[int] = []
    feed = flac.FrameReader.feed

    def counting(reader: flac.FrameReader, data: bytes) -> None:
        fed.append(len(data))
        feed(reader, data)

    def put(part: float) -> bool:
        line.put(take.file("hq", 0), int(part * len(hq)))
        line.put(take.file("lq", 0), int(part * len(lq)))
        return False

    def close() -> bool:
        put(1)
        for path in (take.file("check", 0), take.file("hq", 1), take.file("lq", 1)):
            line.put(path)
        return True

    line.record(take, over=False)
    clock = SystemClock()
    writing = _Writing([lambda: put(0.3), lambda: put(0.6), lambda: put(0.95), close, lambda: True])
    watch = RawWatch(line.spool.folders.raw, clock, writing.set)
    monkeypatch.setattr(flac.FrameReader, "feed", counting)
    sealer = Sealer(line.spool, watch, writing, lambda _: pytest.fail("decoded"), clock, line.events.append)
    sealer.run(lambda: bool(writing.steps))
    assert [type(event) for event in line.events] == [SegmentSealed]
    assert sum(fed) == len(hq)
    assert fed[-1] < 0.06 * len(hq)
    assert np.array_equal(line.archived[0], take.captured(0))
    assert writing.waits_s[:4] == [5, 5, 5, 5]
    assert take.segment_s - 0.9 < writing.waits_s[4] <= take.segment_s - 0.4


def test_the_pre_roll_is_the_same_after_a_restart(line: _Line, take: Take, tmp_path: Path) -> None:
    """Whether the packets before a segment are still known or read again from their file, they are the same."""
    at_once = line
    at_once.put_run(take)
    at_once.record(take, over=True)
    at_once.seal(take)
    with closing(Spool(tmp_path / "restarted")) as spool:
        restarted = _Line(spool)
        restarted.record(take, over=False)
        for number in range(take.full_segments + 1):
            for stream in ("hq", "lq", "check"):
                restarted.put(take.file(stream, number))
            restarted.seal(take)
        spool.end_run(RUN)
        restarted.seal(take)
        first, second = (
            [queued.path("lq").read_bytes() for queued in queue.pending()]
            for queue in (at_once.spool.to_publish, spool.to_publish)
        )
    assert len(first) == 3
    assert first == second


def test_segments_are_described_by_where_they_were_in_the_run(line: _Line, take: Take) -> None:
    """Place, length and time of each segment follow from the run's beginning, with no gap between them."""
    line.put_run(take)
    line.record(take, over=True)
    line.seal(take)
    pending = [queued.sealed for queued in line.spool.to_publish.pending()]
    assert [segment.first_sample for segment in pending] == [0, take.full_samples, 2 * take.full_samples]
    assert [segment.samples for segment in pending] == [take.full_samples, take.full_samples, 12_345]
    for before, after in pairwise(pending):
        assert missing_before(before.place, after.place) == 0
        assert (after.start - before.start).total_seconds() == pytest.approx(take.segment_s, abs=0.1)
    for segment in pending:
        assert segment.start_boottime_s == pytest.approx(ORIGIN_S + segment.first_sample / RATE)
        assert segment.lq.preroll == (15_360 if segment.number else 0)


def test_of_a_living_run_only_what_is_closed_is_sealed(line: _Line, short_take: Take) -> None:
    """While FFmpeg writes on, its open files are left alone, and are sealed when they are closed."""
    line.put_run(short_take)
    line.record(short_take, over=False)
    line.seal(short_take)
    assert len(line.archived) == short_take.full_segments
    line.seal(short_take)
    assert len(line.archived) == short_take.full_segments
    line.record(short_take, over=True)
    line.seal(short_take)
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm >> 8)


def test_sealing_goes_on_after_a_crash_at_any_file(line: _Line, short_take: Take, tmp_path: Path) -> None:
    """Raw files that a crash left behind after they were sealed are sealed again to the same, once in each queue."""
    line.put_run(short_take)
    line.record(short_take, over=False)
    line.seal(short_take)
    before = {path.name: path.read_bytes() for path in line.spool.folders.publish.glob("*.flac")}
    for stream in ("hq", "lq", "check"):
        line.put(short_take.file(stream, 1))
    line.seal(short_take)
    assert {path.name: path.read_bytes() for path in line.spool.folders.publish.glob("*.flac")} == before
    assert len(line.spool.to_publish.pending()) == len(line.spool.to_archive.pending()) == 2
    assert tmp_path.is_dir()


def test_a_run_that_was_killed_is_saved(line: _Line, short_take: Take) -> None:
    """Of the segment in which FFmpeg was killed everything that is whole in both qualities is kept."""
    for stream in ("hq", "lq", "check"):
        line.put(short_take.file(stream, 0))
    line.put(short_take.file("hq", 1), 60_000)
    line.put(short_take.file("lq", 1))
    line.record(short_take, over=True)
    line.seal(short_take)
    saved = np.concatenate(line.archived)
    whole = len(whole_frames(short_take.hq(1)[:60_000])) * 4_800
    assert 0 < whole < RATE
    assert np.array_equal(saved, short_take.pcm[: RATE + whole] >> 8)


@pytest.mark.parametrize("check", ["whole", "cut off", "missing"])
def test_a_run_that_was_killed_between_two_files_is_saved(line: _Line, short_take: Take, check: str) -> None:
    """FFmpeg closes Opus 80 ms before FLAC: killed in between, what is whole is saved and nothing is refused."""
    line.put(short_take.file("hq", 0), -1000)
    line.put(short_take.file("lq", 0))
    line.put(short_take.file("lq", 1), 60)
    if check != "missing":
        line.put(short_take.file("check", 0), None if check == "whole" else -10)
    line.record(short_take, over=True)
    line.seal(short_take)
    assert not [event for event in line.events if isinstance(event, SegmentRefused)]
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm[: RATE - 4_800] >> 8)


def test_a_finished_flac_is_saved_whatever_else_is_missing(line: _Line, short_take: Take) -> None:
    """A segment whose FLAC file was finished when FFmpeg was killed is not lost from the archive."""
    line.put(short_take.file("hq", 0))
    line.put(short_take.file("hq", 1), 100)
    line.put(short_take.file("lq", 0))
    line.put(short_take.file("check", 0), -10)
    line.record(short_take, over=True)
    line.seal(short_take)
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm[:RATE] >> 8)


@pytest.mark.parametrize("check", ["whole", "cut off"])
def test_a_run_whose_opus_file_was_behind_is_saved(line: _Line, take: Take, check: str) -> None:
    """From FFmpeg 7 on each file has a thread of its own: killed while Opus is behind, nothing is refused for it."""
    line.put(take.file("hq", 0))
    line.put(take.file("hq", 1), 100)
    line.put(take.file("lq", 0), -10)
    line.put(take.file("check", 0), None if check == "whole" else -10)
    line.record(take, over=True)
    line.seal(take)
    in_both = len(saved_stream(take.lq(0)[:-10]).packets) * 960
    saved = np.concatenate([np.zeros((0, 2), np.int32), *line.archived])
    assert not [event for event in line.events if isinstance(event, SegmentRefused)]
    assert len(saved) >= in_both
    assert np.array_equal(saved, take.pcm[: len(saved)] >> 8)


def test_the_empty_end_of_a_run_is_dropped(line: _Line, short_take: Take) -> None:
    """A run that ended on a border leaves a file without a sample: it is dropped, and told."""
    for stream in ("hq", "lq", "check"):
        line.put(short_take.file(stream, 0))
    line.put(short_take.file("hq", 1), 8_200)
    line.record(short_take, over=True)
    line.seal(short_take)
    assert [type(event) for event in line.events] == [SegmentSealed, SegmentDropped]
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm[:RATE] >> 8)
    assert list(line.spool.folders.raw.iterdir()) == []


def test_a_full_spool_costs_nothing(line: _Line, short_take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is no room segments stay as they are, in order; when there is room again all of them are sealed."""
    line.put_run(short_take)
    line.record(short_take, over=True)
    before = sorted(path.name for path in line.spool.folders.raw.iterdir())
    store, left = line.spool.store_sealed, [1]

    def store_while_there_is_room(segment: SealedSegment, raw: RawSegment, pair: SealedPair) -> None:
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left.pop()
        store(segment, raw, pair)

    monkeypatch.setattr(line.spool, "store_sealed", store_while_there_is_room)
    for _ in range(3):
        line.seal(short_take)
    assert [type(event) for event in line.events] == [SegmentSealed, SpoolFailed, SpoolFailed, SpoolFailed]
    gone = {short_take.file("hq", 0).name, short_take.file("check", 0).name}
    assert sorted(path.name for path in line.spool.folders.raw.iterdir()) == sorted(set(before) - gone)
    assert line.spool.runs() != []
    monkeypatch.undo()
    line.seal(short_take)
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm >> 8)
    assert line.spool.runs() == []
    assert [queued.sealed.lq.preroll for queued in line.spool.to_publish.pending()] == [0, 15_360, 15_360]


def test_a_damaged_segment_is_refused_and_the_next_ones_go_on(line: _Line, short_take: Take) -> None:
    """A segment that failed its check costs itself alone; what listeners miss is told."""
    line.put_run(short_take)
    damaged = line.spool.folders.raw / short_take.file("hq", 0).name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    line.record(short_take, over=True)
    line.seal(short_take)
    assert [type(event) for event in line.events] == [SegmentRefused, SegmentSealed, SegmentSealed]
    (refused,) = [event for event in line.events if isinstance(event, SegmentRefused)]
    assert refused.samples == RATE
    assert sorted(path.name for path in refused.kept.iterdir()) == sorted(
        short_take.file(stream, 0).name for stream in ("hq", "lq", "check")
    )
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm[RATE:] >> 8)
    assert line.spool.to_publish.pending()[0].sealed.lq.preroll == 15_360


def test_what_was_captured_at_another_rate_is_refused(line: _Line, short_take: Take) -> None:
    """No segment of a device that runs at another rate is kept as if it ran at the right one, not even the last."""
    line.put_run(short_take)
    line.record(short_take, over=True, sample_rate=44_100)
    line.seal(short_take)
    refused = [event for event in line.events if isinstance(event, SegmentRefused)]
    assert len(refused) == len(line.events) == 3
    assert all(event.why == "it was captured at 48000 Hz, not at 44100" for event in refused)
    assert line.archived == []


def test_a_run_whose_record_is_torn_is_sealed(line: _Line, short_take: Take) -> None:
    """After a power cut that emptied a run's record all that is whole of it is archived, placed by its files' times."""
    line.put_run(short_take)
    (line.spool.folders.runs / f"{RUN}.run").write_bytes(b"")
    line.seal(short_take)
    assert line.archived == []
    line.spool.take_up_unknown(RATE, RATE)
    before_s = SystemClock().wall_s()
    line.seal(short_take)
    assert np.array_equal(np.concatenate(line.archived), short_take.pcm >> 8)
    for queued in line.spool.to_archive.pending():
        assert abs(queued.sealed.start.timestamp() - before_s) < 60
    assert line.spool.runs() == []
