"""The dashboard in a real terminal (tmux): beside a station, attached to one, and given back whatever happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.rig.parts import eventually, free_port
from tests.rig.radio import PROGRAM, command, on_air
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


def latest(folder: Path) -> int:
    """The newest segment that listeners have."""
    return int(json.loads((folder / "bucket/live/manifest.json").read_text(encoding="utf-8"))["latest"])


def pid_in(window: Terminal) -> int:
    """The process that runs in the window's shell."""
    shell = window.tmux("display-message", "-p", "#{pane_pid}").strip()
    children = eventually(lambda: Path(f"/proc/{shell}/task/{shell}/children").read_text().split(), 10, "it runs")
    return int(children[0])


@pytest.mark.timeout(90)
def test_start_shows_the_station_and_ctrl_c_stops_it(tmp_path: Path, tmpfs: Path) -> None:
    """On a terminal `start` is the dashboard at every size; Ctrl-C stops it, and the terminal is as it was."""
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
        window.press("C-\\")
        window.press("q")
        pressed_at = latest(tmp_path)
        eventually(lambda: latest(tmp_path) > pressed_at + 1, 20, "none of these keys stops the station")
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
            two.resize(100, 30)
            eventually(lambda: two.screen[29].startswith(" q leaves"), 5, "the other size is filled")
            assert one.screen[23].startswith(" q leaves")
            one.press("q")
            one.shows("ended 0")
            two.press("C-c")
            two.shows("ended 0")
            one.run("dashboard")
            one.shows("ON AIR  radio")
            os.kill(pid_in(one), signal.SIGTERM)
            one.shows("ended 0")
            one.type("clear")
            one.run("dashboard")
            one.shows("ON AIR  radio")
            one.press("C-\\")
            os.kill(pid_in(one), signal.SIGQUIT)
            one.shows("ended 0")
            assert one.modes == two.modes == GIVEN_BACK
            assert one.settings_of_line() == before
        published = radio.status()["segments_published"]
        radio.published(published + 1, within_s=20)


@pytest.mark.timeout(60)
def test_who_watches_sees_the_station_go(tmp_path: Path, tmpfs: Path) -> None:
    """When the station ends the last picture stays and says for how long; nobody there is exit code 3."""
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
@pytest.mark.parametrize(
    ("before", "option", "behind"),
    [("", ["--no-dashboard"], ""), ("TERM=dumb", [], ""), ("", [], "2>&1 | cat")],
    ids=["option", "dumb", "pipe"],
)
def test_log_lines_where_no_picture_is_wanted(
    tmp_path: Path, tmpfs: Path, before: str, option: list[str], behind: str
) -> None:
    """With --no-dashboard, on a dumb terminal and into a pipe `start` writes its log as it always did."""
    with terminal(tmp_path, station(tmp_path, tmpfs), 160, 50) as window:
        window.run("start", *option, before=before, behind=behind)
        window.shows("INFO    published")
        assert window.modes == GIVEN_BACK


@pytest.mark.timeout(60)
def test_a_station_in_the_background_leaves_the_terminal_alone(tmp_path: Path, tmpfs: Path) -> None:
    """`start &` goes on air with log lines: it neither takes the terminal nor is stopped for trying to."""
    with terminal(tmp_path, station(tmp_path, tmpfs), 160, 50) as window:
        window.type(f"{shlex.join([*PROGRAM, 'start'])} &")
        process = pid_in(window)
        try:
            window.shows("INFO    published")
            assert window.modes == GIVEN_BACK
        finally:
            os.kill(process, signal.SIGTERM)
        window.shows("(live: false)", within_s=25)


@pytest.mark.timeout(60)
def test_a_dumb_terminal_is_told(tmp_path: Path, tmpfs: Path) -> None:
    """Where no picture can be shown, `dashboard` says so, with what to use instead."""
    with on_air(tmp_path, station(tmp_path, tmpfs)) as radio:
        radio.published(1, within_s=20)
        ended = command("dashboard", settings=radio.settings, folder=tmp_path)
    assert ended.returncode == 2
    assert "radio-supervisor status" in ended.stderr


@pytest.mark.timeout(60)
def test_without_colour_there_is_none(tmp_path: Path, tmpfs: Path) -> None:
    """NO_COLOR is honoured: the same picture, and not one colour on the screen."""
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:[34][0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
    settings = station(tmp_path, tmpfs)
    for variable, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal(tmp_path, {**settings, **variable}) as window:
            window.run("start")
            window.shows("ON AIR  radio", " peak ")
            assert bool(colour.search(window.tmux("capture-pane", "-p", "-e"))) == expected
            window.press("C-c")
            window.shows("ended 0", within_s=25)


@pytest.mark.timeout(60)
def test_a_second_ctrl_c_gives_the_terminal_back_too(tmp_path: Path, tmpfs: Path) -> None:
    """The end is shown while it takes its time; whoever will not wait for it has the terminal back at once."""
    settings = station(tmp_path, tmpfs)
    with terminal(tmp_path, settings) as window:
        before = window.settings_of_line()
        window.run("start")
        window.shows("ON AIR  radio")
        told = json.loads(command("status", "--json", settings=settings, folder=tmp_path).stdout)
        capture = int(told["capture"]["pid"])
        os.kill(capture, signal.SIGSTOP)  # an FFmpeg that does not end
        try:
            window.press("C-c")
            window.shows("STOPPING", "SIGINT received")

            def ended() -> bool:
                window.press("C-c")
                return "ended 1" in "\n".join(window.screen)

            eventually(ended, 7, "the second Ctrl-C ends it", 0.3)
        finally:
            os.kill(capture, signal.SIGKILL)
        assert window.modes == GIVEN_BACK
        assert window.settings_of_line() == before
