"""The store goes away and comes back: the archive is complete, the newest is on air first, every loss is told."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.recordings.catalogue import find, read_all
from supervisor.recordings.coverage import ordered
from tests.rig.parts import eventually
from tests.rig.proxy import BLACK_HOLE, BUSY, PASS, RESET, Line, Proxy, proxy_to
from tests.rig.radio import Radio, on_air
from tests.rig.reader import Reader, reading
from tests.rig.s3 import SECRET_KEY, Bucket


@pytest.fixture
def proxy(bucket: Bucket) -> Iterator[Proxy]:
    """The way to the store, which may be bad."""
    with proxy_to(bucket.server.port) as made:
        yield made


def settings(tmpfs: Path, bucket: Bucket, proxy: Proxy) -> dict[str, str]:
    """A station of one-second segments that reaches its store through the proxy."""
    return {
        **bucket.settings,
        "R2_ENDPOINT": f"http://127.0.0.1:{proxy.port}",
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }


def archived_numbers(folder: Path) -> list[int]:
    """The numbers of the archived segments of the only run."""
    files = ordered(read_all(find(folder / "recordings", "radio")).files)
    assert len({file.place.run for file in files}) == 1
    begin_s = [file.place.first_sample // 48_000 for file in files]
    return [begin + n for begin, file in zip(begin_s, files, strict=True) for n in range(math.ceil(file.seconds))]


def assert_all_told(reader: Reader, radio: Radio) -> None:
    """Published plus gaps is one row without a hole, and the status says the same."""
    assert reader.violations == []
    segments = [reader.segments[index] for index in sorted(reader.segments)]
    status = radio.status()
    assert status["lost"]["samples"] == sum(segment["gap"] for segment in segments)
    assert set(status["lost"]["by_cause"]) <= {"upload_expired"}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("line", [RESET, BUSY], ids=["reset", "busy"])
def test_the_store_is_away_longer_than_the_window(
    tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy, line: Line
) -> None:
    """After an outage the newest is listed at once, what was too late is archived and told, and the log stays short."""
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket, proxy)) as radio:
        radio.published(2, within_s=60)
        proxy.become(line)
        eventually(lambda: len(archived_numbers(tmp_path)) >= 11, 30, "the archive goes on")
        during = radio.status()
        assert [alarm["code"] for alarm in during["alarms"]] == ["store_upload_failing"]
        assert during["state"] == "degraded"
        by_code, code = during["upload"]["errors_by_code"], "ProtocolError" if line is RESET else "InvalidResponse"
        assert by_code[code] > 1
        assert sum(by_code.values()) == during["upload"]["errors"]
        before = int(during["segments_published"])
        proxy.become(PASS)
        # at most one backoff of 5 s, and one segment
        radio.published(before + 1, within_s=7)
        radio.published(before + 4, within_s=10)
        status = radio.status()
        assert status["lost"]["by_cause"]["upload_expired"] >= 3 * 48_000
        assert status["state"] == "on_air"
        reader.look()
        eventually(lambda: sum(segment["gap"] for segment in reader.segments.values()) > 0, 5, "the gap is seen")
        assert radio.stop() == 0
    assert reader.violations == []
    numbers = archived_numbers(tmp_path)
    assert numbers == list(range(len(numbers)))
    failures = [line for line in radio.log.splitlines() if " failed (" in line]
    assert 1 <= len(failures) <= 4
    assert "went through after" in radio.log
    assert radio.log.count(" came too late ") == 1
    assert "in time for the window again" in radio.log
    assert SECRET_KEY not in radio.log


@pytest.mark.timeout(90)
def test_a_short_outage_loses_nothing(tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy) -> None:
    """What still fits the window when the store is back is published, every sample of it."""
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket, proxy)) as radio:
        radio.published(3, within_s=20)
        proxy.become(RESET)
        eventually(lambda: radio.status()["upload"]["errors"] >= 1, 10, "the outage is noticed")
        proxy.become(PASS)
        radio.published(8, within_s=20)
        assert_all_told(reader, radio)
        assert radio.status()["lost"]["samples"] == 0
        assert radio.stop() == 0


@pytest.mark.timeout(90)
def test_a_stop_in_a_black_hole_ends_in_time(tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy) -> None:
    """With a network that swallows everything the stop takes less than 25 s, exits 0, and the archive is complete."""
    with on_air(tmp_path, settings(tmpfs, bucket, proxy)) as radio:
        radio.published(2, within_s=60)
        proxy.become(BLACK_HOLE)
        eventually(lambda: len(archived_numbers(tmp_path)) >= 5, 20, "the archive goes on")
        began_s = time.monotonic()
        assert radio.stop(within_s=25) == 0
        assert time.monotonic() - began_s < 25
    numbers = archived_numbers(tmp_path)
    assert numbers == list(range(len(numbers)))


@pytest.mark.timeout(120)
def test_a_start_into_a_black_hole_captures(tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy) -> None:
    """A network that swallows everything from the first moment holds up neither capture, archive nor status.

    What still fits the window is published as soon as the store is there.
    """
    proxy.become(BLACK_HOLE)
    with reading(bucket) as reader, on_air(tmp_path, settings(tmpfs, bucket, proxy)) as radio:
        eventually(lambda: radio.status().get("archive", {}).get("segments", 0) >= 2, 60, "the archive grows")
        status = radio.status()
        assert (status["state"], status["segments_published"]) == ("starting", 0)
        proxy.become(PASS)
        radio.published(4, within_s=15)
        assert radio.stop() == 0
    assert reader.violations == []
    numbers = archived_numbers(tmp_path)
    assert numbers == list(range(len(numbers)))


@pytest.mark.timeout(60)
def test_a_start_into_a_black_hole_can_be_stopped(tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy) -> None:
    """While the store's first answer is awaited, with the patience of ten-second segments, a stop ends in time too."""
    proxy.become(BLACK_HOLE)
    patient = {**settings(tmpfs, bucket, proxy), "RADIO_SEGMENT_SECONDS": "10"}
    with on_air(tmp_path, patient) as radio:
        eventually(lambda: proxy.swallows > 0, 30, "the store is asked")
        began_s = time.monotonic()
        assert radio.stop(within_s=25) == 0
        assert time.monotonic() - began_s < 25


@pytest.mark.timeout(60)
def test_a_refusal_that_comes_late_ends_the_start(tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy) -> None:
    """Wrong keys end a start with exit code 2 also when the store takes longer to say so than a start waits."""
    proxy.become(Line(delay_s=3.5))
    wrong = {**settings(tmpfs, bucket, proxy), "R2_SECRET_KEY": f"wrong-{SECRET_KEY}"}
    with on_air(tmp_path, wrong) as radio:
        assert radio.process.wait(50) == 2
    assert "SignatureDoesNotMatch" in radio.log
    assert archived_numbers(tmp_path) != []
    assert set(bucket.keys()) == set()


@pytest.mark.timeout(60)
def test_a_second_signal_ends_it_at_once(tmp_path: Path, tmpfs: Path, bucket: Bucket, proxy: Proxy) -> None:
    """Whoever asks twice does not wait; no child is left behind."""
    with on_air(tmp_path, settings(tmpfs, bucket, proxy)) as radio:
        radio.published(2, within_s=60)
        child = Path(f"/proc/{radio.status()['capture']['pid']}")
        proxy.become(BLACK_HOLE)
        radio.process.terminate()
        eventually(lambda: "stopping" in radio.log, 10, "the stop has begun")
        began_s = time.monotonic()
        eventually(lambda: time.monotonic() - began_s > 0.6, 5, "it is a second wish, not the first one twice")
        radio.process.terminate()
        assert radio.process.wait(3) == 1
        eventually(lambda: not child.exists(), 5, "FFmpeg has ended")
