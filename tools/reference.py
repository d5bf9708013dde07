"""Writes the generated part of docs/reference from the code; ``make docs``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from supervisor.events import Severity
from supervisor.manifest import Manifest
from supervisor.metrics import METRICS
from supervisor.settings import Settings, shown
from supervisor.state import State
from supervisor.status import Snapshot
from tools.costs import costs_markdown

Json = dict[str, Any]

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


_METRICS_HEAD = """# Metrics

<!-- Written by `make docs` from supervisor/metrics.py. -->

`GET /metrics` at `RADIO_STATUS_LISTEN`, for Prometheus. Base units; counters begin at 0 with each start, and every
cause, reason and usual code is there before it happens, so that the first is a rise. What is not known has no value.
Codes are the store's or the network's own, at most 32 of them, then `other`.

| metric | type | what it is |
|---|---|---|
"""

_STATUS_HEAD = """# Status

<!-- Written by `make docs` from supervisor/status/model.py. -->

`GET /status.json` at `RADIO_STATUS_LISTEN`, and `radio-supervisor status --json`; the same as a schema is in
[status.schema.json](status.schema.json). Fields may be added; what is here keeps its meaning.
Times are strings in UTC, with milliseconds.

`GET /healthz` is 200 in the states `on_air` and `degraded` and while a start is in time, else 503; its body is the
state.

"""


_UNITS = {
    "mbit_s": "Mbit/s",
    "s|seconds(_today)?": "s",
    "ms|p50|p99": "ms",
    "db": "dBFS",
    "lufs": "LUFS",
    "ppm": "ppm",
    "gb": "GB",
    "bytes": "bytes",
}
_ENUMS = {kind.__name__: ", ".join(f"`{value}`" for value in kind) for kind in (State, Severity)}


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


def metrics_markdown() -> str:
    """The table of all metrics."""
    rows = (
        f"| `{told.name}{f'{{{told.label}}}' if told.label else ''}` | {told.kind} | {told.text} |" for told in METRICS
    )
    return _METRICS_HEAD + "\n".join(rows) + "\n"


def status_markdown() -> str:
    """A table for the snapshot, and one for each object in it."""
    schema = Snapshot.model_json_schema(mode="serialization")
    told = [(Snapshot.__name__, schema), *schema["$defs"].items()]
    parts = (_object(name, of) for name, of in told if "properties" in of)
    return _STATUS_HEAD + "\n".join(parts)


def _object(name: str, schema: Json) -> str:
    rows = "".join(
        f"| `{field}` | {_type(of)} | {_unit(field)} | {of['description']} |\n"
        for field, of in schema["properties"].items()
    )
    return f"## {name}\n\n{schema['description']}\n\n| field | type | unit | what it is |\n|---|---|---|---|\n{rows}"


def _unit(field: str) -> str:
    """The unit that a field's name ends with."""
    return next((unit for ending, unit in _UNITS.items() if re.search(rf"(^|_)({ending})$", field)), "")


def _type(schema: Json) -> str:
    """A type in words; an object is named, and has a table of its own."""
    if "anyOf" in schema:
        return " or ".join(_type(of) for of in schema["anyOf"])
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _ENUMS.get(name, f"[{name}](#{name.lower()})")
    if schema["type"] == "array":
        return f"array of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema["type"])


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
        REFERENCE / "metrics.md": metrics_markdown(),
        REFERENCE / "status.md": status_markdown(),
        REFERENCE / "manifest.schema.json": manifest_schema(),
        REFERENCE / "status.schema.json": status_schema(),
    }


def main() -> None:
    """Writes them."""
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
