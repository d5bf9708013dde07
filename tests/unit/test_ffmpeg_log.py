"""Why FFmpeg ended, from what it said: the operator's first line when something is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from supervisor.events import Cause
from supervisor.ffmpeg_log import FFmpegLog, Said, cause_of

GONE = b"[alsa @ 0x5f] [error] ALSA read error: No such device\n"
FOLLOWS = b"[in#0/alsa @ 0x5f] [error] Error during demuxing: Input/output error\n"
FULL = b"[out#1/segment @ 0x5f] [error] Error writing trailer: No space left on device\n"
LINKER = b"ffmpeg: error while loading shared libraries: libavdevice.so.59: cannot open shared object file\n"


def _log(*told: tuple[float, bytes]) -> FFmpegLog:
    log = FFmpegLog()
    for at_s, data in told:
        log.feed(data, at_s)
    return log


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_come_in_pieces(size: int) -> None:
    """However the pipe cuts them, each line comes whole and once, without addresses being lost."""
    data, log = GONE + LINKER + b"[warning] last", FFmpegLog()
    pieces = [data[begin : begin + size] for begin in range(0, len(data), size)]
    found = [said for piece in [*pieces, b""] for said in log.feed(piece, 0.0)]
    assert found == [Said("error", "[alsa @ 0x5f] ALSA read error: No such device"), Said("warning", "last")]


@pytest.mark.parametrize(
    ("told", "exit_code", "reason", "cause"),
    [
        ([], 0, "it ended by itself", Cause.RESTART),
        ([], 1, "it ended by itself", Cause.RESTART),
        ([(0.0, b"[warning] deprecated\n")], 1, "it ended by itself", Cause.RESTART),
        ([(0.0, GONE), (0.1, FOLLOWS)], 251, "ALSA read error: No such device", Cause.DEVICE_LOST),
        ([(0.0, FULL)], 228, "No space left on device", Cause.SPOOL_FULL),
        ([(0.0, FULL), (30.0, GONE)], 251, "ALSA read error", Cause.DEVICE_LOST),
        ([(0.0, GONE), (30.0, FULL)], 228, "No space left", Cause.SPOOL_FULL),
        # what failed to start it, or its own assertion
        ([(0.0, LINKER)], 127, "error while loading shared libraries: libavdevice.so.59", Cause.RESTART),
        ([(0.0, b"setpriv: unrecognized option '--pdeathsig'")], 1, "setpriv: unrecognized option", Cause.RESTART),
        ([(0.0, LINKER), (0.1, FULL)], 1, "No space left on device", Cause.SPOOL_FULL),
        ([(0.0, FULL), (0.1, b"    Last message repeated 3 times\n")], 1, "No space left", Cause.SPOOL_FULL),
        ([(0.0, b"    Last message repeated 3 times\n")], 1, "it ended by itself", Cause.RESTART),
        # killed by somebody else
        ([], -9, "killed by signal 9 (SIGKILL)", Cause.RESTART),
        ([], -40, "killed by signal 40", Cause.RESTART),
        ([(0.0, b"Assertion x failed at y.c:7\n")], -6, "signal 6 (SIGABRT); its last words: Assertion", Cause.RESTART),
        ([(0.0, GONE)], -11, "signal 11 (SIGSEGV); its last words: [alsa @ 0x5f] ALSA read error", Cause.DEVICE_LOST),
    ],
)
def test_the_end_is_explained(told: list[tuple[float, bytes]], exit_code: int, reason: str, cause: Cause) -> None:
    """The last words that matter are the reason, with the signal if there was one, and tell what kind of end it was."""
    ended_at_s = told[-1][0] if told else 0.0
    log = _log(*told, (ended_at_s, b""))
    found = log.reason(exit_code, ended_at_s + 0.5)
    assert reason in found
    assert cause_of(found) is cause


@pytest.mark.parametrize("words", [GONE, FULL, LINKER])
def test_an_error_of_weeks_ago_is_no_reason(words: bytes) -> None:
    """What FFmpeg has survived for long is not what it died of."""
    log = _log((0.0, words))
    assert log.reason(-9, 1_000_000.0) == "killed by signal 9 (SIGKILL)"
    assert log.reason(1, 1_000_000.0) == "it ended by itself"
    assert cause_of(log.reason(1, 1_000_000.0)) is Cause.RESTART


def test_a_program_that_cannot_be_executed_says_so(tmp_path: Path) -> None:
    """What the shell says in FFmpeg's place is the reason."""
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@"', "0", tmp_path / "ffmpeg"], capture_output=True, timeout=10, check=False
    )
    log = _log((0.0, ended.stderr))
    assert f"{tmp_path}/ffmpeg: not found" in log.reason(ended.returncode, 0.1)
