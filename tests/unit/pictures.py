"""Stations to look at: snapshots made by replaying events, as the dashboard's tests and its screenshots show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

from supervisor.dashboard.view import View, first, seen
from supervisor.events import (
    AlarmRaised,
    CaptureEnded,
    CaptureStarted,
    Cause,
    ClockChecked,
    Event,
    LevelsMeasured,
    ListenerLooked,
    Logged,
    MissingFrom,
    OffAir,
    SamplesLost,
    SegmentArchived,
    SegmentPublished,
    SegmentSealed,
    StoreFailed,
    WindowMoved,
)
from supervisor.status import Setup, Snapshot, reduce
from tests.unit.made import RUN, START, sealed_segment

SETUP = Setup(source="alsa:hw:CARD=UMC404HD", class_a_free=1_000_000)
BEGAN = START - timedelta(seconds=0.2)
FIRST_INDEX = 2_841_110
LEVELS = LevelsMeasured((-6.2, -7.1), (-18.0, -19.4), -16.8, drift_ppm=12.3)


def begun() -> Snapshot:
    """A station that has just been started."""
    return Snapshot(since=BEGAN, started_at=BEGAN, updated_at=BEGAN, station="my-radio", pid=4700, setup=SETUP)


def replayed(*happened: tuple[float, Event]) -> Snapshot:
    """The snapshot after events, each at so many seconds after the start."""
    snapshot = begun()
    for at_s, event in happened:
        up = snapshot.model_copy(update={"uptime_s": float(at_s)})
        snapshot = reduce(up, event, BEGAN + timedelta(seconds=at_s))
    return snapshot


def life(count: int) -> Iterator[tuple[float, Event]]:
    """A start and ``count`` segments that went all the way."""
    yield 0.1, CaptureStarted(RUN, 4711, ("ffmpeg",))
    yield 0.2, ClockChecked(synchronised=True, offset_s=-0.0003, store_skew_s=0.012, told_by="chrony")
    yield 0.3, Logged("INFO", f"capturing, run {RUN} (FFmpeg is process 4711)")
    for number in range(count):
        at_s, segment = 10.2 + 10 * number, sealed_segment(number)
        latency_s = 0.026 + number % 7 / 1000
        yield at_s + 0.003, SegmentSealed(segment, 2.1, 0.003)
        yield at_s + latency_s, SegmentPublished(FIRST_INDEX + number, segment, 0, latency_s, 1.62, 0.004)
        yield at_s + 0.040, SegmentArchived(segment, Path(f"/srv/recordings/2026/11/23/my-radio_{segment.id}.flac"))
        yield at_s + 0.045, WindowMoved(FIRST_INDEX + number - 2)
        published = f"published {FIRST_INDEX + number:08d} (10 s) {latency_s * 1000:.0f} ms after it was closed"
        yield at_s + 0.046, Logged("INFO", published)
        yield at_s + 0.5, LEVELS


@cache
def well() -> Snapshot:
    """On air for two hours, nothing wrong."""
    seen = replayed(*life(721))
    archive = seen.archive.model_copy(update={"free_gb": 412.6, "seconds_today": 7_200.0})
    return seen.model_copy(update={"uptime_s": 7_215.0, "spool_bytes": 5_400_000, "archive": archive})


@cache
def ill() -> Snapshot:
    """On air for a minute, and then much at once."""
    failed = StoreFailed(
        "upload",
        "RequestTimeTooSkewed",
        "the difference is too large",
        "Check this machine's clock first.",
        True,
        3,
        4.0,
    )
    lost = SamplesLost(START, 74_212, Cause.XRUN, MissingFrom.STREAM, sealed_segment(6).id)
    silence = AlarmRaised(
        "silence", "nothing louder than -60 dBFS for 25 s", "Is the source playing, and at the right input?"
    )
    seen = replayed(
        *life(6),
        (69.0, ListenerLooked("", "", 3)),
        (70.0, failed),
        (70.1, Logged("ERROR", "upload failed (RequestTimeTooSkewed): the difference is too large")),
        (70.3, lost),
        (70.5, LevelsMeasured((-91.0, 0.0), (-96.0, -12.0), -70.0)),
        (71.0, silence),
        (71.1, Logged("WARNING", "alarm silence: nothing louder than -60 dBFS for 25 s")),
        (72.0, SegmentSealed(sealed_segment(6), 2.0, 0.004)),
    )
    return seen.model_copy(update={"queue_depth": 2, "spool_bytes": 8_123_456})


@cache
def dead() -> Snapshot:
    """Off air: the device is gone."""
    gone = CaptureEnded(RUN, 1, Cause.DEVICE_LOST, "ALSA read error: No such device", 2.0)
    return replayed(*life(3), (40.0, gone), (70.0, OffAir("no new segment for 30 s")))


@cache
def clipping() -> View:
    """Well, and a moment ago the right channel alone reached full scale."""
    up = well()
    loud = reduce(up, LevelsMeasured((-6.2, 0.0), (-18.0, -9.0), -16.8), up.updated_at)
    again = reduce(loud, LEVELS, up.updated_at)
    return seen(seen(first(up, 100.0), loud, 100.5), again, 101.0)


VIEWS: dict[str, Callable[[], View]] = {
    "well": lambda: first(well(), 100.0),
    "ill": lambda: first(ill(), 100.0),
    "dead": lambda: first(dead(), 100.0),
    "begun": lambda: first(begun(), 100.0),
    "clipping": clipping,
}
"""What the golden frames show, by name."""
