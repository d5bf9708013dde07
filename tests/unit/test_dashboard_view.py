"""What a viewer sees move: needles that fall, hold and remember clipping."""

from __future__ import annotations

import os
import pty
import select
import termios

import pytest
from rich.text import Text

from supervisor.dashboard.screen import Screen, is_fit
from supervisor.dashboard.view import HOLDS_S, SHOWS_CLIP_S, View, first, seen
from supervisor.dashboard.words import delay, duration, offset
from supervisor.status import Snapshot
from tests.unit import pictures


def _loud(peak_db: float, clips: int = 0) -> Snapshot:
    """Both channels as loud, of which only the left one has clipped so often."""
    s = pictures.well()
    levels = {"peak_db": (peak_db, peak_db), "clips": clips, "clips_by_channel": (clips, 0)}
    return s.model_copy(update={"levels": s.levels.model_copy(update=levels)})


def _clips(view: View) -> list[bool]:
    return [view.clips(needle) for needle in view.needles]


def test_a_needle_rises_at_once_and_falls_slowly() -> None:
    """A peak is shown in full at once; what follows is fallen to at 20 dB a second, and never passed."""
    view = first(_loud(-3.0), 0.0)
    view = seen(view, _loud(-50.0), 0.5)
    assert view.needles[0].shown_db == pytest.approx(-13.0)
    view = seen(view, None, 1.0)
    assert view.needles[0].shown_db == pytest.approx(-23.0)
    view = seen(view, None, 10.0)
    assert view.needles[0].shown_db == -50.0
    assert seen(view, _loud(-1.0), 10.2).needles[0].shown_db == -1.0


def test_the_highest_peak_is_held() -> None:
    """The stroke stays where the peak was for a moment, and then falls too."""
    view = seen(first(_loud(-3.0), 0.0), _loud(-50.0), HOLDS_S - 0.1)
    assert view.needles[0].hold_db == -3.0
    view = seen(view, None, HOLDS_S + 0.4)
    assert view.needles[0].hold_db == pytest.approx(-13.0)


def test_clipping_is_remembered() -> None:
    """One sample at full scale is seen for 5 s, on its channel; what was counted before somebody looked is not."""
    view = first(_loud(-3.0, clips=7), 0.0)
    assert _clips(view) == [False, False]
    view = seen(view, _loud(0.0, clips=8), 1.0)
    assert _clips(seen(view, _loud(-3.0, clips=8), 0.9 + SHOWS_CLIP_S)) == [True, False]
    assert _clips(seen(view, _loud(-3.0, clips=8), 1.1 + SHOWS_CLIP_S)) == [False, False]


def test_other_channels_begin_anew() -> None:
    """When a capture begins or ends, the needles are those of the channels that there are."""
    none = pictures.begun()
    assert seen(first(_loud(-3.0), 0.0), none, 0.2).needles == ()
    assert len(seen(first(none, 0.0), _loud(-3.0), 0.2).needles) == 2


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (duration(0), "0 s"),
        (duration(59.9), "59 s"),
        (duration(3_599), "59 min"),
        (duration(12_240), "3 h 24 min"),
        (duration(1_051_200), "12 d 4 h"),
        (duration(-5), "0 s"),
        (delay(None), "-"),
        (delay(26.4), "26 ms"),
        (delay(999.4), "999 ms"),
        (delay(30_045), "30.0 s"),
        (delay(1_200_000), "20 min"),
        (offset(None), "not told"),
        (offset(-0.31), "-0.3 ms"),
        (offset(1_200_000), "+1200.0 s"),
    ],
)
def test_times_are_words(told: str, words: str) -> None:
    """Each time is in the unit that fits it."""
    assert told == words


@pytest.fixture
def window() -> tuple[int, int]:
    """A pseudo-terminal of 80x24: what the screen writes to, and where it can be read."""
    outside, inside = pty.openpty()
    termios.tcsetwinsize(inside, (24, 80))
    return inside, outside


def _written(outside: int) -> str:
    """Everything that was written to a pseudo-terminal until now."""
    written = b""
    while select.select([outside], [], [], 0)[0]:
        written += os.read(outside, 65_536)
    return written.decode()


def test_only_what_changed_is_written(window: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame like the last writes nothing, one changed line writes that line: no flicker, little over a slow line."""
    monkeypatch.setenv("TERM", "xterm-256color")
    inside, outside = window
    assert is_fit(inside)
    before = termios.tcgetattr(inside)
    screen = Screen(inside, inside)
    screen.enter()
    lines = [Text(f"line {number}") for number in range(24)]
    screen.show(lines, screen.size())
    first_frame = _written(outside)
    assert all(f"line {number}" in first_frame for number in range(24))
    screen.show(lines, screen.size())
    screen.show([*lines[:5], Text("other", "green"), *lines[6:]], screen.size())
    assert _written(outside).replace("\x1b[32mother\x1b[0m", "other") == "\x1b[6;1Hother\x1b[0m\x1b[K"
    screen.leave()
    screen.leave()
    assert _written(outside).endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(inside) == before


def test_a_picture_needs_a_terminal(window: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A dumb terminal and what is none at all show log lines instead."""
    inside, _ = window
    monkeypatch.setenv("TERM", "dumb")
    assert not is_fit(inside)
    monkeypatch.setenv("TERM", "xterm")
    read, write = os.pipe()
    assert not is_fit(write)
    os.close(read)
    os.close(write)
