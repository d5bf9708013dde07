"""The disk of the archive: can it be written, and for how many days is there room."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from supervisor.doctor.check import Check, failed, ok, warning
from supervisor.identity import require_marked
from supervisor.settings import Settings

FOLDER, ROOM = "recordings", "recordings room"

_GB = 1_000_000_000
_DAY_S = 86_400

_MOST_BYTES_PER_S = 48_000 * 2 * 3
"""Stereo of 24 bits that cannot be compressed: what to reckon with where nothing was measured."""

_FEW_DAYS = 7.0
_FEW_DAYS_WITH_RETENTION = 1.0
"""Old recordings make room for new ones there, a day at a time."""


def checks(settings: Settings, measured: Callable[[], float | None]) -> Iterator[Check]:
    """``measured`` waits for the bytes a second that the source makes, None where they are not known."""
    folder = settings.radio_recordings_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
            file.flush()
            os.fsync(file.fileno())
        yield ok(FOLDER, f"'{folder.resolve()}' can be written{_of_whom(folder)}")
        yield room(free_bytes(folder), settings, measured())
    except OSError as error:
        yield failed(
            FOLDER,
            f"'{folder}' cannot be written: {error.strerror}",
            "Set RADIO_RECORDINGS_DIR to a folder on a local disk that this user may write.",
        )


def _of_whom(folder: Path) -> str:
    try:
        require_marked(folder)
    except FileNotFoundError:
        return "; no station has been started with it yet (or its disk is not mounted)"
    return ""


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write there (statvfs(3))."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize


def room(free: int, settings: Settings, bytes_per_s: float | None) -> Check:
    """For how many days ``free`` bytes are enough."""
    kept_free_gb = settings.radio_recordings_min_free_gb
    rate = bytes_per_s or _MOST_BYTES_PER_S
    days = (free - kept_free_gb * _GB) / rate / _DAY_S
    witness = "as measured now" if bytes_per_s else "at the most that FLAC makes"
    pace = f"{rate * _DAY_S / _GB:.1f} GB a day {witness}"
    if days <= 0:
        return failed(
            ROOM,
            f"{free / _GB:.1f} GB free, and RADIO_RECORDINGS_MIN_FREE_GB={kept_free_gb:g} are to stay free",
            "Make room, or set RADIO_RECORDINGS_DIR to a larger disk.",
        )
    found = f"room for {days:.1f} days: {free / _GB:.1f} GB free, {kept_free_gb:g} GB to stay free, {pace}"
    wanted = _FEW_DAYS_WITH_RETENTION if settings.radio_recordings_keep_days else _FEW_DAYS
    if days < wanted:
        return warning(ROOM, found, "Make room, use a larger disk, or set RADIO_RECORDINGS_KEEP_DAYS.")
    return ok(ROOM, found)
