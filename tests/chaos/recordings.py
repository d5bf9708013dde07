"""The archive under audit: every closed segment once, whole, and without a seam within its run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.heard import Piece, captured_as, piece


class Recordings:
    """Decodes each file of a recordings folder once, in the order of capture; ``violations`` grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[Path] = set()
        self.pieces: dict[tuple[str, int], Piece] = {}
        self.by_pcm: dict[str, Piece] = {}
        self.violations: list[str] = []

    def listen(self) -> None:
        """Takes in the files that are new."""
        for path in sorted(set(self._folder.rglob("*.flac")) - self._known, key=captured_as):
            self._known.add(path)
            try:
                new = piece(path)
            except subprocess.CalledProcessError as error:
                self.violations.append(f"{path.name}: the reference decoder refuses it: {error.stderr!r}")
                continue
            self.violations += self._untrue_of(new)
            self.pieces[new.run, new.number] = self.by_pcm[new.pcm_md5] = new

    def _untrue_of(self, new: Piece) -> Iterator[str]:
        name = f"archived {new.run}.{new.number}"
        if (new.run, new.number) in self.pieces:
            yield f"{name} is there twice"
        if new.heard.broken:
            yield f"{name} has {new.heard.broken} seams inside"
        before = self.pieces.get((new.run, new.number - 1))
        if new.number and before is None:
            yield f"{name} is there, but not the one before it"
        elif before is not None and before.heard.same_play(new.heard) and new.heard.first != before.heard.last + 1:
            yield f"{name} does not go on where the one before it ended: {before.heard}, {new.heard}"
