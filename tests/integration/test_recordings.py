"""The archive with real FFmpeg: joined bit for bit, through kills, damage and full disks."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from supervisor.clock import Clock, SystemClock, boot_id
from supervisor.events import (
    ArchiveMeasured,
    CoverageChecked,
    Event,
    JoinFailed,
    KeepingFailed,
    RecordingDamaged,
    RecordingsPruned,
)
from supervisor.identity import writer_id
from supervisor.names import parse_recorded
from supervisor.recordings.catalogue import read_all
from supervisor.recordings.coverage import gaps
from supervisor.recordings.join import Joiner
from supervisor.recordings.joining import covered
from supervisor.recordings.keeper import Keeper
from supervisor.recordings.reading import Reader
from supervisor.recordings.retention import Limits
from supervisor.spool import Spool
from supervisor.stop import Stop, Worker
from tests.chaos.footprint import naming
from tests.rig.audio import Pcm, flac_is_perfect, programme
from tests.rig.mounts import tiny_tmpfs
from tests.rig.parts import ROOT, eventually, need
from tests.rig.pieces import STATION, archived, files, heads, heard, recording_paths, sealed
from tests.rig.sealing import put_sealed
from tests.unit.takes import PROGRAMS, RATE, Take, ffmpeg_program, record

START = datetime(2026, 11, 23, 13, 59, 52, 397_000, UTC)
RUN = "20261123T135952100Z"
LATER = "20261123T140105000Z"
EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=UTC).timestamp()
"""The same day, when all of it is past: between two hours a keeper looks at no day before yesterday."""


@dataclass
class Archive:
    """An archive under test, and what its keeper told."""

    root: Path
    events: list[Event] = field(default_factory=list)

    def keeper(self, limits: Limits = Limits(None, 0, 5), clock: Clock | None = None) -> Keeper:  # noqa: B008 - frozen
        """A keeper as one life of a station has it."""
        joiner = Joiner(STATION, Reader("ffmpeg", Stop()))
        return Keeper(STATION, self.root, limits, joiner, clock or SystemClock(), self.events.append)

    def told(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """Twelve full seconds and a part of one, in segments of a second."""
    need("ffmpeg", "flac", "metaflac")
    return record("ffmpeg", programme(12.6, 2, seed=4), 1, tmp_path_factory.mktemp("take"))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An empty archive."""
    return Archive(tmp_path / "it's a=folder; with:marks")


def captured(take: Take) -> Pcm:
    """The programme as far as it is archived: to the end of the last whole FLAC frame."""
    return take.pcm[: len(take.pcm) // 4_800 * 4_800] >> 8


class Standing(SystemClock):
    """A clock that goes on only when a test says so."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def wall_s(self) -> float:
        """The test's time."""
        return self.now_s


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Nobody, root included, can delete the file while the block runs."""
    need("chattr")
    if subprocess.run(["chattr", "+i", path], capture_output=True, timeout=5, check=False).returncode:
        pytest.skip("this file system, or this user, cannot make a file immutable")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], timeout=5, check=True)


def metaflac(path: Path, *words: str) -> str:
    """What metaflac says of a file."""
    return subprocess.run(
        ["metaflac", *words, str(path)], capture_output=True, text=True, timeout=20, check=True
    ).stdout


def test_an_hour_becomes_one_flawless_file(archive: Archive, take: Take) -> None:
    """Cut on the period's borders, bit for bit what was captured, with own totals, MD5 and tags; no piece is left."""
    archived(archive.root, sealed(take, START, RUN))
    archive.keeper().look()
    paths = recording_paths(archive.root)
    assert [path.relative_to(archive.root).as_posix() for path in paths] == [
        "2026/11/23/radio_20261123T135952.397Z.flac",
        "2026/11/23/radio_20261123T135955.397Z.flac",
        "2026/11/23/radio_20261123T140000.397Z.flac",
    ]
    assert np.array_equal(heard(paths), captured(take))
    assert all(flac_is_perfect(path) for path in paths)
    assert [one.place.samples for one in heads(archive.root)] == [3 * RATE, 5 * RATE, 4 * RATE + 28_800]
    # the subset of the format that every player takes: blocks of a fixed size, at most 4608
    assert metaflac(paths[1], "--show-min-blocksize", "--show-max-blocksize").split() == ["4608", "4608"]
    tags = dict(line.split("=", 1) for line in metaflac(paths[1], "--export-tags-to=-").splitlines())
    assert (tags["STATION"], tags["START"], tags["GAP_BEFORE"]) == ("radio", "2026-11-23T13:59:55.397Z", "0")
    assert "GAP_BEFORE" not in metaflac(paths[0], "--export-tags-to=-")


@pytest.mark.parametrize("which", PROGRAMS)
def test_every_ffmpeg_joins_alike(archive: Archive, take: Take, which: str) -> None:
    """The FFmpeg of the machine and the newer one that the demo brings make flawless recordings of the same samples."""
    archived(archive.root, sealed(take, START, RUN))
    joiner = Joiner(STATION, Reader(ffmpeg_program(which), Stop()))
    Keeper(STATION, archive.root, Limits(None, 0, 3600), joiner, SystemClock(), archive.events.append).look()
    (path, *others) = recording_paths(archive.root)
    assert flac_is_perfect(path)
    assert np.array_equal(heard([path, *others]), captured(take))


def test_a_stop_does_not_wait_for_joining(archive: Archive, take: Take) -> None:
    """A join takes what nobody else wants; under way when the station stops, it ends at once and leaves the pieces."""
    writer_id(archive.root)
    pieces = archived(archive.root, sealed(take, START, RUN))
    stop = Stop()
    keeper = Keeper(
        STATION,
        archive.root,
        Limits(None, 0, 3600),
        Joiner(STATION, Reader(str(ROOT / "tests/rig/slow-ffmpeg"), stop)),
        SystemClock(),
        archive.events.append,
    )
    worker = Worker("recordings", lambda: keeper.run(stop), lambda: None)
    worker.start()
    eventually(lambda: list(archive.root.rglob(".*.joining")), 20, "joining has begun")
    (ffmpeg,) = naming(str(archive.root))
    assert os.getpriority(os.PRIO_PROCESS, ffmpeg) == 19
    disk = subprocess.run(["ionice", "-p", str(ffmpeg)], capture_output=True, text=True, timeout=5, check=True)
    assert disk.stdout.strip() == "idle"
    stop.request()
    assert worker.join(5)
    assert worker.error is None
    assert sorted(path for path in archive.root.rglob("*radio*.*") if path.is_file()) == pieces
    assert archive.told(JoinFailed) == []


def test_a_recording_can_be_sought_in(archive: Archive, take: Take) -> None:
    """The reference decoder finds any sample of it without a table, which needs right frame numbers from 0."""
    archived(archive.root, sealed(take, START, RUN))
    archive.keeper(Limits(None, 0, 3600)).look()
    path = recording_paths(archive.root)[0]
    for first in (0, 1, 4_607, 4_608, 100_000, 8 * RATE - 1):
        command = ["flac", "-d", "-c", "-s", f"--skip={first}", f"--until={first + 1}"]
        raw = [*command, "--force-raw-format", "--endian=little", "--sign=signed", str(path)]
        sample = subprocess.run(raw, capture_output=True, timeout=20, check=True).stdout
        expected = b"".join(int(value).to_bytes(3, "little", signed=True) for value in captured(take)[first])
        assert sample == expected


def test_a_gap_cuts_the_recording_and_is_told(archive: Archive, take: Take) -> None:
    """Where a segment is missing and where a run ended, a recording ends; the next one says how many samples lack."""
    first, second = sealed(take, START, RUN), sealed(take, START + timedelta(seconds=30.25), LATER, boot_s=1030.25)
    archived(archive.root, [*first[:1], *first[2:3], *second])
    keeper = archive.keeper(Limits(None, 0, 3600))
    keeper.look()
    assert [one.place.samples for one in heads(archive.root)] == [RATE, RATE, 12 * RATE + 28_800]
    missing = [gap.samples for gap in gaps(heads(archive.root))]
    assert missing == [RATE, round(27.25 * RATE)]
    tags = [metaflac(path, "--export-tags-to=-") for path in recording_paths(archive.root)]
    assert [f"GAP_BEFORE={samples}" in tag for samples, tag in zip(missing, tags[1:], strict=True)] == [True, True]


def test_the_gaps_are_logged_once(archive: Archive, take: Take) -> None:
    """At the start the gaps since yesterday are told; later only those that are new."""
    clock = Standing(EVENING)
    first = sealed(take, START, RUN)
    archived(archive.root, [*first[:1], *first[2:]])
    keeper = archive.keeper(Limits(None, 0, 3600), clock)
    keeper.look()
    archived(archive.root, sealed(take, START + timedelta(seconds=50), LATER, boot_s=1050.0))
    for _ in range(3):
        clock.now_s += 3600
        keeper.look()
    told = [
        tuple(round(seconds, 3) for _, seconds in one.gaps)
        for one in archive.events
        if isinstance(one, CoverageChecked)
    ]
    assert told[0] == (1.0,)
    assert [gap for later in told[1:] for gap in later] == [37.4]
    (measured, *_) = archive.told(ArchiveMeasured)[-1:]
    assert isinstance(measured, ArchiveMeasured)
    assert measured.free_bytes > 0


def test_what_a_start_leaves_out_is_no_new_gap(archive: Archive, take: Take) -> None:
    """Only what goes missing while this life runs counts as new, once; what was missing before it does not."""
    boot, boot_s = boot_id(), SystemClock().boottime_s()
    before = sealed(take, datetime.now(UTC) - timedelta(seconds=100), RUN, boot_s - 100, boot)
    archived(archive.root, [*before[:3], *before[5:]])
    keeper = archive.keeper(Limits(None, 0, 3600))
    keeper.look()
    run = sealed(take, datetime.now(UTC) + timedelta(seconds=2), LATER, boot_s + 2, boot)
    archived(archive.root, run[:2])
    keeper.look()
    archived(archive.root, [*run[3:5], *run[7:]])
    keeper.look()
    keeper.look()
    told = [one.new_gaps for one in archive.events if isinstance(one, ArchiveMeasured)]
    assert told == [0, 0, 2, 0]


def test_an_outage_that_began_days_ago_is_told(archive: Archive, take: Take) -> None:
    """However long the station was off, its next start tells the gap, counts it today, and sets nothing old aside."""
    now = datetime.now(UTC)
    old = sealed(take, now - timedelta(days=3), RUN)[:3]
    (piece, *_) = archived(archive.root, old)
    archive.keeper(Limits(None, 0, 3600)).look()
    headless = piece.with_name("radio_20000101T000000.000Z.flac")
    headless.write_bytes(b"nothing")
    archived(archive.root, sealed(take, now, LATER, boot_s=1000.0 + 3 * 86_400)[:1])
    archive.events.clear()
    archive.keeper(Limits(None, 0, 3600)).look()
    (told,) = [one.gaps for one in archive.events if isinstance(one, CoverageChecked)]
    assert [seconds for _, seconds in told] == [pytest.approx(3 * 86_400 - 3)]
    assert [one.gaps_today for one in archive.events if isinstance(one, ArchiveMeasured)] == [1]
    assert headless.exists()


@pytest.mark.parametrize("spoil", ["flip", "cut", "head", "swap"])
def test_a_damaged_piece_is_kept_aside_and_never_joined(archive: Archive, take: Take, spoil: str) -> None:
    """Whatever is wrong with a piece, it is told and kept as it is, and the recordings hold everything else."""
    paths = archived(archive.root, sealed(take, START, RUN))
    content = bytearray(paths[5].read_bytes())
    damages: dict[str, Callable[[], bytes]] = {
        "flip": lambda: bytes(content[:-5_000]) + bytes([content[-5_000] ^ 1]) + bytes(content[-4_999:]),
        "cut": lambda: bytes(content[: len(content) // 2]),
        "head": lambda: b"OggS" + bytes(content[4:]),
        "swap": lambda: bytes(content[:300]) + paths[6].read_bytes()[300:],
    }
    damaged = damages[spoil]()
    paths[5].write_bytes(damaged)
    keeper = archive.keeper(Limits(None, 0, 3600), Standing(EVENING))
    keeper.look()
    keeper.look()
    (aside,) = [one.path for one in files(archive.root) if one.name.damaged]
    assert aside == paths[5].with_name(paths[5].name + ".damaged")
    assert aside.read_bytes() == damaged
    assert [one.kept for one in archive.events if isinstance(one, RecordingDamaged)] == [aside]
    whole = captured(take)
    assert np.array_equal(heard(recording_paths(archive.root)), np.concatenate([whole[: 5 * RATE], whole[6 * RATE :]]))
    assert archive.told(JoinFailed) == []
    (told, *_) = read_all(files(archive.root)).damaged
    assert told[0] == aside


def test_pieces_that_were_joined_before_a_crash_go_only_when_that_is_proven(archive: Archive, take: Take) -> None:
    """Killed between rename and delete: the leftovers are recognised, compared and deleted; nothing is there twice."""
    pieces = archived(archive.root, sealed(take, START, RUN))
    copies = [(path, path.read_bytes()) for path in pieces]
    archive.keeper(Limits(None, 0, 3600)).look()
    paths = recording_paths(archive.root)
    before = [path.read_bytes() for path in paths]
    for path, content in copies[3:]:
        path.write_bytes(content)
    archive.keeper(Limits(None, 0, 3600)).look()
    assert recording_paths(archive.root) == paths
    assert [path.read_bytes() for path in paths] == before


def noted_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What is synced, renamed and deleted from now on, in order, by its path at that time."""
    calls: list[tuple[str, Path]] = []
    fsync, rename, unlink = os.fsync, os.rename, os.unlink

    def noted_fsync(descriptor: int) -> None:
        fsync(descriptor)
        calls.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))

    def noted_rename(old: Path, new: Path) -> None:
        rename(old, new)
        calls.append(("rename", Path(new)))

    def noted_unlink(path: Path) -> None:
        unlink(path)
        calls.append(("delete", Path(path)))

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    monkeypatch.setattr(os, "unlink", noted_unlink)
    return calls


def test_a_piece_goes_only_when_its_recording_is_durable(
    archive: Archive, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, name and folder are on the disk before the first piece is deleted, and the deletions are made durable."""
    pieces = archived(archive.root, sealed(take, START, RUN)[:3])
    copies = [(path, path.read_bytes()) for path in pieces]
    calls = noted_calls(monkeypatch)
    archive.keeper(Limits(None, 0, 3600)).look()
    (recording,) = recording_paths(archive.root)
    (written, *others) = calls
    assert (written[0], written[1].parent, written[1].suffix) == ("sync", recording.parent, ".joining")
    gone = [("delete", path) for path in pieces]
    folder = ("sync", recording.parent)
    assert others == [("rename", recording), folder, *gone, folder]
    for path, content in copies:  # as after a kill between the rename and the deletions
        path.write_bytes(content)
    calls.clear()
    archive.keeper(Limits(None, 0, 3600)).look()
    assert calls == [("sync", recording), folder, *gone, folder]


def test_a_damaged_recording_does_not_cost_its_pieces(archive: Archive, take: Take) -> None:
    """Leftover pieces of a recording that does not hold them stay, and are joined anew; the recording is kept aside."""
    pieces = archived(archive.root, sealed(take, START, RUN))
    copies = [(path, path.read_bytes()) for path in pieces]
    archive.keeper(Limits(None, 0, 3600)).look()
    (path, _) = recording_paths(archive.root)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for piece, whole in copies:
        piece.write_bytes(whole)
    keeper = archive.keeper(Limits(None, 0, 3600), Standing(EVENING))
    keeper.look()
    keeper.look()
    assert [one.path.name for one in files(archive.root) if one.name.damaged] == [f"{path.name}.damaged"]
    assert np.array_equal(heard(recording_paths(archive.root)), captured(take))


def test_a_piece_that_the_disk_does_not_give_holds_up_no_other_hour(archive: Archive, take: Take) -> None:
    """Its own hour waits, untouched, and is told; every other is joined, and the folder counts as troubled."""
    early = archived(archive.root, sealed(take, START - timedelta(hours=3), "20261123T105952100Z")[:3])
    archived(archive.root, sealed(take, START, RUN))
    early[1].unlink()
    early[1].symlink_to(early[1].name)
    archive.keeper(Limits(None, 0, 3600)).look()
    assert [path.exists() for path in early] == [True, False, True]
    pieces = [one for one in files(archive.root) if one.is_piece]
    assert [one.path for one in pieces] == early
    recordings = [one.path for one in files(archive.root) if not one.is_piece]
    assert np.array_equal(heard(recordings), captured(take))
    (failed,) = archive.told(JoinFailed)
    assert isinstance(failed, JoinFailed)
    assert failed.path == early[1]


def test_an_hour_that_cannot_be_joined_is_not_encoded_at_every_look(archive: Archive, take: Take) -> None:
    """It is counted as waiting, is left alone until its time has come, and is joined at once when it has changed."""
    writer_id(archive.root)
    (first, *others) = archived(archive.root, sealed(take, START, RUN)[:3])
    whole = first.read_bytes()
    first.write_bytes(whole[:-9_000] + bytes(9_000))
    tries = archive.root / "tries"
    no_digest = archive.root / "no-digest"  # cannot tell which piece is to blame: as with a sector that cannot be read
    script = f'case " $* " in *" flac -i pipe:0 "*) kill -KILL $$;; esac\necho >> "{tries}"\nexec ffmpeg "$@"\n'
    no_digest.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    no_digest.chmod(0o755)
    joiner = Joiner(STATION, Reader(str(no_digest), Stop()))
    keeper = Keeper(STATION, archive.root, Limits(None, 0, 3600), joiner, SystemClock(), archive.events.append)
    for _ in range(3):
        keeper.look()
    assert [one.unjoined for one in archive.events if isinstance(one, ArchiveMeasured)] == [1, 1, 1]
    assert len(archive.told(JoinFailed)) == 1
    assert len(tries.read_text(encoding="utf-8").splitlines()) == 1
    first.write_bytes(whole)
    keeper.look()
    assert np.array_equal(heard(recording_paths(archive.root)), captured(take)[: 3 * RATE])
    assert [one.unjoined for one in archive.events if isinstance(one, ArchiveMeasured)][-1] == 0
    assert not any(path.exists() for path in (first, *others))


@pytest.mark.parametrize("wrong", ["START=2026-11-23T13:59:53.397", "BOOT_TIME=nan"])
def test_a_tag_that_nobody_wrote_is_damage(archive: Archive, take: Take, wrong: str) -> None:
    """A place in time without its zone, or without an end, sets the piece aside; the station's look goes on."""
    paths = archived(archive.root, sealed(take, START, RUN)[:3])
    metaflac(paths[1], f"--remove-tag={wrong.split('=', 1)[0]}", f"--set-tag={wrong}")
    archive.keeper(Limits(None, 0, 3600)).look()
    assert [one.path.name for one in files(archive.root) if one.name.damaged] == [f"{paths[1].name}.damaged"]
    assert len(heads(archive.root)) == 2


def test_a_look_that_fails_is_not_the_end(archive: Archive, take: Take) -> None:
    """Whatever one look stumbles over, it is told with its type, and the folder is looked at again."""
    writer_id(archive.root)
    archived(archive.root, sealed(take, START, RUN)[:1])
    asked: list[float] = []

    def witness() -> float:
        asked.append(0.0)
        return 1 / len(asked[1:])

    joiner = Joiner(STATION, Reader("ffmpeg", Stop()))
    clock, stop = SystemClock(), Stop()
    keeper = Keeper(STATION, archive.root, Limits(1, 0, 1), joiner, clock, archive.events.append, witness)
    worker = Worker("recordings", lambda: keeper.run(stop), lambda: None)
    worker.start()
    eventually(lambda: archive.told(ArchiveMeasured), 20, "it was looked at again")
    stop.request()
    assert worker.join(5)
    assert worker.error is None
    (failed,) = archive.told(KeepingFailed)
    assert isinstance(failed, KeepingFailed)
    assert "ZeroDivisionError" in failed.why


def test_a_recording_without_its_head_blocks_no_other(archive: Archive, take: Take) -> None:
    """The hours after it are joined, and it is set aside: a gap is told in its place, from what can still be read."""
    archived(archive.root, sealed(take, START - timedelta(hours=2), "20261123T115952100Z", boot_s=1000.0))
    archive.keeper(Limits(None, 0, 3600)).look()
    first, last = recording_paths(archive.root)
    last.write_bytes(b"\0\0\0\0" + last.read_bytes()[4:])
    archived(archive.root, sealed(take, START, RUN, boot_s=8200.0)[:8])
    archive.keeper(Limits(None, 0, 3600)).look()
    assert archive.told(JoinFailed) == []
    (fresh,) = set(recording_paths(archive.root)) - {first, last}
    gap = 7200 * RATE - (read_all(files(archive.root)).files[0].place.samples)
    assert f"GAP_BEFORE={gap}" in metaflac(fresh, "--export-tags-to=-")


def test_a_recent_recording_without_its_head_is_set_aside(archive: Archive, take: Take) -> None:
    """What nobody can read any more is told once, when the next period begins, and kept."""
    archived(archive.root, sealed(take, datetime.now(UTC) - timedelta(hours=2), RUN)[:3])
    archive.keeper(Limits(None, 0, 3600)).look()
    (path, *_) = recording_paths(archive.root)
    path.write_bytes(b"\0\0\0\0" + path.read_bytes()[4:])
    for _ in range(2):
        archive.keeper(Limits(None, 0, 3600)).look()
    assert [one.kept.name for one in archive.events if isinstance(one, RecordingDamaged)] == [f"{path.name}.damaged"]


def test_without_a_decoder_nothing_is_called_damaged(archive: Archive, take: Take) -> None:
    """Where the first pass fails and no piece can be decoded on its own, all stay, and that is told."""
    paths = archived(archive.root, sealed(take, START, RUN)[:3])
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[:-9_000] + bytes(9_000))
    writer_id(archive.root)
    joins_only = archive.root / "joins-only"  # has the digests of a sequence, and none of a file that is sent to it
    joins_only.write_text(
        '#!/bin/sh\ncase " $* " in *" flac -i pipe:0 "*) kill -KILL $$;; esac\nexec ffmpeg "$@"\n', encoding="utf-8"
    )
    joins_only.chmod(0o755)
    joiner = Joiner(STATION, Reader(str(joins_only), Stop()))
    Keeper(STATION, archive.root, Limits(None, 0, 3600), joiner, SystemClock(), archive.events.append).look()
    assert [path.exists() for path in paths] == [True, True, True]
    assert archive.told(RecordingDamaged) == []
    assert len(archive.told(JoinFailed)) == 1


def test_what_was_set_aside_before_is_kept_too(archive: Archive, take: Take) -> None:
    """A second damaged file of the same name leaves the first where it is, and both are known as set aside."""
    (path, *_) = archived(archive.root, sealed(take, START, RUN)[:1])
    for content in (b"first", b"second"):
        path.write_bytes(content)
        archive.keeper(Limits(None, 0, 3600)).look()
    kept = [one.path for one in files(archive.root) if one.name.damaged]
    assert [one.read_bytes() for one in kept] == [b"first", b"second"]


def test_half_written_files_of_an_earlier_life_go(archive: Archive, take: Take) -> None:
    """Temporary files of this station are removed at the first look; those of others are not."""
    writer_id(archive.root)
    (piece, *_) = archived(archive.root, sealed(take, START, RUN))
    beside = archive.root / ".radio-supervisor" / ".newest-run.x1y2z3"
    stale = [
        beside,
        piece.with_name(f".{piece.name}.x1y2z3"),
        piece.with_name(".radio_20261123T135952.397Z.flac.joining"),
    ]
    others = [piece.with_name(".other_20261123T135952.397Z.flac.joining"), piece.with_name(".notes.swp")]
    a_while_ago_s = time.time() - 5
    for path in (*stale, *others):
        path.write_bytes(b"half")
        os.utime(path, (a_while_ago_s, a_while_ago_s))
    keeper = archive.keeper()
    keeper.look()
    assert [path.exists() for path in stale] == [False, False, False]
    assert [path.exists() for path in others] == [True, True]


def doing(path: Path) -> str:
    """What a file in an archive is the work of: of copying while it is hidden, of joining, or, joined, of deleting."""
    name = parse_recorded(STATION, path.name)
    if name is not None:
        return "deleting" if name.segment is None else ""
    if not path.name.startswith(f".{STATION}_"):
        return ""
    return "joining" if path.suffix == ".joining" else "writing"


def caught(root: Path) -> set[str]:
    """What a kill came in the middle of: a file is not whole, or a recording is there with a piece that it holds."""
    states = {state for state in map(doing, root.rglob("*")) if state and state != "deleting"}
    found = heads(root)
    joined = [file for file in found if not file.is_piece]
    if any(file.is_piece and covered(file, joined) for file in found):
        states.add("deleting")
    return states


def killed(command: list[str], root: Path, aim: str, after_s: float) -> bool:
    """Kills the program as soon as it does what is aimed at, and else after some time; false when it ended before."""
    before = set(root.rglob("*"))

    def begun() -> bool:
        return any(path not in before and doing(path) == aim for path in root.rglob("*"))

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            process.wait(after_s if aim == "whatever" else 0)
        except subprocess.TimeoutExpired:
            if aim != "whatever":
                eventually(lambda: begun() or process.poll() is not None, 60, aim, every_s=0.005)
        process.kill()
        exit_code = process.wait()
        assert exit_code in (0, -signal.SIGKILL), process.stderr.read().decode()
    return exit_code != 0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_any_instant_lose_and_double_nothing(tmp_path: Path, tmpfs: Path, seed: int) -> None:
    """SIGKILL while copying, joining and deleting: in the end the recordings hold every closed segment once."""
    need("ffmpeg", "flac")
    folder = tmp_path / "take"
    folder.mkdir()
    take = record("ffmpeg", programme(60.5, 2, seed), 1, folder)
    spool = Spool(tmpfs / "spool")
    for one in sealed(take, START, RUN):
        put_sealed(spool, one.segment, one.pair)
    spool.close()
    root = tmp_path / "recordings"
    writer_id(root)
    chance = random.Random(seed)  # noqa: S311 - not a secret
    command = [sys.executable, "-m", "tests.rig.keep", str(tmpfs / "spool"), str(root), "5"]
    later = [*["joining"] * 3, *["deleting"] * 3, *["whatever"] * 6]
    chance.shuffle(later)
    landed: Counter[str] = Counter()
    for aim in (*["writing"] * 3, *later):
        if killed(command, root, aim, chance.uniform(0.0, 0.3)):
            landed.update(caught(root))
    assert set(landed) == {"writing", "joining", "deleting"}, landed
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    paths = recording_paths(root)
    assert np.array_equal(heard(paths), captured(take))
    assert all(flac_is_perfect(path) for path in paths)
    left = {path.name for path in root.rglob("*") if path.is_file() and path not in paths}
    assert left == {"writer", "newest-run"}
    with_queue = Spool(tmpfs / "spool")
    assert with_queue.to_archive.pending() == []
    with_queue.close()


def written(paths: Iterable[Path], days_ago: float) -> None:
    """The files look as if they had been written so long ago."""
    at_s = time.time() - days_ago * 86_400
    for path in paths:
        os.utime(path, (at_s, at_s))


def test_age_and_room_prune_only_what_is_the_stations_own(archive: Archive, take: Take) -> None:
    """Days that are too old go with their folders; other stations' recordings and other files stay."""
    now = datetime.now(UTC)
    archived(archive.root, sealed(take, now - timedelta(days=9), "20261114T135952100Z")[:2])
    archive.keeper(Limits(None, 0, 3600)).look()
    (old,) = recording_paths(archive.root)
    archived(archive.root, sealed(take, now - timedelta(days=3), RUN)[:2])
    archive.keeper(Limits(None, 0, 3600)).look()
    (recent,) = set(recording_paths(archive.root)) - {old}
    other = old.with_name(old.name.replace("radio_", "other_"))
    notes = recent.parent / "notes.txt"
    shutil.copy(old, other)
    notes.write_text("mine", encoding="utf-8")
    written([old, other], 9)
    archive.keeper(Limits(8, 0, 3600)).look()
    assert [path.exists() for path in (old, other, recent, notes)] == [False, True, True, True]
    assert [one.files for one in archive.events if isinstance(one, RecordingsPruned)] == [1]


def test_what_was_recorded_while_the_clock_was_behind_is_kept(archive: Archive, take: Take) -> None:
    """Pieces dated 1970 are joined when the clock is set right, and are no older than they are."""
    archived(archive.root, sealed(take, datetime(1970, 1, 1, 0, 1, tzinfo=UTC), "19700101T000100000Z"))
    for _ in range(2):
        archive.keeper(Limits(30, 0, 3600)).look()
    assert np.array_equal(heard(recording_paths(archive.root)), captured(take))


@pytest.mark.parametrize("ahead_s", [None, -20 * 86_400.0])
def test_nothing_is_too_old_by_this_clock_alone(archive: Archive, take: Take, ahead_s: float | None) -> None:
    """Days that only this machine's clock calls too old stay, while the store has told nothing or contradicts."""
    archived(archive.root, sealed(take, datetime.now(UTC) - timedelta(days=9), RUN)[:1])
    archive.keeper(Limits(None, 0, 3600)).look()
    written(recording_paths(archive.root), 9)
    joiner = Joiner(STATION, Reader("ffmpeg", Stop()))
    limits = Limits(8, 0, 3600)
    Keeper(STATION, archive.root, limits, joiner, SystemClock(), archive.events.append, lambda: ahead_s).look()
    assert len(recording_paths(archive.root)) == 1
    assert archive.told(RecordingsPruned) == []


def test_what_will_not_go_keeps_nothing_else_from_going(archive: Archive, take: Take) -> None:
    """A recording that cannot be deleted is told, until it can be; the next one goes, and hours are joined."""
    now = datetime.now(UTC)
    for days, run in ((11, "20261112T135952100Z"), (9, "20261114T135952100Z")):
        archived(archive.root, sealed(take, now - timedelta(days=days), run)[:2])
    archive.keeper(Limits(None, 0, 3600)).look()
    (stuck, old) = recording_paths(archive.root)
    written([stuck, old], 9)
    archived(archive.root, sealed(take, now - timedelta(days=1), RUN)[:2])
    keeper = archive.keeper(Limits(8, 0, 3600))
    with immutable(stuck):
        keeper.look()
        (fresh,) = set(recording_paths(archive.root)) - {stuck}
    keeper.look()
    assert recording_paths(archive.root) == [fresh]
    told = [(one.files, bool(one.failed)) for one in archive.events if isinstance(one, RecordingsPruned)]
    assert told == [(1, True), (1, False)]


def test_another_disk_is_not_emptied_for_this_one(tmp_path: Path, take: Take) -> None:
    """Days that were moved to another disk and linked stay when this one is short of room: they would free nothing."""
    now = datetime.now(UTC)
    other = Archive(tmp_path / "other")
    archived(other.root, sealed(take, now.replace(year=now.year - 1), "20251117T000000000Z")[:5])
    with tiny_tmpfs(tmp_path / "disk", "size=16m") as disk:
        archive = Archive(disk / "recordings")
        archived(archive.root, sealed(take, now - timedelta(days=4), "20261118T000000000Z")[:5])
        (archive.root / str(now.year - 1)).symlink_to(other.root / str(now.year - 1))
        archive.keeper(Limits(None, 0, 1)).look()
        moved, own = files(other.root), [one for one in heads(archive.root) if one.place.start.year == now.year]
        free_bytes = shutil.disk_usage(disk).free
        archive.keeper(Limits(None, free_bytes + own[0].bytes + 1, 1)).look()
        assert files(other.root) == moved
        assert [one for one in heads(archive.root) if one.place.start.year == now.year] == own[2:]


def test_what_makes_no_room_is_deleted_once(tmp_path: Path, take: Take) -> None:
    """While a deleted recording still holds its room, no other goes for it until the next period, and that is told."""
    now = datetime.now(UTC)
    with tiny_tmpfs(tmp_path / "disk", "size=16m") as disk:
        archive = Archive(disk / "recordings")
        archived(archive.root, sealed(take, now - timedelta(days=4), "20261118T000000000Z")[:5])
        archive.keeper(Limits(None, 0, 1)).look()
        before = heads(archive.root)
        clock = Standing(time.time())
        limits = Limits(None, shutil.disk_usage(disk).free + 1, 10)
        joiner = Joiner(STATION, Reader("ffmpeg", Stop()))
        keeper = Keeper(STATION, archive.root, limits, joiner, clock, archive.events.append)
        with ExitStack() as held:
            for one in before:
                held.enter_context(one.path.open("rb"))
            keeper.look()
            keeper.look()
            assert heads(archive.root) == before[2:]
            clock.now_s += 10
            keeper.look()
            assert heads(archive.root) == before[4:]
        clock.now_s += 10
        keeper.look()
        failed = [bool(one.failed) for one in archive.events if isinstance(one, RecordingsPruned)]
        assert failed == [True, True, True, False]


def test_room_is_made_from_the_oldest_on(tmp_path: Path, take: Take) -> None:
    """On a small disk the oldest recordings go as far as is needed; for a limit out of reach none does."""
    now = datetime.now(UTC)
    with tiny_tmpfs(tmp_path / "disk", "size=16m") as disk:
        archive = Archive(disk / "recordings")
        for days, run in ((5, "20261117T000000000Z"), (4, "20261118T000000000Z"), (3, "20261119T000000000Z")):
            archived(archive.root, sealed(take, now - timedelta(days=days), run)[:5])
        archive.keeper(Limits(None, 0, 1)).look()  # which looks so often that 29 kB are room enough until the next
        before = heads(archive.root)
        assert len(before) == 15
        free_bytes = shutil.disk_usage(disk).free
        archive.keeper(Limits(None, free_bytes + 10**9, 1)).look()
        assert heads(archive.root) == before
        archive.keeper(Limits(None, free_bytes + before[0].bytes + 1, 1)).look()
        assert heads(archive.root) == before[2:]


def test_many_hours_that_wait_cost_no_recording(tmp_path: Path, take: Take) -> None:
    """Hours that could not be joined need the room of one at a time: no recording goes for all of them at once."""
    now = datetime.now(UTC)
    with tiny_tmpfs(tmp_path / "disk", "size=32m") as disk:
        archive = Archive(disk / "recordings")
        archived(archive.root, sealed(take, now - timedelta(days=9), "20261114T000000000Z")[:5])
        archive.keeper(Limits(None, 0, 1)).look()
        before = recording_paths(archive.root)
        for day in range(4):
            archived(archive.root, sealed(take, now - timedelta(days=5 - day), f"2026111{day}T000000000Z")[:5])
        archive.keeper(Limits(None, shutil.disk_usage(disk).free - 4_000_000, 5)).look()
        assert set(before) < set(recording_paths(archive.root))
        assert archive.told(RecordingsPruned) == []


@pytest.mark.parametrize(("rows_of_room", "joins"), [(1.1, True), (0.5, False)])
def test_no_piece_goes_for_joining(tmp_path: Path, take: Take, rows_of_room: float, *, joins: bool) -> None:
    """The pieces of an hour that has ended are joined, or wait where that does not fit: none makes room for it."""
    with tiny_tmpfs(tmp_path / "disk", "size=16m") as disk:
        archive = Archive(disk / "recordings")
        pieces = archived(archive.root, sealed(take, START, RUN)[:5])
        room_bytes = 300_000 + round(rows_of_room * sum(piece.stat().st_size for piece in pieces))  # for a look, too
        archive.keeper(Limits(None, shutil.disk_usage(disk).free - room_bytes, 10)).look()
        assert archive.told(RecordingsPruned) == []
        assert [piece.exists() for piece in pieces] == [not joins] * 5
        assert sum(one.place.samples for one in heads(archive.root)) == 5 * RATE


def test_joining_waits_for_room(archive: Archive, take: Take) -> None:
    """While joining would take the space that is to stay free, the pieces of the current hour stay pieces."""
    pieces = archived(archive.root, sealed(take, datetime.now(UTC) - timedelta(seconds=1), RUN)[:3])
    archived(archive.root, sealed(take, datetime.now(UTC) + timedelta(seconds=30), "29991123T000000000Z")[:1])
    archive.keeper(Limits(None, 10**15, 86_400)).look()
    assert all(piece.exists() for piece in pieces)
    assert archive.told(JoinFailed) == []
