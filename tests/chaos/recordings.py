"""The archive under audit: every closed segment once, whole, and each run in one piece but for what its device lost."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.chaos.heard import MOST_SKIPPED_FRAMES, Piece, captured_as, pieces


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
        """Takes in the files that are new; one that is joined with others meanwhile comes with these."""
        new: list[tuple[tuple[str, int], Path]] = []
        for path in set(self._folder.rglob("*.flac")) - self._known:
            with suppress(FileNotFoundError):
                new.append((captured_as(path), path))
        for _, path in sorted(new):
            with suppress(FileNotFoundError):
                self._listen_to(path)

    def _listen_to(self, path: Path) -> None:
        try:
            found = pieces(path)
        except subprocess.CalledProcessError as error:
            self.violations.append(f"{path.name}: the reference decoder refuses it: {error.stderr!r}")
            found = []
        self._known.add(path)
        alone = len(found) == 1 and f".{found[0].number:08d}." in path.name
        for piece in found:
            before = self.pieces.get((piece.run, piece.number))
            self.violations += self._untrue_of(piece) if before is None else _untrue_again(before, piece, alone=alone)
            if before is None:
                self._take(piece)

    def _take(self, new: Piece) -> None:
        self.skipped[new.run] += new.heard.skipped + self._skipped_before(new)
        self.pieces[new.run, new.number] = self.by_pcm[new.pcm_md5] = new

    def _untrue_of(self, new: Piece) -> Iterator[str]:
        name = f"archived {new.run}.{new.number}"
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


def _untrue_again(before: Piece, new: Piece, *, alone: bool) -> Iterator[str]:
    """What is wrong with a segment that was heard before: it may be joined with others now, and is still the same."""
    name = f"archived {new.run}.{new.number}"
    if alone:
        yield f"{name} is there twice"
    if before.pcm_md5 != new.pcm_md5:
        yield f"{name} was something else before"
