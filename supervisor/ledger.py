"""The ledger of losses: a file of JSON lines beside the recordings, written by a thread of its own."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from supervisor.clock import iso_ms
from supervisor.events import Emit, Event, SamplesLost
from supervisor.files import append_lines, make_folders
from supervisor.losses import Accounts, account
from supervisor.stop import Signal, Stop

_MOST_WAITING = 10_000
_TRY_AGAIN_S = 5.0


class Ledger:
    """Derives losses from events, tells them with ``emit``, and appends each to ``path``.

    Nobody waits for the disk: while it takes nothing, entries wait here, the newest 10 000 of them at most.
    """

    def __init__(self, path: Path, emit: Emit) -> None:
        self._path = path
        self._emit = emit
        self._guard = threading.Lock()
        self._accounts = Accounts()
        self._waiting: list[SamplesLost] = []
        self._changed = Signal()

    def take(self, event: Event) -> None:
        """Takes an event; its losses are told before this returns and written soon after."""
        with self._guard:
            self._accounts, losses = account(self._accounts, event)
            self._waiting.extend(losses)
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
            losses, self._waiting = self._waiting, []
        if not losses:
            return True
        try:
            make_folders(self._path.parent)
            append_lines(self._path, "".join(map(_line, losses)).encode())
        except OSError:
            with self._guard:
                self._waiting = [*losses, *self._waiting][-_MOST_WAITING:]
            return False
        return True


def _line(loss: SamplesLost) -> str:
    entry = {
        "time": iso_ms(loss.at),
        "samples": loss.samples,
        "cause": loss.cause,
        "missing_from": loss.missing_from,
        "segment": str(loss.where),
    }
    return json.dumps(entry) + "\n"
