"""What several commands take: where settings come from, and JSON for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from supervisor.errors import UserError
from supervisor.settings import Loaded, load

EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", help="Read settings from this file. Default: .env in this folder, if it is there."),
]
SetOptions = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="NAME=VALUE", help="Set one setting; wins over environment and env file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def load_settings(env_file: Path | None, assignments: list[str] | None) -> Loaded:
    """The settings as the options of a command give them.

    Raises:
        UserError: an assignment or a setting is wrong.
    """
    command_line = {}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UserError(f"--set {name}: write NAME=VALUE.")
        command_line[name] = value
    return load(env_file, command_line)
