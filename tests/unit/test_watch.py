"""The observer of the spool: when each segment was closed, for as long as anybody may ask."""

from __future__ import annotations

from pathlib import Path

from supervisor.clock import SystemClock
from supervisor.names import SegmentId
from supervisor.watch import MOST_KEPT, RawWatch
from tests.rig.parts import eventually
from tests.unit.made import RUN


def test_when_a_segment_was_closed_is_told_once(tmp_path: Path) -> None:
    """The moment is within the time of writing, and is forgotten when it was asked for."""
    clock = SystemClock()
    watch = RawWatch(tmp_path, clock, lambda: None)
    watch.start()
    before_s = clock.boottime_s()
    (tmp_path / f"{RUN}.hq.00000000.flac").write_bytes(b"")
    closed_s = eventually(lambda: watch.closed_at_s(SegmentId(RUN, 0)), 10, "the event has come")
    assert before_s <= closed_s <= clock.boottime_s()
    assert watch.closed_at_s(SegmentId(RUN, 0)) is None
    watch.stop()


def test_what_nobody_asks_for_is_forgotten(tmp_path: Path) -> None:
    """A device that opens and dies for months leaves segments that are never asked for: only the newest are kept."""
    watch = RawWatch(tmp_path, SystemClock(), lambda: None)
    watch.start()
    for number in range(MOST_KEPT + 10):
        (tmp_path / f"{RUN}.hq.{number:08d}.flac").write_bytes(b"")
    newest = SegmentId(RUN, MOST_KEPT + 9)
    eventually(lambda: watch.closed_at_s(newest), 10, "the newest is known")
    known = [number for number in range(MOST_KEPT + 9) if watch.closed_at_s(SegmentId(RUN, number)) is not None]
    assert known == list(range(10, MOST_KEPT + 9))
    watch.stop()
