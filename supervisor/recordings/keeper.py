"""The keeper: looks after the recordings folder beside the live path: limits, joining, gaps, figures for the status."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from supervisor.clock import Clock, utc
from supervisor.events import (
    ArchiveMeasured,
    CoverageChecked,
    Emit,
    JoinFailed,
    KeepingFailed,
    RecordingDamaged,
    RecordingJoined,
    RecordingsPruned,
)
from supervisor.recordings.catalogue import Catalogue, Found, Recorded, find, find_in, leftovers, read, read_all
from supervisor.recordings.coverage import gaps, seconds_of
from supervisor.recordings.join import DifferentError, Joiner, remove, require_readable, set_aside
from supervisor.recordings.joining import closed_rows, covered, joinable, period_of
from supervisor.recordings.pruning import prune, size_bytes
from supervisor.recordings.reading import FFmpegFailedError, StoppedError
from supervisor.recordings.retention import Limits
from supervisor.sealing.damage import DamagedError
from supervisor.segments import missing_before
from supervisor.stop import Stop

_LOOKS_IN_A_PERIOD = 10
_LOOK_EVERY_S = 60.0
_BYTES_A_SECOND = 48_000 * 2 * 3
"""Stereo at 24 bit, not compressed: more than a FLAC file of it ever takes."""


class Keeper:
    """Keeps the recordings of ``station`` under ``root``, until asked to stop. Nothing on air ever waits for it."""

    def __init__(self, station: str, root: Path, limits: Limits, joiner: Joiner, clock: Clock, emit: Emit) -> None:
        self._station = station
        self._root = root
        self._limits = limits
        self._joiner = joiner
        self._clock = clock
        self._emit = emit
        self._every_s = min(_LOOK_EVERY_S, limits.period_s / _LOOKS_IN_A_PERIOD)
        self._checked_until: datetime | None = None
        self._began_s = clock.wall_s()
        self._tidied = False

    def run(self, stop: Stop) -> None:
        """Looks at the folder again and again; a disk that fails is told, and looked at again."""
        while not stop.is_requested():
            try:
                self.look()
            except StoppedError:
                return
            except OSError as error:
                self._emit(KeepingFailed(str(error.strerror), self._root))
            stop.wait(self._every_s)

    def look(self) -> None:
        """One look: tidies up, makes room, joins what is complete, counts."""
        now = utc(self._clock.wall_s())
        new_period = self._is_new_period(now)
        if not self._tidied:
            remove(leftovers(self._root, self._station, self._began_s))
            self._tidied = True
        # what an earlier life left behind may be of any day; in between only what is new matters
        since = date.min if new_period else now.date() - timedelta(days=1)
        pieces = [found for found in find(self._root, self._station, since) if found.is_piece]
        self._prune(now, sum(map(size_bytes, pieces)))
        for row in closed_rows(pieces, now, self._limits.period_s):
            self._take_up(row)
        self._measure(now, new_period=new_period)

    def _is_new_period(self, now: datetime) -> bool:
        period_s, before = self._limits.period_s, self._checked_until
        return before is None or period_of(before, period_s) != period_of(now, period_s)

    def _prune(self, now: datetime, unjoined_bytes: int) -> None:
        # room for joining, and for what comes before the next look
        spare_bytes = unjoined_bytes + round(self._every_s * _BYTES_A_SECOND)
        gone = prune(self._root, self._station, self._limits, now, spare_bytes)
        if gone.files:
            self._emit(RecordingsPruned(len(gone.files), gone.bytes, gone.files[-1].name.start))

    def _take_up(self, row: Sequence[Found]) -> None:
        """Joins a closed row, after what an earlier life had joined already is recognised."""
        heads = read_all(row)
        for path, why in heads.damaged:
            self._emit(RecordingDamaged(set_aside(path), why))
        for part in joinable(heads.files):
            try:
                for fresh in joinable(self._without_joined(part)):
                    self._join(fresh)
            except DifferentError as error:
                self._find_damaged(part, str(error))
            except (FFmpegFailedError, DamagedError, OSError) as error:
                self._emit(JoinFailed(part[0].path, str(error)))

    def _without_joined(self, row: list[Recorded]) -> list[Recorded]:
        """The pieces that no recording holds; the others are deleted once that is proven."""
        for recording in self._recordings_beside(row[0]):
            held = [piece for piece in row if covered(piece, [recording])]
            if not held:
                continue
            if self._joiner.holds(recording, held):
                remove([piece.path for piece in held])
            else:
                require_readable(recording.path)
                self._emit(RecordingDamaged(set_aside(recording.path), "it does not hold what its pieces hold"))
                continue
            row = [piece for piece in row if piece not in held]
        return row

    def _recordings_beside(self, piece: Recorded) -> tuple[Recorded, ...]:
        """The recordings of the piece's run, in its day's folder."""
        beside = find_in(piece.path.parent, self._station)
        recordings = read_all(found for found in beside if found.name.segment is None).files
        return tuple(recording for recording in recordings if recording.place.run == piece.place.run)

    def _join(self, row: list[Recorded]) -> None:
        if not self._has_room(row):
            return
        joined = self._joiner.join(row, self._gap_before(row[0]))
        remove([piece.path for piece in row])
        self._emit(RecordingJoined(joined.path, len(row), joined.seconds, joined.bytes))

    def _gap_before(self, first: Recorded) -> int | None:
        """The samples missing before a recording; None for the first of all."""
        before: Found | None = None
        for found in find(self._root, self._station):
            if (found.path.parent, found.path.name) >= (first.path.parent, first.path.name):
                break
            before = before if found.name.damaged else found
        return None if before is None else missing_before(read(before).place, first.place)

    def _find_damaged(self, part: Sequence[Recorded], why: str) -> None:
        """Sets aside the pieces that are to blame; the others are joined at the next look."""
        damaged = [piece for piece in part if self._joiner.is_damaged(piece)]
        for piece in damaged:
            self._emit(RecordingDamaged(set_aside(piece.path), "its PCM is not what was captured"))
        if not damaged:
            self._emit(JoinFailed(part[0].path, f"{why}, although every piece is whole"))

    def _has_room(self, row: Iterable[Recorded]) -> bool:
        return self._free_bytes() >= self._limits.min_free_bytes + sum(piece.bytes for piece in row)

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._root).free

    def _measure(self, now: datetime, *, new_period: bool) -> None:
        yesterday = now - timedelta(days=1)
        recent = read_all(find(self._root, self._station, yesterday.date()))
        today = [gap for gap in gaps(recent.files) if gap.end.date() == now.date()]
        self._emit(ArchiveMeasured(self._free_bytes(), seconds_of(recent.files, now.date()), len(today)))
        if new_period:
            self._tell_gaps(recent, self._checked_until or yesterday.replace(hour=0, minute=0, second=0, microsecond=0))
            self._checked_until = now

    def _tell_gaps(self, recent: Catalogue, since: datetime) -> None:
        found = tuple((gap.start, gap.seconds) for gap in gaps(recent.files) if gap.end > since)
        self._emit(CoverageChecked(since, found))
