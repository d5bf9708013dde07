"""Names: every key and file name can be read back, and none is ever used twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supervisor.names import (
    EXTENSIONS,
    Keys,
    RecordedName,
    SegmentId,
    damaged_name,
    is_temporary,
    next_index,
    parse_raw,
    parse_recorded,
    parse_sealed,
    piece_name,
    recording_name,
    run_name,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "20261123T154530412Z"

qualities = st.sampled_from(sorted(EXTENSIONS))
indices = st.integers(min_value=0, max_value=10**12)
prefixes = st.from_regex(r"([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?", fullmatch=True)
instants = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - see timezones
runs = instants.map(run_name)
numbers = st.integers(min_value=0, max_value=10**9)


def test_keys_are_those_of_the_design() -> None:
    """Without a prefix the keys are the ones that players are told in the documentation."""
    keys = Keys()
    assert keys.manifest == "live/manifest.json"
    assert keys.segment("hq", 42) == "live/hq/segment-00000042.flac"
    assert keys.segment("lq", 42) == "live/lq/segment-00000042.opus"


def test_a_prefix_goes_in_front_of_every_key() -> None:
    """With a prefix several stations share a bucket, and neither takes the other's keys for its own."""
    keys = Keys("stations/vinyl")
    assert keys.manifest == "stations/vinyl/live/manifest.json"
    assert keys.segment("hq", 2841120) == "stations/vinyl/live/hq/segment-02841120.flac"
    assert Keys().index_of(keys.segment("hq", 1)) is None
    assert keys.index_of(Keys().segment("hq", 1)) is None
    assert keys.index_of(Keys("stations").segment("hq", 1)) is None


@given(prefix=prefixes, quality=qualities, index=indices)
def test_the_index_is_read_back_from_a_key(prefix: str, quality: str, index: int) -> None:
    """The index in a key is the one that it was made of, whatever the prefix and however many digits."""
    keys = Keys(prefix)
    key = keys.segment(quality, index)
    assert keys.index_of(key) == index
    assert key.startswith(keys.root)


@given(low=indices, high=indices, quality=qualities)
def test_different_segments_have_different_keys(low: int, high: int, quality: str) -> None:
    """No two indices share a key."""
    assert (Keys().segment(quality, low) == Keys().segment(quality, high)) == (low == high)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "live/manifest.json",
        "live/hq/segment-00000042.opus",
        "live/lq/segment-00000042.flac",
        "live/hq/segment-0000042.flac",
        "live/hq/segment-.flac",
        "live/hq/segment-00000042.flac.tmp",
        "live/hq/segment-00000042.flac\n",
        "live/hq/segment--0000042.flac",
        "live/xq/segment-00000042.flac",
        "xlive/hq/segment-00000042.flac",
        "/live/hq/segment-00000042.flac",
        "live/hq/other/segment-00000042.flac",
        "live/hq/Segment-00000042.flac",
    ],
)
def test_other_keys_are_not_taken_for_segments(key: str) -> None:
    """What the station did not store has no index, so that it is never deleted as an orphan."""
    assert Keys().index_of(key) is None


@given(key=st.from_regex(r"live/(hq|lq)/segment-\d{8,12}\.(flac|opus)", fullmatch=True))
@example("live/hq/segment-000000042.flac")
@example("live/hq/segment-٠٠٠٠٠٠٤٢.flac")
def test_only_keys_that_the_station_would_make_are_its_own(key: str) -> None:
    """A key has an index only if that index makes the very same key."""
    index = Keys().index_of(key)
    assert index is None or key in {Keys().segment(quality, index) for quality in EXTENSIONS}


@pytest.mark.parametrize(
    ("latest", "segments_since_2026", "expected"),
    [(None, 0, 0), (None, 100, 100), (99, 100, 100), (100, 100, 101), (5000, 100, 5001), (None, -100, 0), (0, -100, 1)],
)
@pytest.mark.parametrize("segment_s", [1, 10, 30])
def test_a_start_continues_at_the_documented_index(
    latest: int | None, segments_since_2026: int, expected: int, segment_s: int
) -> None:
    """A start continues after the latest segment, and never below the number of segment lengths since 2026."""
    now = EPOCH + timedelta(seconds=segments_since_2026 * segment_s)
    assert next_index(latest, now, segment_s) == expected


def test_the_index_of_the_design_s_example() -> None:
    """On 2026-11-23T15:45:30Z segments of 10 s are counted from 2 822 313 in an empty bucket."""
    assert next_index(None, datetime(2026, 11, 23, 15, 45, 30, 412_000, UTC), 10) == 2_822_313


@given(
    first_start=st.datetimes(datetime(2026, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    segment_s=st.integers(1, 30),
    published=st.integers(0, 10_000),
)
def test_an_emptied_bucket_gets_new_keys(first_start: datetime, segment_s: int, published: int) -> None:
    """After any number of full segments in an emptied bucket no key comes twice: caches keep them for a year."""
    first = next_index(None, first_start, segment_s)
    later = first_start + timedelta(seconds=published * segment_s)
    assert next_index(None, later, segment_s) >= first + published


@given(latest=indices, now=instants, segment_s=st.integers(1, 30))
def test_a_start_never_goes_back(latest: int, now: datetime, segment_s: int) -> None:
    """Whatever the clock says, the next index is above the latest."""
    assert next_index(latest, now, segment_s) > latest


def test_a_run_is_named_by_its_start() -> None:
    """The name of a run is its start in UTC to the millisecond."""
    assert run_name(datetime(2026, 11, 23, 15, 45, 30, 412_000, UTC)) == RUN


@given(starts=st.lists(instants, min_size=2, max_size=20))
def test_runs_sort_as_they_happened(starts: list[datetime]) -> None:
    """However the wall clock is stepped between starts, each run's name sorts behind the one before."""
    names = [""]
    for start in starts:
        names.append(run_name(start, newest=names[-1]))
    assert all(earlier < later for earlier, later in pairwise(names))


@pytest.mark.parametrize(
    ("newest", "after"),
    [
        ("20261123T154530412Z", "20261123T154530413Z"),
        ("20261123T154530999Z", "20261123T154531000Z"),
        ("20261231T235959999Z", "20270101T000000000Z"),
    ],
)
def test_a_clock_that_was_set_back_costs_a_millisecond(newest: str, after: str) -> None:
    """With the clock behind the newest run the next is named a millisecond after it."""
    assert run_name(datetime(2020, 1, 1, tzinfo=UTC), newest=newest) == after


@given(run=runs, number=numbers, stream=st.sampled_from(["hq.flac", "lq.opus", "check.framemd5"]))
def test_ffmpeg_s_files_are_read_back(run: str, number: int, stream: str) -> None:
    """Segment and stream of a file that FFmpeg wrote are found in its name."""
    kind, extension = stream.split(".")
    assert parse_raw(f"{run}.{kind}.{number:08d}.{extension}") == (SegmentId(run, number), kind)


@pytest.mark.parametrize(
    "name",
    [
        "",
        f"{RUN}.hq.00000000.flac.tmp",
        f".{RUN}.hq.00000000.flac",
        f"{RUN}.hq.0000000.flac",
        f"{RUN}.hq.flac",
        f"{RUN}.mq.00000000.flac",
        f"{RUN}.hq.00000000.wav",
        f"{RUN}.hq.00000000.opus",
        f"{RUN}.lq.00000000.flac",
        f"{RUN}.check.00000000.flac",
        "20261123T154530Z.hq.00000000.flac",
        f"{RUN}.hq.00000000.flac\n",
        f"{RUN}.00000000.json",
    ],
)
def test_files_that_ffmpeg_did_not_write_are_none_of_its(name: str) -> None:
    """Any other name in the folder is left alone."""
    assert parse_raw(name) is None


@given(run=runs, number=numbers)
def test_descriptions_are_read_back(run: str, number: int) -> None:
    """The segment of a description is found in its name."""
    segment = SegmentId(run, number)
    assert parse_sealed(f"{segment}.json") == segment


@pytest.mark.parametrize(
    "name", ["", f"{RUN}.json", f"{RUN}.00000000.flac", f".{RUN}.00000000.json.x1", f"{RUN}.00000000.json.tmp"]
)
def test_other_files_are_not_taken_for_descriptions(name: str) -> None:
    """Half-written and foreign files are no segments."""
    assert parse_sealed(name) is None


@given(segments=st.lists(st.builds(SegmentId, runs, st.integers(0, 99_999_999)), max_size=20))
def test_segments_sort_as_their_names(segments: list[SegmentId]) -> None:
    """A listing by name is the order of capture."""
    assert [str(segment) for segment in sorted(segments)] == sorted(map(str, segments))


def test_an_archived_segment_is_named_by_station_time_and_place() -> None:
    """Whoever finds a recording can tell from its name whose it is, when it was and what came before."""
    start = datetime(2026, 11, 23, 15, 45, 40, 397_000, UTC)
    assert piece_name("my-radio", start, SegmentId(RUN, 7)) == f"my-radio_20261123T154540.397Z_{RUN}.00000007.flac"


@given(station=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True), start=instants, number=numbers)
def test_a_file_of_the_archive_is_known_by_its_name(station: str, start: datetime, number: int) -> None:
    """Pieces, recordings and what was set aside of them are told apart, for its own station alone."""
    to_the_ms = start.replace(microsecond=start.microsecond // 1000 * 1000)
    piece = piece_name(station, to_the_ms, SegmentId(RUN, number))
    recording = recording_name(station, to_the_ms)
    assert parse_recorded(station, piece) == RecordedName(to_the_ms, SegmentId(RUN, number), damaged=False)
    assert parse_recorded(station, recording) == RecordedName(to_the_ms, None, damaged=False)
    assert parse_recorded(station, damaged_name(recording)) == RecordedName(to_the_ms, None, damaged=True)
    assert parse_recorded(station + "_2", piece) is None
    assert all(is_temporary(station, f".{name}.x7") and not is_temporary(station, name) for name in (piece, recording))
    assert parse_recorded(station, f".{piece}.x7") is None


@pytest.mark.parametrize(
    "name",
    ["radio.flac", "radio_20261123T154540Z.flac", "radio_20260231T154540.397Z.flac", "my_20261123T154540.397Z.flac"],
)
def test_other_files_are_not_taken_for_the_archives(name: str) -> None:
    """What this program did not name is nobody's to join or to delete."""
    assert parse_recorded("radio", name) is None


@given(
    start=instants,
    number=numbers,
    later=st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=999)),
)
def test_archived_segments_sort_by_time(start: datetime, number: int, later: timedelta) -> None:
    """A listing of the archive by name is in the order of time."""
    first = piece_name("radio", start, SegmentId(RUN, number))
    second = piece_name("radio", start + later, SegmentId(RUN, 0))
    assert first < second
