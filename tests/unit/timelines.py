"""Random archives for property tests: runs of segments, some lost, some joined, as heads without files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

from supervisor.names import SegmentId, parse_recorded, piece_name, recording_name, run_name
from supervisor.recordings.catalogue import Found, Recorded
from supervisor.segments import Place

STATION = "radio"
RATE = 48_000
ROOT = Path("/recordings")
BEGAN = datetime(2026, 11, 23, 22, 58, 30, 397_000, UTC)


def place(run_at_s: float, first_sample: int, samples: int) -> Place:
    """A place in the run that began so many seconds after ``BEGAN``, all under one boot of the kernel."""
    start = BEGAN + timedelta(seconds=run_at_s + first_sample / RATE)
    run = run_name(BEGAN + timedelta(seconds=run_at_s))
    return Place(run, first_sample, samples, RATE, start, 1000 + run_at_s + first_sample / RATE, "6a1f")


def recorded(where: Place, *, number: int | None = None) -> Recorded:
    """A recording, or the piece with a number, at a place."""
    start = where.start
    name = (
        recording_name(STATION, start) if number is None else piece_name(STATION, start, SegmentId(where.run, number))
    )
    path = ROOT / start.strftime("%Y/%m/%d") / name
    return Recorded(path, where, "0" * 32, where.samples, is_piece=number is not None)


def found(file: Recorded) -> Found:
    """The same file by its name alone."""
    name = parse_recorded(STATION, file.path.name)
    assert name is not None
    return Found(file.path, name)


@dataclass(frozen=True)
class Timeline:
    """An archive, and what must be found out about it: samples missing at each gap, in the order of time."""

    files: tuple[Recorded, ...]
    gaps: tuple[int, ...]

    @property
    def samples(self) -> int:
        """All samples that are there."""
        return sum(file.place.samples for file in self.files)


@st.composite
def pieces(draw: st.DrawFn) -> Timeline:
    """Runs of one-second segments with pauses between them; any segment may be lost, the last of a run is shorter."""
    files: list[Recorded] = []
    missing: list[int] = []
    at_ms = 0
    end_ms: float | None = None  # where the last segment that is there ended
    for _ in range(draw(st.integers(1, 4))):
        at_ms += draw(st.integers(100, 9_000_000))
        count = draw(st.integers(1, 12))
        last_ms = 10 * draw(st.integers(1, 100))
        for number in range(count):
            length_ms = last_ms if number == count - 1 else 1000
            if draw(st.integers(0, 9)):
                start_ms = at_ms + 1000 * number
                if end_ms is not None and start_ms != end_ms:
                    missing.append(round((start_ms - end_ms) * RATE / 1000))
                end_ms = start_ms + length_ms
                where = place(at_ms / 1000, number * RATE, length_ms * RATE // 1000)
                files.append(recorded(where, number=number))
        at_ms += 1000 * (count - 1) + last_ms
    return Timeline(tuple(files), tuple(missing))


@st.composite
def archives(draw: st.DrawFn) -> Timeline:
    """The same with neighbours joined to recordings at random, and in any order."""
    timeline = draw(pieces())
    files: list[Recorded] = []
    for piece in timeline.files:
        before = files[-1].place if files else None
        continues = before is not None and before.run == piece.place.run
        if (
            before
            and continues
            and before.first_sample + before.samples == piece.place.first_sample
            and draw(st.booleans())
        ):
            samples = before.samples + piece.place.samples
            files[-1] = recorded(
                Place(before.run, before.first_sample, samples, RATE, before.start, before.start_boottime_s, "6a1f")
            )
        else:
            files.append(piece)
    return Timeline(tuple(draw(st.permutations(files))), timeline.gaps)
