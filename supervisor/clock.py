"""Time as a parameter: wall clock for names and display, the others for durations."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AwareDatetime, PlainSerializer


class Clock(Protocol):
    """Three readings of time, in seconds."""

    def wall_s(self) -> float:
        """Seconds since 1970-01-01T00:00Z; may be stepped at any moment."""
        ...

    def monotonic_s(self) -> float:
        """Never steps and stands still while the machine is suspended: for liveness."""
        ...

    def boottime_s(self) -> float:
        """Never steps and counts suspension: for the timeline of what was captured. The same in every process."""
        ...


class SystemClock:
    """The clocks of this machine (clock_gettime(2))."""

    def wall_s(self) -> float:
        """CLOCK_REALTIME."""
        return time.time()

    def monotonic_s(self) -> float:
        """CLOCK_MONOTONIC."""
        return time.monotonic()

    def boottime_s(self) -> float:
        """CLOCK_BOOTTIME."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Names this boot of the kernel: boot times are comparable only under the same one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def utc(wall_s: float) -> datetime:
    """The instant in UTC, to the millisecond, as it stands in names and in the manifest."""
    return datetime.fromtimestamp(round(wall_s * 1000) / 1000, UTC)


def iso_ms(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-23T15:45:30.412Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compact_ms(instant: datetime) -> str:
    """ISO 8601 basic format for file names: ``20261123T154530.412Z``."""
    return iso_ms(instant).replace("-", "").replace(":", "")


Instant = Annotated[AwareDatetime, PlainSerializer(iso_ms, return_type=str, when_used="json")]
"""An instant as it stands in every JSON document of this program: RFC 3339 in UTC with milliseconds."""
