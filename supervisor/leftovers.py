"""Ends what a killed life left behind: an FFmpeg that still writes into the spool."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from supervisor.clock import Clock
from supervisor.spool import Spool

_CLOSING_S = 8.0
_GIVE_UP_S = 10.0
"""A process in uninterruptible sleep cannot be ended, not even by the kernel."""

_LOOK_EVERY_S = 0.1
_BEFORE_EXEC = ("setpriv", "sh")
"""What a child of capture is for a moment, see ``die_with_parent``."""


def end_leftovers(spool: Spool, ffmpeg: str, clock: Clock) -> list[int]:
    """Ends every ``ffmpeg`` that still writes into ``spool``, counts its runs as over; says which could not be ended.

    Only for whoever holds the spool's lock. A leftover is asked once to finish its files: FFmpeg drops everything when
    it is asked again and again. One that stays does no harm: no run has the name of another.
    """
    began_s = clock.monotonic_s()
    asked = set[int]()
    while leftovers := set(_writers_into(spool.folders.raw, Path(ffmpeg).name)):
        waited_s = clock.monotonic_s() - began_s
        if waited_s > _GIVE_UP_S:
            break
        patient = waited_s < _CLOSING_S
        for pid in leftovers - asked if patient else leftovers:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGINT if patient else signal.SIGKILL)
        asked |= leftovers
        time.sleep(_LOOK_EVERY_S)
    for record in spool.runs():
        spool.end_run(record.run)
    return sorted(leftovers)


def _writers_into(folder: Path, ffmpeg: str) -> list[int]:
    """The processes whose command has ``ffmpeg`` write a file in ``folder``; each leads its own process group."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdecimal():
                words = (process / "cmdline").read_bytes().split(b"\0")
                pid = int(process.name)
                if _is_writer(words, folder, ffmpeg) and os.getpgid(pid) == pid:
                    found.append(pid)
    return found


def _is_writer(words: Sequence[bytes], folder: Path, ffmpeg: str) -> bool:
    """Whether a command is capture's: whoever merely looks at a file there is none of ours."""
    # percent signs of the path are doubled in FFmpeg's patterns
    begin = os.fsencode(f"{folder}/".replace("%", "%%"))
    programs = [os.path.basename(os.fsdecode(word)) for word in words]  # noqa: PTH119 - any text, not only paths
    ours = programs[0] in {ffmpeg, *_BEFORE_EXEC} and ffmpeg in programs
    return ours and any(word.startswith(begin) for word in words)
