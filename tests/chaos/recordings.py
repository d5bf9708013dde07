"""The archive under audit: every closed segment once, whole, and each run in one piece but for what its device lost."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.heard import MOST_SKIPPED_FRAMES, Piece, captured_as, piece


class Recordings:
    """Decodes each file of a recordings folder once, in the order of capture; ``violations`` grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[Path] = set()
        self.pieces: dict[tuple[str, int], Piece] = {}
        self.by_pcm: dict[str, Piece] = {}
        self.violations: list[str] = []
        self.skipped: Counter[str] = Counter()
        """Frames that each run lost inside itself."""

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
            self.skipped[new.run] += new.heard.skipped + self._skipped_before(new)
            self.pieces[new.run, new.number] = self.by_pcm[new.pcm_md5] = new

    def _untrue_of(self, new: Piece) -> Iterator[str]:
        name = f"archived {new.run}.{new.number}"
        if (new.run, new.number) in self.pieces:
            yield f"{name} is there twice"
        if new.heard.broken:
            yield f"{name} is broken in {new.heard.broken} places"
        if new.number and (new.run, new.number - 1) not in self.pieces:
            yield f"{name} is there, but not the one before it"
        elif not 0 <= self._skipped_before(new) <= MOST_SKIPPED_FRAMES:
            yield f"{name} does not go on where the one before it ended: {new.heard}"

    def _skipped_before(self, new: Piece) -> int:
        before = self.pieces.get((new.run, new.number - 1))
        if before is None or not before.heard.same_play(new.heard):
            return 0
        return new.heard.first - before.heard.last - 1
