"""Faults: each is inflicted on a stage, lasts until its effect is seen, and is then taken away."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from supervisor.events import Cause
from tests.chaos.heard import SAMPLE_RATE
from tests.chaos.stage import WINDOW, Stage
from tests.rig.parts import eventually
from tests.rig.proxy import BLACK_HOLE, BUSY, PASS, RESET, Line

Fault = Callable[[Stage], None]

_TWENTY_MINUTES_S = 1_200


def ffmpeg_is_killed(stage: Stage) -> None:
    """The child dies."""
    run = _run(stage)
    os.killpg(stage.radio.status()["capture"]["pid"], signal.SIGKILL)
    _another_run(stage, run)


def ffmpeg_hangs(stage: Stage) -> None:
    """The child does nothing any more."""
    run = _run(stage)
    os.killpg(stage.radio.status()["capture"]["pid"], signal.SIGSTOP)
    _another_run(stage, run)


def device_stalls(stage: Stage) -> None:
    """The device delivers nothing, and goes on when that was noticed."""
    restarts = stage.radio.status()["capture"]["restarts"]
    began_s = time.monotonic()
    stage.device.signal(signal.SIGSTOP)
    try:
        eventually(lambda: stage.radio.status()["capture"]["restarts"] > restarts, 10, "the stall is noticed")
    finally:
        stage.device.signal(signal.SIGCONT)
    stage.auditor.stood_still_samples = round((time.monotonic() - began_s) * SAMPLE_RATE)


def device_is_unplugged(stage: Stage) -> None:
    """The device vanishes and is plugged in again."""
    run = _run(stage)
    stage.device.unplug()
    stage.silence()
    _alarm(stage, "device_lost", 10)
    stage.device.plug_in()
    stage.play()
    _another_run(stage, run)


def gateway_hangs(stage: Stage) -> None:
    """The store takes connections and does nothing, for half of the window."""
    stage.server.signal(signal.SIGSTOP)
    try:
        _archived(stage, WINDOW // 2)
    finally:
        stage.server.signal(signal.SIGCONT)


def gateway_is_stopped(stage: Stage) -> None:
    """The store refuses connections and comes back with its data."""
    stage.server.stop_gateway()
    try:
        _requests_failed(stage, 3)
    finally:
        stage.server.start_gateway()


def gateway_clock_is_wrong(stage: Stage) -> None:
    """The store's clock is 20 minutes ahead, then 20 minutes behind; every time it is published all the same."""
    try:
        for offset_s in (_TWENTY_MINUTES_S, -_TWENTY_MINUTES_S):
            stage.server.stop_gateway()
            stage.server.start_gateway(offset_s)
            stage.published(2, within_s=20)
    finally:
        stage.server.stop_gateway()
        stage.server.start_gateway()


def host_clock_jumps(stage: Stage) -> None:
    """The clock of a station that has its own jumps 20 minutes ahead, then back behind the truth, then to it."""
    runs, lost = _run(stage), stage.radio.status()["lost"]
    for offset_s in (_TWENTY_MINUTES_S, -_TWENTY_MINUTES_S, 0):
        stage.set_clock(offset_s)
        stage.published(3, within_s=20)
    assert (_run(stage), stage.radio.status()["lost"]) == (runs, lost), "a step of the wall clock is no stall"


def line_delays(stage: Stage) -> None:
    """Everything takes longer, and nothing is lost by that."""
    lost = stage.radio.status()["lost"]
    _on_line(stage, Line(delay_s=0.02), lambda: stage.published(4, within_s=20))
    assert stage.radio.status()["lost"] == lost


def line_throttles(stage: Stage) -> None:
    """1 Mbit/s for a programme of 2.4: what is too late is told, and the newest still goes out."""

    def expired() -> int:
        return int(stage.radio.status()["lost"]["by_cause"].get("upload_expired", 0))

    before = expired()
    _on_line(stage, Line(bit_s=1e6), lambda: eventually(lambda: expired() > before, 40, "what expired is told"))


def line_resets(stage: Stage) -> None:
    """Connections are reset."""
    _on_line(stage, RESET, lambda: _requests_failed(stage, 3))


def line_swallows(stage: Stage) -> None:
    """Nothing comes back, until the supervisor gives a request up."""
    _on_line(stage, BLACK_HOLE, lambda: _requests_failed(stage, 1))


def line_cuts_requests(stage: Stage) -> None:
    """Connections are reset in the middle of an upload."""
    _on_line(stage, Line(cut_request=100_000), lambda: _requests_failed(stage, 3))


def line_cuts_answers(stage: Stage) -> None:
    """Everything is stored, and every answer is cut in its first line."""
    _on_line(stage, Line(cut_answer=8), lambda: _requests_failed(stage, 3))


def store_answers_429(stage: Stage) -> None:
    """Too many requests."""
    _on_line(stage, Line(answer=HTTPStatus.TOO_MANY_REQUESTS), lambda: _requests_failed(stage, 3))


def store_answers_500(stage: Stage) -> None:
    """An internal error."""
    _on_line(stage, Line(answer=HTTPStatus.INTERNAL_SERVER_ERROR), lambda: _requests_failed(stage, 3))


def store_answers_503(stage: Stage) -> None:
    """Slow down."""
    _on_line(stage, BUSY, lambda: _requests_failed(stage, 3))


def recordings_are_full(stage: Stage) -> None:
    """The recordings' disk takes nothing; the alarm names the folder, the station stays on air."""
    folder = stage.folder / "recordings"
    _while_full(folder, lambda: _alarm_naming(stage, "archive_failing", folder))


def spool_is_full(stage: Stage) -> None:
    """The spool takes nothing; the alarm names its folder."""
    _while_full(stage.spool, lambda: _alarm_naming(stage, "spool_full", stage.spool))


def supervisor_is_killed(stage: Stage) -> None:
    """A power cut of the process, and the next start."""
    stage.kill()
    stage.start()


def supervisor_is_restarted(stage: Stage) -> None:
    """A clean stop, and the next start."""
    assert stage.stop() == []
    assert stage.violations_at_rest() == []
    stage.start()


_RESTART = {Cause.RESTART}
_LATE = {Cause.UPLOAD_EXPIRED}

FAULTS: dict[Fault, set[Cause]] = {
    ffmpeg_is_killed: _RESTART,
    ffmpeg_hangs: _RESTART,
    # what hung is killed, and the next one may find no device
    device_stalls: {Cause.RESTART, Cause.DEVICE_LOST},
    device_is_unplugged: {Cause.DEVICE_LOST},
    gateway_hangs: _LATE,
    gateway_is_stopped: _LATE,
    gateway_clock_is_wrong: _LATE,
    line_delays: set(),
    line_throttles: _LATE,
    line_resets: _LATE,
    line_swallows: _LATE,
    line_cuts_requests: _LATE,
    line_cuts_answers: _LATE,
    store_answers_429: _LATE,
    store_answers_500: _LATE,
    store_answers_503: _LATE,
    recordings_are_full: set(),
    spool_is_full: {Cause.SPOOL_FULL},
    supervisor_is_killed: {Cause.STOPPED},
    supervisor_is_restarted: {Cause.STOPPED},
}
"""Faults that any stage can have, and why samples may be missing after each."""

CLOCK_FAULTS: dict[Fault, set[Cause]] = {host_clock_jumps: set()}
"""Faults of a station that has its own clock."""

AT_ANY_TIME = {Cause.XRUN}
"""A busy machine's sound device may lose samples; whether they are told is audited by what is heard."""


def perform(stage: Stage, fault: Fault) -> list[str]:
    """Inflicts a fault on a station on air, lets it recover, and says what is not as it must be."""
    before, told = stage.quiet(), len(stage.losses())
    fault(stage)
    stage.recovered(within_s=20)
    found = stage.violations(before)
    allowed = (FAULTS | CLOCK_FAULTS)[fault] | AT_ANY_TIME
    return found + [f"not of this fault: {loss}" for loss in stage.losses()[told:] if loss["cause"] not in allowed]


def _run(stage: Stage) -> str:
    return str(stage.radio.status()["capture"]["run"])


def _another_run(stage: Stage, run: str) -> None:
    eventually(lambda: _run(stage) != run, 10, f"another run captures\n{stage.radio.log[-3000:]}")


def _archived(stage: Stage, more: int) -> None:
    count = int(stage.radio.status()["archive"]["segments"])
    eventually(lambda: int(stage.radio.status()["archive"]["segments"]) >= count + more, 15, "the archive goes on")


def _alarm(stage: Stage, code: str, within_s: float) -> str:
    def raised() -> str:
        return next((a["message"] for a in stage.radio.status()["alarms"] if a["code"].startswith(code)), "")

    return eventually(raised, within_s, f"the alarm {code} is raised\n{stage.radio.log[-3000:]}")


def _requests_failed(stage: Stage, more: int) -> None:
    """A change of the line ends the open connections, which is one failure that says nothing of the line."""

    def failures() -> int:
        return int(stage.radio.status()["upload"]["errors"])

    enough = failures() + more
    eventually(lambda: failures() >= enough, 20, "requests fail again and again")
    _alarm(stage, "store_", 1)


def _on_line(stage: Stage, line: Line, lasts: Callable[[], object]) -> None:
    stage.proxy.become(line)
    try:
        lasts()
    finally:
        stage.proxy.become(PASS)


def _alarm_naming(stage: Stage, code: str, folder: Path) -> bool:
    alarms = stage.radio.status()["alarms"]
    return any(alarm["code"] == code and str(folder) in alarm["message"] for alarm in alarms)


def _while_full(folder: Path, seen: Callable[[], bool]) -> None:
    """Takes all room in a file system, again and again, until that is noticed."""
    ballast = folder / "ballast"

    def full() -> bool:
        with ballast.open("ab") as file, suppress(OSError):  # somebody else was quicker
            os.posix_fallocate(file.fileno(), file.tell(), max(1, shutil.disk_usage(folder).free))
        return seen()

    try:
        eventually(full, 20, "it is noticed that there is no room")
    finally:
        ballast.unlink()
