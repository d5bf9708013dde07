"""The manifest: its JSON is the contract with every player, its window is bounded and holds nothing stale."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from supervisor.manifest import Entry, HqObject, LqObject, Manifest, rolled

RATE = 48_000
START = datetime(2026, 11, 23, 15, 45, 0, 397_000, UTC)

DOCUMENTED = """{
  "version": 1, "station": "my-radio", "live": true, "latest": 2841122, "segment_s": 10,
  "updated_at": "2026-11-23T15:45:30.412Z", "writer": "3f9c", "sample_rate": 48000,
  "qualities": {"hq": {"type": "audio/flac", "bits": 24, "channels": 2},
                "lq": {"type": "audio/ogg; codecs=opus", "bitrate": 128000, "channels": 2}},
  "segments": [
    {"index": 2841120, "start": "2026-11-23T15:45:00.397Z", "samples": 480000, "gap": 0,
     "hq": {"key": "live/hq/segment-02841120.flac", "bytes": 2535702, "md5": "a150c4"},
     "lq": {"key": "live/lq/segment-02841120.opus", "bytes": 168582, "preroll": 15360}}
  ]
}"""


def _entry(index: int, start: datetime, samples: int = 10 * RATE, gap: int = 0) -> Entry:
    return Entry(
        index=index,
        start=start,
        samples=samples,
        gap=gap,
        hq=HqObject(key=f"live/hq/segment-{index:08d}.flac", bytes=2_535_702, md5="a150c4"),
        lq=LqObject(key=f"live/lq/segment-{index:08d}.opus", bytes=168_582, preroll=15_360),
    )


def _manifest(**changes: Any) -> Manifest:  # noqa: ANN401 - any field
    whole: dict[str, Any] = {
        "station": "my-radio",
        "live": True,
        "latest": 2_841_122,
        "segment_s": 10,
        "updated_at": datetime(2026, 11, 23, 15, 45, 30, 412_000, UTC),
        "writer": "3f9c",
        "sample_rate": RATE,
        "segments": (_entry(2_841_120, START),),
    }
    return Manifest(**{**whole, **changes})


def _pairs(text: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """JSON with the order of its fields."""
    return json.loads(text, object_pairs_hook=list)


def test_it_is_written_as_documented() -> None:
    """The documented example comes out with the same fields, values and order."""
    assert _pairs(_manifest().to_json()) == _pairs(DOCUMENTED)


def test_the_documented_example_is_read() -> None:
    """What the documentation shows is a manifest that this version understands."""
    assert Manifest.model_validate_json(DOCUMENTED) == _manifest()


def test_off_air_it_may_name_nothing() -> None:
    """A manifest may have no segment: what was on air before a long silence has left it."""
    written = json.loads(_manifest(live=False, segments=()).to_json())
    assert (written["live"], written["latest"], written["segments"]) == (False, 2_841_122, [])


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(2026, 11, 23, 15, 45, 30, tzinfo=UTC), "2026-11-23T15:45:30.000Z"),
        (datetime(2026, 11, 23, 15, 45, 30, 7_000, UTC), "2026-11-23T15:45:30.007Z"),
        (datetime.fromisoformat("2026-11-23T16:45:30.412+01:00"), "2026-11-23T15:45:30.412Z"),
    ],
)
def test_instants_are_utc_with_milliseconds(instant: datetime, written: str) -> None:
    """Every instant is RFC 3339 in UTC with three digits, whatever zone it came in."""
    manifest = json.loads(_manifest(updated_at=instant, segments=(_entry(1, instant),)).to_json())
    assert manifest["updated_at"] == written
    assert manifest["segments"][0]["start"] == written


def test_an_instant_without_a_zone_is_refused() -> None:
    """A local time by mistake is an error, not a manifest that is hours off."""
    with pytest.raises(ValidationError, match="timezone"):
        _manifest(updated_at=datetime(2026, 11, 23))  # noqa: DTZ001 - that is the mistake


milliseconds = st.integers(min_value=0, max_value=10**12).map(lambda ms: START + timedelta(milliseconds=ms))
entries = st.builds(
    _entry, st.integers(0, 10**9), milliseconds, samples=st.integers(1, 30 * RATE), gap=st.integers(0, 10**9)
)


@given(
    station=st.text(min_size=1),
    live=st.booleans(),
    latest=st.integers(0, 10**9),
    updated_at=milliseconds,
    segments=st.lists(entries, max_size=5).map(tuple),
)
def test_it_is_read_back_as_it_was_written(**fields: Any) -> None:  # noqa: ANN401 - any field
    """Nothing is lost between writing and reading."""
    manifest = _manifest(**fields)
    assert Manifest.model_validate_json(manifest.to_json()) == manifest


def test_fields_of_later_versions_of_the_program_are_ignored() -> None:
    """A field that is added later does not keep an older supervisor from reading the manifest."""
    more = {**json.loads(DOCUMENTED), "title": "Blue in Green"}
    assert Manifest.model_validate_json(json.dumps(more)) == _manifest()


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"segments": None}, {"live": "perhaps"}, {"latest": None}, {"updated_at": "yesterday"}]
)
def test_what_is_not_a_manifest_is_refused(change: dict[str, object]) -> None:
    """A foreign object at the manifest's key, or a later format, is not half understood."""
    with pytest.raises(ValidationError):
        Manifest.model_validate_json(json.dumps({**json.loads(DOCUMENTED), **change}))


def test_it_names_the_keys_of_all_its_segments() -> None:
    """What must exist in the bucket is exactly what the manifest names."""
    manifest = _manifest(segments=(_entry(1, START), _entry(2, START + timedelta(seconds=10))))
    assert manifest.keys == {
        *("live/hq/segment-00000001.flac", "live/lq/segment-00000001.opus"),
        *("live/hq/segment-00000002.flac", "live/lq/segment-00000002.opus"),
    }


def test_the_window_rolls() -> None:
    """Segment after segment the newest enters, and the oldest leaves when the window is full."""
    window: tuple[Entry, ...] = ()
    seen = []
    for number in range(6):
        window = rolled(window, _entry(number, START + timedelta(seconds=10 * number)), 3, 10, RATE)
        seen.append([entry.index for entry in window])
    assert seen == [[0], [0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]


@pytest.mark.parametrize(
    ("silence_s", "kept"),
    [(0, [0, 1, 2]), (5, [0, 1, 2]), (10, [0, 1, 2]), (10.001, [1, 2]), (20, [1, 2]), (20.001, [2]), (3600, [2])],
)
def test_what_was_on_air_before_a_long_silence_leaves(silence_s: float, kept: list[int]) -> None:
    """A segment stays while it ended at most a window's length before the newest began."""
    before = (_entry(0, START), _entry(1, START + timedelta(seconds=10)))
    newest = _entry(2, START + timedelta(seconds=20 + 10 + silence_s))
    assert [entry.index for entry in rolled(before, newest, 3, 10, RATE)] == kept


@given(
    window=st.integers(2, 100),
    segment_s=st.integers(1, 30),
    lengths=st.lists(st.tuples(st.integers(1, 30 * RATE), st.integers(0, 100 * RATE)), min_size=1, max_size=60),
)
def test_the_window_keeps_its_promises(window: int, segment_s: int, lengths: list[tuple[int, int]]) -> None:
    """Never more than the window, the newest last, the order kept, nothing stale, nothing recent thrown out early."""
    held: tuple[Entry, ...] = ()
    position = 0
    for index, (samples, gap) in enumerate(lengths):
        position += gap
        new = _entry(index, START + timedelta(seconds=position / RATE), samples, gap)
        position += samples
        before, held = held, rolled(held, new, window, segment_s, RATE)
        oldest = new.start - timedelta(seconds=window * segment_s)
        fresh = [e for e in before if e.start + timedelta(seconds=e.samples / RATE) >= oldest]
        assert list(held) == [*fresh, new][-window:]
        assert held[-1] == new
        assert len(held) <= window
        assert all(earlier.index < later.index for earlier, later in pairwise(held))
