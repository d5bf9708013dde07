"""The command: examines, prints, and tells the exit code."""

from __future__ import annotations

import typer
from rich.console import Console

from supervisor import values
from supervisor.doctor import printing
from supervisor.doctor.examination import examine
from supervisor.errors import Exit, UserError
from supervisor.settings import Loaded


def checked_origin(text: str | None) -> str | None:
    """What ``--origin`` was given, in small letters.

    Raises:
        UserError: it is no origin.
    """
    if text is not None and not values.is_origin(text):
        raise UserError(
            f"--origin {text}: this is no origin.",
            "Give the listener page's scheme, host and port and nothing else, for example https://radio.example.",
        )
    return text.lower() if text else None


def run_doctor(loaded: Loaded, origin: str | None, *, as_json: bool) -> Exit:
    """Whether a station with these settings can go on air, for pages of ``origin`` or of RADIO_PAGE_ORIGIN."""
    origin = origin or loaded.settings.radio_page_origin or None
    with Console(stderr=True).status("Listening to the source and asking the store: up to half a minute …"):
        checks = examine(loaded.settings, loaded.env_file, origin)
    if as_json:
        typer.echo(printing.as_json(checks))
    else:
        printing.show(checks, Console())
    return Exit.OK if printing.ready(checks) else Exit.FAILED
