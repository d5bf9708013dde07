"""Keeps the month's count of billed requests beside the recordings, so that a restart does not begin it anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from supervisor.files import write_whole
from supervisor.identity import require_marked
from supervisor.requests import Requests
from supervisor.stop import Stop

_EVERY_S = 60.0


def kept_requests(path: Path) -> Requests:
    """What the life before this one left in ``path``, with nothing counted since the start; a new count if nothing."""
    try:
        return Requests.model_validate_json(path.read_bytes()).model_copy(update={"class_a": 0, "class_b": 0})
    except (OSError, ValidationError):
        return Requests()


def keep_requests(current: Callable[[], Requests], path: Path, ended: Stop) -> None:
    """Writes the count every minute, and when ``ended`` is requested; a disk that takes nothing costs the count."""
    stopped = False
    written = current()
    while not stopped:
        stopped = ended.wait(_EVERY_S)
        requests = current()
        if requests != written:
            with suppress(OSError):
                require_marked(path.parent)
                write_whole(path, requests.model_dump_json().encode())
                written = requests
