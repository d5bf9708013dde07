"""What happens at each stage, as frozen values; status and log are made from these alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from supervisor.names import SegmentId
from supervisor.segments import SealedSegment

_CLOCK_WARN_S = 1.0

ANOTHER_WRITER = "another_writer"
"""The alarm of a station in whose place another supervisor is on air."""


class Cause(StrEnum):
    """Why samples are missing."""

    XRUN = "xrun"
    RESTART = "restart"
    DEVICE_LOST = "device_lost"
    SEAL_REFUSED = "seal_refused"
    UPLOAD_EXPIRED = "upload_expired"
    SPOOL_FULL = "spool_full"
    STOPPED = "stopped"


class Ending(StrEnum):
    """How a run ended that nobody had asked to end: why FFmpeg is started again."""

    EXITED = "exited"
    KILLED = "killed"
    HUNG = "hung"
    DEVICE_LOST = "device_lost"
    SPOOL_FULL = "spool_full"
    NOT_STARTED = "not_started"


class Severity(StrEnum):
    """How much an alarm asks for."""

    WARNING = "warning"
    """Something is wrong now: a station on air is degraded by it."""

    NOTICE = "notice"
    """Something to know: it happened and is over, or it harms nobody yet. The state stays as it is."""


class MissingFrom(StrEnum):
    """What samples are missing from."""

    STREAM = "stream"
    ARCHIVE = "archive"


@dataclass(frozen=True)
class CaptureStarted:
    """A run has begun: FFmpeg was started with ``command``."""

    run: str
    pid: int
    command: tuple[str, ...]


@dataclass(frozen=True)
class CaptureEnded:
    """A run is over, by its ``cause``; without an exit code when FFmpeg could not even be started.

    ``retry_in_s`` is the pause before the next; ``hung`` when it was killed because it measured nothing any more.
    """

    run: str
    exit_code: int | None
    cause: Cause
    reason: str
    retry_in_s: float = 0.0
    hung: bool = False

    @property
    def ending(self) -> Ending:
        """What kind of end it was; a negative exit code is a signal (subprocess)."""
        told = {Cause.DEVICE_LOST: Ending.DEVICE_LOST, Cause.SPOOL_FULL: Ending.SPOOL_FULL}
        if self.cause in told:
            return told[self.cause]
        if self.exit_code is None:
            return Ending.NOT_STARTED
        if self.hung:
            return Ending.HUNG
        return Ending.KILLED if self.exit_code < 0 else Ending.EXITED


@dataclass(frozen=True)
class FFmpegSaid:
    """A line of FFmpeg's own log; ``level`` is its word for it (warning, error, fatal …)."""

    level: str
    text: str


@dataclass(frozen=True)
class Overrun:
    """The device's buffer was full before FFmpeg read it (an xrun): samples were lost inside a run."""

    run: str


@dataclass(frozen=True)
class InputLost:
    """So many ``samples`` went by uncaptured inside a run, where it had come to ``at_sample``."""

    run: str
    at_sample: int
    samples: int


@dataclass(frozen=True)
class SamplesLost:
    """An entry of the ledger: ``samples`` are missing since ``at``, from what listeners hear or from the archive.

    ``where`` is the segment before which they are missing, or that is missing itself.
    """

    at: datetime
    samples: int
    cause: Cause
    missing_from: MissingFrom
    where: SegmentId


@dataclass(frozen=True)
class LevelsMeasured:
    """The last half second of programme: dBFS per channel, short-term loudness in LUFS (EBU R128).

    ``drift_ppm`` is how much faster the device's clock runs than the machine's; None before that can be told.
    ``span_s`` is how much programme it is.
    """

    peak_db: tuple[float, ...]
    rms_db: tuple[float, ...]
    lufs: float
    drift_ppm: float | None = None
    span_s: float = 0.5


@dataclass(frozen=True)
class SegmentSealed:
    """A pair is publishable, ``latency_s`` after its HQ file was closed."""

    segment: SealedSegment
    seal_ms: float
    latency_s: float = 0.0


@dataclass(frozen=True)
class SpoolFailed:
    """The spool took no more: a closed segment stays as FFmpeg left it, and is tried again."""

    id: SegmentId
    why: str


@dataclass(frozen=True)
class SegmentRefused:
    """A pair failed its check; it is kept at ``kept`` and never published.

    ``samples`` is what listeners miss; 0 when capture was cut off in it, which is measured as the gap after it.
    """

    id: SegmentId
    why: str
    kept: Path
    samples: int


@dataclass(frozen=True)
class SegmentDropped:
    """The end of a run left a segment without a sample."""

    id: SegmentId


@dataclass(frozen=True)
class SegmentPublished:
    """The manifest that names the segment is stored; ``latency_s`` after its HQ file was closed.

    Of that, ``upload_s`` went into both objects and ``manifest_s`` into the manifest.
    """

    index: int
    segment: SealedSegment
    gap: int
    latency_s: float
    upload_s: float
    manifest_s: float = 0.0


@dataclass(frozen=True)
class WindowMoved:
    """The bucket holds no segment whose index is lower than ``oldest``."""

    oldest: int


@dataclass(frozen=True)
class SegmentFoundListed:
    """The manifest names a segment that the life before did not come to count as published, with its ``gap``."""

    segment: SealedSegment
    gap: int


@dataclass(frozen=True)
class SegmentExpired:
    """The window has moved on: the segment is archived but was not published."""

    segment: SealedSegment


@dataclass(frozen=True)
class StoreFailed:
    """A request failed, by the store's own code, the ``attempt``-th of its kind since the last that went through.

    ``refused`` when trying again will not help unless somebody acts.
    """

    operation: str
    code: str
    message: str
    hint: str
    refused: bool
    attempt: int
    retry_in_s: float


@dataclass(frozen=True)
class StoreRecovered:
    """A kind of request goes through again after ``failures`` that did not."""

    operation: str
    failures: int
    outage_s: float


@dataclass(frozen=True)
class OffAir:
    """Listeners hear nothing new: the manifest says ``live: false`` since now, or would if the store could be told."""

    reason: str
    told: bool = True


@dataclass(frozen=True)
class SegmentArchived:
    """The archive has its own durable copy."""

    segment: SealedSegment
    path: Path


@dataclass(frozen=True)
class ArchiveFailed:
    """The archive could not take a segment; it waits in the spool."""

    segment: SealedSegment
    why: str
    retry_in_s: float


@dataclass(frozen=True)
class SpoolOverflowed:
    """The spool's limit was reached: a segment that could not be archived had to go."""

    segment: SealedSegment


@dataclass(frozen=True)
class ClockChecked:
    """The state of this machine's clock, told by a program or the kernel; None is what nobody tells.

    ``offset_s`` is how far it is behind its reference, ``store_skew_s`` how far it is behind the store.
    """

    synchronised: bool | None
    offset_s: float | None
    store_skew_s: float | None
    told_by: str

    @property
    def off_s(self) -> float:
        """The larger of the two, whichever the direction; 0 when nothing is known."""
        return max(abs(self.offset_s or 0.0), abs(self.store_skew_s or 0.0))

    @property
    def is_off(self) -> bool:
        """Whether it is off by enough to be worth a warning: a second."""
        return self.off_s >= _CLOCK_WARN_S

    @property
    def in_words(self) -> str:
        """How far the clock is off, and from what."""
        told = ((self.offset_s, f"its reference ({self.told_by})"), (self.store_skew_s, "the store's"))
        known = (_apart(seconds, reference) for seconds, reference in told if seconds is not None)
        return f"this machine's clock is {' and '.join(known) or 'not known to be off'}"


@dataclass(frozen=True)
class ListenerLooked:
    """The newest segment was played as a listener would, with so many requests of class B.

    ``problem`` is what was wrong; empty when all is well. It counts once it is ``confirmed``: wrong twice in a row.
    """

    problem: str
    remedy: str
    requests: int
    confirmed: bool = True


@dataclass(frozen=True)
class RecordingJoined:
    """Pieces of the archive became one recording, proven and durable; the pieces are gone."""

    path: Path
    pieces: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class JoinFailed:
    """Pieces could not be joined now, the one at ``path`` first; they stay, and are tried again."""

    path: Path
    why: str


@dataclass(frozen=True)
class RecordingDamaged:
    """A file of the archive, or on its way there, is not what was captured; it was set aside and is now at ``kept``."""

    kept: Path
    why: str


@dataclass(frozen=True)
class RecordingsPruned:
    """Retention deleted ``files``, the newest of which began at ``up_to``; ``failed`` is why it could not do more."""

    files: int
    bytes: int
    up_to: datetime | None
    failed: str = ""


@dataclass(frozen=True)
class KeepingFailed:
    """The recordings folder could not be looked after; it is tried again."""

    why: str
    folder: Path


@dataclass(frozen=True)
class ArchiveMeasured:
    """The archive now: what is free on its disk, what it has of this UTC day, and how often something is missing.

    ``new_gaps`` came up since the last look, while this supervisor ran. ``unreadable`` is a file that the disk does not
    give, and why; ``unjoined`` hours could not be joined and wait to be tried again.
    """

    free_bytes: int
    seconds_today: float
    gaps_today: int
    new_gaps: int = 0
    unreadable: str = ""
    unjoined: int = 0


@dataclass(frozen=True)
class CoverageChecked:
    """The gaps that the archive has since ``since``: when each began, and its seconds."""

    since: datetime
    gaps: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True)
class KeysTaken:
    """The store accepted new keys: requests are signed with them from now on.

    ``ending`` is the end of the key's ID, as much of it as may be shown.
    """

    ending: str


@dataclass(frozen=True)
class KeysRefused:
    """New keys failed their trial, by the store's own code: the old ones stay in use."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True)
class SettingsReread:
    """The settings were read anew; ``keys_changed`` says whether the keys are others than before.

    ``bound`` are those that a running process cannot have anew, because they do not come from the env file, and
    ``need_restart`` those that have changed and are taken over by a restart alone.
    """

    keys_changed: bool
    bound: tuple[str, ...]
    need_restart: tuple[str, ...]


@dataclass(frozen=True)
class SettingsRefused:
    """The settings were read anew and cannot be used: everything stays as it is."""

    problem: str


@dataclass(frozen=True)
class AlarmRaised:
    """A rule over the status found that something needs attention, or is worth knowing."""

    code: str
    message: str
    remedy: str
    severity: Severity = Severity.WARNING


@dataclass(frozen=True)
class AlarmCleared:
    """What a rule had found is over."""

    code: str


@dataclass(frozen=True)
class Logged:
    """A line of the log, of a ``level`` as Python's logging names it."""

    level: str
    text: str


@dataclass(frozen=True)
class OnlookerFailed:
    """Something beside the line ended by an error that nobody foresaw; it is begun again."""

    name: str
    why: str


@dataclass(frozen=True)
class Stopping:
    """The station was asked to stop."""

    why: str


def _apart(behind_s: float, reference: str) -> str:
    return f"{abs(behind_s):.3f} s {'behind' if behind_s > 0 else 'ahead of'} {reference}"


Event = (
    CaptureStarted
    | CaptureEnded
    | FFmpegSaid
    | Overrun
    | InputLost
    | SamplesLost
    | LevelsMeasured
    | SegmentSealed
    | SegmentRefused
    | SpoolFailed
    | SegmentDropped
    | SegmentPublished
    | SegmentFoundListed
    | WindowMoved
    | SegmentExpired
    | StoreFailed
    | StoreRecovered
    | OffAir
    | SegmentArchived
    | ArchiveFailed
    | SpoolOverflowed
    | ClockChecked
    | ListenerLooked
    | RecordingJoined
    | JoinFailed
    | RecordingDamaged
    | RecordingsPruned
    | KeepingFailed
    | ArchiveMeasured
    | CoverageChecked
    | KeysTaken
    | KeysRefused
    | SettingsReread
    | SettingsRefused
    | AlarmRaised
    | AlarmCleared
    | Logged
    | OnlookerFailed
    | Stopping
)

Emit = Callable[[Event], None]
"""Takes an event; returns at once and never raises."""
