"""Reads the files of a segment while FFmpeg writes them, so that little is left to read when it closes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from supervisor.names import SegmentId
from supervisor.sealing.flac import FrameReader
from supervisor.sealing.opus import PageReader

_PIECE_BYTES = 65_536
"""Buffers of this size are used again; larger ones are the kernel's, which clears each page of them first."""


class Following:
    """One segment, read as far as it is written."""

    def __init__(self, segment: SegmentId) -> None:
        self.segment = segment
        self.hq = FrameReader()
        self.lq = PageReader()

    def read_on(self, hq: Path | None, lq: Path | None) -> None:
        """Reads what has been written since; a file that is missing has nothing."""
        for path, reader in ((hq, self.hq), (lq, self.lq)):
            if path is not None:
                for piece in _read_from(path, reader.taken_bytes):
                    reader.feed(piece)


def _read_from(path: Path, offset: int) -> Iterator[bytes]:
    with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
        file.seek(offset)
        while piece := file.read(_PIECE_BYTES):
            yield piece
