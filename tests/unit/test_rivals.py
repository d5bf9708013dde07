"""Who may go on air at a prefix: nobody beside a station that is live there, except itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.bucket import LiveBucket, Programme
from supervisor.clock import SystemClock
from supervisor.errors import UserError
from supervisor.names import Keys
from supervisor.stores.folder import FolderStore
from tests.unit.made import sealed_segment


def _bucket(root: Path, station: str = "vinyl", writer: str = "3f9c") -> LiveBucket:
    programme = Programme(station, writer, 10, 48_000, window=3, offline_after_s=30)
    return LiveBucket(programme, Keys(), FolderStore(root), SystemClock())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A bucket in which the station 'vinyl' was on air a moment ago."""
    bucket = _bucket(tmp_path)
    bucket.open(take_over=False)
    bucket.add(bucket.entry(sealed_segment(0), 0))
    bucket.store_manifest(live=True)
    return tmp_path


@pytest.mark.parametrize(("station", "writer"), [("radio", "3f9c"), ("vinyl", "77aa"), ("radio", "77aa")])
def test_a_rival_is_refused(root: Path, station: str, writer: str) -> None:
    """Another installation is a rival, and so is another station that keeps its recordings in the same folder."""
    with pytest.raises(UserError, match="station 'vinyl'\\) is on air"):
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
