"""Applying the limits to a recordings folder: measures, lets `retention` decide, deletes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from supervisor.recordings.catalogue import Found, find
from supervisor.recordings.join import remove
from supervisor.recordings.retention import Limits, to_free, too_old


@dataclass(frozen=True)
class Pruned:
    """What went (or would go), how large it was, and what still lacks until the limit holds."""

    files: tuple[Found, ...]
    bytes: int
    lacking_bytes: int


def prune(
    root: Path, station: str, limits: Limits, now: datetime, spare_bytes: int = 0, *, dry_run: bool = False
) -> Pruned:
    """Deletes what is too old, then the oldest until ``min_free_bytes`` and ``spare_bytes`` are free.

    When all that may go would not free ``min_free_bytes``, nothing goes for it: the disk is full of something else.

    Raises:
        OSError: the disk cannot be read or written.
    """
    old = list(too_old(find(root, station), limits, now))
    old_bytes = sum(map(size_bytes, old))
    lacking_bytes = limits.min_free_bytes + spare_bytes - shutil.disk_usage(root).free - old_bytes
    going_anyway = {found.path for found in old}
    others = (found for found in find(root, station) if found.path not in going_anyway)
    going = to_free(((found, size_bytes(found)) for found in others), limits, now, lacking_bytes)
    freed_bytes = sum(map(size_bytes, going))
    if freed_bytes < lacking_bytes - spare_bytes:
        going, freed_bytes = [], 0
    if not dry_run:
        remove([found.path for found in (*old, *going)])
    lacking_bytes -= freed_bytes + spare_bytes
    return Pruned((*old, *going), old_bytes + freed_bytes, max(0, lacking_bytes))


def size_bytes(found: Found) -> int:
    """The size of a file; 0 when it is gone."""
    try:
        return found.path.stat().st_size
    except FileNotFoundError:
        return 0
