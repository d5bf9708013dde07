"""The archive of a station on its own, as a process that can be killed: its queue is copied, joined and looked after.

``python -m tests.rig.keep SPOOL RECORDINGS PERIOD_S`` says ``ready``, works until nothing is left to do and ends.
Its disk is slow: whatever is synced or deleted takes a while, so that a kill can come in the middle of that.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from supervisor.archive import Archivist
from supervisor.clock import SystemClock
from supervisor.events import ArchiveFailed, Event, JoinFailed, KeepingFailed, RecordingDamaged
from supervisor.recordings.catalogue import find
from supervisor.recordings.join import Joiner
from supervisor.recordings.keeper import Keeper
from supervisor.recordings.reading import Reader
from supervisor.recordings.retention import Limits
from supervisor.spool import Spool
from supervisor.stop import Stop, Worker
from tests.rig.pieces import STATION

_DISK_S = 0.01


def main(spool_dir: str, recordings: str, period_s: str) -> None:
    """Runs the archive as the station does: one thread copies, this one looks after the rest."""
    os.fsync, os.unlink = _slow(os.fsync), _slow(os.unlink)
    root, clock, stop = Path(recordings), SystemClock(), Stop()
    limits = Limits(None, 0, int(period_s))
    with closing(Spool(Path(spool_dir))) as spool:
        archivist = Archivist(STATION, root, spool, 0, clock, _told)
        keeper = Keeper(STATION, root, limits, Joiner(STATION, Reader("ffmpeg", stop)), clock, _told)
        copying = Worker("archive", lambda: archivist.run(lambda: False), lambda: None)
        print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
        copying.start()
        while not copying.is_done() or any(found.is_piece for found in find(root, STATION)):
            keeper.look()
        if copying.error is not None:
            raise copying.error


def _slow(work: Callable[..., None]) -> Callable[..., None]:
    def slow(*words: object, **named: object) -> None:
        time.sleep(_DISK_S)
        work(*words, **named)

    return slow


def _told(event: Event) -> None:
    assert not isinstance(event, ArchiveFailed | JoinFailed | KeepingFailed | RecordingDamaged), event


if __name__ == "__main__":
    main(*sys.argv[1:])
