"""What the supervisor's memory grows by: thousands of segments through publisher, archive, ledger, status and log.

``python -m tests.bench.growth``. Without FFmpeg, sealer and network, with which a segment takes its own length.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from supervisor.archive import Archivist
from supervisor.bucket import LiveBucket, Programme
from supervisor.clock import SystemClock, boot_id
from supervisor.events import Event, LevelsMeasured, SegmentArchived, SegmentPublished, SegmentSealed
from supervisor.identity import writer_id
from supervisor.ledger import Ledger
from supervisor.names import Keys, ledger_name
from supervisor.publish import Publisher
from supervisor.report import LOG, Reporter
from supervisor.running import keep_memory_flat
from supervisor.segments import SealedHq, SealedLq, SealedSegment
from supervisor.spool import Spool
from supervisor.status import StatusBoard
from supervisor.stop import Stop
from supervisor.stores.folder import FolderStore
from tests.rig.audio import programme as noise
from tests.rig.audio import write_wav
from tests.rig.sealing import SealedFiles, put_sealed

RATE, SAMPLES = 48_000, 4_800
WARM_UP = 2_000
PROGRAMME = Programme("bench", "bench", segment_s=1, sample_rate=RATE, window=3, offline_after_s=30)
LEVELS = LevelsMeasured((-12.0, -12.5), (-20.0, -20.5), -23.0)


class Line:
    """Everything behind the sealer, and a segment put through it."""

    def __init__(self, folder: Path, spool: Spool, pair: SealedFiles) -> None:
        clock = SystemClock()
        recordings, store = folder / "recordings", FolderStore(folder / "bucket")
        writer_id(recordings)
        self._spool, self._pair, self._reporter = spool, pair, Reporter(clock)
        self._board = StatusBoard("bench", clock, spool.used_bytes, spool.to_publish.depth)
        self._ledger = Ledger(recordings / ledger_name("bench"), spool.folders.losses, self._tell)
        self._publisher = Publisher(PROGRAMME, LiveBucket(PROGRAMME, Keys(""), store, clock), spool, clock, self._take)
        self._archivist = Archivist("bench", recordings, spool, 0, clock, self._take)
        self._done = threading.Semaphore(0)
        self._more = threading.Event()
        self._more.set()
        self._ended = Stop()
        self._threads = [
            threading.Thread(target=work)
            for work in (
                lambda: self._publisher.run(self._more.is_set, lambda: None),
                lambda: self._archivist.run(self._more.is_set),
                lambda: self._ledger.run(self._ended),
            )
        ]
        for thread in self._threads:
            thread.start()

    def carry(self, number: int) -> None:
        """One segment, until it is published and archived; every hundredth has a gap before it."""
        start_s = 1000.0 + 0.1 * number + 0.05 * (number // 100)
        segment = SealedSegment(
            run="20261123T150000100Z",
            number=number,
            first_sample=number * SAMPLES,
            samples=SAMPLES,
            lost_before=2_400 * (number // 100),
            sample_rate=RATE,
            start=datetime(2026, 11, 23, 15, tzinfo=UTC) + timedelta(seconds=start_s),
            start_boottime_s=start_s,
            closed_boottime_s=start_s + 0.1,
            boot_id=boot_id(),
            hq=SealedHq(bytes=len(self._pair.hq), md5=self._pair.md5),
            lq=SealedLq(bytes=len(self._pair.lq), preroll=self._pair.preroll),
        )
        put_sealed(self._spool, segment, self._pair)
        self._take(LEVELS)
        self._take(SegmentSealed(segment, 1.0))
        self._publisher.wake()
        self._archivist.wake()
        for _ in ("published", "archived"):
            if not self._done.acquire(timeout=30):
                raise TimeoutError(f"segment {number} hangs")

    def end(self) -> None:
        """Ends all threads."""
        self._more.clear()
        self._publisher.wake()
        self._archivist.wake()
        self._ended.request()
        self._ledger.wake()
        for thread in self._threads:
            thread.join()

    def _take(self, event: Event) -> None:
        self._ledger.take(event)
        self._tell(event)
        if isinstance(event, (SegmentPublished, SegmentArchived)):
            self._done.release()

    def _tell(self, event: Event) -> None:
        self._board.take(event)
        self._reporter.take(event)


def resident_bytes() -> int:
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measures and prints a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=20_000, help="how many after a warm-up (default 20000)")
    segments: int = parser.parse_args().segments
    LOG.addHandler(logging.NullHandler())
    LOG.propagate = False
    keep_memory_flat()
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="radio-bench-") as name:
        folder = Path(name)
        (folder / "bucket").mkdir()
        write_wav(folder / "noise.wav", noise(SAMPLES / RATE, 2, seed=1))
        subprocess.run(["flac", "-s", folder / "noise.wav"], check=True)
        pair = SealedFiles((folder / "noise.flac").read_bytes(), b"opus", SAMPLES, "00" * 16, 0)
        with closing(Spool(folder / "spool")) as spool:
            line = Line(folder, spool, pair)
            try:
                for number in range(WARM_UP):
                    line.carry(number)
                before_bytes, began_s = resident_bytes(), time.monotonic()
                for number in range(WARM_UP, WARM_UP + segments):
                    line.carry(number)
                grown_bytes, took_s = resident_bytes() - before_bytes, time.monotonic() - began_s
            finally:
                line.end()
    growth_mb = grown_bytes / segments * 100_000 / 1e6
    print(
        f"memory: {before_bytes / 1e6:.1f} MB, growth {growth_mb:+.2f} MB per 100 000 segments, "
        f"target 1 MB ({segments} segments in {took_s:.0f} s)"
    )


if __name__ == "__main__":
    main()
