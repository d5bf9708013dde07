"""Writes the generated part of docs/reference from the code; ``make docs``."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import SecretStr

from supervisor.manifest import Manifest
from supervisor.settings import Settings, shown
from supervisor.status import Snapshot
from tools.costs import costs_markdown

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"

_SETTINGS_HEAD = """# Settings

<!-- Written by `make docs` from supervisor/settings.py. -->

Environment variables, or lines `NAME=value` in a file given with `--env-file` (default: `.env` in the working folder,
if it is there). `--set NAME=VALUE` on the command line wins over the environment, which wins over the file.
`radio-supervisor config` shows every value and where it came from. Unknown `RADIO_*` and `R2_*` names and values that
are not allowed are refused by name, with exit code 2. An empty value counts as not set.

The settings marked \\* are secrets: masked wherever they are shown, and refused on the command line, where everybody on
the machine could read them.

| setting | default | allowed | what it is |
|---|---|---|---|
"""


def settings_markdown() -> str:
    """The table of all settings."""
    defaults = Settings.model_construct()
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        allowed = extra["allowed"] if isinstance(extra, dict) else ""
        secret = " \\*" if field.annotation is SecretStr else ""
        default = shown(defaults, name)
        rows.append(
            f"| `{name.upper()}`{secret} | {f'`{default}`' if default else ''} | {allowed} | {field.description} |"
        )
    return _SETTINGS_HEAD + "\n".join(rows) + "\n"


def manifest_schema() -> str:
    """The JSON Schema of the manifest."""
    return json.dumps(Manifest.model_json_schema(mode="serialization"), indent=2) + "\n"


def status_schema() -> str:
    """The JSON Schema of the status."""
    return json.dumps(Snapshot.model_json_schema(mode="serialization"), indent=2) + "\n"


def files() -> dict[Path, str]:
    """Every generated file and what has to be in it."""
    return {
        REFERENCE / "settings.md": settings_markdown(),
        REFERENCE / "costs.md": costs_markdown(),
        REFERENCE / "manifest.schema.json": manifest_schema(),
        REFERENCE / "status.schema.json": status_schema(),
    }


def main() -> None:
    """Writes them."""
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
