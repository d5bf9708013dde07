"""Losses: every gap is accounted for, to the sample, under what is known of its causes; and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.events import (
    CaptureEnded,
    Cause,
    Event,
    InputLost,
    LevelsMeasured,
    MissingFrom,
    SamplesLost,
    SegmentExpired,
    SegmentFoundListed,
    SegmentPublished,
    SegmentRefused,
    SpoolOverflowed,
)
from supervisor.identity import writer_id
from supervisor.ledger import Ledger
from supervisor.losses import Accounts, account
from supervisor.names import SegmentId
from supervisor.stop import Stop, Worker
from tests.rig.parts import eventually
from tests.unit.made import RUN, sealed_segment

DIED = CaptureEnded(RUN, 1, Cause.RESTART, reason="killed", retry_in_s=0)
UNPLUGGED = CaptureEnded(RUN, 1, Cause.DEVICE_LOST, reason="ALSA read error", retry_in_s=2)
NO_ROOM = CaptureEnded(RUN, 1, Cause.SPOOL_FULL, reason="No space left on device", retry_in_s=2)


def _published(index: int = 0, gap: int = 0) -> SegmentPublished:
    return SegmentPublished(index, sealed_segment(index), gap, latency_s=0.03, upload_s=0.02)


def _refused(number: int = 1) -> SegmentRefused:
    return SegmentRefused(SegmentId(RUN, number), "hq 0", Path("/spool/refused/x"), 480_000)


def _expired(number: int) -> SegmentExpired:
    return SegmentExpired(sealed_segment(number))


def _losses(events: Iterable[Event]) -> list[SamplesLost]:
    accounts, told = Accounts(), list[SamplesLost]()
    for event in events:
        accounts, losses = account(accounts, event)
        told += losses
    return told


@pytest.mark.parametrize(
    ("events", "lost", "by_cause"),
    [
        ([_published(0)], 0, {}),
        ([_published(0, gap=1000)], 1000, {"stopped": 1000}),
        ([_published(0), InputLost(RUN, 5, 300), _published(1, gap=300)], 300, {"xrun": 300}),
        ([_published(0), InputLost(RUN, 5, 300), DIED, _published(1, gap=1000)], 1000, {"xrun": 300, "restart": 700}),
        ([_published(0), NO_ROOM, _published(1, gap=1000)], 1000, {"spool_full": 1000}),
        ([_published(0), DIED, _published(1, gap=1000)], 1000, {"restart": 1000}),
        ([_published(0), UNPLUGGED, UNPLUGGED, _published(1, gap=1000)], 1000, {"device_lost": 1000}),
        (
            [_published(0), UNPLUGGED, _published(1, gap=9), DIED, _published(2, gap=1)],
            10,
            {"device_lost": 9, "restart": 1},
        ),
        ([_published(0), _refused(), _published(2, gap=480_000)], 480_000, {"seal_refused": 480_000}),
        (
            [_published(0), _expired(1), _published(2, gap=480_000)],
            480_000,
            {"upload_expired": 480_000},
        ),
        (
            [_published(0), _expired(1), DIED, _published(2, gap=480_700)],
            480_700,
            {"upload_expired": 480_000, "restart": 700},
        ),
        (
            [_published(0), _refused(), _expired(2), _published(3, gap=960_000)],
            960_000,
            {"seal_refused": 480_000, "upload_expired": 480_000},
        ),
        (
            [_published(0), _refused(), _published(2, gap=480_000), _published(3), _published(4, gap=5)],
            480_005,
            {"seal_refused": 480_000, "restart": 5},
        ),
    ],
)
def test_losses_are_told_by_cause(events: list[Event], lost: int, by_cause: dict[str, int]) -> None:
    """What listeners will never get is counted once, under what caused it."""
    told = _losses(events)
    assert sum(loss.samples for loss in told) == lost
    assert {cause: sum(loss.samples for loss in told if loss.cause == cause) for cause in by_cause} == by_cause


def test_a_loss_says_since_when_and_where() -> None:
    """An entry begins where the audio before the gap ended, and names the segment that follows."""
    segment = sealed_segment(3)
    (loss,) = _losses([_published(0), DIED, SegmentPublished(3, segment, 48_000, 0.03, 0.02)])
    assert loss == SamplesLost(
        segment.start - timedelta(seconds=1), 48_000, Cause.RESTART, MissingFrom.STREAM, segment.id
    )


def test_what_only_the_archive_misses_is_told_apart() -> None:
    """A segment that had to leave a full spool is missing from the archive, and no listener's loss."""
    segment = sealed_segment(3)
    (loss,) = _losses([SpoolOverflowed(segment)])
    assert (loss.samples, loss.cause, loss.missing_from) == (segment.samples, Cause.SPOOL_FULL, MissingFrom.ARCHIVE)
    assert (loss.at, loss.where) == (segment.start, segment.id)


happened = st.one_of(
    st.builds(_published, st.integers(0, 100), st.integers(0, 2_000_000)),
    st.builds(InputLost, st.just(RUN), st.integers(0, 10**9), st.integers(1, 480_000)),
    st.sampled_from([DIED, UNPLUGGED, NO_ROOM, _refused(), _expired(4), LevelsMeasured((), (), -23.0)]),
)


@given(st.lists(happened, max_size=60))
def test_losses_add_up_to_the_gaps(events: list[Event]) -> None:
    """Whatever happens in whatever order: the losses of listeners are the gaps of the manifest, no more and no less."""
    gaps = sum(event.gap for event in events if isinstance(event, SegmentPublished))
    told = _losses(events)
    assert sum(loss.samples for loss in told) == gaps
    assert all(loss.samples > 0 for loss in told)


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.timeout(30)
def test_losses_are_kept_as_json_lines(tmp_path: Path) -> None:
    """Every loss is a line of the file, over several lives, and was told before the event's taking returned."""
    path, told = tmp_path / "radio_losses.jsonl", list[Event]()
    writer_id(tmp_path)
    for life in (1, 2):
        ledger, ended = Ledger(path, tmp_path / "kept", told.append), Stop()
        ledger.take(_published(2 * life, gap=5))
        ledger.take(_published(1))
        assert len(told) == life
        ended.request()
        ledger.run(ended)
    assert [(line["samples"], line["cause"]) for line in _lines(path)] == [(5, "stopped"), (5, "stopped")]
    assert set(_lines(path)[0]) == {"time", "samples", "cause", "missing_from", "segment"}


@pytest.mark.timeout(30)
def test_a_disk_that_takes_nothing_loses_no_entry(tmp_path: Path) -> None:
    """While the recordings folder cannot be written nobody waits, and what waited is written when it can be."""
    blocked = tmp_path / "recordings"
    blocked.write_bytes(b"a file where the folder should be")
    ledger, ended = Ledger(blocked / "radio_losses.jsonl", tmp_path / "kept", lambda _: None), Stop()
    ledger.take(_published(0, gap=5))
    ledger.take(_published(1, gap=6))
    ended.request()
    ledger.run(ended)
    blocked.unlink()
    blocked.mkdir()
    ledger.run(ended)
    assert list(blocked.iterdir()) == []  # the empty mount point of a disk that is not there
    writer_id(blocked)
    ledger.run(ended)
    assert [line["samples"] for line in _lines(blocked / "radio_losses.jsonl")] == [5, 6]


@pytest.mark.timeout(30)
def test_entries_are_written_soon(tmp_path: Path) -> None:
    """An entry is in the file while the station goes on, not only at its end."""
    path = tmp_path / "radio_losses.jsonl"
    writer_id(tmp_path)
    ledger, ended = Ledger(path, tmp_path / "kept", lambda _: None), Stop()
    worker = Worker("ledger", lambda: ledger.run(ended), lambda: None)
    worker.start()
    ledger.take(_published(0, gap=5))
    eventually(lambda: path.exists() and _lines(path), 4, "the entry is written")
    ended.request()
    ledger.wake()
    assert worker.join(10)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("killed", ["before it is written", "before it is known to be written", "after all"])
def test_a_kill_loses_no_entry_and_tells_none_twice(tmp_path: Path, killed: str) -> None:
    """Whenever a life ends, the next one writes what is missing and knows what was told already."""
    path, kept, ended = tmp_path / "radio_losses.jsonl", tmp_path / "kept", Stop()
    writer_id(tmp_path)
    ended.request()
    first = Ledger(path, kept, lambda _: None)
    first.take(_published(7, gap=5))
    before = kept.read_bytes()
    if killed != "before it is written":
        first.run(ended)
    if killed == "before it is known to be written":
        kept.write_bytes(before)
    told = list[Event]()
    second = Ledger(path, kept, told.append)
    second.take(SegmentFoundListed(sealed_segment(7), 5))
    second.take(SegmentFoundListed(sealed_segment(8), 6))
    second.run(ended)
    assert [line["samples"] for line in _lines(path)] == [5, 6]
    assert len(told) == 1


@pytest.mark.timeout(30)
def test_a_long_backlog_is_written_once(tmp_path: Path) -> None:
    """Killed right after days of entries were written at once, the next life knows all of them again."""
    writer_id(tmp_path)
    path, kept, ended = tmp_path / "radio_losses.jsonl", tmp_path / "kept", Stop()
    ended.request()
    first = Ledger(path, kept, lambda _: None)
    for number in range(1_000):
        first.take(_published(number, gap=number + 1))
    before = kept.read_bytes()
    first.run(ended)
    kept.write_bytes(before)
    assert path.stat().st_size > 65_536
    Ledger(path, kept, lambda _: None).run(ended)
    assert [line["samples"] for line in _lines(path)] == list(range(1, 1_001))
