"""The bucket at every instant: what a manifest names is there, and no more than the window is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rig.parts import eventually
from tests.rig.radio import on_air
from tests.rig.reader import reading
from tests.rig.s3 import SECRET_KEY, Bucket

WINDOW = 3


def settings(tmpfs: Path, bucket: Bucket) -> Mapping[str, str]:
    """A station of one-second segments on the synthetic source."""
    return {
        **bucket.settings,
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        "RADIO_LOG_FORMAT": "json",
    }


@pytest.mark.timeout(120)
def test_every_manifest_is_true_and_the_window_is_kept(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """A reader without pause never meets a missing object, and the steady state is the window and the manifest."""
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket)) as radio:
        radio.published(12, within_s=30)
        eventually(lambda: len(bucket.keys()) == 2 * WINDOW + 1, 5, "the bucket holds exactly the window")
        assert radio.stop() == 0
    assert reader.violations == []
    assert max(reader.most_objects.values()) <= WINDOW + 1
    assert all(len(manifest["segments"]) <= WINDOW for manifest in reader.manifests)
    latest = [manifest["latest"] for manifest in reader.manifests if manifest["live"]]
    assert latest == list(range(latest[0], latest[-1] + 1))
    assert reader.manifests[-1]["live"] is False
    assert len(bucket.keys()) == 2 * WINDOW + 1
    assert reader.headers["live/manifest.json"]["Cache-Control"] == "no-cache"
    assert reader.headers["live/manifest.json"]["Content-Type"] == "application/json"
    hq = next(headers for key, headers in reader.headers.items() if key.endswith(".flac"))
    lq = next(headers for key, headers in reader.headers.items() if key.endswith(".opus"))
    assert hq["Content-Type"] == "audio/flac"
    assert lq["Content-Type"] == "audio/ogg; codecs=opus"
    assert hq["Cache-Control"] == lq["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.timeout(150)
def test_the_index_rises_over_restarts(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """Three restarts, two of them after the bucket was emptied or the spool was lost, and no key comes twice."""
    seen: list[tuple[int, str]] = []
    for life in range(4):
        with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs / str(life % 2), bucket)) as radio:
            radio.published(3, within_s=20)
            assert radio.stop() == 0
        assert reader.violations == []
        assert max(reader.most_objects.values()) <= WINDOW + 1
        new = [(index, segment["hq"]["md5"]) for index, segment in sorted(reader.segments.items())]
        seen += [pair for pair in new if pair not in seen]
        if life == 1:
            bucket.empty()
    indices = [index for index, _ in seen]
    assert indices == sorted(set(indices))
    assert len(indices) >= 12


@pytest.mark.timeout(90)
def test_a_restart_leaves_no_orphan_and_tells_its_gap(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """Objects that no manifest names are removed at the next start, and what went by in between is in ``gap``."""
    client = bucket.server.client()
    with on_air(tmp_path, settings(tmpfs, bucket)) as radio:
        radio.published(2, within_s=20)
        assert radio.stop() == 0
    orphan, foreign = "live/hq/segment-00000007.flac", "live/hq/cover.jpg"
    for key in (orphan, foreign):
        client.fput_object(bucket.name, key, __file__)
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket)) as radio:
        radio.published(2, within_s=20)
        status = radio.status()
        assert radio.stop() == 0
    left = bucket.keys()
    assert orphan not in left
    assert foreign in left
    gaps = [segment["gap"] for _, segment in sorted(reader.segments.items()) if segment["gap"]]
    assert len(gaps) == 1
    assert 0 < gaps[0] < 20 * 48_000
    assert status["lost"] == {"samples": gaps[0], "by_cause": {"stopped": gaps[0]}}


@pytest.mark.timeout(60)
def test_the_log_tells_each_segment_once_and_no_secret(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """JSON lines for machines: one for each published segment with its latency, FFmpeg's command once, no secret."""
    with on_air(tmp_path, settings(tmpfs, bucket)) as radio:
        radio.published(3, within_s=20)
        cmdline = Path(f"/proc/{radio.status()['capture']['pid']}/cmdline").read_bytes()
        child_environment = Path(f"/proc/{radio.status()['capture']['pid']}/environ").read_bytes()
        assert radio.stop() == 0
    lines = [json.loads(line) for line in radio.log.splitlines()]
    published = [line for line in lines if line.get("event") == "SegmentPublished"]
    assert [line["index"] for line in published] == sorted({line["index"] for line in published})
    assert all(line["latency_ms"] > 0 for line in published)
    assert sum("FFmpeg's command" in line["message"] for line in lines) == 1
    everything = radio.log.encode() + cmdline + child_environment
    assert SECRET_KEY.encode() not in everything
    assert b"R2_" not in child_environment
