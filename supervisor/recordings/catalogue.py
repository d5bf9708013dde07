"""What is in a recordings folder: pieces and recordings found by their names, and read by their heads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from supervisor.identity import unfinished
from supervisor.names import RecordedName, is_temporary, parse_recorded
from supervisor.sealing.damage import DamagedError
from supervisor.sealing.tags import read_head
from supervisor.segments import Place


@dataclass(frozen=True)
class Found:
    """A file of the archive, by its name alone."""

    path: Path
    name: RecordedName

    @property
    def is_piece(self) -> bool:
        """Whether it is one segment that is not joined yet."""
        return self.name.segment is not None and not self.name.damaged


@dataclass(frozen=True)
class Recorded:
    """A file of the archive, by its name and its head: ``md5`` is of its PCM as 24 bit little-endian."""

    path: Path
    place: Place
    md5: str
    bytes: int
    is_piece: bool

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.place.samples / self.place.sample_rate


def find(root: Path, station: str, since: date = date.min) -> Iterator[Found]:
    """The files of ``station`` from the day ``since`` on, oldest first; nothing else in the folder is looked at."""
    for day in _days(root, since):
        yield from find_in(day, station)


def find_about(root: Path, station: str, day: date) -> Iterator[Found]:
    """The files of ``station`` from ``day`` on, and of the last day before it that has any."""
    for earlier in _days_before(root, day):
        if files := list(find_in(earlier, station)):
            yield from files
            break
    yield from find(root, station, day)


def find_in(day: Path, station: str) -> Iterator[Found]:
    """The files of ``station`` in the folder of one day, oldest first."""
    for path in sorted(day.iterdir()):
        if name := parse_recorded(station, path.name):
            yield Found(path, name)


def leftovers(root: Path, station: str, before_s: float) -> list[Path]:
    """What was not written to its end and not touched since ``before_s`` (wall clock): an earlier life's."""
    half_written = (path for day in _days(root, date.min) for path in day.iterdir() if is_temporary(station, path.name))
    return [path for path in (*half_written, *unfinished(root)) if _touched_s(path) < before_s]


def read(found: Found) -> Recorded:
    """The file with what its head says.

    Raises:
        DamagedError: the head is not what this program writes.
        OSError: it is gone, or the disk cannot be read.
    """
    with found.path.open("rb") as file:
        head = read_head(file)
    if head.samples == 0:
        raise DamagedError("its head says that it holds no sample")
    size = found.path.stat().st_size
    return Recorded(found.path, head.place(found.name.start), head.md5, size, found.is_piece)


@dataclass(frozen=True)
class Catalogue:
    """What could be read, and what not, with the reason: what is damaged, and what the disk does not give."""

    files: tuple[Recorded, ...]
    damaged: tuple[tuple[Path, str], ...]
    unreadable: tuple[tuple[Path, str], ...] = ()

    @property
    def problems(self) -> tuple[tuple[Path, str], ...]:
        """All that could not be read."""
        return (*self.damaged, *self.unreadable)


def read_all(found: Iterable[Found]) -> Catalogue:
    """The files with their heads; what was set aside, or has no readable head, is told apart.

    A file that is gone meanwhile is left out: it was joined or pruned. A file that the disk does not give is told, too.
    """
    files, damaged, unreadable = [], [], []
    for one in found:
        if one.name.damaged:
            damaged.append((one.path, "it was set aside: it is not what was captured"))
            continue
        try:
            files.append(read(one))
        except FileNotFoundError:
            continue
        except DamagedError as error:
            damaged.append((one.path, str(error)))
        except OSError as error:
            unreadable.append((one.path, f"it cannot be read: {error.strerror}"))
    return Catalogue(tuple(files), tuple(damaged), tuple(unreadable))


def read_settled(root: Path, station: str) -> Catalogue:
    """Everything in an archive that a station may be working on: looked at again when files went in between.

    Raises:
        OSError: the disk cannot be read.
    """
    found = list(find(root, station))
    while True:
        catalogue = read_all(found)
        told = {path for path, _ in catalogue.problems} | {file.path for file in catalogue.files}
        missed = [one.path for one in found if one.path not in told]
        if not missed:
            return catalogue
        found = list(find(root, station))
        listed = {one.path for one in found}
        if listed.issuperset(missed):
            nowhere = tuple((path, "it is listed, and leads nowhere") for path in missed)
            return replace(catalogue, unreadable=(*catalogue.unreadable, *nowhere))


def _touched_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _days(root: Path, since: date) -> Iterator[Path]:
    """The folders of days (``YYYY/MM/DD``), oldest first."""
    for year in _numbered(root, r"\d{4}"):
        for month in _numbered(year, r"\d\d"):
            for day in _numbered(month, r"\d\d"):
                if (int(year.name), int(month.name), int(day.name)) >= (since.year, since.month, since.day):
                    yield day


def _days_before(root: Path, until: date) -> Iterator[Path]:
    """The folders of earlier days, newest first."""
    for year in reversed(_numbered(root, r"\d{4}")):
        for month in reversed(_numbered(year, r"\d\d")):
            for day in reversed(_numbered(month, r"\d\d")):
                if (int(year.name), int(month.name), int(day.name)) < (until.year, until.month, until.day):
                    yield day


def _numbered(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.iterdir() if re.fullmatch(pattern, path.name) and path.is_dir())
