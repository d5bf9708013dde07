"""Reads an env file as Docker and systemd know them, and refuses what it cannot understand instead of skipping it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from supervisor.errors import UserError


def read_env_file(path: Path) -> dict[str, str]:
    """Every name in the file with its value; a name without a value is empty.

    Raises:
        UserError: the file cannot be read, or a line of it is not NAME=VALUE; the line is not repeated, as it may be a
            part of a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the env file '{path}' cannot be read: {error}") from error
    wrong = [str(binding.original.line) for binding in parse_stream(StringIO(text)) if binding.error]
    if wrong:
        lines = f"line {wrong[0]}" if len(wrong) == 1 else f"lines {', '.join(wrong)}"
        raise UserError(
            f"the env file '{path}' cannot be understood in {lines}.",
            "Write NAME=VALUE on a line of its own, in quotes if the value has spaces; # begins a comment.",
        )
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}
