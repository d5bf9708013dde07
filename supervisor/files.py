"""Files that are either whole or not there: write, fsync, rename."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """The content of a file that will not shrink meanwhile, without a copy of it: pages of the kernel's own."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # mmap(2) takes nothing for an error
            yield memoryview(b"")
            return
        pages = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ)
    view = memoryview(pages)
    try:
        yield view
    finally:
        view.release()
        with suppress(BufferError):  # a part of it is still held: then it goes with that
            pages.close()


def write_whole(path: Path, content: bytes | memoryview, *, durable: bool = False) -> None:
    """Replaces ``path`` by ``content`` in one step, as `write_pieces` does."""
    write_pieces(path, (content,), durable=durable)


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview], *, durable: bool = False) -> None:
    """Replaces ``path`` by all ``pieces`` in one step; nobody ever sees a part of them.

    With ``durable`` it also survives a power cut: file and folder are synced.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def append_lines(path: Path, lines: bytes) -> None:
    """Appends whole lines durably, or none of them; what a power cut left of a line before stays on a line of its own.

    Raises:
        OSError: the disk did not take all of them.
    """
    with path.open("a+b", buffering=0) as file:
        size_bytes = file.seek(0, os.SEEK_END)
        torn = size_bytes > 0 and os.pread(file.fileno(), 1, size_bytes - 1) != b"\n"
        content = b"\n" * torn + lines
        try:
            _write_all(file, content)
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size_bytes)
            raise
    if size_bytes == 0:
        sync_folder(path.parent)


def _write_all(file: FileIO, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]


def sync_folder(folder: Path) -> None:
    """Makes the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Creates ``folder`` and its parents durably."""
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in absent:
        sync_folder(made.parent)
