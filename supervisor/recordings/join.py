"""Joining: pieces become one recording, which is proven and durable before anything is deleted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

from ffmpeg_profiles.digest import DecodeError, pcm_md5
from ffmpeg_profiles.recording import Frame, frame_digests, one_flac, total_digest
from supervisor.files import sync_folder
from supervisor.names import damaged_name, parse_recorded, recording_name
from supervisor.recordings.catalogue import Found, Recorded, read
from supervisor.recordings.reading import Reader
from supervisor.sealing.tags import add_tags, place_tags

_CHUNK_BYTES = 1 << 20


class DifferentError(Exception):
    """What was read is not what was captured."""


@dataclass(frozen=True)
class Joiner:
    """Makes recordings of ``station``."""

    station: str
    reader: Reader

    def join(self, row: Sequence[Recorded], gap_samples: int | None) -> Recorded:
        """Writes ``row`` as one recording and proves it; the pieces stay.

        Raises:
            DifferentError: a piece is not what was captured, or the recording would not be.
            FFmpegFailedError, StoppedError, OSError: it could not be done now.
        """
        path = self._free_path(row[0])
        # a name of its own: an FFmpeg of a life that was killed may still be about to open the one that it was given
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.joining")
        try:
            joined = self._write(temporary, row, gap_samples)
            self._prove(joined, row)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
        return Recorded(path, joined.place, joined.md5, joined.bytes, is_piece=False)

    def holds(self, recording: Recorded, row: Sequence[Recorded]) -> bool:
        """Whether decoding the recording gives every piece of ``row``, and the MD5 that its own head promises."""
        first = row[0].place.first_sample - recording.place.first_sample
        end = first + sum(piece.place.samples for piece in row)
        wanted = [frame_digests(row[0].place.samples, first, end), total_digest()]
        heard = self.reader.read([recording.path], wanted)
        return heard.frames == _captured(row) and heard.total_md5 == recording.md5

    def is_whole(self, recording: Recorded) -> bool:
        """Whether a recording decodes to the MD5 that its head promises."""
        return self.reader.read([recording.path], [total_digest()]).total_md5 == recording.md5

    def is_damaged(self, piece: Recorded) -> bool:
        """Whether a piece, read on its own, is not what was captured.

        Raises:
            OSError: it cannot be read, or FFmpeg cannot run, which says nothing about it.
        """
        content = piece.path.read_bytes()
        try:
            return pcm_md5(self.reader.ffmpeg, content) != piece.md5
        except DecodeError:
            return True

    def _write(self, path: Path, row: Sequence[Recorded], gap_samples: int | None) -> Recorded:
        outputs = [one_flac(str(path)), frame_digests(row[0].place.samples)]
        if self.reader.read([piece.path for piece in row], outputs).frames != _captured(row):
            raise DifferentError("a piece is not what was captured")
        gap = {} if gap_samples is None else {"GAP_BEFORE": str(gap_samples)}
        with path.open("r+b") as file:
            add_tags(file, {**place_tags(self.station, row[0].place), **gap})
            file.flush()
            os.fsync(file.fileno())
        name = parse_recorded(self.station, recording_name(self.station, row[0].place.start))
        if name is None:
            raise ValueError(f"not a station's name: {self.station}")
        return read(Found(path, name))

    def _prove(self, joined: Recorded, row: Sequence[Recorded]) -> None:
        if joined.place.samples != sum(piece.place.samples for piece in row) or not self.holds(joined, row):
            raise DifferentError("the joined file does not hold what the pieces hold")

    def _free_path(self, first: Recorded) -> Path:
        """The recording's path; a millisecond later where another run has it, after a clock was set back."""
        start = first.place.start
        while True:
            path = first.path.with_name(recording_name(self.station, start))
            if not path.exists():
                return path
            start += timedelta(milliseconds=1)


def remove_held(recording: Path, pieces: Sequence[Recorded]) -> None:
    """Deletes pieces that a recording holds, which an earlier life may have left without making it durable."""
    with recording.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(recording.parent)
    remove([piece.path for piece in pieces])


def remove(paths: Sequence[Path]) -> None:
    """Deletes files of the archive, in order and durably, and the folders that this leaves empty."""
    for path in paths:
        path.unlink(missing_ok=True)
    settle(paths)


def settle(gone: Sequence[Path]) -> None:
    """Makes it durable that files are gone, and removes the folders that this leaves empty."""
    for folder in dict.fromkeys(path.parent for path in gone):
        sync_folder(folder)
        _remove_empty(folder)


def set_aside(path: Path) -> Path:
    """Takes a damaged file out of the archive without losing it, or another of its name; its new path."""
    kept = next(kept for number in count(1) if not (kept := path.with_name(damaged_name(path.name, number))).exists())
    path.rename(kept)
    sync_folder(kept.parent)
    return kept


def require_readable(path: Path) -> None:
    """Reads a file to its end: a disk that fails is not a file that is damaged.

    Raises:
        OSError: the disk cannot be read.
    """
    with path.open("rb") as file:
        while file.read(_CHUNK_BYTES):
            pass


def _captured(row: Sequence[Recorded]) -> tuple[Frame, ...]:
    return tuple(Frame(piece.place.samples, piece.md5) for piece in row)


def _remove_empty(day: Path) -> None:
    """Removes the folders of a day, a month and a year that nothing is left in."""
    for folder in (day, day.parent, day.parent.parent):
        try:
            folder.rmdir()
        except OSError:
            return
