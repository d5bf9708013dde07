"""Who may go on air at a prefix: nobody beside a station that is live there, except itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from supervisor.bucket import LEAP, AnotherWriterError, LiveBucket, Programme
from supervisor.clock import SystemClock
from supervisor.errors import UserError
from supervisor.manifest import Manifest
from supervisor.names import Keys
from supervisor.stores.folder import FolderStore
from tests.unit.made import sealed_segment


def _bucket(root: Path, station: str = "vinyl", writer: str = "3f9c") -> LiveBucket:
    programme = Programme(station, writer, 10, 48_000, window=3, offline_after_s=30)
    return LiveBucket(programme, Keys(), FolderStore(root), SystemClock())


def _list_one(bucket: LiveBucket, number: int = 0) -> int:
    """Lets one more segment be listed; its index."""
    entry = bucket.entry(sealed_segment(number), 0)
    bucket.add(entry)
    bucket.store_manifest(live=True)
    return entry.index


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A bucket in which the station 'vinyl' was on air a moment ago."""
    bucket = _bucket(tmp_path)
    bucket.open(take_over=False)
    _list_one(bucket)
    return tmp_path


@pytest.mark.parametrize(("station", "writer"), [("radio", "3f9c"), ("vinyl", "77aa"), ("radio", "77aa")])
def test_a_rival_is_refused(root: Path, station: str, writer: str) -> None:
    """Another installation is a rival, and so is another station that keeps its recordings in the same folder."""
    told = "writer 3f9c, station 'vinyl'\\) is on air .* since at least 2026-11-23T15:45:30.412Z, last seen 20"
    with pytest.raises(UserError, match=told):
        _bucket(root, station, writer).open(take_over=False)


def test_a_restart_is_no_rival(root: Path) -> None:
    """A station that was killed goes on where it was, at once."""
    again = _bucket(root)
    again.open(take_over=False)
    assert again.live


def test_a_rival_may_be_replaced(root: Path) -> None:
    """With --take-over whoever is on air does not matter."""
    _bucket(root, "radio").open(take_over=True)


def test_a_station_that_went_off_air_may_be_renamed(root: Path) -> None:
    """After a clean stop the prefix is free, for the same station under another name too."""
    stopped = _bucket(root)
    stopped.open(take_over=False)
    stopped.store_manifest(live=False)
    _bucket(root, "radio").open(take_over=False)


def test_who_was_replaced_sees_it(tmp_path: Path) -> None:
    """Whoever is taken over finds the other's manifest, and is not live; the successor minds nothing that is left."""
    replaced, successor = _bucket(tmp_path), _bucket(tmp_path, writer="77aa")
    replaced.open(take_over=False)
    used = [_list_one(replaced, number) for number in range(3)]
    replaced.look_for_successor()
    successor.open(take_over=True)
    used.append(_list_one(replaced, 3))
    first = successor.entry(sealed_segment(0), 0)
    successor.look_for_successor()
    successor.add(first)
    successor.store_manifest(live=True)
    with pytest.raises(AnotherWriterError, match="writer 77aa"):
        replaced.look_for_successor()
    assert not replaced.live
    replaced.entry(sealed_segment(4), 0)
    used.append(_list_one(replaced, 5))
    successor.look_for_successor()
    assert first.index > max(used)


def test_no_key_of_a_replaced_writer_is_hit(root: Path) -> None:
    """A new writer leaves room for all that the one before it may still send; a restart goes on where it was."""
    latest = Manifest.model_validate_json((root / "live/manifest.json").read_bytes()).latest
    again, rival = _bucket(root), _bucket(root, writer="77aa")
    again.open(take_over=False)
    rival.open(take_over=True)
    assert again.entry(sealed_segment(1), 0).index == latest + 1
    assert rival.entry(sealed_segment(1), 0).index == latest + 1 + LEAP


def test_a_replaced_writer_waits_for_silence(root: Path) -> None:
    """While the other one is heard of, or was just stopped, it is not gone; silent for long enough it is followed."""
    rival = _bucket(root, writer="77aa")
    with pytest.raises(AnotherWriterError):
        rival.open_again()
    stopped = _bucket(root)
    stopped.open(take_over=False)
    stopped.store_manifest(live=False)
    with pytest.raises(AnotherWriterError):
        rival.open_again()
    long_ago_s = time.time() - 31
    os.utime(root / "live/manifest.json", (long_ago_s, long_ago_s))
    rival.open_again()
    assert [entry.hq.md5 for entry in rival.entries] == [sealed_segment(0).hq.md5]


def test_what_is_no_manifest_is_no_successor(root: Path) -> None:
    """Something that somebody put in the manifest's place ends no station on air: the next manifest replaces it."""
    bucket = _bucket(root)
    bucket.open(take_over=False)
    (root / "live/manifest.json").write_bytes(b"{}")
    bucket.look_for_successor()
    bucket.open_again()
