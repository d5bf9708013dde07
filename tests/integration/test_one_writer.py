"""One prefix, two supervisors: one of them is on air, the other knows it, and no key ever has two contents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rig.parts import eventually
from tests.rig.radio import Radio, on_air
from tests.rig.reader import reading
from tests.rig.s3 import Bucket


def station(folder: Path, tmpfs: Path, bucket: Bucket) -> tuple[Path, dict[str, str]]:
    """A station of one-second segments that has its own folder, recordings and spool."""
    folder.mkdir()
    more = {
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_OFFLINE_AFTER": "5",
        "RADIO_SPOOL_DIR": str(tmpfs / folder.name),
    }
    return folder, {**bucket.settings, **more}


def alarms(radio: Radio) -> dict[str, str]:
    """What is wrong, by code."""
    return {alarm["code"]: alarm["message"] for alarm in radio.status()["alarms"]}


def indices(radio: Radio) -> set[int]:
    """What it said that it published."""
    return {int(index) for index in re.findall(r" published (\d{8,}) ", radio.log)}


@pytest.mark.timeout(180)
def test_who_was_replaced_knows_it(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """Taken over, the first publishes nothing more and says by whom; it archives on, and is back when that one ends."""
    with (
        reading(bucket) as reader,
        on_air(*station(tmp_path / "first", tmpfs, bucket)) as first,
    ):
        first.published(2, within_s=60)
        with on_air(*station(tmp_path / "second", tmpfs, bucket), "start", "--take-over") as second:
            second.published(2, within_s=60)
            eventually(lambda: "another_writer" in alarms(first), 20, "the first knows that it was replaced")
            told = alarms(first)["another_writer"]
            assert f"writer {reader.manifests[-1]['writer']}" in told
            before = first.status()
            assert before["state"] == "off_air"
            second.published(int(second.status()["segments_published"]) + 4, within_s=30)
            archived = before["archive"]["segments"]
            eventually(lambda: first.status()["archive"]["segments"] > archived, 15, "the first archives on")
            assert first.status()["segments_published"] == before["segments_published"]
            assert second.stop() == 0
        first.published(int(before["segments_published"]) + 2, within_s=30)
        eventually(lambda: first.status()["state"] == "on_air", 10, "nothing ails it any more")
        assert first.stop() == 0
    assert [told for told in reader.violations if "used" in told] == []
    assert indices(first) & indices(second) == set()
    assert reader.manifests[-1]["live"] is False
