"""Applying the limits to a recordings folder: measures, lets `retention` decide, deletes."""

from __future__ import annotations

import math
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from supervisor.clock import utc
from supervisor.recordings.catalogue import Found, find
from supervisor.recordings.join import settle
from supervisor.recordings.retention import Limits, Stored, for_room, too_old


@dataclass(frozen=True)
class Pruned:
    """What went (or would go), how large it was, and what still lacks until the limit holds.

    ``stuck`` would not go, and why. ``in_vain`` when what went for room has not made half of it: others write, too.
    """

    files: tuple[Found, ...]
    bytes: int
    lacking_bytes: int
    stuck: tuple[tuple[Path, str], ...] = ()
    in_vain: bool = False


@dataclass(frozen=True)
class Spare:
    """What is to be free beyond the limit: ``soon_bytes`` for what comes next, ``joining_bytes`` for joining.

    No piece goes for joining: it may be one of those that are to be joined.
    """

    soon_bytes: int = 0
    joining_bytes: int = 0


def prune(
    root: Path, station: str, limits: Limits, now: datetime, spare: Spare = Spare(), *, dry_run: bool = False
) -> Pruned:
    """Deletes what is too old, then the oldest until ``min_free_bytes`` and what is to be spare are free.

    When all that may go would not free ``min_free_bytes``, nothing goes for it: the disk is full of something else.
    A file that will not go keeps no other from going.

    Raises:
        OSError: the disk cannot be read or written.
    """
    deleting = _Deleting(dry_run=dry_run)
    free_bytes = shutil.disk_usage(root).free
    aged_bytes = deleting.until(math.inf, list(too_old(_stored(root, station), limits, now)))
    lacking_bytes = limits.min_free_bytes - free_bytes - aged_bytes
    freed_bytes, expected_bytes = 0, 0
    if lacking_bytes + spare.soon_bytes + spare.joining_bytes > 0:
        going_anyway = {file.found.path for file in deleting.gone}
        others = (file for file in _stored(root, station) if file.found.path not in going_anyway)
        may_go = for_room(others, limits, now)
        if sum(file.frees_bytes for file in may_go) >= lacking_bytes:
            before_bytes = shutil.disk_usage(root).free  # reading the archive takes time, in which others write
            freed_bytes = _make_room(deleting, may_go, lacking_bytes + spare.soon_bytes, spare.joining_bytes)
            expected_bytes = before_bytes + freed_bytes // 2
    return Pruned(
        files=tuple(file.found for file in deleting.gone),
        bytes=sum(file.bytes for file in deleting.gone),
        lacking_bytes=max(0, lacking_bytes - freed_bytes),
        stuck=tuple(deleting.stuck),
        in_vain=freed_bytes > 0 and not dry_run and not _has_room(root, expected_bytes),
    )


def _make_room(deleting: _Deleting, may_go: Sequence[Stored], lacking_bytes: int, joining_bytes: int) -> int:
    """Lets the oldest go for what is lacking, then recordings alone for joining; how much room that makes."""
    freed_bytes = deleting.until(lacking_bytes, may_go)
    gone = {file.found.path for file in deleting.gone}
    joined = [file for file in may_go if not file.found.is_piece and file.found.path not in gone]
    return freed_bytes + deleting.until(lacking_bytes + joining_bytes - freed_bytes, joined)


class _Deleting:
    """Deletes files, or only notes them for a dry run; keeps account of what went and of what would not."""

    def __init__(self, *, dry_run: bool) -> None:
        self._dry_run = dry_run
        self.gone: list[Stored] = []
        self.stuck: list[tuple[Path, str]] = []

    def until(self, lacking_bytes: float, files: Iterable[Stored]) -> int:
        """Deletes one after the other until that makes so much room; how much it makes."""
        gone: list[Stored] = []
        freed_bytes = 0
        for file in files:
            if freed_bytes >= lacking_bytes:
                break
            if self._delete(file.found.path):
                gone.append(file)
                freed_bytes += file.frees_bytes
        if not self._dry_run:
            settle([file.found.path for file in gone])
        self.gone += gone
        return freed_bytes

    def _delete(self, path: Path) -> bool:
        try:
            if not self._dry_run:
                path.unlink(missing_ok=True)
        except OSError as error:
            self.stuck.append((path, str(error.strerror)))
            return False
        return True


def _has_room(root: Path, expected_bytes: int) -> bool:
    """Whether so much is free; some file systems give back what was deleted only when all is written."""
    if shutil.disk_usage(root).free >= expected_bytes:
        return True
    os.sync()
    return shutil.disk_usage(root).free >= expected_bytes


def _stored(root: Path, station: str) -> Iterator[Stored]:
    """The files of the archive as they lie on the disk, oldest first; what is gone meanwhile is left out."""
    device = root.stat().st_dev
    for found in find(root, station):
        try:
            status = found.path.lstat()
        except FileNotFoundError:
            continue
        # a link, a file elsewhere, or one that has other names: its going makes no room here
        alone = stat.S_ISREG(status.st_mode) and status.st_dev == device and status.st_nlink == 1
        yield Stored(found, status.st_size, utc(status.st_mtime), status.st_size if alone else 0)
