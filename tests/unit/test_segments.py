"""Gaps: how many samples are missing between two segments, exactly within a run and measured beyond it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.names import SegmentId
from supervisor.segments import Place, QueuedSegment, RawSegment, SealedSegment, missing_before
from tests.unit.made import sealed_segment

RATE = 48_000
START = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)


def _place(
    *,
    run: str = "a",
    first: int = 0,
    samples: int = 480_000,
    start: datetime = START,
    boot_s: float = 0,
    boot: str = "1",
    lost: int = 0,
) -> Place:
    return Place(run, first, samples, RATE, start, boot_s, boot, lost)


def test_nothing_is_missing_before_the_very_first() -> None:
    """Where nothing came before, nothing is missing."""
    assert missing_before(None, _place(first=480_000)) == 0


@pytest.mark.parametrize("number", [0, 1, 1_000_000])
def test_neighbours_of_a_run_have_no_gap(number: int) -> None:
    """Within a run one segment continues the other."""
    assert missing_before(_place(first=number * 480_000), _place(first=(number + 1) * 480_000)) == 0


@given(dropped=st.integers(0, 1000), wrong_by_s=st.floats(-1e6, 1e6))
def test_a_dropped_segment_of_a_run_is_missing_exactly(dropped: int, wrong_by_s: float) -> None:
    """Within a run the gap is counted in samples, whatever any clock says."""
    previous = _place(first=480_000)
    start = START + timedelta(seconds=wrong_by_s)
    segment = _place(first=(2 + dropped) * 480_000, start=start, boot_s=wrong_by_s, boot="2")
    assert missing_before(previous, segment) == dropped * 480_000


@given(before=st.integers(0, 10**6), lost=st.integers(0, 10**6), dropped=st.integers(0, 3))
def test_what_the_device_lost_inside_a_run_is_missing(before: int, lost: int, dropped: int) -> None:
    """Neighbours of a run between which the device lost samples have these as their gap, beside what was dropped."""
    segment = _place(first=(1 + dropped) * 480_000, lost=before + lost)
    assert missing_before(_place(lost=before), segment) == dropped * 480_000 + lost


def test_between_runs_the_boot_clock_counts() -> None:
    """Between runs of one boot the gap is what the boot clock says, though the wall clock was set back meanwhile."""
    previous = _place(run="a", samples=100_000, boot_s=1000.0)
    segment = _place(run="b", start=START - timedelta(days=1), boot_s=1000.0 + 100_000 / RATE + 1.5)
    assert missing_before(previous, segment) == 72_000


def test_across_boots_the_wall_clock_counts() -> None:
    """After the machine was started anew the gap is what the wall clock says: the boot clock began again."""
    previous = _place(run="a", boot_s=50_000.0, boot="1")
    segment = _place(run="b", start=START + timedelta(seconds=70), boot_s=12.0, boot="2")
    assert missing_before(previous, segment) == 60 * RATE


def test_where_the_boot_is_not_known_the_wall_clock_counts() -> None:
    """What is known by its files or by the manifest alone has no boot clock: the uptime is not taken for a gap."""
    listed = _place(run="", boot_s=0.0, boot="")
    segment = _place(run="b", start=START + timedelta(seconds=12), boot_s=50_000.0, boot="")
    assert missing_before(listed, segment) == 2 * RATE


def test_clocks_that_tell_an_overlap_tell_no_gap() -> None:
    """Where a measurement says that a run began before the last one ended, nothing is missing."""
    previous = _place(run="a", boot_s=1000.0)
    assert missing_before(previous, _place(run="b", boot_s=1009.9)) == 0
    assert missing_before(previous, _place(run="b", boot="2", start=START - timedelta(days=1))) == 0


places = st.builds(
    Place,
    st.sampled_from(["a", "b"]),
    st.integers(0, 10).map(lambda number: number * 480_000),
    st.integers(1, 480_000),
    st.just(RATE),
    st.datetimes(timezones=st.just(UTC)),
    st.floats(0, 1e9),
    st.sampled_from(["", "1", "2"]),
    st.integers(0, 480_000),
)


@given(previous=places, segment=places)
def test_a_gap_is_never_negative(previous: Place, segment: Place) -> None:
    """Whatever two segments follow each other, nobody is ever told a negative number of samples."""
    assert missing_before(previous, segment) >= 0


@given(
    first_s=st.floats(0, 1e7),
    samples=st.integers(1, 1_440_000),
    silence=st.integers(0, 100 * 86_400 * RATE),
)
def test_a_measured_gap_is_right_to_the_sample(first_s: float, samples: int, silence: int) -> None:
    """With good clocks the gap between runs is off by no more than rounding, after months of uptime too."""
    previous = _place(run="a", samples=samples, boot_s=first_s)
    segment = _place(run="b", boot_s=first_s + (samples + silence) / RATE)
    assert abs(missing_before(previous, segment) - silence) <= 1


def test_a_sealed_segment_is_read_back_from_its_description() -> None:
    """What is kept beside the files in the spool tells everything again after a crash."""
    segment = sealed_segment(7, samples=123_456)
    assert SealedSegment.model_validate_json(segment.model_dump_json()) == segment
    assert segment.id == SegmentId(segment.run, 7)


def test_a_place_is_the_segment_s_own() -> None:
    """The place of a segment in time holds the segment's figures."""
    segment = sealed_segment(7, samples=123_456)
    place = segment.place
    assert (place.run, place.first_sample, place.samples) == (segment.run, segment.first_sample, 123_456)
    assert (place.sample_rate, place.start, place.boot_id) == (RATE, segment.start, segment.boot_id)
    assert place.start_boottime_s == segment.start_boottime_s


def test_the_files_of_a_segment_are_those_that_are_there() -> None:
    """A raw segment names the files that it has and no others; its neighbour's is not its own."""
    raw = RawSegment(SegmentId("a", 1), Path("hq"), None, Path("check"), previous_lq=Path("before"), last=True)
    assert raw.files == (Path("hq"), Path("check"))


def test_a_queued_segment_is_three_files() -> None:
    """A sealed segment waits as two files and a description with its name."""
    queued = QueuedSegment(sealed_segment(7), Path("queue"))
    assert queued.path("hq") == Path(f"queue/{queued.sealed.run}.00000007.flac")
    assert queued.path("lq") == Path(f"queue/{queued.sealed.run}.00000007.opus")
    assert queued.description == Path(f"queue/{queued.sealed.run}.00000007.json")
