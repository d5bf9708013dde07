"""The commands of the archive as the operator types them, on an archive of real recordings."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from supervisor.clock import SystemClock
from supervisor.events import Event
from supervisor.recordings.join import Joiner
from supervisor.recordings.keeper import Keeper
from supervisor.recordings.reading import Reader
from supervisor.recordings.retention import Limits
from supervisor.stop import Stop
from tests.rig.audio import Pcm, decode_flac, flac_is_perfect, programme
from tests.rig.parts import need
from tests.rig.pieces import STATION, archived, recording_paths, sealed
from tests.rig.radio import UNPRIVILEGED, command
from tests.unit.takes import RATE, Take, record

START = datetime(2026, 11, 20, 13, 59, 52, 397_000, UTC)
RUN, LATER = "20261120T135952100Z", "20261120T140030000Z"
SETTINGS = {"RADIO_RECORDINGS_DIR": "recordings", "RADIO_RECORDINGS_MIN_FREE_GB": "0"}


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """Twelve full seconds and a part of one, in segments of a second."""
    need("ffmpeg", "flac")
    return record("ffmpeg", programme(12.6, 2, seed=4), 1, tmp_path_factory.mktemp("take"))


@pytest.fixture
def folder(tmp_path: Path, take: Take) -> Path:
    """A folder with an archive: one run over the full hour, a lost segment in it, a pause, and the same run again."""
    root = tmp_path / "recordings"
    first, second = sealed(take, START, RUN), sealed(take, START + timedelta(seconds=40), LATER, boot_s=1040.0)
    archived(root, [*first[:3], *first[4:], *second])
    told: list[Event] = []
    joiner = Joiner(STATION, Reader("ffmpeg", Stop()))
    Keeper(STATION, root, Limits(None, 0, 3600), joiner, SystemClock(), told.append).look()
    assert len(recording_paths(root)) == 4
    return tmp_path


def captured(take: Take) -> Pcm:
    """A whole run as far as it is archived."""
    return take.pcm[: len(take.pcm) // 4_800 * 4_800] >> 8


def exported(folder: Path, begin_s: float, end_s: float) -> tuple[Pcm, dict[str, object]]:
    """What lies between two times after the start, as `archive export` cuts it out."""
    begin, end = (START + timedelta(seconds=at) for at in (begin_s, end_s))
    words = ("archive", "export", "--from", begin.isoformat(), "--to", end.isoformat(), "-o", "cut.flac", "--json")
    done = command(*words, settings=SETTINGS, folder=folder)
    assert done.returncode == 0, done.stderr
    assert flac_is_perfect(folder / "cut.flac")
    pcm = decode_flac((folder / "cut.flac").read_bytes())
    (folder / "cut.flac").unlink()
    return pcm, json.loads(done.stdout)


def test_a_cut_across_files_and_gaps_is_exact_to_the_sample(folder: Path, take: Take) -> None:
    """Over the border of two files, and over a gap, a cut has exactly the samples of its time that were recorded."""
    whole = captured(take)
    inside, told = exported(folder, 5.001, 6.5)
    assert np.array_equal(inside, whole[5 * RATE + 48 : 6 * RATE + RATE // 2])
    assert told["gaps"] == []
    border, told = exported(folder, 6.25, 9.75)  # the hour changes at 7.603
    assert np.array_equal(border, whole[6 * RATE + RATE // 4 : 9 * RATE + 3 * RATE // 4])
    assert isinstance(told["files"], list)
    assert len(told["files"]) == 2
    gap, told = exported(folder, 2.5, 4.5)
    assert np.array_equal(
        gap, np.concatenate([whole[2 * RATE + RATE // 2 : 3 * RATE], whole[4 * RATE : 4 * RATE + RATE // 2]])
    )
    assert isinstance(told["gaps"], list)
    assert [one["samples"] for one in told["gaps"]] == [RATE]
    everything, told = exported(folder, -100, 100)
    assert np.array_equal(everything, np.concatenate([whole[: 3 * RATE], whole[4 * RATE :], whole]))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--from", "yesterday", "--to", "2026-11-20"], 2, "--from yesterday: not a time"),
        (["--from", "0001-01-01T00:00+05:00", "--to", "2026-11-20"], 2, "not a time"),
        (["--from", "2026-11-20T14:00", "--to", "2026-11-20T13:00Z"], 2, "is not before"),
        (["--from", "2026-11-19", "--to", "2026-11-20"], 1, "nothing was recorded"),
        (["--from", "2026-11-20", "--to", "2026-11-21", "-o", "recordings"], 2, "is there already"),
        (["--from", "2026-11-20", "--to", "2026-11-21", "-o", "no/such/folder.flac"], 2, "no/such"),
        (["--from", "2026-11-20", "--to", "2026-11-21", "-o", "x" * 300], 2, "File name too long"),
        (["--to", "2026-11-20"], 2, "--from"),
    ],
)
def test_a_cut_that_cannot_be_made_is_told(folder: Path, words: list[str], code: int, told: str) -> None:
    """Wrong times, an empty span and a path that is taken: one clear error, no file, no traceback."""
    ended = command("archive", "export", *words, settings=SETTINGS, folder=folder)
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert told in ended.stderr
    assert list(folder.glob("**/*.exporting")) == []


@pytest.mark.parametrize("damaged_at", [0.1, 0.5, 0.9])
def test_a_damaged_frame_is_never_delivered_as_a_shift(folder: Path, damaged_at: float) -> None:
    """Wherever a frame is damaged, before, in or after the cut, nothing is delivered in place of its sound."""
    path = recording_paths(folder / "recordings")[3]
    content = bytearray(path.read_bytes())
    at = int(len(content) * damaged_at)
    content[at : at + 40] = b"\xff" * 40
    path.write_bytes(content)
    begin, end = (START + timedelta(seconds=at_s) for at_s in (44, 46))
    words = ("archive", "export", "--from", begin.isoformat(), "--to", end.isoformat(), "-o", "cut.flac")
    ended = command(*words, settings=SETTINGS, folder=folder)
    assert ended.returncode == 1, ended.stdout
    assert not (folder / "cut.flac").exists()


def test_list_shows_a_calendar(folder: Path) -> None:
    """Each day has a bar for each hour, gaps are counted with their samples, and the totals add up."""
    listed = command("archive", "list", settings=SETTINGS, folder=folder)
    assert listed.returncode == 0, listed.stderr
    assert "2026-11-20" in listed.stdout
    assert "2 gaps" in listed.stdout
    told = json.loads(command("archive", "list", "--json", settings=SETTINGS, folder=folder).stdout)
    assert (told["recordings"], told["pieces"], told["damaged"]) == (4, 0, [])
    assert [gap["samples"] for gap in told["gaps"]] == [RATE, round(27.4 * RATE)]
    (day,) = told["days"]
    assert day["hours_with_gaps"] == [13, 14]
    assert day["seconds"] == pytest.approx(told["seconds"]) == pytest.approx(24.2)
    assert day["hours"][13] == pytest.approx(6.603)


def test_verify_finds_what_is_wrong(folder: Path) -> None:
    """A changed bit, a cut-off file and a file without its head are each told by name, with exit code 1."""
    paths = recording_paths(folder / "recordings")
    flipped = bytearray(paths[0].read_bytes())
    flipped[len(flipped) // 2] ^= 4
    paths[0].write_bytes(flipped)
    paths[1].write_bytes(paths[1].read_bytes()[:-40_000])
    paths[2].write_bytes(b"RIFF")
    verified = command("archive", "verify", settings=SETTINGS, folder=folder)
    assert verified.returncode == 1
    assert "Traceback" not in verified.stderr
    damaged = [line for line in verified.stdout.splitlines() if line.startswith("damaged")]
    assert [any(str(path) in line for line in damaged) for path in paths] == [True, True, True, False]


@pytest.fixture
def kept_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's clock is kept in time, as far as anybody who asks is told; the program that says so."""
    chronyc = tmp_path / "programs" / "chronyc"
    chronyc.parent.mkdir()
    tracking = "A0A0A0A0,10.0.0.1,3,1795600000.0,0.000001,0.0,0.000002,1.0,0.0,0.1,0.01,0.02,64.0,Normal"
    chronyc.write_text(f"#!/bin/sh\necho {tracking}\n", encoding="utf-8")
    chronyc.chmod(0o755)
    monkeypatch.setenv("PATH", str(chronyc.parent), prepend=os.pathsep)
    return chronyc


def test_prune_by_hand_needs_a_clock_that_is_kept(folder: Path, kept_clock: Path) -> None:
    """A clock that may be years ahead makes nothing old: nothing goes, that is told, and the exit code is 1."""
    before = recording_paths(folder / "recordings")
    for path in before:
        os.utime(path, (START.timestamp(), START.timestamp()))
    unkept = kept_clock.read_text(encoding="utf-8").replace("Normal", "Not synchronised")
    kept_clock.write_text(unkept, encoding="utf-8")
    limits = {**SETTINGS, "RADIO_RECORDINGS_KEEP_DAYS": "1"}
    ended = command("archive", "prune", "--json", settings=limits, folder=folder)
    assert (ended.returncode, "RADIO_RECORDINGS_KEEP_DAYS=1" in ended.stderr) == (1, True)
    told = json.loads(ended.stdout)
    assert (told["deleted"], told["age_applied"]) == ([], False)
    assert recording_paths(folder / "recordings") == before


@pytest.mark.usefixtures("kept_clock")
def test_prune_keeps_the_limits_and_a_dry_run_touches_nothing(folder: Path) -> None:
    """The oldest go as far as is needed, with --dry-run none does, and a limit that cannot be held is exit code 1."""
    limits = {**SETTINGS, "RADIO_RECORDINGS_KEEP_DAYS": "1"}
    before = recording_paths(folder / "recordings")
    for path in before:  # as old as their names
        os.utime(path, (START.timestamp(), START.timestamp()))
    dry = command("archive", "prune", "--dry-run", "--json", settings=limits, folder=folder)
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["deleted"] == [str(path) for path in before]
    assert recording_paths(folder / "recordings") == before
    assert command("archive", "prune", settings=SETTINGS, folder=folder).returncode == 0
    assert recording_paths(folder / "recordings") == before
    done = command("archive", "prune", settings=limits, folder=folder)
    assert done.returncode == 0
    assert "4 files deleted" in done.stdout
    assert recording_paths(folder / "recordings") == []
    greedy = {**SETTINGS, "RADIO_RECORDINGS_MIN_FREE_GB": "1000000"}
    ended = command("archive", "prune", settings=greedy, folder=folder)
    assert ended.returncode == 1
    assert "RADIO_RECORDINGS_MIN_FREE_GB" in ended.stderr


@pytest.mark.parametrize("name", ["list", "verify", "prune"])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    """One clear error with exit code 2 that names the setting."""
    ended = command("archive", name, settings={"RADIO_RECORDINGS_DIR": "nowhere"}, folder=tmp_path)
    assert ended.returncode == 2
    assert "RADIO_RECORDINGS_DIR=nowhere" in ended.stderr


@pytest.mark.parametrize("name", ["list", "verify"])
def test_a_file_that_leads_nowhere_is_one_finding(folder: Path, name: str) -> None:
    """A dangling link, or a link to itself, is told by name beside everything else, and nothing waits for it."""
    (first, *_) = recording_paths(folder / "recordings")
    lost = [first.with_name(f"radio_20261120T1{hour}0000.000Z.flac") for hour in (1, 2)]
    lost[0].symlink_to("/nowhere/gone.flac")
    lost[1].symlink_to(lost[1].name)
    ended = command("archive", name, settings=SETTINGS, folder=folder)
    assert "Traceback" not in ended.stderr
    told = [line for line in ended.stdout.splitlines() if line.startswith("damaged")]
    assert [any(str(path) in line for line in told) for path in lost] == [True, True]
    assert len(told) == 2


def test_nothing_is_not_all_as_captured(folder: Path) -> None:
    """A misspelt station has nothing to verify: an error that names the station and the folder, and exit code 1."""
    ended = command("archive", "verify", settings={**SETTINGS, "RADIO_STATION": "raido"}, folder=folder)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "'raido'" in ended.stderr
    assert str(folder / "recordings") in ended.stderr


def test_a_folder_that_may_not_be_entered_is_told(folder: Path) -> None:
    """One clear error, exit code 1, no traceback."""
    need("setpriv")
    within = UNPRIVILEGED if os.geteuid() == 0 else ()
    settings = {"RADIO_RECORDINGS_DIR": str(folder / "recordings")}
    folder.chmod(0o000)
    try:
        ended = command("archive", "prune", settings=settings, folder=Path("/"), within=within)
    finally:
        folder.chmod(0o700)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "Permission denied" in ended.stderr
