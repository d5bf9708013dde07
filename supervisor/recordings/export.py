"""Cutting a span of time out of an archive: which samples of which files (pure), and writing them as one FLAC file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path

from ffmpeg_profiles.recording import frame_digests, one_flac
from supervisor.clock import iso_ms
from supervisor.files import sync_folder
from supervisor.recordings.catalogue import Recorded
from supervisor.recordings.coverage import Gap, gaps, overlaps, stretches
from supervisor.recordings.reading import Reader
from supervisor.sealing.tags import add_tags, read_head

_FRAME_S = 10

_STEP_S = 1.0
_DRIFT = 0.001
"""What a file ends by its samples may be so far ahead of the clock at the next: sound cards are no faster than that."""


class CannotCutError(Exception):
    """The span cannot be cut out; the message says why."""


@dataclass(frozen=True)
class Cut:
    """Samples ``first`` to before ``end`` of ``files`` played one after the other; what is missing between them."""

    files: tuple[Recorded, ...]
    first: int
    end: int
    gaps: tuple[Gap, ...]

    @property
    def samples(self) -> int:
        """How many samples it has."""
        return self.end - self.first


@dataclass(frozen=True)
class _Part:
    """What a span has of one file: its samples ``first`` to before ``end``."""

    file: Recorded
    first: int
    end: int

    def instant(self, sample: int) -> datetime:
        """When a sample was captured, by the clock in the file's name."""
        return self.file.place.start + timedelta(seconds=sample / self.file.place.sample_rate)


def cut(files: Iterable[Recorded], begin: datetime, end: datetime) -> Cut:
    """What was captured from ``begin`` to before ``end``; two cuts that meet join without losing a sample.

    Raises:
        CannotCutError: nothing was captured then, or files overlap there, or the clock went over that time twice.
    """
    rows = [row for stretch in stretches(files) for row in _of_one_clock(stretch)]
    parts = [part for row in rows for part in _parts(row, begin, end)]
    chosen = tuple(part.file for part in parts)
    if not parts:
        raise CannotCutError(f"nothing was recorded from {iso_ms(begin)} to {iso_ms(end)}")
    if found := overlaps(chosen):
        raise CannotCutError(f"{found[0].path} and {found[0].other} claim the same time ('archive verify' tells more)")
    number = {file.path: number for number, file in enumerate(chain.from_iterable(rows))}
    for before, after in pairwise(parts):
        skipped = number[before.file.path] + 1 < number[after.file.path]
        if _leaves_out(before, after, skipped=skipped):
            raise CannotCutError(
                f"the clock was set between {before.file.path} and {after.file.path}: both have a part of that time, "
                "and more in between; cut out a time that only one of them has"
            )
    skipped_at_end = parts[-1].file.place.samples - parts[-1].end
    samples = sum(file.place.samples for file in chosen)
    return Cut(chosen, parts[0].first, samples - skipped_at_end, tuple(gaps(chosen)))


def write(wanted: Cut, path: Path, reader: Reader, tags: Mapping[str, str]) -> None:
    """Writes the cut as one FLAC file that is whole or not there.

    Raises:
        CannotCutError: the files do not hold the samples that they promise.
        FFmpegFailedError, StoppedError, OSError: it could not be written.
    """
    temporary = path.with_name(f".{path.name}.exporting")
    frame_samples = _FRAME_S * wanted.files[0].place.sample_rate
    # all of the files is counted, not the cut alone: where a damaged frame is left out, everything after it moves
    outputs = [one_flac(str(temporary.absolute()), wanted.first, wanted.end), frame_digests(frame_samples)]
    try:
        heard = reader.read([file.path for file in wanted.files], outputs)
        _require(sum(file.place.samples for file in wanted.files), heard.samples)
        with temporary.open("r+b") as file:
            _require(wanted.samples, read_head(file).samples)
            file.seek(0)
            add_tags(file, tags)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.absolute().parent)


def _require(promised: int, samples: int) -> None:
    if samples != promised:
        raise CannotCutError(
            f"the files hold {samples} samples, not {promised}; 'archive verify' tells which is damaged"
        )


def _of_one_clock(stretch: Sequence[Recorded]) -> list[list[Recorded]]:
    """A stretch, cut where the clock was set back: what is after that is at times that were there before."""
    rows = [[stretch[0]]]
    for before, file in pairwise(stretch):
        back_s = (before.place.start - file.place.start).total_seconds() + before.seconds
        if back_s > _STEP_S + _DRIFT * before.seconds:
            rows.append([])
        rows[-1].append(file)
    return rows


def _leaves_out(before: _Part, after: _Part, *, skipped: bool) -> bool:
    """Whether something was captured between two parts that their clocks have no time for."""
    if before.end < before.file.place.samples or after.first > 0:
        return True
    return skipped and after.instant(after.first) < before.instant(before.end)


def _parts(stretch: Sequence[Recorded], begin: datetime, end: datetime) -> Iterator[_Part]:
    """What a span has of each file of a stretch."""
    first, last = _position(stretch, begin), _position(stretch, end)
    position = 0
    for file in stretch:
        after = position + file.place.samples
        if position < last and after > first:
            yield _Part(file, max(first, position) - position, min(last, after) - position)
        position = after


def _position(stretch: Sequence[Recorded], instant: datetime) -> int:
    """The first sample of the stretch that was captured at ``instant`` or after it, by the file that it falls in."""
    position = 0
    reached = 0
    for file in stretch:
        offset = round((instant - file.place.start).total_seconds() * file.place.sample_rate)
        if offset > 0:
            reached = position + min(offset, file.place.samples)
        position += file.place.samples
    return reached
