"""Shows checks: a table on a terminal, plain lines elsewhere, JSON for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from supervisor.doctor.check import Check, Verdict

_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "bold red", Verdict.SKIPPED: "dim"}


def ready(checks: Sequence[Check]) -> bool:
    """Whether nothing failed."""
    return all(check.verdict is not Verdict.FAILED for check in checks)


def as_json(checks: Sequence[Check]) -> str:
    """``{"ok": …, "checks": [{"name", "verdict", "found", "remedy"}]}``."""
    return json.dumps({"ok": ready(checks), "checks": [asdict(check) for check in checks]}, indent=2)


def as_text(checks: Sequence[Check]) -> str:
    """A line for each check, its remedy on a line below."""
    lines = []
    for check in checks:
        lines.append(f"{check.verdict:<8} {check.name}: {check.found}")
        if check.remedy:
            lines.append(f"{'':8} -> {check.remedy}")
    return "\n".join([*lines, summary(checks)])


def show(checks: Sequence[Check], console: Console) -> None:
    """Prints the table, or the plain lines where nobody looks at a table."""
    if not console.is_terminal:
        console.print(as_text(checks), markup=False, highlight=False, soft_wrap=True)
        return
    console.print(table(checks))
    console.print(summary(checks), markup=False, highlight=False)


def table(checks: Sequence[Check]) -> Table:
    """Verdict, name, what was found and what to do; the verdict is a word, so colour is not needed."""
    made = Table("", "check", "found, and what to do", box=None, pad_edge=False)
    for check in checks:
        told = Text(check.found)
        if check.remedy:
            told.append(f"\n→ {check.remedy}", style="italic")
        made.add_row(Text(check.verdict, style=_STYLES[check.verdict]), Text(check.name), told)
    return made


def summary(checks: Sequence[Check]) -> str:
    """One line: how many of each, and what follows."""
    counts = Counter(check.verdict for check in checks)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return f"{told}: {'ready to go on air' if ready(checks) else 'not ready to go on air'}."
