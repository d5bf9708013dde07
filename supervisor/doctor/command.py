"""The command: examines, prints, and tells the exit code."""

from __future__ import annotations

import typer
from rich.console import Console

from supervisor.doctor import printing
from supervisor.doctor.examination import examine
from supervisor.errors import Exit
from supervisor.settings import Loaded


def run_doctor(loaded: Loaded, origin: str | None, *, as_json: bool) -> Exit:
    """Whether a station with these settings, listened to on pages of ``origin``, can go on air."""
    with Console(stderr=True).status("Listening to the source and asking the store: up to half a minute …"):
        checks = examine(loaded.settings, loaded.env_file, origin)
    if as_json:
        typer.echo(printing.as_json(checks))
    else:
        printing.show(checks, Console())
    return Exit.OK if printing.ready(checks) else Exit.FAILED
