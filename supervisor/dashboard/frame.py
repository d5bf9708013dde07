"""One frame: which parts are shown, how many lines each gets, and where they stand. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from supervisor.dashboard import panels
from supervisor.dashboard.panels import Panel
from supervisor.dashboard.view import View
from supervisor.status import Snapshot

_COLUMNS_FROM = {1: 0, 2: 76, 3: 114}
_BETWEEN = 2
_NO_LIMIT = 10_000
_MOST_FACT_LINES = 6
_LEAST_ALARM_LINES, _SURE_ALARM_LINES, _ENOUGH_ALARM_LINES = 6, 8, 12


@dataclass(frozen=True)
class _Part:
    """A part of the frame: the lines without which it is not shown, enough, and as many as it can fill; its making."""

    least: int
    enough: int
    most: int
    made: Callable[[int], list[Text]]


def frame(view: View, width: int, height: int, now: datetime, leave: str) -> list[Text]:
    """``height`` lines of at most ``width`` cells: the station as ``view`` knows it at ``now``; ``leave`` is the foot.

    What has no room is left out by its weight: state first, then alarms, levels, segments, facts, log.
    """
    s = view.snapshot
    parts = {
        "header": _Part(1, 1, 1, lambda _: [panels.header(view, now, width)]),
        "meters": _fixed(panels.meters(view, width)),
        "segments": _titled("segments, time after closing", _segments(s, width), width, 3, 5),
        **{f"facts {number}": row for number, row in enumerate(_fact_rows(s, width))},
        "alarms": _alarms(s, now, width),
        "log": _log(s, width),
        "foot": _Part(1, 1, 1, lambda _: [Text(f" {leave}", "dim")]),
    }
    weights = ("header", "alarms", "foot", "meters", "segments", *(name for name in parts if "facts" in name), "log")
    shares = _shares([parts[name] for name in weights], height)
    given = dict(zip(weights, shares, strict=True))
    lines = [line for name, part in parts.items() if given[name] for line in part.made(given[name])]
    return [_fitted(line, width) for line in (*lines, *(Text() for _ in range(height)))][:height]


def _shares(parts: Sequence[_Part], height: int) -> list[int]:
    """Lines for each part, the weightiest first: the least of each that still fits, then enough, then the most."""
    shares = [0] * len(parts)
    for number, part in enumerate(parts):
        shares[number] = part.least if part.least <= height - sum(shares) else 0
    for wished in ([part.enough for part in parts], [part.most for part in parts]):
        for number, lines in enumerate(wished):
            if shares[number]:
                shares[number] += max(0, min(height - sum(shares), lines - shares[number]))
    return shares


def _fixed(lines: list[Text]) -> _Part:
    return _Part(len(lines), len(lines), len(lines), lambda _: lines)


def _titled(title: str, lines: list[Text], width: int, least: int, enough: int) -> _Part:
    most = 1 + len(lines)
    return _Part(
        min(least, most), min(enough, most), most, lambda given: [panels.rule(title, width), *lines[: given - 1]]
    )


def _segments(s: Snapshot, width: int) -> list[Text]:
    lines = panels.segments(s.recent, width)
    return lines if s.recent else [Text("   none is closed yet", "dim")]


def _alarms(s: Snapshot, now: datetime, width: int) -> _Part:
    """A line for each and one for its remedy, up to eight, are surer of their place than all but the state."""
    if not s.alarms:
        return _Part(0, 0, 0, lambda _: [])
    count, needed = len(s.alarms), len(panels.alarms(s.alarms, now, width, _NO_LIMIT))
    least = max(_LEAST_ALARM_LINES, min(_SURE_ALARM_LINES, 2 * count))
    title = panels.rule("alarm" if count == 1 else f"{count} alarms", width)

    def made(given: int) -> list[Text]:
        return [title, *panels.alarms(s.alarms, now, width, given - 1)]

    return _Part(1 + min(needed, least), 1 + min(needed, _ENOUGH_ALARM_LINES), 1 + needed, made)


def _log(s: Snapshot, width: int) -> _Part:
    """Takes all the room that is left: the frame's lower end stands still."""
    lines = panels.log(s.log)

    def made(given: int) -> list[Text]:
        shown = lines[len(lines) - min(len(lines), given - 1) :]
        return [panels.rule("log", width), *shown, *(Text() for _ in range(given - 1 - len(shown)))]

    return _Part(2, 4, _NO_LIMIT, made)


def _fact_rows(s: Snapshot, width: int) -> list[_Part]:
    """The panels of facts, as many beside each other as the width has room for."""
    count = max(columns for columns, needed in _COLUMNS_FROM.items() if width >= needed)
    column = (width - _BETWEEN * (count - 1)) // count
    all_panels = panels.panels(s, column)
    rows = [all_panels[first : first + count] for first in range(0, len(all_panels), count)]
    return [_fact_row(row, column) for row in rows]


def _fact_row(row: Sequence[Panel], column: int) -> _Part:
    needed = max(len(_flowed(panel.facts, column)) for panel in row)
    wished = min(_MOST_FACT_LINES, max(len(panel.facts) for panel in row))

    def made(given: int) -> list[Text]:
        cells = [[panels.rule(panel.title, column), *_stacked(panel.facts, column, given - 1)] for panel in row]
        return [
            _beside([cell[line] if line < len(cell) else Text() for cell in cells], column) for line in range(given)
        ]

    return _Part(2, 1 + min(needed, 3), 1 + max(needed, wished), made)


def _stacked(facts: Sequence[Text], width: int, height: int) -> list[Text]:
    """A line for each fact if there is room for it, else as many beside each other as fit."""
    if len(facts) <= height:
        return [Text.assemble(" ", fact) for fact in facts]
    return _flowed(facts, width)[:height]


def _flowed(facts: Sequence[Text], width: int) -> list[Text]:
    lines: list[Text] = []
    for fact in facts:
        if lines and lines[-1].cell_len + _BETWEEN + fact.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], " " * _BETWEEN, fact)
        else:
            lines.append(Text.assemble(" ", fact))
    return lines


def _beside(cells: Sequence[Text], width: int) -> Text:
    fitted = [_fitted(cell, width) for cell in cells]
    gaps = [Text.assemble(cell, " " * (width - cell.cell_len + _BETWEEN)) for cell in fitted[:-1]]
    return Text.assemble(*gaps, fitted[-1])


def _fitted(line: Text, width: int) -> Text:
    if line.cell_len > width:
        line = line.copy()
        line.truncate(width, overflow="ellipsis")
    return line
