"""Shows an estimate: a table with how each figure comes about, or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from supervisor.estimate import PRICES_OF, Assumptions, Estimate

Row = tuple[str, str, str]
"""What, how much, how it comes about."""


def as_json(a: Assumptions, e: Estimate) -> str:
    """``{"assumptions": …, "estimate": …, "prices_of": …}``."""
    told = {"assumptions": asdict(a), "estimate": asdict(e), "prices_of": PRICES_OF}
    return json.dumps(told, indent=2)


def rows(a: Assumptions, e: Estimate) -> list[Row]:
    """Every figure in words."""
    listeners = f"{a.listeners} listeners, {a.hours_a_day:g} h a day"
    return [
        ("upload", f"{e.upload_mbit_s:.2f} Mbit/s", f"HQ {a.hq_mbit_s:.3f} + LQ {a.lq_mbit_s:.3f}; have twice of it"),
        ("bucket", f"{e.bucket_mb:.1f} MB", f"(window {a.window} + 1) x {a.segment_s} s x upload; 10 GB are free"),
        (
            "recordings",
            f"{e.recordings_gb_day:.1f} GB a day",
            f"HQ alone; {e.recordings_gb_month:.0f} GB in 30 days",
        ),
        ("class A", f"{e.class_a_month:,} a month", "3 writes a segment; a million is free"),
        ("", f"{e.class_a_usd:.2f} $ a month", "4.50 $ for each further million that is begun"),
        ("a listener", f"{a.hq_mbit_s:.2f} or {a.lq_mbit_s:.2f} Mbit/s", "HQ or LQ"),
        ("", f"{e.class_b_listener_month:,} class B a month", f"2 reads a segment, {a.hours_a_day:g} h a day"),
        ("class B", f"{e.class_b_month:,} a month", f"{listeners}, nothing cached; ten million are free"),
        ("", f"{e.class_b_usd:.2f} $ a month", "0.36 $ for each further million that is begun"),
        ("", f"{e.class_b_cached_month:,}: {e.class_b_cached_usd:.2f} $", "the same, segments cached by a domain"),
        (
            "free of charge",
            f"{e.free_listeners:,} listeners",
            "for so many at once, nothing cached",
        ),
        ("egress", f"{e.egress_gb_month:,.0f} GB a month", f"{listeners}, all in HQ; R2 charges nothing for it"),
        ("in all", f"{e.usd_month:.2f} $ a month", f"nothing cached; R2's list prices of {PRICES_OF}"),
    ]


def show(a: Assumptions, e: Estimate, console: Console) -> None:
    """Prints the table."""
    table = Table("", "estimate", "how", box=None, pad_edge=False)
    for row in rows(a, e):
        table.add_row(*row)
    console.print(table, highlight=False, markup=False)
