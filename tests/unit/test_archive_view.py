"""The calendar as it is drawn: what is missing is red, what is empty for long takes one row."""

from __future__ import annotations

import re
from functools import partial
from io import StringIO

import pytest
from rich.console import Console

from supervisor import archive_view
from supervisor.recordings.catalogue import Catalogue, Recorded
from supervisor.recordings.coverage import calendar, gaps
from tests.unit.timelines import RATE, STATION, place, recorded

RED, GREEN = "31", "32"
_MARK = re.compile(r"\x1b\[(\d+)m([·▁▂▃▄▅▆▇█])\x1b\[0m")


def calendar_of(files: list[Recorded], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the calendar of some files, with a terminal's colours."""
    printed = StringIO()
    terminal = partial(Console, file=printed, force_terminal=True, color_system="standard", width=100)
    monkeypatch.setattr(archive_view, "Console", terminal)
    archive_view.print_calendar(STATION, Catalogue(tuple(files), ()), calendar(files), gaps(files))
    return printed.getvalue().splitlines()


def test_hours_with_a_gap_are_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole 23rd hour, an outage over midnight into the 2nd: where something is missing is red, all else is green."""
    files = [recorded(place(90, 0, 3600 * RATE)), recorded(place(3 * 3600 + 90, 0, 600 * RATE))]
    first, second = [
        [(mark, colour) for colour, mark in _MARK.findall(line)]
        for line in calendar_of(files, monkeypatch)
        if line.startswith("2026-11-2")
    ]
    assert first == [("·", GREEN)] * 23 + [("█", GREEN)]
    assert second == [("▁", RED), ("·", RED), ("▂", RED)] + [("·", GREEN)] * 21


def test_a_long_time_with_nothing_takes_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Years without a recording are told as their number of days."""
    files = [recorded(place(at_s, 0, RATE)) for at_s in (0, 400 * 86_400)]
    assert [line for line in calendar_of(files, monkeypatch) if "399 days without a recording" in line]
