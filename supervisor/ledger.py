"""The ledger of losses: a file of JSON lines beside the recordings, written by a thread of its own."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from supervisor.clock import iso_ms
from supervisor.events import Emit, Event, SamplesLost, SegmentFoundListed
from supervisor.files import append_lines, write_whole
from supervisor.identity import require_marked
from supervisor.losses import Accounts, account, resumed
from supervisor.stop import Signal, Stop

_MOST_WAITING = 10_000
_TOLD_KEPT = 32
_TRY_AGAIN_S = 5.0
_TAIL_BYTES = 65_536


class _Kept(BaseModel):
    """What survives a kill: lines not in the file yet, the newest segments whose gap was told, and the accounts."""

    waiting: list[str] = []
    told: list[str] = []
    accounts: Accounts = Accounts()


class Ledger:
    """Derives losses from events, tells them with ``emit``, and appends each to ``path``.

    Nobody waits for the disk: while it takes nothing, entries wait, the newest 10 000 of them at most. They wait at
    ``kept`` in the spool too, with what no gap has shown yet: a kill loses none, tells none twice, and blames nobody
    else.
    """

    def __init__(self, path: Path, kept: Path, emit: Emit) -> None:
        self._path = path
        self._kept_path = kept
        self._emit = emit
        self._guard = threading.Lock()
        self._kept = _read(kept)
        self._changed = Signal()

    def take(self, event: Event) -> None:
        """Takes an event; its losses are told, and safe from a kill, before this returns, and written soon after."""
        with self._guard:
            if isinstance(event, SegmentFoundListed) and str(event.segment.id) in self._kept.told:
                return
            accounts, losses = account(self._kept.accounts, event)
            if losses or accounts != self._kept.accounts:
                told = [*self._kept.told, *(str(loss.where) for loss in losses[:1])]
                waiting = [*self._kept.waiting, *map(_line, losses)]
                self._keep(_Kept(waiting=waiting[-_MOST_WAITING:], told=told[-_TOLD_KEPT:], accounts=accounts))
        for loss in losses:
            self._emit(loss)
        if losses:
            self._changed.set()

    def run(self, ended: Stop) -> None:
        """Writes until ``ended`` is requested and everything that can be written is."""
        more = True
        while more:
            more = not ended.is_requested()
            if not self._write_waiting() and more:
                ended.wait(_TRY_AGAIN_S)
            elif more:
                self._changed.wait(_TRY_AGAIN_S)

    def wake(self) -> None:
        """Nothing more will come."""
        self._changed.set()

    def _write_waiting(self) -> bool:
        """Appends what waits; false when the disk took nothing."""
        with self._guard:
            lines = list(self._kept.waiting)
        if not lines:
            return True
        try:
            require_marked(self._path.parent)
            # what waits may all be there already, behind a line that was torn
            known = _newest_lines(self._path, max(_TAIL_BYTES, 2 * sum(map(len, lines))))
            append_lines(self._path, "".join(line for line in lines if line not in known).encode())
        except OSError:
            return False
        written = set(lines)
        with self._guard:
            waiting = [line for line in self._kept.waiting if line not in written]
            self._keep(self._kept.model_copy(update={"waiting": waiting}))
        return True

    def _keep(self, kept: _Kept) -> None:
        self._kept = kept
        with suppress(OSError):  # a full spool costs the safety from a kill, not the entry
            write_whole(self._kept_path, self._kept.model_dump_json().encode())


def _read(path: Path) -> _Kept:
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return _Kept()
    return kept.model_copy(update={"accounts": resumed(kept.accounts)})


def _newest_lines(path: Path, tail_bytes: int) -> set[str]:
    """The last lines of the file: a kill may have come between writing one and knowing that it is written."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - tail_bytes))
            return set(file.read().decode(errors="replace").splitlines(keepends=True))
    except FileNotFoundError:
        return set()


def _line(loss: SamplesLost) -> str:
    entry = {
        "time": iso_ms(loss.at),
        "samples": loss.samples,
        "cause": loss.cause,
        "missing_from": loss.missing_from,
        "segment": str(loss.where),
    }
    return json.dumps(entry) + "\n"
