"""The folder in memory where segments wait: tmpfs, with room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from supervisor import prepare
from supervisor.doctor.check import Check, ok, refused, skipped, warning
from supervisor.errors import UserError
from supervisor.settings import Settings
from supervisor.spool import Spool

NAME = "spool"


def checks(settings: Settings, *, on_air: bool) -> Iterator[Check]:
    """Made and locked for a moment, as a start does."""
    folder = settings.spool_dir
    if on_air:
        yield skipped(NAME, f"the supervisor that is on air uses '{folder}'", "See 'radio-supervisor status'.")
        return
    try:
        with closing(Spool(folder)) as spool:
            shortcomings = prepare.spool_warnings(settings, spool)
    except UserError as error:
        yield refused(NAME, error)
        return
    for shortcoming in shortcomings:
        yield warning(NAME, shortcoming.what, shortcoming.remedy)
    if not shortcomings:
        yield ok(NAME, f"'{folder}' is in memory, with room for {settings.radio_spool_limit_mb} MB")
