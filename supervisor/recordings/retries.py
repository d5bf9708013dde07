"""When rows that could not be joined are tried again: at once when they change, ever more seldom when not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from supervisor.backoff import Backoff
from supervisor.recordings.catalogue import Found

_State = tuple[tuple[Path, int | None], ...]


class Retries:
    """Remembers rows that failed: each try decodes and encodes the whole of one. ``monotonic_s`` tells the time."""

    def __init__(self, backoff: Backoff, monotonic_s: Callable[[], float]) -> None:
        self._backoff = backoff
        self._monotonic_s = monotonic_s
        self._failures: dict[_State, tuple[int, float]] = {}

    @property
    def waiting(self) -> int:
        """How many rows failed and were not joined since."""
        return len(self._failures)

    def due(self, rows: Sequence[Sequence[Found]]) -> list[Sequence[Found]]:
        """Those of all rows that are to be tried now; what is not among ``rows`` any more is forgotten."""
        now_s = self._monotonic_s()
        states = [_state(row) for row in rows]
        self._failures = {state: self._failures[state] for state in states if state in self._failures}
        return [row for row, state in zip(rows, states, strict=True) if self._failures.get(state, (0, 0.0))[1] <= now_s]

    def tried(self, row: Sequence[Found], *, failed: bool) -> None:
        """What came of a row."""
        state = _state(row)
        failures, _ = self._failures.pop(state, (0, 0.0))
        if failed:
            self._failures[state] = failures + 1, self._monotonic_s() + self._backoff.delay_s(failures + 1)


def _state(row: Sequence[Found]) -> _State:
    return tuple((found.path, _written_ns(found.path)) for found in row)


def _written_ns(path: Path) -> int | None:
    try:
        return path.lstat().st_mtime_ns
    except OSError:  # it is gone, or the disk does not even tell that
        return None
