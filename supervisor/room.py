"""Whether a folder is fit to be the spool: kept in memory, and with room for what has to be there at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from supervisor.errors import UserError

_IN_MEMORY = {"tmpfs", "ramfs"}

_HQ_BYTES_PER_SAMPLE = 2 * 3
"""Two channels of 24 bits: what FLAC writes when nothing can be compressed (RFC 9639, verbatim subframes)."""

_LQ_BYTES_PER_S = 50 * 1275
"""Fifty packets of 20 ms at Opus's largest (RFC 6716, section 3.2.1)."""

_SEGMENTS_AT_ONCE = 4
"""One that FFmpeg writes, one that is sealed (there twice meanwhile), and one that is published and archived."""

BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class Room:
    """The type of a folder's file system, and how many bytes it has for it; None where it has no limit."""

    file_system: str
    bytes: int | None


@dataclass(frozen=True)
class Wanted:
    """What a station makes of its spool: samples in a segment, samples a second, the window, the limit it was given."""

    segment_samples: int
    sample_rate: int
    window: int
    limit_bytes: int

    @property
    def segment_bytes(self) -> int:
        """The largest that a segment can be, in both qualities."""
        lq_bytes = _LQ_BYTES_PER_S * self.segment_samples // self.sample_rate
        return _HQ_BYTES_PER_SAMPLE * self.segment_samples + lq_bytes

    @property
    def least_bytes(self) -> int:
        """Less than this cannot hold a station's work: while the store is away, a whole window waits for it."""
        return (_SEGMENTS_AT_ONCE + self.window) * self.segment_bytes

    def limit_in(self, room: Room) -> int:
        """How much may be in the spool until segments that are not archived are let go: FFmpeg never meets its end."""
        if room.bytes is None:
            return self.limit_bytes
        return min(self.limit_bytes, room.bytes - _SEGMENTS_AT_ONCE * self.segment_bytes)


@dataclass(frozen=True)
class Shortcoming:
    """What could be better, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}"


def room_in(folder: Path, used_bytes: int) -> Room:
    """The room of ``folder``, of which ``used_bytes`` are in use for it already (statvfs(3), proc(5))."""
    device = folder.stat().st_dev
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    space = os.statvfs(folder)
    free_bytes = space.f_bavail * space.f_frsize + used_bytes
    # a tmpfs without a limit tells no size at all
    return Room(file_system_type(mounts, os.major(device), os.minor(device)), free_bytes if space.f_blocks else None)


def file_system_type(mountinfo: str, major: int, minor: int) -> str:
    """The type of the file system on a device, from /proc/self/mountinfo; empty when that does not list it."""
    for line in mountinfo.splitlines():
        mount, _, file_system = line.partition(" - ")
        if mount.split(" ")[2:3] == [f"{major}:{minor}"]:
            return file_system.partition(" ")[0]
    return ""


def warnings(folder: Path, room: Room, wanted: Wanted) -> list[Shortcoming]:
    """What is not as it should be about ``folder`` as the spool.

    Raises:
        UserError: there is too little room to go on air.
    """
    if room.bytes is not None and room.bytes < wanted.least_bytes:
        raise UserError(
            f"the spool folder '{folder}' has {_mb(room.bytes)} of room; segments of "
            f"{wanted.segment_samples / wanted.sample_rate:g} s and a window of {wanted.window} (RADIO_WINDOW) need "
            f"{_mb(wanted.least_bytes)} at the least.",
            "Give its file system more room, or set RADIO_SPOOL_DIR to a folder on tmpfs that has it.",
        )
    found = []
    if room.file_system not in _IN_MEMORY:
        what = f"the spool folder '{folder}' is on {room.file_system or 'a file system of unknown type'}, not on tmpfs"
        costs = "all audio is written to that disk, which wears out flash memory and makes every segment wait for it"
        found.append(Shortcoming(f"{what}: {costs}", "Set RADIO_SPOOL_DIR to a folder on tmpfs."))
    limit_bytes = wanted.limit_in(room)
    if room.bytes is not None and limit_bytes < wanted.limit_bytes:
        what = (
            f"the spool folder '{folder}' has {_mb(room.bytes)} of room, too little for the "
            f"{_mb(wanted.limit_bytes)} of RADIO_SPOOL_LIMIT_MB: {_mb(limit_bytes)} is its limit"
        )
        found.append(Shortcoming(what, "Give its file system more room, or lower RADIO_SPOOL_LIMIT_MB."))
    return found


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / BYTES_PER_MB:.1f} MB"
