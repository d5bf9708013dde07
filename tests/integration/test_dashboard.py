"""The dashboard in a real terminal (tmux): beside a station, attached to one, and given back whatever happens."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.rig.parts import eventually, free_port
from tests.rig.radio import Radio, on_air
from tests.rig.terminal import Terminal, terminal

GIVEN_BACK = ("0", "1")
TAKEN = ("1", "0")


def station(tmp_path: Path, tmpfs: Path) -> dict[str, str]:
    """A station that publishes into a folder."""
    return {
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        "RADIO_RECORDINGS_DIR": str(tmp_path / "recordings"),
        "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}",
    }


def pid_in(window: Terminal) -> int:
    """The process that runs in the window's shell."""
    shell = window.tmux("display-message", "-p", "#{pane_pid}").strip()
    children = eventually(lambda: Path(f"/proc/{shell}/task/{shell}/children").read_text().split(), 10, "it runs")
    return int(children[0])


@pytest.mark.timeout(90)
def test_start_shows_the_station_and_ctrl_c_stops_it(tmp_path: Path, tmpfs: Path) -> None:
    """On a terminal `start` is the dashboard, at every size; Ctrl-C stops the station, and the terminal is as before."""
    with terminal(tmp_path, station(tmp_path, tmpfs)) as window:
        before = window.settings_of_line()
        window.run("start")
        screen = window.shows("ON AIR  radio", "published", "Ctrl-C stops the station")
        assert window.modes == TAKEN
        assert screen[23].startswith(" Ctrl-C stops")
        assert re.search(r"-?\d+\.\d peak +-?\d+\.\d RMS", "\n".join(screen))
        window.resize(160, 50)
        eventually(lambda: window.screen[49].startswith(" Ctrl-C stops"), 5, "the larger window is filled")
        assert "begins" in "\n".join(window.screen)
        window.resize(60, 12)
        eventually(lambda: window.screen[11].startswith(" Ctrl-C stops"), 5, "the smaller window is filled")
        window.resize(80, 24)
        window.press("C-z")
        window.press("q")
        window.shows("ON AIR  radio")
        window.press("C-c")
        window.shows("ended 0", within_s=25)
        assert window.modes == GIVEN_BACK
        assert window.settings_of_line() == before
        assert '"live":false' in (tmp_path / "bucket/live/manifest.json").read_text(encoding="utf-8").replace(" ", "")


@pytest.mark.timeout(60)
def test_two_may_watch_and_leave(tmp_path: Path, tmpfs: Path) -> None:
    """A running station is watched any number of times; q and Ctrl-C leave it running, and a signal gives back too."""
    with on_air(tmp_path, station(tmp_path, tmpfs)) as radio:
        radio.published(1, within_s=20)
        with terminal(tmp_path, radio.settings) as one, terminal(tmp_path, radio.settings, 160, 50) as two:
            before = one.settings_of_line()
            for window in (one, two):
                window.run("dashboard")
            for window in (one, two):
                window.shows("ON AIR  radio", "q leaves, the station goes on")
                assert window.modes == TAKEN
            one.press("q")
            one.shows("ended 0")
            two.press("C-c")
            two.shows("ended 0")
            one.run("dashboard")
            one.shows("ON AIR  radio")
            os.kill(pid_in(one), signal.SIGTERM)
            one.shows("ended 0")
            assert one.modes == two.modes == GIVEN_BACK
            assert one.settings_of_line() == before
        published = radio.status()["segments_published"]
        radio.published(published + 1, within_s=20)


@pytest.mark.timeout(60)
def test_who_watches_sees_the_station_go(tmp_path: Path, tmpfs: Path) -> None:
    """When the station ends the last picture stays, with for how long nothing was heard; nobody there is exit code 3."""
    with on_air(tmp_path, station(tmp_path, tmpfs)) as radio:
        radio.published(1, within_s=20)
        with terminal(tmp_path, radio.settings) as window:
            window.run("dashboard")
            window.shows("ON AIR  radio")
            radio.kill()
            window.shows("no answer for")
            window.press("q")
            window.shows("ended 0")
            window.run("dashboard")
            window.shows("ended 3", "nothing answers")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", ["--no-dashboard", "TERM=dumb ", "pipe"])
def test_log_lines_where_no_picture_is_wanted(tmp_path: Path, tmpfs: Path, how: str) -> None:
    """With --no-dashboard, on a dumb terminal and into a pipe `start` writes its log as it always did."""
    with terminal(tmp_path, station(tmp_path, tmpfs), 160, 50) as window:
        words = ("start", "--no-dashboard") if how == "--no-dashboard" else ("start",)
        window.run(*words, before="exec 3>&1; " if how == "pipe" else how if "=" in how else "")
        if how == "pipe":
            window.press("C-c")
            window.type(f"{Radio.__name__}=1 {' '.join(['python3', '-c', 'pass'])}")
        window.shows("INFO    published")
        assert window.modes[0] == "0"


@pytest.mark.timeout(60)
def test_without_colour_there_is_none(tmp_path: Path, tmpfs: Path) -> None:
    """NO_COLOR is honoured: the same picture, and not one colour on the screen."""
    with terminal(tmp_path, {**station(tmp_path, tmpfs), "NO_COLOR": "1"}) as window:
        window.run("start")
        window.shows("ON AIR  radio")
        coloured = window.tmux("capture-pane", "-p", "-e")
        assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8)(?:;\d+)*m", coloured)


@pytest.mark.timeout(60)
def test_a_second_ctrl_c_gives_the_terminal_back_too(tmp_path: Path, tmpfs: Path) -> None:
    """Whoever will not wait for the end has the terminal back at once."""
    with terminal(tmp_path, station(tmp_path, tmpfs)) as window:
        before = window.settings_of_line()
        window.run("start")
        window.shows("ON AIR  radio")
        process = pid_in(window)
        os.kill(process, signal.SIGSTOP)  # both signals are there before it can end by the first
        os.kill(process, signal.SIGINT)
        os.kill(process, signal.SIGCONT)
        window.shows("ended 0", within_s=25)
        assert window.modes == GIVEN_BACK
        assert window.settings_of_line() == before
