"""Rows that could not be joined: tried ever more seldom, at once when they change, and not forgotten meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supervisor.backoff import Backoff
from supervisor.names import parse_recorded
from supervisor.recordings.catalogue import Found
from supervisor.recordings.retries import Retries
from tests.unit.timelines import RATE, STATION, place, recorded


class Time:
    """A monotonic clock that a test sets."""

    now_s = 1000.0

    def __call__(self) -> float:
        """The test's time."""
        return self.now_s


@pytest.fixture
def row(tmp_path: Path) -> list[Found]:
    """Two pieces on a disk."""
    paths = [tmp_path / recorded(place(0, number * RATE, RATE), number=number).path.name for number in (0, 1)]
    found = []
    for path in paths:
        path.write_bytes(b"piece")
        name = parse_recorded(STATION, path.name)
        assert name is not None
        found.append(Found(path, name))
    return found


def test_a_row_that_fails_is_tried_ever_more_seldom(row: list[Found]) -> None:
    """After each failure it waits for twice as long, up to the longest pause, and counts as waiting all the time."""
    time = Time()
    retries = Retries(Backoff(60.0, 200.0, jitter=0.0), time)
    for pause_s in (60.0, 120.0, 200.0, 200.0):
        assert retries.due([row]) == [row]
        retries.tried(row, failed=True)
        time.now_s += pause_s - 1
        assert (retries.due([row]), retries.waiting) == ([], 1)
        time.now_s += 1
    retries.tried(row, failed=False)
    assert (retries.due([row]), retries.waiting) == ([row], 0)


def test_a_row_that_changed_is_tried_at_once(row: list[Found]) -> None:
    """A piece that is written anew, or gone, makes it another row; one that is joined or deleted waits no more."""
    retries = Retries(Backoff(60.0, 200.0), Time())
    retries.tried(row, failed=True)
    assert retries.due([row]) == []
    os.utime(row[0].path, (1, 1))
    assert retries.due([row]) == [row]
    retries.tried(row, failed=True)
    assert retries.due([row[:1]]) == [row[:1]]
    assert retries.waiting == 0
