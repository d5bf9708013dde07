"""What was closed is never lost: killed children, a killed supervisor, damaged files."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Source
from supervisor.clock import boot_id
from supervisor.encoding import outputs
from supervisor.names import SegmentId
from supervisor.recordings.catalogue import Recorded, find, read_all
from supervisor.recordings.coverage import gaps, ordered, overlaps
from supervisor.spool import RunRecord, Spool
from tests.rig.audio import Pcm, decode_flac, flac_is_perfect
from tests.rig.parts import eventually
from tests.rig.radio import on_air
from tests.rig.reader import reading
from tests.rig.s3 import Bucket
from tests.rig.tone import tone


def settings(tmpfs: Path, bucket: Bucket, **more: str) -> dict[str, str]:
    """A station of one-second segments on the synthetic source."""
    return {
        **bucket.settings,
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        **more,
    }


def archived(folder: Path) -> dict[str, list[Recorded]]:
    """What is archived of each run, in order, joined or not."""
    files = read_all(find(folder / "recordings", "radio"))
    assert files.damaged == ()
    runs: dict[str, list[Recorded]] = {}
    for file in ordered(files.files):
        runs.setdefault(file.place.run, []).append(file)
    return runs


def assert_runs_are_the_tone(folder: Path) -> dict[str, Pcm]:
    """Every archived run is the tone from its first sample on, without a hole, and flawless FLAC."""
    reference = tone(30)
    heard: dict[str, Pcm] = {}
    for run, files in archived(folder).items():
        assert files[0].place.first_sample == 0
        assert (gaps(files), overlaps(files)) == ([], [])
        assert all(flac_is_perfect(file.path) for file in files)
        heard[run] = np.concatenate([decode_flac(file.path.read_bytes()) for file in files])
        assert np.array_equal(heard[run], reference[: len(heard[run])])
    return heard


@pytest.mark.timeout(60)
def test_a_clean_stop_keeps_the_end(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """The short last segment is published and archived, nothing is left in the spool, and the manifest is off air."""
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket, RADIO_SEGMENT_SECONDS="2")) as radio:
        radio.published(2, within_s=20)
        assert radio.stop() == 0
    last = reader.manifests[-1]
    assert last["live"] is False
    assert 0 < last["segments"][-1]["samples"] < 2 * 48_000
    ((_, pcm),) = assert_runs_are_the_tone(tmp_path).items()
    published = [reader.segments[index] for index in sorted(reader.segments)]
    assert len(pcm) == sum(segment["samples"] for segment in published)
    assert [path for path in (tmpfs / "spool").rglob("*.*") if path.suffix in {".flac", ".opus", ".framemd5"}] == []


@pytest.mark.timeout(60)
def test_a_killed_child_is_replaced_and_its_gap_told(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """After SIGKILL of FFmpeg a new run begins at once, what was flushed is kept, and the gap is in the manifest."""
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket)) as radio:
        radio.published(3, within_s=20)
        first = radio.status()["capture"]
        os.killpg(first["pid"], signal.SIGKILL)
        eventually(lambda: radio.status()["capture"]["run"] not in {None, first["run"]}, 5, "a new run has begun")
        radio.published(int(radio.status()["segments_published"]) + 3, within_s=20)
        status = radio.status()
        assert radio.stop() == 0
    assert reader.violations == []
    assert status["state"] == "on_air"
    assert status["capture"]["restarts"] == 1
    told = [segment["gap"] for _, segment in sorted(reader.segments.items()) if segment["gap"]]
    assert status["lost"] == {"samples": sum(told), "by_cause": {"restart": sum(told)}}
    assert len(told) == 1
    assert 0 < told[0] < 3 * 48_000
    assert len(assert_runs_are_the_tone(tmp_path)) == 2
    # the archive tells the same gap from its files alone
    assert [gap.samples for gap in gaps(file for files in archived(tmp_path).values() for file in files)] == told


@pytest.mark.timeout(90)
def test_a_killed_supervisor_loses_nothing_that_was_closed(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """After SIGKILL the next start archives every closed segment once, goes on with the index, and leaves no orphan."""
    with reading(bucket) as reader:
        for _ in range(3):
            with on_air(tmp_path, settings(tmpfs, bucket)) as radio:
                radio.published(3, within_s=20)
                radio.kill()
        with on_air(tmp_path, settings(tmpfs, bucket)) as radio:
            radio.published(4, within_s=20)
            assert radio.status()["lost"]["by_cause"].keys() == {"stopped"}
            assert radio.stop() == 0
    assert reader.violations == []
    assert len(assert_runs_are_the_tone(tmp_path)) == 4
    by_key: dict[str, str] = {}
    for manifest in reader.manifests:
        for segment in manifest["segments"]:
            assert by_key.setdefault(segment["hq"]["key"], segment["hq"]["md5"]) == segment["hq"]["md5"]
    named = {segment[q]["key"] for segment in reader.manifests[-1]["segments"] for q in ("hq", "lq")}
    assert set(bucket.keys()) == {*named, "live/manifest.json"}


@pytest.mark.timeout(60)
def test_a_damaged_segment_is_kept_aside_and_told(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """A segment that fails its check is not published; its files are kept, the rest goes on, the operator is told."""
    run = "20261123T100000000Z"
    spool = Spool(tmpfs / "spool")
    record = RunRecord(run=run, boot_id=boot_id(), sample_rate=48_000, segment_samples=48_000)
    spool.write_run(record)
    spool.end_run(run)
    source = Source("anoisesrc=d=5.5:c=pink:r=48000:seed=1", {"f": "lavfi"})
    with (tmp_path / "meters").open("wb") as meters:
        command = compile_command("ffmpeg", source, outputs(spool.folders.raw / run, 1, 48_000, meters.fileno()))
        subprocess.run(command, stdin=subprocess.DEVNULL, pass_fds=(meters.fileno(),), timeout=30, check=True)
    damaged = spool.folders.raw / f"{run}.hq.00000003.flac"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    spool.close()
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket, RADIO_WINDOW="10")) as radio:
        radio.published(6, within_s=20)
        status = radio.status()
        assert radio.stop() == 0
    assert reader.violations == []
    assert status["state"] == "degraded"
    assert [alarm["code"] for alarm in status["alarms"]] == ["seal_refused"]
    kept = spool.folders.refused / str(SegmentId(run, 3))
    assert (kept / damaged.name).read_bytes() == content
    assert str(kept) in radio.log
    files = archived(tmp_path)[run]
    assert [gap.samples for gap in gaps(files)] == [48_000]
    assert sum(file.place.samples for file in files) == 4 * 48_000 + 24_000
    published = [segment["gap"] for _, segment in sorted(reader.segments.items())]
    assert published[:5] == [0, 0, 0, 48_000, 0]
