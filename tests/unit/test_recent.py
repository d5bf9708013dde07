"""The last segments: each with when its stages were done, from events alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from supervisor.events import Event, SegmentArchived, SegmentExpired, SegmentPublished, SegmentSealed, WindowMoved
from supervisor.recent import KEPT, SegmentTimes, recent_after
from tests.unit.made import START, sealed_segment

SEALED_AT = START + timedelta(seconds=10.2)


def _after(*happened: tuple[float, Event]) -> tuple[SegmentTimes, ...]:
    """The last segments after events, each at so many seconds after the first was sealed."""
    recent: tuple[SegmentTimes, ...] = ()
    for at_s, event in happened:
        recent = recent_after(recent, event, SEALED_AT + timedelta(seconds=at_s))
    return recent


def _published(index: int, gap: int = 0) -> SegmentPublished:
    return SegmentPublished(index, sealed_segment(index), gap, latency_s=0.026, upload_s=0.012, manifest_s=0.004)


def test_each_stage_has_its_time() -> None:
    """Sealed, uploaded, listed, archived and pruned are told in milliseconds after the file was closed."""
    (times,) = _after(
        (0.0, SegmentSealed(sealed_segment(7), 2.0, latency_s=0.003)),
        (0.023, _published(7, gap=24_000)),
        (0.037, SegmentArchived(sealed_segment(7), Path("/srv/a.flac"))),
        (0.040, WindowMoved(5)),
        (30.040, WindowMoved(8)),
        (40.040, WindowMoved(9)),
    )
    assert times.closed_at == SEALED_AT - timedelta(milliseconds=3)
    assert (times.index, times.seconds, times.gap_s, times.start) == (7, 10.0, 0.5, sealed_segment(7).start)
    assert (times.sealed_ms, times.uploaded_ms, times.listed_ms) == (3.0, 22.0, 26.0)
    assert (times.archived_ms, times.pruned_ms, times.expired) == (40.0, 30_043.0, False)


def test_a_segment_of_a_life_before_this_one_is_known_when_it_is_published() -> None:
    """What was sealed before a restart begins its line here, by how long ago it was closed."""
    (times,) = _after((0.0, _published(7)))
    assert times.closed_at == SEALED_AT - timedelta(milliseconds=26)
    assert (times.sealed_ms, times.listed_ms) == (None, 26.0)


def test_what_came_too_late_is_marked() -> None:
    """A segment that can no longer enter the window is told as such, and is never pruned."""
    (times,) = _after(
        (0.0, SegmentSealed(sealed_segment(7), 2.0)), (9.0, SegmentExpired(sealed_segment(7))), (10.0, WindowMoved(99))
    )
    assert (times.expired, times.index, times.pruned_ms) == (True, None, None)


def test_only_the_last_are_kept() -> None:
    """Months of segments do not make the status longer."""
    recent = _after(*((10.0 * number, _published(number)) for number in range(100)))
    assert [times.index for times in recent] == list(range(100 - KEPT, 100))
    assert recent_after(recent, SegmentExpired(sealed_segment(1)), SEALED_AT) == recent
