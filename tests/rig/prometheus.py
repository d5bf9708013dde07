"""promtool, and what can be read of the files for Prometheus and Grafana."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.parts import ROOT

RULES = ROOT / "compose/prometheus/rules.yaml"
DASHBOARD = ROOT / "compose/grafana/dashboard.json"

_GRAFANA = {"$__rate_interval": "1m", "$job": "radio", "$instance": "a"}
_NAME = re.compile(r"\bradio_\w+|\bup\b")
_SELECTOR = re.compile(r"(?P<name>\bradio_\w+)\{(?P<matchers>[^}]*)\}")
_MATCHER = re.compile(r'(?P<label>\w+)\s*(?P<operator>=~|!~|!=|=)\s*"(?P<value>[^"]*)"')
_BY = re.compile(r"\bby \((?P<labels>[^)]*)\)")


def promtool(*words: str, given: str | None = None) -> str:
    """Runs promtool, which must find nothing wrong; what it says."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    program = shutil.which("promtool", path=path)
    if program is None:
        pytest.fail("promtool is required; `make setup-dev` brings it")
    ran = subprocess.run([program, *words], input=given, capture_output=True, text=True, timeout=50, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def rules() -> list[dict[str, Any]]:
    """Every alert rule."""
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    read: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return read


def panels() -> list[dict[str, Any]]:
    """Its panels that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def dashboard_expressions() -> list[str]:
    """Every expression of the dashboard, with Grafana's variables filled in."""
    told = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [_filled(expr) for expr in (*told, *(note["expr"] for note in dashboard()["annotations"]["list"]))]


def _filled(expression: str) -> str:
    for variable, value in _GRAFANA.items():
        expression = expression.replace(variable, value)
    return expression


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    return set(_NAME.findall(expression)) - {"up"}


def labels_in(expression: str) -> set[tuple[str, str, str, str]]:
    """What it asks of labels: metric, label, operator, value. What it groups by is asked of its one metric."""
    matched = {
        (selector["name"], matcher["label"], matcher["operator"], matcher["value"])
        for selector in _SELECTOR.finditer(expression)
        for matcher in _MATCHER.finditer(selector["matchers"])
    }
    grouped = {label.strip() for by in _BY.finditer(expression) for label in by["labels"].split(",")}
    return matched | {(name, label, "=~", ".*") for name in names_in(expression) for label in grouped}
