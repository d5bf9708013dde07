"""The snapshot's shape: each field with what it means; the reference for operators is written from this."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from supervisor.clock import Instant
from supervisor.events import Severity
from supervisor.recent import SegmentTimes
from supervisor.requests import Requests
from supervisor.state import State
from supervisor.status.histogram import Histogram


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Latency(_Frozen):
    """Publish latency over the last 360 segments; null before the first."""

    p50: float | None = Field(None, description="Half of the segments were listed within so many ms.")
    p99: float | None = Field(None, description="99 of 100 were.")


class CaptureStatus(_Frozen):
    """The FFmpeg child."""

    pid: int | None = Field(None, description="FFmpeg's process; null while there is none.")
    run: str | None = Field(None, description="The run: one life of FFmpeg.")
    restarts: int = Field(0, description="FFmpeg children that ended without being asked to, since the start.")
    restarts_by_reason: dict[str, int] = Field(
        {},
        description="The same by how: `exited`, `killed` by a signal, `hung`, `device_lost`, `spool_full`, …",
    )
    xruns: int = Field(0, description="Overruns of the device's buffer, since the start.")


class Levels(_Frozen):
    """The last half second of programme."""

    peak_db: tuple[float, ...] = Field((), description="Highest sample of each channel, in dBFS.")
    rms_db: tuple[float, ...] = Field((), description="RMS of each channel over the last 100 ms, in dBFS.")
    lufs: float | None = Field(None, description="Short-term loudness (EBU R128: the last 3 s), in LUFS.")
    silent_s: float = Field(0.0, description="For how long no sample was louder than `setup.silence_db`.")
    clips: int = Field(0, description="Half seconds with a sample at full scale, since the start.")
    clips_by_channel: tuple[int, ...] = Field((), description="The same of each channel.")


class Lost(_Frozen):
    """Samples that listeners will never get, since the start."""

    samples: int = Field(0, description="All of them.")
    by_cause: dict[str, int] = Field({}, description="The same by cause; the causes are in the manual.")


class ClockStatus(_Frozen):
    """This machine's clock; offset and skew are positive when it is behind. Null is what nobody tells."""

    synchronised: bool | None = Field(None, description="Whether the host keeps it in time.")
    offset_ms: float | None = Field(None, description="How far it is behind its reference.")
    store_skew_ms: float | None = Field(None, description="How far it is behind the store's.")
    audio_ppm: float | None = Field(None, description="How much faster the sound card's clock runs.")


class Upload(_Frozen):
    """The store, and the line's rate beside what the programme needs."""

    errors: int = Field(0, description="Requests that failed and were tried again, since the start.")
    errors_by_code: dict[str, int] = Field({}, description="The same by code; beyond 32 codes, `other`.")
    last_error: str | None = Field(None, description="The last one's code, as the store or the network names it.")
    mbit_s: float | None = Field(None, description="The rate of the last segment's upload.")
    needed_mbit_s: float | None = Field(None, description="The rate that the programme needs.")


class ArchiveStatus(_Frozen):
    """The recordings; today is the UTC day."""

    current: str | None = Field(None, description="The newest file.")
    segments: int = Field(0, description="Segments archived since the start.")
    seconds_today: float = Field(0.0, description="How much of today is recorded.")
    gaps_today: int = Field(0, description="How often something is missing today, for whatever reason.")
    gaps: int = Field(0, description="Gaps that came up since the start, without what a start itself leaves out.")
    free_gb: float | None = Field(None, description="What is free on its disk (10^9 bytes).")


class Alarm(_Frozen):
    """Something that the operator should know, and what to do about it."""

    code: str = Field(description="Its name, for programs; all are in the manual.")
    severity: Severity = Field(
        Severity.WARNING,
        description="`warning`: wrong now, `degraded`; `notice`: to know, the state stays.",
    )
    since: Instant = Field(description="When it began.")
    seen: Instant = Field(description="When what it tells of was last seen.")
    message: str = Field(description="What is wrong.")
    remedy: str = Field(description="What to do.")


class LogLine(_Frozen):
    """A line of the log."""

    at: Instant = Field(description="When it was written.")
    level: str = Field(description="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    text: str = Field(description="The line.")


class Setup(_Frozen):
    """What the station was told to be, as far as the rest is read beside it."""

    source: str = Field("", description="`RADIO_SOURCE`.")
    segment_s: float = Field(10.0, description="`RADIO_SEGMENT_SECONDS`.")
    window: int = Field(3, description="`RADIO_WINDOW`.")
    offline_after_s: float = Field(30.0, description="`RADIO_OFFLINE_AFTER`.")
    silence_db: float = Field(-60.0, description="`RADIO_SILENCE_DB`.")
    silence_s: float = Field(20.0, description="`RADIO_SILENCE_SECONDS`.")
    min_free_gb: float = Field(5.0, description="`RADIO_RECORDINGS_MIN_FREE_GB`.")
    class_a_free: int | None = Field(
        None, description="Class A requests a month that cost nothing; null where nobody has said."
    )


class Snapshot(_Frozen):
    """Everything that is known at one moment. Times are UTC (RFC 3339, with milliseconds)."""

    version: Literal[1] = Field(1, description="Of this format: fields may be added, never change their meaning.")
    state: State = Field(State.STARTING, description="What the station is doing.")
    since: Instant = Field(description="When this state began.")
    on_air_since: Instant | None = Field(None, description="Since when listeners hear it without a break; else null.")
    started_at: Instant = Field(description="When the supervisor was started.")
    station: str = Field(description="`RADIO_STATION`.")
    pid: int = Field(description="The supervisor's process.")
    uptime_s: float = Field(0.0, description="How long it has been running (monotonic).")
    updated_at: Instant = Field(description="When all this was so.")
    segments_published: int = Field(0, description="Segments that a manifest has named, since the start.")
    latest: int | None = Field(None, description="The newest one's index.")
    publish_latency_ms: Latency = Field(
        Latency(), description="From the end of an HQ file to the manifest that names it."
    )
    queue_depth: int = Field(0, description="Segments that wait to be published.")
    spool_bytes: int = Field(0, description="What the spool occupies.")
    capture: CaptureStatus = Field(CaptureStatus(), description="How FFmpeg fares.")
    levels: Levels = Field(Levels(), description="What is heard now.")
    lost: Lost = Field(Lost(), description="Samples that listeners will never get.")
    clock: ClockStatus = Field(ClockStatus(), description="This machine's clock.")
    upload: Upload = Field(Upload(), description="The store and the line to it.")
    archive: ArchiveStatus = Field(ArchiveStatus(), description="The recordings.")
    requests: Requests = Field(Requests(), description="What the store bills.")
    alarms: tuple[Alarm, ...] = Field((), description="What stands now, in the order of beginning.")
    recent: tuple[SegmentTimes, ...] = Field((), description="The last 12 segments, oldest first.")
    log: tuple[LogLine, ...] = Field((), description="The last 30 lines of the log, oldest first.")
    setup: Setup = Field(Setup(), description="What it was told to be.")

    # what reduce has to remember; nobody else reads it
    latencies_ms: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    # and what the metrics tell in another form
    latencies: Histogram = Field(Histogram(), exclude=True, repr=False)
