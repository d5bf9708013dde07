"""Which pieces become one recording. Pure: from names, heads and the time to rows of pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from supervisor.names import SegmentId
from supervisor.recordings.catalogue import Found, Recorded
from supervisor.recordings.coverage import stretches

_LATE_S = 60.0
"""How long after its end a period still waits for pieces when nothing later tells that it is over."""


def period_of(start: datetime, period_s: int) -> int:
    """The number of the period in which a segment belongs: the one in which it starts."""
    return int(start.timestamp() // period_s)


def in_rows(pieces: Iterable[Found], period_s: int) -> list[list[Found]]:
    """Rows of consecutive segments of one run and one period; the last may still grow."""
    rows: list[list[Found]] = []
    for piece in sorted(pieces, key=_segment):
        if not rows or not _continues(rows[-1][-1], piece, period_s):
            rows.append([])
        rows[-1].append(piece)
    return rows


def closed_rows(rows: Sequence[list[Found]], now: datetime, period_s: int) -> Sequence[list[Found]]:
    """Those of ``in_rows`` to which nothing more can come.

    A row is closed by a later piece outside it, or by time. A piece that comes later still makes its own recording.
    """
    if rows and now.timestamp() < (period_of(rows[-1][-1].name.start, period_s) + 1) * period_s + _LATE_S:
        return rows[:-1]
    return rows


def is_growing(rows: Sequence[list[Found]], now: datetime, period_s: int) -> bool:
    """Whether the last of ``in_rows`` is of a period that is not over."""
    return bool(rows) and period_of(rows[-1][-1].name.start, period_s) >= period_of(now, period_s)


def room_to_join(rows_bytes: Sequence[int], *, last_grows: bool) -> int:
    """What joining needs: rows are joined one at a time, and of one that grows there is more to come."""
    return max(rows_bytes, default=0) + (rows_bytes[-1] if last_grows else 0)


def joinable(pieces: Iterable[Recorded]) -> list[list[Recorded]]:
    """The pieces in rows without a missing sample, each of which can be cut again where its pieces met."""
    return [row for stretch in stretches(pieces) for row in _of_one_length(stretch)]


def covered(piece: Recorded, recordings: Iterable[Recorded]) -> Recorded | None:
    """The recording that already holds the piece, if there is one."""
    first, end = piece.place.first_sample, piece.place.first_sample + piece.place.samples
    for recording in recordings:
        begins = recording.place.first_sample
        same_run = recording.place.run == piece.place.run
        if same_run and begins <= first and end <= begins + recording.place.samples:
            return recording
    return None


def without_copies(files: Sequence[Recorded]) -> list[Recorded]:
    """The files without the pieces that a recording already holds: those are about to be deleted."""
    recordings: dict[str, list[Recorded]] = {}
    for file in files:
        if not file.is_piece:
            recordings.setdefault(file.place.run, []).append(file)
    return [file for file in files if not (file.is_piece and covered(file, recordings.get(file.place.run, ())))]


def _segment(piece: Found) -> SegmentId:
    if piece.name.segment is None:
        raise ValueError(f"not a piece: {piece.path}")
    return piece.name.segment


def _continues(before: Found, piece: Found, period_s: int) -> bool:
    one, next_ = _segment(before), _segment(piece)
    same_period = period_of(before.name.start, period_s) == period_of(piece.name.start, period_s)
    return one.run == next_.run and one.number + 1 == next_.number and same_period


def _of_one_length(stretch: Sequence[Recorded]) -> list[list[Recorded]]:
    """Cut where the length changes; only the last of a row may be shorter."""
    rows: list[list[Recorded]] = [[stretch[0]]]
    for before, piece in pairwise(stretch):
        full = before.place.samples == rows[-1][0].place.samples
        if not full or piece.place.samples > before.place.samples:
            rows.append([])
        rows[-1].append(piece)
    return rows
