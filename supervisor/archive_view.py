"""What the commands of the archive print: text for people, rows for JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from supervisor.clock import iso_ms
from supervisor.recordings.catalogue import Catalogue
from supervisor.recordings.coverage import Day, Gap
from supervisor.recordings.export import Cut
from supervisor.recordings.verify import Report

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
_GAPS_SHOWN = 20
_HOUR_S = 3600


def list_row(station: str, catalogue: Catalogue, days: list[Day], missing: list[Gap]) -> dict[str, Any]:
    """The calendar as JSON."""
    files = catalogue.files
    return {
        "station": station,
        "recordings": sum(not file.is_piece for file in files),
        "pieces": sum(file.is_piece for file in files),
        "seconds": round(sum(file.seconds for file in files), 3),
        "bytes": sum(file.bytes for file in files),
        "damaged": [{"path": str(path), "why": why} for path, why in catalogue.problems],
        "gaps": [_gap_row(gap) for gap in missing],
        "days": [
            {
                "date": day.date.isoformat(),
                "seconds": round(day.seconds, 3),
                "hours": [round(hour_s, 3) for hour_s in day.hours],
                "hours_with_gaps": sorted(day.hours_with_gaps),
            }
            for day in days
        ],
    }


def print_calendar(station: str, catalogue: Catalogue, days: list[Day], missing: list[Gap]) -> None:
    """The calendar on the terminal."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table("UTC day", "00    06    12    18    ", "recorded", "gaps", box=None, pad_edge=False)
    for before, day in zip([None, *days], days, strict=False):
        if before and (left_out := (day.date - before.date).days - 1):
            table.add_row("…", f"{left_out} days without a recording")
        count = sum(gap.start.date() <= day.date <= gap.end.date() for gap in missing)
        table.add_row(
            day.date.isoformat(), _bars(day), _clock_text(day.seconds), f"[red]{count}[/red]" if count else ""
        )
    console.print(table)
    for gap in missing[-_GAPS_SHOWN:]:
        told = f" {iso_ms(gap.start)} to {iso_ms(gap.end)}: {gap.samples} samples"
        console.print(Text.assemble(("gap", "red"), told))
    if len(missing) > _GAPS_SHOWN:
        console.print(f"{len(missing) - _GAPS_SHOWN} earlier gaps; --json lists them all")
    for path, why in catalogue.problems:
        console.print(Text.assemble(("damaged", "red"), f" {path}: {why}"))
    console.print(Text(_totals(station, catalogue, missing)))


def report_row(found: Report) -> dict[str, object]:
    """What `verify` found, as JSON."""
    return {
        "fine": found.is_fine,
        "files": found.files,
        "seconds": round(found.seconds, 3),
        "damaged": [{"path": str(path), "why": why} for path, why in found.damaged],
        "gaps": [_gap_row(gap) for gap in found.gaps],
        "overlaps": [
            {"path": str(lap.path), "other": str(lap.other), "samples": lap.samples} for lap in found.overlaps
        ],
    }


def report_text(found: Report) -> str:
    """What `verify` found, a line for each finding."""
    lines = [
        *(f"damaged {path}: {why}" for path, why in found.damaged),
        *(f"gap {iso_ms(gap.start)} to {iso_ms(gap.end)}: {gap.samples} samples" for gap in found.gaps),
        *(f"overlap {lap.path} and {lap.other}: {lap.samples} samples" for lap in found.overlaps),
    ]
    verdict = "all as captured, nothing missing" if found.is_fine else f"{len(lines)} findings"
    return "\n".join([*lines, f"{found.files} files, {_clock_text(found.seconds)}: {verdict}"])


def export_row(path: Path, wanted: Cut) -> dict[str, object]:
    """What was exported, as JSON."""
    return {
        "path": str(path),
        "samples": wanted.samples,
        "files": [str(file.path) for file in wanted.files],
        "gaps": [_gap_row(gap) for gap in wanted.gaps],
    }


def export_text(path: Path, wanted: Cut) -> str:
    """What was exported, a line for each gap in it."""
    rate = wanted.files[0].place.sample_rate
    lines = [f"gap {iso_ms(gap.start)} to {iso_ms(gap.end)}: {gap.samples} samples left out" for gap in wanted.gaps]
    return "\n".join([*lines, f"{path}: {wanted.samples} samples, {_clock_text(wanted.samples / rate)}"])


def _gap_row(gap: Gap) -> dict[str, object]:
    return {
        "start": iso_ms(gap.start),
        "end": iso_ms(gap.end),
        "samples": gap.samples,
        "seconds": round(gap.seconds, 3),
    }


def _bars(day: Day) -> Text:
    text = Text()
    for number, hour_s in enumerate(day.hours):
        height = min(len(_BARS) - 1, int(hour_s / _HOUR_S * len(_BARS)))
        style = "red" if number in day.hours_with_gaps else "green"
        text.append(_BARS[height] if hour_s else _NOTHING, style)
    return text


def _totals(station: str, catalogue: Catalogue, missing: list[Gap]) -> str:
    files = catalogue.files
    joined = sum(not file.is_piece for file in files)
    seconds, size_gb = sum(file.seconds for file in files), sum(file.bytes for file in files) / 1e9
    missing_s = sum(gap.seconds for gap in missing)
    return (
        f"{station}: {_clock_text(seconds)} in {joined} recordings and {len(files) - joined} pieces, {size_gb:.3f} GB; "
        f"{len(missing)} gaps, {missing_s:.3f} s missing; {len(catalogue.problems)} damaged"
    )


def _clock_text(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // _HOUR_S}:{whole // 60 % 60:02d}:{whole % 60:02d}"
