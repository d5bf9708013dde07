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
    CaptureStarted,
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
from supervisor.losses import MOST_KEPT, Accounts, account
from supervisor.names import SegmentId, run_name
from supervisor.stop import Stop, Worker
from tests.rig.parts import eventually
from tests.unit.made import RUN, START, sealed_segment

RUNS = (RUN, "20261123T155000000Z", "20261123T155100000Z")
"""Three runs, one after the other."""


def _started(life: int = 0) -> CaptureStarted:
    return CaptureStarted(RUNS[life], 4711, ("ffmpeg",))


def _ended(cause: Cause, life: int = 0) -> CaptureEnded:
    return CaptureEnded(RUNS[life], 1, cause, reason="it ended", retry_in_s=0)


DIED, UNPLUGGED, NO_ROOM = (_ended(cause) for cause in (Cause.RESTART, Cause.DEVICE_LOST, Cause.SPOOL_FULL))


def _published(number: int = 0, gap: int = 0, life: int = 0) -> SegmentPublished:
    return SegmentPublished(number, sealed_segment(number, run=RUNS[life]), gap, latency_s=0.03, upload_s=0.02)


def _lost_inside(sample: int, samples: int, life: int = 0) -> InputLost:
    return InputLost(RUNS[life], sample, samples)


def _refused(number: int = 1, life: int = 0) -> SegmentRefused:
    return SegmentRefused(SegmentId(RUNS[life], number), "hq 0", Path("/spool/refused/x"), 480_000)


def _cut_off(number: int = 1) -> SegmentRefused:
    return SegmentRefused(SegmentId(RUN, number), "cut off", Path("/spool/refused/x"), 0)


def _expired(number: int, life: int = 0) -> SegmentExpired:
    return SegmentExpired(sealed_segment(number, run=RUNS[life]))


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
        ([_published(0), _lost_inside(5, 300), _published(1, gap=300)], 300, {"xrun": 300}),
        (
            [_published(0), _lost_inside(5, 300), DIED, _published(0, gap=1000, life=1)],
            1000,
            {"xrun": 300, "restart": 700},
        ),
        ([_published(0), NO_ROOM, _published(0, gap=1000, life=1)], 1000, {"spool_full": 1000}),
        ([_published(0), DIED, _published(0, gap=1000, life=1)], 1000, {"restart": 1000}),
        (
            [_published(0), UNPLUGGED, _ended(Cause.DEVICE_LOST, 1), _published(0, gap=1000, life=2)],
            1000,
            {"device_lost": 1000},
        ),
        (
            [
                *(_published(0), UNPLUGGED, _published(0, gap=9, life=1)),
                *(_ended(Cause.RESTART, 1), _published(0, gap=1, life=2)),
            ],
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
            [_published(0), _expired(1), DIED, _published(0, gap=480_700, life=1)],
            480_700,
            {"upload_expired": 480_000, "restart": 700},
        ),
        (
            [_published(0), _refused(), _expired(2), _published(3, gap=960_000)],
            960_000,
            {"seal_refused": 480_000, "upload_expired": 480_000},
        ),
        # one that was cut off is part of what follows from the end of its run
        (
            [_published(0), DIED, _cut_off(), _published(0, gap=480_000, life=1)],
            480_000,
            {"restart": 480_000},
        ),
        # nothing explains it: whoever could have told was gone
        (
            [_started(), _published(0), _refused(), _published(2, gap=480_000), _published(3), _published(4, gap=5)],
            480_005,
            {"seal_refused": 480_000, "stopped": 5},
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
    lost = InputLost(RUN, 1, 48_000)
    (loss,) = _losses([_published(2), lost, SegmentPublished(3, segment, 48_000, 0.03, 0.02)])
    assert loss == SamplesLost(segment.start - timedelta(seconds=1), 48_000, Cause.XRUN, MissingFrom.STREAM, segment.id)


def test_what_only_the_archive_misses_is_told_apart() -> None:
    """A segment that had to leave a full spool is missing from the archive, and no listener's loss."""
    segment = sealed_segment(3)
    (loss,) = _losses([SpoolOverflowed(segment)])
    assert (loss.samples, loss.cause, loss.missing_from) == (segment.samples, Cause.SPOOL_FULL, MissingFrom.ARCHIVE)
    assert (loss.at, loss.where) == (segment.start, segment.id)


lives = st.integers(0, 2)
happened = st.one_of(
    st.builds(_published, st.integers(0, 100), st.integers(0, 2_000_000), lives),
    st.builds(_lost_inside, st.integers(0, 10**8), st.integers(1, 480_000), lives),
    st.builds(_expired, st.integers(0, 100), lives),
    st.builds(_refused, st.integers(0, 100), lives),
    st.builds(_started, lives),
    st.builds(_ended, st.sampled_from(Cause), lives),
    st.sampled_from([_cut_off(), LevelsMeasured((), (), -23.0)]),
)


@given(st.lists(happened, max_size=60))
def test_losses_add_up_to_the_gaps(events: list[Event]) -> None:
    """Whatever happens in whatever order: the losses of listeners are the gaps of the manifest, no more and no less."""
    gaps = sum(event.gap for event in events if isinstance(event, SegmentPublished))
    told = _losses(events)
    assert sum(loss.samples for loss in told) == gaps
    assert all(loss.samples > 0 for loss in told)


@pytest.mark.parametrize(
    ("events", "lost"),
    [
        # an overrun is judged some seconds later, while its own segment is on its way
        ([_lost_inside(485_000, 4_800), _published(1), _published(2, gap=4_800)], {"xrun": 4_800}),
        # short segments that were sealed before it was judged do not count it yet
        ([_lost_inside(5, 4_800), _published(1), _published(2), _published(3, gap=4_800)], {"xrun": 4_800}),
        ([UNPLUGGED, _started(1), _published(1), _published(0, 1000, life=1)], {"device_lost": 1000}),
        ([NO_ROOM, _ended(Cause.SPOOL_FULL, 1), _published(1), _published(0, 9, life=2)], {"spool_full": 9}),
        ([_refused(2), _published(1), _published(3, gap=480_000)], {"seal_refused": 480_000}),
        # while a manifest is tried again, what waits behind it expires
        ([_expired(2), _published(1), _published(3, gap=480_000)], {"upload_expired": 480_000}),
        # two ends before the first of them shows: each has its own gap
        (
            [
                *(UNPLUGGED, _started(1), _ended(Cause.RESTART, 1), _started(2)),
                *(_published(1), _published(0, 300, life=1), _published(0, 7, life=2)),
            ],
            {"device_lost": 300, "restart": 7},
        ),
    ],
)
def test_what_is_known_of_later_waits_for_its_gap(events: list[Event], lost: dict[str, int]) -> None:
    """What is told while an older segment is still to be published is not forgotten with that segment."""
    told = _losses([_started(), _published(0), *events])
    assert {loss.cause: loss.samples for loss in told} == lost


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 480_000))
def test_a_fact_before_a_segment_survives_all_segments_before_that(first: int, between: int, samples: int) -> None:
    """However many segments without a gap are published first, an overrun is told with the first that shows it."""
    lost_in = first + between
    overrun = _lost_inside(lost_in * 480_000 + 1, samples)
    whole = [_published(number) for number in range(first, lost_in + 1)]
    (loss,) = _losses([_started(), overrun, *whole, _published(lost_in + 1, gap=samples)])
    assert (loss.cause, loss.samples) == (Cause.XRUN, samples)


@pytest.mark.parametrize(
    ("ends", "cause"),
    [
        # the first try after the device's return failed
        ([(Cause.DEVICE_LOST, 300), (Cause.RESTART, 5)], Cause.DEVICE_LOST),
        ([(Cause.RESTART, 5), (Cause.DEVICE_LOST, 300)], Cause.DEVICE_LOST),
        # so did the first one after a kill
        ([(Cause.STOPPED, 300), (Cause.RESTART, 5)], Cause.STOPPED),
        ([(Cause.DEVICE_LOST, 40), (Cause.RESTART, 50), (Cause.DEVICE_LOST, 20)], Cause.DEVICE_LOST),
    ],
)
def test_the_cause_that_lasted_has_the_gap(ends: list[tuple[Cause, int]], cause: Cause) -> None:
    """Of several causes between two runs, the one that held for most of the time, whichever came last."""
    now, events = START, list[Event]()
    for ended_by, lasted_s in ends:
        events.append(CaptureEnded(run_name(now), 1, ended_by, "", 0))
        now += timedelta(seconds=lasted_s)
    segment = sealed_segment(0, run=run_name(now)).model_copy(update={"start": now})
    gap = 48_000 * round((now - START).total_seconds())
    (loss,) = _losses([*events, SegmentPublished(0, segment, gap, 0.03, 0.02)])
    assert (loss.cause, loss.samples) == (cause, gap)


def test_an_overrun_too_many_is_not_kept_for_ever() -> None:
    """What a run told and no gap showed is forgotten with that run: it explains nothing of the next."""
    (loss,) = _losses([_lost_inside(5, 300), _published(1), DIED, _published(0, 0, life=1), _published(1, 7, life=1)])
    assert (loss.cause, loss.samples) == (Cause.STOPPED, 7)


def test_a_long_outage_is_kept_in_little() -> None:
    """Days of expiries, overruns and a device that is looked for again and again: bounded, and every sample told."""
    accounts, times = account(Accounts(), _published(0))[0], 2_000
    for number in range(times):
        name = run_name(START + timedelta(seconds=number))
        ended = CaptureEnded(name, 1, Cause.DEVICE_LOST, "", 2.0)
        expired = SegmentExpired(sealed_segment(0, run=name))
        for event in (CaptureStarted(name, 1, ()), InputLost(name, 1, 5), ended, expired):
            accounts, _ = account(accounts, event)
    assert len(accounts.facts) <= MOST_KEPT
    assert len(accounts.ends) <= 3
    gap = times * (480_000 + 5) + 77
    told = account(accounts, SegmentPublished(1, sealed_segment(0, run="20270101T000000000Z"), gap, 0.0, 0.0))[1]
    expected = {Cause.UPLOAD_EXPIRED: times * 480_000, Cause.XRUN: times * 5, Cause.DEVICE_LOST: 77}
    assert {loss.cause: loss.samples for loss in told} == expected


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ([_started(), _published(0)], [_started(1), _published(1), _published(0, 9, life=1)], {"stopped": 9}),
        ([_started(), _published(0), _ended(Cause.STOPPED)], [_started(1), _published(0, 9, life=1)], {"stopped": 9}),
        (
            [_started(), _published(0), _expired(1), _expired(2)],
            [_started(1), _published(3, 960_000), _published(0, 9, life=1)],
            {"upload_expired": 960_000, "stopped": 9},
        ),
        (
            [_started(), _published(0), _lost_inside(5, 300)],
            [_started(1), _published(0, gap=1_000, life=1)],
            {"xrun": 300, "stopped": 700},
        ),
        # what had ended before the kill keeps its own cause
        (
            [_started(), _published(0), DIED, _started(1)],
            [_started(2), _published(1), _published(0, 7, life=1), _published(0, 9, life=2)],
            {"restart": 7, "stopped": 9},
        ),
        # killed right after the device was gone: most of the time nothing ran
        ([_started(), _published(0), UNPLUGGED], [_started(1), _published(0, 9, life=1)], {"stopped": 9}),
    ],
)
def test_a_kill_changes_no_cause(tmp_path: Path, before: list[Event], after: list[Event], lost: dict[str, int]) -> None:
    """What a life knew of gaps that were still to come is told in the next; the time between them is `stopped`."""
    told = list[Event]()
    for events in (before, after):
        ledger = Ledger(tmp_path / "radio_losses.jsonl", tmp_path / "kept", told.append)
        for event in events:
            ledger.take(event)
    losses = [event for event in told if isinstance(event, SamplesLost)]
    assert {loss.cause: loss.samples for loss in losses} == lost


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
