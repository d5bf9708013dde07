"""The keeper: looks after the recordings folder beside the live path: limits, joining, gaps, figures for the status."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from supervisor.backoff import Backoff
from supervisor.clock import Clock, boot_id, utc
from supervisor.events import ArchiveMeasured, CoverageChecked, Emit, JoinFailed, KeepingFailed, RecordingsPruned
from supervisor.identity import require_marked
from supervisor.recordings.assembly import Assembler
from supervisor.recordings.catalogue import Catalogue, Found, find, find_about, leftovers, read_all
from supervisor.recordings.coverage import gaps, seconds_of
from supervisor.recordings.join import Joiner
from supervisor.recordings.joining import closed_rows, in_rows, is_growing, period_of, room_to_join
from supervisor.recordings.news import GapNews
from supervisor.recordings.pruning import Pruned, Spare, prune
from supervisor.recordings.reading import StoppedError
from supervisor.recordings.retention import Limits, by_witness
from supervisor.recordings.retries import Retries
from supervisor.stop import Stop

_LOOKS_IN_A_PERIOD = 10
_LOOK_EVERY_S = 60.0
_ABANDONED_AFTER_S = 3600.0
"""Nothing that is still being written goes untouched for so long."""

_BYTES_A_SECOND = 48_000 * 2 * 3
"""Stereo at 24 bit, not compressed: more than a FLAC file of it ever takes."""


class Keeper:
    """Keeps the recordings of ``station`` under ``root``, until asked to stop. Nothing on air ever waits for it.

    ``witness_ahead_s`` tells how far another clock is ahead of ``clock``: what is deleted for its age is old by both.
    """

    def __init__(
        self,
        station: str,
        root: Path,
        limits: Limits,
        joiner: Joiner,
        clock: Clock,
        emit: Emit,
        witness_ahead_s: Callable[[], float | None] = lambda: 0.0,
    ) -> None:
        self._station = station
        self._root = root
        self._limits = limits
        self._assembler = Assembler(station, root, limits.min_free_bytes, joiner, emit)
        self._clock = clock
        self._emit = emit
        self._witness_ahead_s = witness_ahead_s
        self._every_s = min(_LOOK_EVERY_S, limits.period_s / _LOOKS_IN_A_PERIOD)
        self._retries = Retries(Backoff(self._every_s, limits.period_s), clock.monotonic_s)
        self._looked_at: datetime | None = None
        self._oldest_piece = date.min
        self._told_until: datetime | None = None
        self._began_boottime_s = clock.boottime_s()
        self._news = GapNews(boot_id(), self._began_boottime_s)
        self._pruning_failed = ""
        self._in_vain_at: datetime | None = None

    def run(self, stop: Stop) -> None:
        """Looks at the folder again and again; whatever ends one look is told, and no reason not to look again."""
        while not stop.is_requested():
            try:
                require_marked(self._root)
                self.look()
            except StoppedError:
                return
            except OSError as error:
                self._emit(KeepingFailed(str(error), self._root))
            except Exception as error:  # noqa: BLE001 - one file that nobody foresaw must not end the station
                self._emit(KeepingFailed(f"{type(error).__name__}: {error}", self._root))
            stop.wait(self._every_s)

    def look(self) -> None:
        """One look: tidies up, makes room, joins what is complete, counts."""
        now = utc(self._clock.wall_s())
        new_period = self._is_new_period(now)
        if new_period:
            age_s = min(self._clock.boottime_s() - self._began_boottime_s, _ABANDONED_AFTER_S)
            for path in leftovers(self._root, self._station, now.timestamp() - age_s):
                path.unlink(missing_ok=True)  # its folder stays: the next piece may be about to be written there
        # what an earlier life left behind may be of any day; in between only what is new, or waits, matters
        since = date.min if new_period else min(self._oldest_piece, now.date() - timedelta(days=1))
        pieces = [found for found in find(self._root, self._station, since) if found.is_piece]
        self._oldest_piece = min((piece.name.start.date() for piece in pieces), default=now.date())
        rows = in_rows(pieces, self._limits.period_s)
        rows_bytes = [sum(map(_size_bytes, row)) for row in rows]
        self._prune(now, room_to_join(rows_bytes, last_grows=is_growing(rows, now, self._limits.period_s)))
        for row in self._retries.due(closed_rows(rows, now, self._limits.period_s)):
            self._join(row)
        self._measure(now, new_period=new_period)

    def _join(self, row: Sequence[Found]) -> None:
        """Tries to join a row; the other hours are joined all the same."""
        try:
            failures = self._assembler.take_up(row)
        except OSError as error:
            failures = [JoinFailed(row[0].path, str(error))]
        for failed in failures:
            self._emit(failed)
        self._retries.tried(row, failed=bool(failures))

    def _is_new_period(self, now: datetime) -> bool:
        return not self._is_same_period(self._looked_at, now)

    def _is_same_period(self, before: datetime | None, now: datetime) -> bool:
        period_s = self._limits.period_s
        return before is not None and period_of(before, period_s) == period_of(now, period_s)

    def _prune(self, now: datetime, joining_bytes: int) -> None:
        until_next_look_bytes = round(self._every_s * _BYTES_A_SECOND)
        spare = Spare(until_next_look_bytes, joining_bytes)
        limits, sure_now = by_witness(self._limits, now, self._witness_ahead_s())
        if waiting := self._is_same_period(self._in_vain_at, now):
            limits, spare = replace(limits, min_free_bytes=0), Spare()
        gone = prune(self._root, self._station, limits, sure_now, spare)
        if not waiting:
            self._in_vain_at = now if gone.in_vain else None
        failed_before, self._pruning_failed = self._pruning_failed, self._why_pruning_failed(gone)
        if gone.files or self._pruning_failed or failed_before:
            up_to = max((file.name.start for file in gone.files), default=None)
            self._emit(RecordingsPruned(len(gone.files), gone.bytes, up_to, self._pruning_failed))

    def _why_pruning_failed(self, gone: Pruned) -> str:
        """What kept retention from its work; nothing when it went well."""
        if gone.stuck:
            (path, why), *others = gone.stuck
            return f"{path} cannot be deleted: {why}" + (f" (and {len(others)} more)" if others else "")
        if self._in_vain_at is not None:
            return "what was deleted has made no room: a snapshot, or a program that has it open, still holds it"
        return ""

    def _measure(self, now: datetime, *, new_period: bool) -> None:
        yesterday = now - timedelta(days=1)
        about = find_about(self._root, self._station, yesterday.date())
        recent = read_all(one for one in about if not one.name.damaged)
        found = gaps(recent.files)
        today = [gap for gap in found if gap.end.date() == now.date()]
        free_bytes = shutil.disk_usage(self._root).free
        seconds = seconds_of(recent.files, now.date())
        unreadable = ", ".join(f"{path}: {why}" for path, why in recent.unreadable[:1])
        new_gaps, unjoined = self._news.new(found), self._retries.waiting
        self._emit(ArchiveMeasured(free_bytes, seconds, len(today), new_gaps, unreadable, unjoined))
        if new_period:
            since = yesterday.replace(hour=0, minute=0, second=0, microsecond=0)
            self._set_aside(recent, since)
            self._tell_gaps(recent, since, now)
            self._looked_at = now

    def _set_aside(self, recent: Catalogue, since: datetime) -> None:
        """Takes what has no readable head out of the archive: nobody else would look at a recording again."""
        first_day = self._root / since.strftime("%Y/%m/%d")
        for path, why in recent.damaged:
            if path.parent < first_day:
                continue
            try:
                self._assembler.set_aside(path, why)
            except OSError as error:
                self._emit(KeepingFailed(str(error), self._root))

    def _tell_gaps(self, recent: Catalogue, yesterday: datetime, now: datetime) -> None:
        """Tells the gaps that were not told yet; at the start, those since yesterday."""
        since = min(self._told_until or yesterday, now)
        untold = self._news.untold(gaps(recent.files), yesterday)
        self._emit(CoverageChecked(since, tuple((gap.start, gap.seconds) for gap in untold)))
        # not until now: what was captured just before it may not be archived yet
        self._told_until = max((file.place.start for file in recent.files), default=None) or self._told_until


def _size_bytes(found: Found) -> int:
    try:
        return found.path.lstat().st_size
    except FileNotFoundError:  # it was joined, or pruned
        return 0
