"""The spool: its folders alone tell what is finished, what waits, and what may go."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import Exit, UserError
from supervisor.names import SegmentId
from supervisor.sealing.pair import SealedPair
from supervisor.segments import QueuedSegment, RawSegment, SealedHq, SealedLq, SealedSegment
from supervisor.spool import Folders, RunRecord, Spool, is_in_use
from tests.rig.sealing import SealedFiles, put_sealed
from tests.unit.made import RUN, sealed_segment

OTHER_RUN = "20261123T154530413Z"
LINE = b"0,          0,          0,   480000,  2880000, 0123456789abcdef0123456789abcdef\n"
HEAD = b"#format: frame checksums\n#version: 2\n#hash: MD5\n"
PAIR = SealedFiles(hq=b"flac" * 100, lq=b"opus" * 10, samples=480_000, md5="00" * 16, preroll=15_360)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A new spool."""
    with closing(Spool(tmp_path / "spool")) as made:
        yield made


def _record(*, over: bool = False, run: str = RUN) -> RunRecord:
    return RunRecord(run=run, boot_id="6a1f", sample_rate=48_000, segment_samples=480_000, over=over)


def _raw(folder: Path, stream: str, number: int, run: str = RUN) -> Path:
    extension = {"hq": "flac", "lq": "opus", "check": "framemd5"}[stream]
    return folder / f"{run}.{stream}.{number:08d}.{extension}"


def _write(folder: Path, names: str, run: str = RUN) -> None:
    """Files of a run: ``hq0``, ``lq0``, ``check0`` (whole), ``line0`` (a check that has no end yet)."""
    for name in names.split():
        stream, number = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
        if stream == "line":
            _raw(folder, "check", number, run).write_bytes(HEAD + LINE[:-1])
        else:
            _raw(folder, stream, number, run).write_bytes(HEAD + LINE if stream == "check" else name.encode())


def _closed(spool: Spool, *, over: bool = False) -> list[int]:
    return [raw.id.number for raw in spool.closed_segments(_record(over=over))]


@pytest.mark.parametrize(
    ("names", "closed"),
    [
        ("", []),
        ("hq0 lq0 line0", []),
        ("hq0 lq0 check0", []),
        ("hq0 lq0 lq1 check0", []),
        ("hq0 hq1 lq0 check0", []),
        ("hq0 hq1 lq0 lq1 line0", []),
        ("hq0 hq1 lq0 lq1", []),
        ("hq0 hq1 check0", []),
        ("lq0 lq1 check0", []),
        ("check0", []),
        ("hq0 hq1 lq0 lq1 check0", [0]),
        ("hq0 hq1 lq0 lq1 check0 line1", [0]),
        ("hq0 hq1 lq0 lq1 check0 check1", [0]),
        ("hq0 hq1 hq2 lq0 lq1 lq2 check0 check1 check2", [0, 1]),
        ("hq0 hq1 hq2 lq0 lq1 lq2 line0 check1", []),
        ("hq0 hq1 hq2 lq0 lq1 lq2 check0 line1", [0]),
        ("hq1 lq0 lq1 check1", []),
        ("hq1 hq2 lq0 lq1 lq2 check1", [1]),
        ("hq9 hq10 lq8 lq9 lq10 check9", [9]),
    ],
)
def test_only_what_ffmpeg_has_closed_is_given(spool: Spool, names: str, closed: list[int]) -> None:
    """While a run lives a segment is given when both its files have a successor and its check is whole."""
    _write(spool.folders.raw, names)
    assert _closed(spool) == closed


@given(
    hq=st.integers(1, 6),
    lq=st.integers(1, 6),
    checks=st.integers(0, 6),
    finished=st.integers(0, 6),
    done=st.integers(0, 6),
)
def test_nothing_open_is_ever_given(
    tmp_path_factory: pytest.TempPathFactory, hq: int, lq: int, checks: int, finished: int, done: int
) -> None:
    """However far FFmpeg is with each file, and however many were taken before: only closed ones come, in order."""
    spool = Spool(tmp_path_factory.mktemp("spool"))
    # what is done has been closed before
    done = min(done, hq - 1, lq - 1, finished)
    _write(spool.folders.raw, " ".join(f"hq{number}" for number in range(done, hq)))
    _write(spool.folders.raw, " ".join(f"lq{number}" for number in range(max(0, done - 1), lq)))
    _write(spool.folders.raw, " ".join(f"line{number}" for number in range(done, max(checks, finished))))
    _write(spool.folders.raw, " ".join(f"check{number}" for number in range(done, finished)))
    given_ = spool.closed_segments(_record())
    spool.close()
    assert [raw.id.number for raw in given_] == list(range(done, min(hq - 1, lq - 1, finished)))
    assert not any(raw.last for raw in given_)


def test_a_segment_comes_with_its_files(spool: Spool) -> None:
    """A segment names its three files and the Opus file before it, from which its pre-roll comes."""
    raw = spool.folders.raw
    _write(raw, "hq4 hq5 hq6 lq3 lq4 lq5 lq6 check4 check5 line6")
    first, second = spool.closed_segments(_record())
    assert first == RawSegment(
        id=SegmentId(RUN, 4),
        hq=_raw(raw, "hq", 4),
        lq=_raw(raw, "lq", 4),
        check=_raw(raw, "check", 4),
        previous_lq=_raw(raw, "lq", 3),
        last=False,
    )
    assert second.previous_lq == first.lq


def test_the_first_segment_has_none_before_it(spool: Spool) -> None:
    """Where a run begins there is nothing to take a pre-roll from."""
    _write(spool.folders.raw, "hq0 hq1 lq0 lq1 check0")
    assert spool.closed_segments(_record())[0].previous_lq is None


@pytest.mark.parametrize(
    ("names", "closed"),
    [
        ("", []),
        ("hq0 lq0 check0", [0]),
        ("hq0", [0]),
        ("hq0 hq1 lq0 lq1 check0 check1", [0, 1]),
        ("hq1 lq0 lq1 check1", [1]),
        ("hq0 lq0 line0", [0]),
        ("lq0", [0]),
    ],
)
def test_when_a_run_is_over_its_last_segment_is_given_too(spool: Spool, names: str, closed: list[int]) -> None:
    """After a run everything that it left is given, and the newest is marked: it may be short or cut off."""
    _write(spool.folders.raw, names)
    assert not {*closed[-1:]} & {*_closed(spool)}
    given_ = spool.closed_segments(_record(over=True))
    assert [raw.id.number for raw in given_] == closed
    assert [raw.last for raw in given_] == [number == closed[-1] for number in closed]


def test_a_kept_opus_file_is_no_segment(spool: Spool) -> None:
    """The Opus file that is kept for the next one's pre-roll is not given again."""
    _write(spool.folders.raw, "hq1 hq2 lq0 lq1 lq2 check1 check2")
    assert _closed(spool, over=True) == [1, 2]


def test_other_files_are_left_alone(spool: Spool) -> None:
    """Files of other runs and of anybody else are not taken for segments of this run."""
    raw = spool.folders.raw
    _write(raw, "hq0 hq1 lq0 lq1 check0 check1", run=OTHER_RUN)
    (raw / f"{RUN}.hq.00000000.flac.tmp").write_bytes(b"")
    (raw / "notes.txt").write_bytes(b"")
    assert _closed(spool, over=True) == []


def _store(spool: Spool, number: int) -> SealedSegment:
    segment = sealed_segment(number)
    put_sealed(spool, segment, PAIR)
    return segment


def test_a_sealed_pair_waits_in_both_queues(spool: Spool) -> None:
    """The publisher finds both qualities and the description, the archive finds HQ and the description."""
    segment = _store(spool, 3)
    assert spool.to_publish.pending() == [QueuedSegment(segment, spool.folders.publish)]
    assert spool.to_archive.pending() == [QueuedSegment(segment, spool.folders.archive)]
    (queued,) = spool.to_publish.pending()
    assert (queued.path("hq").read_bytes(), queued.path("lq").read_bytes()) == (PAIR.hq, PAIR.lq)
    (queued,) = spool.to_archive.pending()
    assert queued.path("hq").read_bytes() == PAIR.hq
    assert not queued.path("lq").exists()
    assert list(spool.folders.sealing.iterdir()) == []


def test_a_sealed_flac_file_is_the_one_that_was_captured(spool: Spool) -> None:
    """Its beginning is written anew and its end goes, in its place: none of its megabytes is copied."""
    segment = sealed_segment(3)
    raw = RawSegment(segment.id, _raw(spool.folders.raw, "hq", 3), None, None, None, last=False)
    assert raw.hq is not None
    raw.hq.write_bytes(b"raw-" * 100)
    inode = raw.hq.stat().st_ino
    spool.store_sealed(segment, raw, SealedPair(b"fLaC", 250, b"opus", 480_000, "00" * 16, 0, ()))
    for queue in (spool.to_publish, spool.to_archive):
        (queued,) = queue.pending()
        assert queued.path("hq").stat().st_ino == inode
        assert queued.path("hq").read_bytes() == b"fLaC" + (b"raw-" * 100)[4:250]
    spool.discard_raw(raw)
    assert list(spool.folders.raw.iterdir()) == []
    assert spool.to_publish.pending()[0].path("hq").stat().st_nlink == 2


@pytest.mark.parametrize(
    ("names", "newest"),
    [("", None), ("check0", None), ("lq0", None), ("hq0 lq0", 0), ("hq0 lq0 check0 hq1 lq1", 1), ("hq9 hq10 lq9", 10)],
)
def test_what_is_being_written_is_the_newest(spool: Spool, names: str, newest: int | None) -> None:
    """The segment that is read along is the one that FFmpeg began last, with the files that are there already."""
    raw = spool.folders.raw
    _write(raw, names)
    found = spool.being_written()
    if newest is None:
        assert found is None
        return
    assert found is not None
    lq = _raw(raw, "lq", newest)
    assert (found.id, found.hq) == (SegmentId(RUN, newest), _raw(raw, "hq", newest))
    assert found.lq == (lq if lq.exists() else None)
    _write(raw, "hq0", OTHER_RUN)
    later = spool.being_written()
    assert later is not None
    assert later.id == SegmentId(OTHER_RUN, 0)


def test_storing_again_changes_nothing(spool: Spool) -> None:
    """When a crash came between storing and clearing up, doing it again leaves one segment in each queue."""
    _store(spool, 3)
    before = _everything(spool)
    _store(spool, 3)
    assert _everything(spool) == before
    assert len(spool.to_publish.pending()) == len(spool.to_archive.pending()) == 1


def _everything(spool: Spool) -> dict[str, bytes]:
    root = spool.folders.root
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("left", ["sealing", "archive", "publish"])
def test_a_crash_in_the_middle_is_repaired_by_storing_again(spool: Spool, tmp_path: Path, left: str) -> None:
    """Whatever part of the files was there when the process ended, storing again makes both queues whole."""
    whole = Spool(tmp_path / "whole")
    segment = _store(whole, 3)
    whole.close()
    folder = getattr(spool.folders, left)
    (folder / f"{segment.id}.flac").write_bytes(b"half of")
    (folder / f"{segment.id}.opus").write_bytes(b"")
    if left == "archive":
        (folder / f"{segment.id}.opus").unlink()
    assert spool.to_publish.pending() == spool.to_archive.pending() == []
    _store(spool, 3)
    without_lock = [{name: data for name, data in _everything(s).items() if name != "lock"} for s in (spool, whole)]
    assert without_lock[0] == without_lock[1]


def test_storing_again_leaves_what_is_queued_as_it_was(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """When storing was interrupted between the queues, the second attempt does not write into the first one's files."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    segment = sealed_segment(7)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(spool.to_publish, "link", full)
        with pytest.raises(OSError, match="No space left"):
            put_sealed(spool, segment, PAIR)
    (queued,) = spool.to_archive.pending()
    with queued.path("hq").open("rb") as archived, queued.description.open("rb") as described:
        put_sealed(spool, segment.model_copy(update={"samples": 7}), replace(PAIR, hq=b"again"))
        assert archived.read() == PAIR.hq
        assert described.read() == segment.model_dump_json().encode()
    (queued,) = spool.to_archive.pending()
    assert queued.path("hq").read_bytes() == b"again"


def test_storing_the_same_file_again_writes_the_same_into_it(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The FLAC file is one file in raw/ and in the queues: sealed again, it is what whoever reads it there expects."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    segment = sealed_segment(7)
    hq = _raw(spool.folders.raw, "hq", 7)
    hq.write_bytes(b"raw-" * 100)
    raw = RawSegment(segment.id, hq, None, None, None, last=False)
    pair = SealedPair(b"fLaC", 250, b"opus", 480_000, "00" * 16, 0, ())
    with monkeypatch.context() as interrupted:
        interrupted.setattr(spool.to_publish, "link", full)
        with pytest.raises(OSError, match="No space left"):
            spool.store_sealed(segment, raw, pair)
    (queued,) = spool.to_archive.pending()
    with queued.path("hq").open("rb") as archived:
        spool.store_sealed(segment, raw, pair)
        assert archived.read() == b"fLaC" + (b"raw-" * 100)[4:250]
    assert len(spool.to_publish.pending()) == len(spool.to_archive.pending()) == 1


def test_a_queue_is_in_the_order_of_capture(spool: Spool) -> None:
    """Whatever order segments came in, the oldest is first, across runs as well."""
    for number in (11, 2, 9):
        _store(spool, number)
    put_sealed(spool, sealed_segment(0, run=OTHER_RUN), PAIR)
    put_sealed(spool, sealed_segment(5, run="20251123T154530412Z"), PAIR)
    found = [str(queued.sealed.id) for queued in spool.to_publish.pending()]
    assert found == sorted(found)
    assert len(found) == 5


def test_a_segment_is_in_a_queue_with_its_description(spool: Spool) -> None:
    """Files without their description are half of a segment and do not count; nor does anything else in the folder."""
    segment = _store(spool, 3)
    (spool.folders.publish / f"{segment.id}.json").unlink()
    (spool.folders.publish / "notes.json").write_bytes(b"{}")
    assert spool.to_publish.pending() == []
    assert len(spool.to_archive.pending()) == 1


@pytest.mark.parametrize("torn", ["json", "flac", "opus", "no flac"])
def test_what_a_power_cut_tore_is_set_aside(spool: Spool, torn: str) -> None:
    """A segment whose description or sound is empty or gone is kept, and leaves both queues; the others stay."""
    sizes = {"hq": SealedHq(bytes=len(PAIR.hq), md5="0" * 32), "lq": SealedLq(bytes=len(PAIR.lq), preroll=0)}
    whole, broken = (sealed_segment(number).model_copy(update=sizes) for number in (3, 4))
    for segment in (whole, broken):
        put_sealed(spool, segment, PAIR)
    path = spool.folders.publish / f"{broken.id}.{torn.removeprefix('no ')}"
    if torn == "no flac":
        path.unlink()
    else:
        path.write_bytes(b"")  # the other queue has the same file
    assert {queued.sealed.id for queued in spool.to_publish.pending()} <= {whole.id, broken.id}
    assert spool.set_aside_torn() == [spool.folders.refused / str(broken.id)]
    assert [queued.sealed.id for queued in spool.to_publish.pending()] == [whole.id]
    left_to_archive = [queued.sealed.id for queued in spool.to_archive.pending()]
    assert left_to_archive == ([whole.id, broken.id] if torn in {"opus", "no flac"} else [whole.id])
    assert not list(spool.folders.publish.glob(f"{broken.id}.*"))
    assert spool.set_aside_torn() == []


def test_a_file_is_gone_when_both_queues_are_done(spool: Spool) -> None:
    """A queue that is done with a segment takes nothing from the other, and the last one takes the space."""
    _store(spool, 3)
    (to_publish,), (to_archive,) = spool.to_publish.pending(), spool.to_archive.pending()
    spool.to_publish.done(to_publish)
    assert spool.to_publish.pending() == []
    assert spool.to_archive.pending()[0].path("hq").read_bytes() == PAIR.hq
    spool.to_archive.done(to_archive)
    assert [name for name in _everything(spool) if name != "lock"] == []
    spool.to_archive.done(to_archive)


def test_a_file_in_both_queues_counts_once(spool: Spool) -> None:
    """What the spool occupies is what the disk sees: hard links cost nothing."""
    empty = spool.used_bytes()
    segment = _store(spool, 3)
    size = len(PAIR.hq) + len(PAIR.lq) + len(segment.model_dump_json())
    assert spool.used_bytes() == empty + size
    spool.to_publish.done(spool.to_publish.pending()[0])
    assert spool.used_bytes() == empty + size - len(PAIR.lq)
    _write(spool.folders.raw, "hq0")
    assert spool.used_bytes() == empty + size - len(PAIR.lq) + len(b"hq0")


def test_a_name_without_a_file_does_not_stop_the_count(spool: Spool) -> None:
    """A file that vanishes while it is counted is no error."""
    (spool.folders.raw / "vanished").symlink_to("nowhere")
    assert spool.used_bytes() >= 0


def test_raw_files_go_when_they_are_sealed(spool: Spool) -> None:
    """A sealed segment leaves its Opus file for the next one's pre-roll, and that one's predecessor goes."""
    raw = spool.folders.raw
    _write(raw, "hq1 hq2 lq0 lq1 lq2 check1 line2")
    spool.discard_raw(spool.closed_segments(_record())[0])
    assert sorted(path.name for path in raw.iterdir()) == sorted(
        path.name for path in (_raw(raw, "hq", 2), _raw(raw, "lq", 1), _raw(raw, "lq", 2), _raw(raw, "check", 2))
    )


def test_the_last_of_a_run_leaves_nothing(spool: Spool) -> None:
    """Nobody needs a pre-roll after the last segment of a run."""
    _write(spool.folders.raw, "hq1 lq0 lq1 check1")
    spool.discard_raw(spool.closed_segments(_record(over=True))[0])
    assert list(spool.folders.raw.iterdir()) == []


def test_a_refused_segment_is_kept_aside(spool: Spool) -> None:
    """Its files can be looked at, are not tried again, and the next segment still gets its pre-roll."""
    raw = spool.folders.raw
    _write(raw, "hq0 hq1 hq2 lq0 lq1 lq2 check0 check1 line2")
    refused, after = spool.closed_segments(_record())
    kept = spool.refuse(refused)
    assert kept == spool.folders.refused / f"{RUN}.00000000"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        _raw(raw, "hq", 0).name: b"hq0",
        _raw(raw, "lq", 0).name: b"lq0",
        _raw(raw, "check", 0).name: HEAD + LINE,
    }
    assert spool.closed_segments(_record()) == [after]
    assert after.previous_lq is not None
    assert after.previous_lq.read_bytes() == b"lq0"


def test_a_refused_segment_leaves_no_file_in_the_way(spool: Spool) -> None:
    """Once the segment behind a refused one is sealed, no raw file of anything before it is left."""
    raw = spool.folders.raw
    _write(raw, "hq1 hq2 hq3 lq0 lq1 lq2 lq3 check1 check2 line3")
    refused, after = spool.closed_segments(_record())
    spool.refuse(refused)
    spool.discard_raw(after)
    assert sorted(path.name for path in raw.iterdir()) == sorted(
        path.name for path in (_raw(raw, "hq", 3), _raw(raw, "lq", 2), _raw(raw, "lq", 3), _raw(raw, "check", 3))
    )


def test_a_refused_last_segment_is_kept_aside(spool: Spool) -> None:
    """The last of a run goes aside whole, though some of its files were never written."""
    _write(spool.folders.raw, "hq0 lq0")
    kept = spool.refuse(spool.closed_segments(_record(over=True))[0])
    assert {path.read_bytes() for path in kept.iterdir()} == {b"hq0", b"lq0"}
    assert list(spool.folders.raw.iterdir()) == []


def test_refusing_again_changes_nothing(spool: Spool) -> None:
    """When a crash came in the middle of refusing, doing it again finishes it."""
    _write(spool.folders.raw, "hq0 hq1 lq0 lq1 check0")
    (raw,) = spool.closed_segments(_record())
    spool.refuse(raw)
    _write(spool.folders.raw, "check0")
    again = RawSegment(raw.id, None, raw.lq, raw.check, None, last=False)
    kept = spool.refuse(again)
    assert len(list(kept.iterdir())) == 3


def test_refused_segments_are_bounded(spool: Spool) -> None:
    """A station that refuses segment after segment keeps the newest and lets the oldest go: memory is not endless."""
    for number in range(300):
        hq = _raw(spool.folders.raw, "hq", number)
        hq.write_bytes(b"")
        os.truncate(hq, 2_500_000)
        spool.refuse(RawSegment(SegmentId(RUN, number), hq, None, None, None, last=False))
    kept = {path.name for path in spool.folders.refused.iterdir()}
    assert f"{RUN}.00000299" in kept
    assert f"{RUN}.00000000" not in kept


def test_a_run_is_known_until_it_is_forgotten(spool: Spool) -> None:
    """What is known of a run is kept up to date, and goes together with its last files, but with no other run's."""
    spool.write_run(_record())
    spool.write_run(_record(run=OTHER_RUN))
    spool.write_run(_record().model_copy(update={"origin_boottime_s": 123.456}))
    spool.end_run(RUN)
    first, second = spool.runs()
    assert (first.run, first.over, first.origin_boottime_s) == (RUN, True, 123.456)
    assert (second.run, second.over, second.origin_boottime_s) == (OTHER_RUN, False, None)
    _write(spool.folders.raw, "lq0 hq1")
    _write(spool.folders.raw, "lq0", run=OTHER_RUN)
    spool.forget_run(first)
    assert spool.runs() == [second]
    assert list(spool.folders.raw.iterdir()) == [_raw(spool.folders.raw, "lq", 0, OTHER_RUN)]
    spool.forget_run(first)


def test_a_new_run_lives() -> None:
    """Of a run nothing is known at first but what it captures; it is not over."""
    record = RunRecord(run=RUN, boot_id="6a1f", sample_rate=48_000, segment_samples=480_000)
    assert (record.over, record.origin_boottime_s) == (False, None)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5_000), st.integers(0, 40)), max_size=60))
def test_what_a_run_lost_long_ago_is_a_sum(happened: list[tuple[int, int, int]]) -> None:
    """Whatever is sealed when: each segment that is still to be sealed is placed as if every loss were remembered."""
    record, whole, newest, sealed = _record(), list[tuple[int, int]](), 0, 0
    record = record.model_copy(update={"origin_boottime_s": 0.0})
    for seconds, samples, more in happened:
        newest += seconds * 48_000
        sealed = min(sealed + more, newest // 480_000)
        whole.append((newest, samples))
        record = record.losing(newest, samples, sealed * 480_000)
        assert all(at_sample > sealed * 480_000 for at_sample, _ in record.lost)
        unbounded = record.model_copy(update={"lost": tuple(whole), "lost_and_sealed": 0})
        for number in range(sealed, newest // 480_000 + 2):
            first = number * 480_000
            assert record.lost_before(first) == unbounded.lost_before(first)
            assert record.captured_boottime_s(first) == unbounded.captured_boottime_s(first)


def test_the_oldest_unsealed_segment_is_seen_in_the_folder(spool: Spool) -> None:
    """A segment is to be sealed while its FLAC file is there; an Opus file that is kept for its end is none."""
    assert spool.unsealed_from_sample(_record()) == 0
    _write(spool.folders.raw, "lq2 hq3 lq3 hq4 lq4")
    _write(spool.folders.raw, "hq1", run=OTHER_RUN)
    assert spool.unsealed_from_sample(_record()) == 3 * 480_000


def test_ending_a_run_again_changes_nothing(spool: Spool) -> None:
    """A run may be ended again, or be forgotten already."""
    spool.write_run(_record())
    for _ in range(2):
        spool.end_run(RUN)
    spool.end_run(OTHER_RUN)
    assert [(record.run, record.over) for record in spool.runs()] == [(RUN, True)]


def test_runs_are_in_the_order_of_capture(spool: Spool) -> None:
    """The oldest run is first, whether it is over or not."""
    names = [f"20261123T15453{number}412Z" for number in range(6)]
    for name in (names[3], names[0], names[5], names[1], names[4], names[2]):
        spool.write_run(_record(run=name))
    for name in names[::2]:
        spool.end_run(name)
    assert [(record.run, record.over) for record in spool.runs()] == [
        (name, number % 2 == 0) for number, name in enumerate(names)
    ]


def test_a_run_that_is_forgotten_meanwhile_is_no_error(spool: Spool) -> None:
    """One thread lists the runs while another forgets one: what has gone in between is left out."""
    spool.write_run(_record())
    spool.write_run(_record(run=OTHER_RUN))
    (known,) = [path for path in spool.folders.runs.iterdir() if OTHER_RUN in path.name]
    known.unlink()
    known.symlink_to("gone")
    assert spool.runs() == [_record()]


@pytest.mark.parametrize("ending", ["run", "over"])
@pytest.mark.parametrize("content", [b"", b"\0" * 200, b'{"run": "2026'])
def test_a_run_whose_record_is_torn_is_taken_up(spool: Spool, content: bytes, ending: str) -> None:
    """What a power cut left of a record stops no start: the run gets a new one, is over, and others go on."""
    spool.write_run(_record())
    (spool.folders.runs / f"{OTHER_RUN}.{ending}").write_bytes(content)
    _write(spool.folders.raw, "hq0 lq0", OTHER_RUN)
    assert spool.runs() == [_record()]
    assert spool.take_up_unknown(48_000, 480_000) == [OTHER_RUN]
    mine, other = spool.runs()
    assert mine == _record()
    assert (other.run, other.over, other.segment_samples) == (OTHER_RUN, True, 480_000)
    assert spool.take_up_unknown(48_000, 480_000) == []


def test_raw_files_without_a_record_are_taken_up(spool: Spool) -> None:
    """Files of a run that no record tells of get one; else nobody would ever seal them or let them go."""
    _write(spool.folders.raw, "hq3 lq3 check3", OTHER_RUN)
    (spool.folders.raw / "README").write_bytes(b"")
    assert spool.take_up_unknown(48_000, 480_000) == [OTHER_RUN]
    assert [(record.run, record.over) for record in spool.runs()] == [(OTHER_RUN, True)]


def test_the_last_published_segment_is_remembered(spool: Spool, tmp_path: Path) -> None:
    """The next life of the program can measure the gap to what was published last."""
    assert spool.last_published() is None
    spool.note_published(sealed_segment(1))
    spool.note_published(sealed_segment(2))
    spool.close()
    with closing(Spool(tmp_path / "spool")) as again:
        assert again.last_published() == sealed_segment(2)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff"])
def test_a_damaged_memory_is_none(spool: Spool, content: bytes) -> None:
    """A note that cannot be read costs the measurement of one gap, not the start."""
    spool.folders.published.write_bytes(content)
    assert spool.last_published() is None


def test_everything_is_told_from_the_folders_alone(spool: Spool, tmp_path: Path) -> None:
    """After a crash the next life finds the same runs, raw segments and queues."""
    spool.write_run(_record())
    spool.end_run(RUN)
    _write(spool.folders.raw, "hq0 lq0 check0")
    _store(spool, 7)
    spool.close()
    with closing(Spool(tmp_path / "spool")) as again:
        assert again.runs() == [_record(over=True)]
        assert _closed(again, over=True) == [0]
        assert [queued.sealed.number for queued in again.to_publish.pending()] == [7]
        assert [queued.sealed.number for queued in again.to_archive.pending()] == [7]


def test_two_supervisors_cannot_share_a_spool(spool: Spool, tmp_path: Path) -> None:
    """The second one is told who is using the folder and what to do; when the first is gone, it may."""
    with pytest.raises(UserError) as caught:
        Spool(tmp_path / "spool")
    assert f"process {os.getpid()}" in caught.value.what
    assert str(tmp_path / "spool") in caught.value.what
    assert "RADIO_SPOOL_DIR" in caught.value.remedy
    assert caught.value.exit_code is Exit.USAGE
    spool.close()
    Spool(tmp_path / "spool").close()


def test_a_lock_that_was_left_behind_does_not_lock(tmp_path: Path) -> None:
    """The file of a supervisor that was killed keeps nobody out."""
    root = tmp_path / "spool"
    root.mkdir()
    (root / "lock").write_text("4711", encoding="ascii")
    Spool(root).close()
    assert (root / "lock").read_text(encoding="ascii") == str(os.getpid())


def test_whether_a_supervisor_is_there_can_be_asked(spool: Spool) -> None:
    """A spool is in use from the moment that a supervisor has it until that one is gone, and asking disturbs nobody."""
    assert is_in_use(spool.folders)
    assert is_in_use(spool.folders)
    spool.close()
    assert not is_in_use(spool.folders)
    Spool(spool.folders.root).close()


def test_a_spool_that_was_never_there_is_not_in_use(tmp_path: Path) -> None:
    """Where no supervisor ever ran, none is running, and asking leaves nothing behind."""
    assert not is_in_use(Folders(tmp_path / "spool"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A spool that cannot be made is one clear error with the folder and the setting."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        Spool(tmp_path / "file" / "spool")
    assert str(tmp_path / "file" / "spool") in caught.value.what
    assert "RADIO_SPOOL_DIR" in caught.value.remedy


def test_the_folders_are_where_they_are_said_to_be(spool: Spool, tmp_path: Path) -> None:
    """Queues and raw files are in folders of one file system, so that linking and renaming work."""
    folders = Folders(tmp_path / "spool")
    assert spool.folders == folders
    inside = (folders.raw, folders.runs, folders.sealing, folders.refused, folders.publish, folders.archive)
    assert {path.parent for path in inside} == {tmp_path / "spool"}
    assert all(path.is_dir() for path in inside)
    assert {folders.published.parent, folders.state.parent} == {tmp_path / "spool"}


def test_damaged_descriptions_do_not_pass_for_segments(spool: Spool) -> None:
    """A description is written whole or not at all: what is in a queue can always be read."""
    segment = _store(spool, 3)
    description = spool.folders.publish / f"{segment.id}.json"
    assert SealedSegment.model_validate_json(description.read_bytes()) == segment
