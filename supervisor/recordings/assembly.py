"""A closed row of pieces becomes recordings; what was joined already is recognised, what is damaged is set aside."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from supervisor.events import Emit, JoinFailed, RecordingDamaged, RecordingJoined
from supervisor.recordings.catalogue import Found, Recorded, find_about, find_in, read_all
from supervisor.recordings.coverage import gap_before
from supervisor.recordings.join import DifferentError, Joiner, remove, remove_held, require_readable, set_aside
from supervisor.recordings.joining import covered, joinable
from supervisor.recordings.reading import FFmpegFailedError
from supervisor.sealing.damage import DamagedError


class Assembler:
    """Makes recordings of the pieces of ``station`` under ``root`` while ``min_free_bytes`` stay free."""

    def __init__(self, station: str, root: Path, min_free_bytes: int, joiner: Joiner, emit: Emit) -> None:
        self._station = station
        self._root = root
        self._min_free_bytes = min_free_bytes
        self._joiner = joiner
        self._emit = emit

    def take_up(self, row: Sequence[Found]) -> list[JoinFailed]:
        """Joins a closed row; what cannot be joined now stays as pieces, and why is returned.

        Raises:
            StoppedError: a stop was requested.
            OSError: the disk cannot be read.
        """
        heads = read_all(row)
        if heads.unreadable:  # without it the row would be cut in two for good
            return [JoinFailed(*heads.unreadable[0])]
        for path, why in heads.damaged:
            self.set_aside(path, why)
        return [failed for part in joinable(heads.files) for failed in self._take_up_part(part)]

    def _take_up_part(self, part: list[Recorded]) -> list[JoinFailed]:
        try:
            for fresh in joinable(self._without_joined(part)):
                self._join(fresh)
        except (FFmpegFailedError, DamagedError, DifferentError, OSError) as error:
            return [JoinFailed(part[0].path, str(error))]
        return []

    def _without_joined(self, row: list[Recorded]) -> list[Recorded]:
        """The pieces that no recording holds; the others are deleted once that is proven."""
        for recording in self._recordings_beside(row[0]):
            held = [piece for piece in row if covered(piece, [recording])]
            if not held:
                continue
            if self._joiner.holds(recording, held):
                remove_held(recording.path, held)
            elif self._joiner.is_whole(recording):
                self._compare_each(recording, held)
            else:
                require_readable(recording.path)
                self.set_aside(recording.path, "it cannot be decoded to what its head says")
                continue
            row = [piece for piece in row if piece not in held]
        return row

    def _compare_each(self, recording: Recorded, held: Iterable[Recorded]) -> None:
        """The recording is whole, but a piece is not what it holds."""
        for piece in held:
            if self._joiner.holds(recording, [piece]):
                remove_held(recording.path, [piece])
            else:
                self.set_aside(piece.path, f"{recording.path.name} holds it otherwise")

    def _recordings_beside(self, piece: Recorded) -> tuple[Recorded, ...]:
        """The recordings of the piece's run, in its day's folder."""
        beside = find_in(piece.path.parent, self._station)
        recordings = read_all(found for found in beside if found.name.segment is None).files
        return tuple(recording for recording in recordings if recording.place.run == piece.place.run)

    def _join(self, row: list[Recorded]) -> None:
        wanted_bytes = self._min_free_bytes + sum(piece.bytes for piece in row)
        if shutil.disk_usage(self._root).free < wanted_bytes:
            return
        try:
            joined = self._joiner.join(row, self._gap_before(row))
        except DifferentError as error:
            if not self._set_damaged_aside(row):
                raise DifferentError(f"{error}, although every piece is whole") from error
        else:
            remove([piece.path for piece in row])
            self._emit(RecordingJoined(joined.path, len(row), joined.seconds, joined.bytes))

    def _gap_before(self, row: Sequence[Recorded]) -> int | None:
        """The samples missing before a recording, by what can be read; None for the first of all."""
        about = read_all(find_about(self._root, self._station, row[0].place.start.date())).files
        own = {piece.path for piece in row}
        return gap_before(row[0], (file for file in about if file.path not in own))

    def _set_damaged_aside(self, row: Sequence[Recorded]) -> bool:
        """Sets aside the pieces that are to blame, if there are any; the others are joined at the next look."""
        damaged = [piece for piece in row if self._joiner.is_damaged(piece)]
        for piece in damaged:
            self.set_aside(piece.path, "its PCM is not what was captured")
        return bool(damaged)

    def set_aside(self, path: Path, why: str) -> None:
        """Takes a file that is damaged out of the archive, and tells it.

        Raises:
            OSError: the disk does not let it be renamed.
        """
        self._emit(RecordingDamaged(set_aside(path), why))
