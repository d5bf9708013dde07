"""A folder as the bucket: for the demo, for tests, and for whoever serves the files with a web server of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from supervisor.files import write_whole
from supervisor.stores.store import Body, Headers, Stored, StoreError, Trouble


class FolderStore:
    """Keys are paths below ``root``; headers are up to the web server that serves it.

    A folder has no clock of its own: ``clock_ahead_s`` is whatever can be told of this machine's.
    """

    def __init__(self, root: Path, clock_ahead_s: Callable[[], float | None] = lambda: None) -> None:
        self._root = root
        self._clock_ahead_s = clock_ahead_s

    @property
    def name(self) -> str:
        """The folder."""
        return f"folder {self._root}"

    @property
    def clock_ahead_s(self) -> float | None:
        """What was given to tell it; None when nobody can."""
        return self._clock_ahead_s()

    def put(self, key: str, body: Body, headers: Headers) -> None:  # noqa: ARG002 - a folder keeps no headers
        """Writes the file in one step."""
        with _store_errors("put", key):
            path = self._root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, body)

    def get(self, key: str) -> Stored | None:
        """Reads the file."""
        with _store_errors("get", key):
            path = self._root / key
            try:
                body = path.read_bytes()
                return Stored(body, max(0.0, time.time() - path.stat().st_mtime))
            except FileNotFoundError:
                return None

    def delete(self, key: str) -> None:
        """Removes the file."""
        with _store_errors("delete", key):
            (self._root / key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """All files below the root whose path begins with ``prefix``."""
        with _store_errors("list", prefix):
            paths = (path for path in self._root.rglob("*") if path.is_file() and not path.name.startswith("."))
            keys = (path.relative_to(self._root).as_posix() for path in paths)
            return sorted(key for key in keys if key.startswith(prefix))


@contextmanager
def _store_errors(operation: str, key: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise StoreError(
            operation,
            key,
            "PermissionError",
            str(error.strerror),
            Trouble.REFUSED,
            "Check the folder's owner and mode.",
        ) from error
    except OSError as error:
        raise StoreError(operation, key, type(error).__name__, str(error.strerror), Trouble.PASSING) from error
