"""The shell around the frames: it may fail, and nobody else notices."""

from __future__ import annotations

import logging
import os
import pty
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from supervisor.dashboard.screen import Screen
from supervisor.dashboard.shell import Dashboard, OnTerminal, shown
from supervisor.status import Snapshot
from tests.rig.parts import eventually
from tests.unit import pictures


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal, inside and outside; both ends are closed afterwards if they still are open."""
    outside, inside = pty.openpty()
    termios.tcsetwinsize(inside, (24, 80))
    yield inside, outside
    for descriptor in (inside, outside):
        with suppress(OSError):
            os.close(descriptor)


def test_a_terminal_that_goes_away_costs_the_picture_only(
    terminal: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """When the window is closed under the dashboard, the block beside it goes on, and the log says what happened."""
    inside, outside = terminal
    with caplog.at_level(logging.ERROR), OnTerminal(Screen(inside, inside)).beside(pictures.well):
        eventually(lambda: len(os.read(outside, 4096)) > 0, 10, "a frame is drawn")
        os.close(outside)
        eventually(lambda: "the dashboard ended, the station goes on" in caplog.text, 10, "it has ended")


def test_whoever_asks_and_gets_an_error_has_the_terminal_back(terminal: tuple[int, int]) -> None:
    """An error while a frame is made ends the dashboard: the terminal is given back, and the error is told."""
    inside, outside = terminal
    broken = pictures.well().model_copy(update={"recent": "not segments"})
    errors: list[Exception] = []
    with shown(Dashboard(Screen(inside, inside), lambda: broken, "", first=broken), errors.append):
        eventually(lambda: errors, 10, "it has failed")
    written = os.read(outside, 65_536)
    assert written.endswith(b"\x1b[?25h\x1b[?1049l")


def test_an_answer_that_hangs_does_not_hold_the_picture_up(terminal: tuple[int, int]) -> None:
    """While the station does not answer, frames go on and say so; leaving does not wait for the answer either."""
    inside, outside = terminal
    asked = threading.Event()
    never = threading.Event()

    def hangs() -> Snapshot | None:
        asked.set()
        never.wait(30)
        return None

    errors: list[Exception] = []
    with shown(Dashboard(Screen(inside, inside), hangs, "", first=pictures.well()), errors.append):
        assert asked.wait(10)
        eventually(lambda: b"no answer for" in os.read(outside, 65_536), 20, "the picture says so")
    never.set()
    assert errors == []
