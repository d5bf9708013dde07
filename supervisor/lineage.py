"""The newest run in the archive, kept with it: runs are named as they happened, whatever a clock says after a boot."""

from __future__ import annotations

from pathlib import Path

from supervisor.files import write_whole
from supervisor.identity import kept_file
from supervisor.names import is_run

_NAME = "newest-run"


def newest_run(recordings: Path) -> str:
    """The newest run that was archived; empty when none is known."""
    try:
        run = kept_file(recordings, _NAME).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):  # what is lost is an order of names, and no reason not to go on air
        return ""
    return run if is_run(run) else ""


def remember_run(recordings: Path, run: str) -> None:
    """Keeps that a segment of ``run`` was archived.

    Raises:
        OSError: the disk does not take it.
    """
    if run > newest_run(recordings):
        write_whole(kept_file(recordings, _NAME), f"{run}\n".encode(), durable=True)
