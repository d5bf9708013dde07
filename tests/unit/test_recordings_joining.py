"""Which pieces become one recording: never over a hole, a run or an hour, and never the one that still grows."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from supervisor.names import SegmentId
from supervisor.recordings.catalogue import Found, Recorded
from supervisor.recordings.joining import (
    closed_rows,
    covered,
    in_rows,
    is_growing,
    joinable,
    period_of,
    room_to_join,
    without_copies,
)
from tests.unit.timelines import BEGAN, RATE, Timeline, found, pieces, place, recorded

PERIODS = st.sampled_from([1, 5, 60, 3600])
LONG_AFTER = BEGAN + timedelta(days=10)


def number(piece: Found) -> SegmentId:
    """The segment that a piece is."""
    assert piece.name.segment is not None
    return piece.name.segment


@given(pieces(), PERIODS)
def test_rows_are_consecutive_and_of_one_period(timeline: Timeline, period_s: int) -> None:
    """Long after, every piece is in one row; a row ends only at a hole, a new run or a new period."""
    rows = closed_rows(in_rows(map(found, timeline.files), period_s), LONG_AFTER, period_s)
    assert [piece for row in rows for piece in row] == list(map(found, timeline.files))

    def continues(before: Found, piece: Found) -> bool:
        one, next_ = number(before), number(piece)
        same = period_of(before.name.start, period_s) == period_of(piece.name.start, period_s)
        return (one.run, one.number + 1) == (next_.run, next_.number) and same

    assert all(continues(*pair) for row in rows for pair in pairwise(row))
    assert not any(continues(before[-1], after[0]) for before, after in pairwise(rows))


@given(pieces(), PERIODS)
def test_what_may_still_grow_is_left_alone(timeline: Timeline, period_s: int) -> None:
    """While the newest piece's period lasts, its row stays open, and all others are closed."""
    every = list(map(found, timeline.files))
    if not every:
        return
    rows = in_rows(every, period_s)
    assert closed_rows(rows, LONG_AFTER, period_s) == rows
    assert closed_rows(rows, every[-1].name.start, period_s) == rows[:-1]


@given(pieces(), PERIODS)
def test_what_is_joined_can_be_cut_again(timeline: Timeline, period_s: int) -> None:
    """Joinable rows hold every piece once, without a hole, all but the last of one length."""
    heads = {file.path: file for file in timeline.files}
    joined: list[Recorded] = []
    for row in closed_rows(in_rows(map(found, timeline.files), period_s), LONG_AFTER, period_s):
        for part in joinable(heads[piece.path] for piece in row):
            lengths = [piece.place.samples for piece in part]
            assert len(set(lengths[:-1])) <= 1
            assert lengths[-1] <= lengths[0]
            assert all(b.place.first_sample == a.place.first_sample + a.place.samples for a, b in pairwise(part))
            joined += part
    assert joined == list(timeline.files)


def test_a_short_segment_in_the_middle_ends_its_recording() -> None:
    """Where a segment was cut off and the next is there, samples are missing: two recordings."""
    files = [
        recorded(place(0, 0, RATE), number=0),
        recorded(place(0, RATE, RATE - 4800), number=1),
        recorded(place(0, 2 * RATE, RATE), number=2),
    ]
    assert [len(row) for row in joinable(files)] == [2, 1]


def test_only_pieces_that_a_recording_of_their_run_holds_are_copies() -> None:
    """A piece inside a recording is a copy; one that reaches beyond it, or is of another run, is not."""
    recording = recorded(place(0, RATE, 3 * RATE))
    inside = [recorded(place(0, n * RATE, RATE), number=n) for n in (1, 2, 3)]
    outside = [recorded(place(0, n * RATE, RATE), number=n) for n in (0, 4)]
    across = recorded(place(0, 3 * RATE + 1, RATE), number=9)
    other_run = recorded(place(7, RATE, RATE), number=1)
    assert all(covered(piece, [recording]) is recording for piece in inside)
    kept = [recording, *outside, across, other_run]
    assert without_copies([*kept, *inside]) == kept


def test_rows_are_joined_one_at_a_time() -> None:
    """However many hours wait, there must be room for the largest of them, and for the one that grows."""
    assert room_to_join([], last_grows=False) == 0
    assert room_to_join([4], last_grows=True) == 8
    assert room_to_join([3, 9, 5, 2], last_grows=True) == 11
    assert room_to_join([3, 9, 5, 2], last_grows=False) == 9


def test_an_hour_that_is_over_grows_no_more() -> None:
    """Until the first piece of the new hour is there, the newest is of an hour that is over."""
    piece = found(recorded(place(0, 0, RATE), number=0))
    assert is_growing([[piece]], piece.name.start, 3600)
    assert not is_growing([[piece]], piece.name.start + timedelta(hours=1), 3600)
    assert not is_growing([], BEGAN, 3600)
