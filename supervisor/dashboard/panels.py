"""The parts of the picture: each turns a snapshot into lines or into facts that are never cut."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from rich.text import Text

from supervisor.dashboard.view import View
from supervisor.dashboard.words import decibels, delay, duration, megabytes, offset, printable
from supervisor.events import Severity
from supervisor.recent import SegmentTimes
from supervisor.state import State
from supervisor.status import Alarm, LogLine, Snapshot

_FLOOR_DB = -60.0
_TICKS_DB = (-60, -48, -36, -24, -18, -12, -6, 0)
_LOUD_DB = -6.0
_HIGH_DB = -18.0
_NAME_WIDTH = 4
_SOUND_WIDTH = len(" -999.9 peak -999.9 RMS CLIP")
_NARROW = 64
_WIDE = 110
_STATES = {
    State.STARTING: ("◌", "yellow", "STARTING"),
    State.ON_AIR: ("●", "green", "ON AIR"),
    State.DEGRADED: ("▲", "yellow", "ON AIR, needs attention"),
    State.OFF_AIR: ("■", "red", "OFF AIR"),
    State.STOPPING: ("◼", "yellow", "STOPPING"),
}
_ALARMS = {Severity.WARNING: ("▲", "red"), Severity.NOTICE: ("△", "yellow")}
_SEVERE = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@dataclass(frozen=True)
class Panel:
    """A title and facts, the most important first; a fact is shown whole or not at all."""

    title: str
    facts: tuple[Text, ...]


def header(view: View, now: datetime, width: int) -> Text:
    """State, station, time on air; the time of day on the right."""
    s = view.snapshot
    symbol, colour, words = _STATES[s.state]
    left = Text.assemble(" ", (symbol, colour), " ", (words, "bold"), "  ", (printable(s.station), "bold"))
    if s.on_air_since is not None:
        left.append(f"  on air for {duration((now - s.on_air_since).total_seconds())}")
    else:
        left.append(f"  for {duration((now - s.since).total_seconds())}")
    if view.silent_for_s > 3:  # noqa: PLR2004 - a few polls
        left.append(f"  no answer for {duration(view.silent_for_s)}", "red")
    elif not s.alarms:
        left.append("  no alarms", "dim")
    return spread(left, Text(f"{now:%Y-%m-%d %H:%M:%S} UTC " if width >= _WIDE else f"{now:%H:%M:%S} UTC "), width)


def meters(view: View, width: int) -> list[Text]:
    """A line for each channel, and the scale with loudness and silence."""
    levels = view.snapshot.levels
    names = ("L", "R") if len(levels.peak_db) == 2 else tuple(map(str, range(1, len(levels.peak_db) + 1)))  # noqa: PLR2004
    bar_width = max(10, width - _NAME_WIDTH - _SOUND_WIDTH)
    lines = []
    for name, needle, peak_db, rms_db in zip(names, view.needles, levels.peak_db, levels.rms_db, strict=False):
        bar = _bar(rms_db, needle.shown_db, needle.hold_db, bar_width)
        line = Text.assemble(f" {name:>2} ", bar, f" {decibels(peak_db)} peak {decibels(rms_db)} RMS")
        if view.clips(needle):
            line.append(" CLIP", "bold red")
        lines.append(line)
    loudness = Text("    " + _scale(bar_width) + " ", "dim")
    if levels.silent_s > 0:
        loudness.append(f" SILENT {duration(levels.silent_s)}", "bold red not dim")
    elif levels.lufs is not None:
        loudness.append(f"{decibels(levels.lufs)} LUFS", "not dim")
    return [*lines, loudness] if lines else [Text("    no levels yet", "dim")]


def _bar(rms_db: float, peak_db: float, hold_db: float, width: int) -> Text:
    """RMS high, up to the peak low, the held peak as a stroke: shapes by meaning, colours by zone."""
    rms, peak, hold = (_cells(value, width) for value in (rms_db, peak_db, hold_db))
    text = Text()
    for cell in range(width):
        glyph = "┃" if cell == hold - 1 else "▆" if cell < rms else "▂" if cell < peak else "·"
        text.append(glyph, "dim" if glyph == "·" else _zone(cell, width))
    return text


def _zone(cell: int, width: int) -> str:
    level_db = _FLOOR_DB * (1 - (cell + 0.5) / width)
    return "red" if level_db > _LOUD_DB else "yellow" if level_db > _HIGH_DB else "green"


def _cells(level_db: float, width: int) -> int:
    return round(min(1.0, max(0.0, 1 - level_db / _FLOOR_DB)) * width)


def _scale(width: int) -> str:
    """The numbers of the scale, each right under its place; those that do not fit are left out."""
    cells = [" "] * width
    for tick_db in reversed(_TICKS_DB):
        label = str(tick_db)
        begin = min(width - len(label), max(0, _cells(tick_db, width) - len(label)))
        if all(cell == " " for cell in cells[max(0, begin - 1) : begin + len(label) + 1]):
            cells[begin : begin + len(label)] = label
    return "".join(cells)


def segments(recent: Sequence[SegmentTimes], width: int) -> list[Text]:
    """A head and a line for each segment, the newest first, with how long after closing each stage was done."""
    stages = ("sealed", "uploaded", "listed", "archived", "pruned")
    wide, narrow = width >= _WIDE, width < _NARROW
    shown = stages[1:3] if narrow else stages
    head = Text("   segment   closed  " + ("    begins  length" if wide else ""), "dim")
    head.append("".join(f"{stage:>9}" for stage in shown))
    return [head, *(_segment(times, shown, width) for times in reversed(recent))]


def _segment(times: SegmentTimes, stages: Sequence[str], width: int) -> Text:
    symbol, colour = _place(times)
    line = Text.assemble(" ", (symbol, colour), f" {_index(times)}  {times.closed_at:%H:%M:%S}")
    if width >= _WIDE:
        line.append(f"    {times.start:%H:%M:%S}  {times.seconds:4.1f} s")
    for stage in stages:
        ms = getattr(times, f"{stage}_ms")
        line.append(f"{delay(ms):>9}", "dim" if ms is None else "")
    gap = f"  gap {delay(times.gap_s * 1000)}"
    if times.gap_s and line.cell_len + len(gap) <= width:
        line.append(gap, "yellow")
    return line


def _index(times: SegmentTimes) -> str:
    if times.index is None:
        return "too late" if times.expired else " waiting"
    return f"{times.index:08d}"


def _place(times: SegmentTimes) -> tuple[str, str]:
    """Whether listeners can hear it: in the window, gone from it, not yet, or never."""
    if times.pruned_ms is not None:
        return "○", "dim"
    if times.listed_ms is not None:
        return "●", "green"
    return ("✕", "red") if times.expired else ("◌", "yellow")


def panels(s: Snapshot, column: int) -> list[Panel]:
    """All panels of facts, in reading order, for columns of a width."""
    return [_uploads(s), _capture(s, column), _clock(s), _archive(s, column), _requests(s), _lost(s)]


def _uploads(s: Snapshot) -> Panel:
    p50, p99 = delay(s.publish_latency_ms.p50), delay(s.publish_latency_ms.p99)
    queue = fact("queue", f"{s.queue_depth}")
    error = [] if s.upload.last_error is None else [fact("last error", s.upload.last_error)]
    failing = any(alarm.code.startswith("store_") for alarm in s.alarms)
    facts = [*error, queue] if failing else []
    facts.append(fact("latency", f"{p50} p50, {p99} p99"))
    if s.upload.mbit_s is not None:
        facts.append(fact("line", f"{s.upload.mbit_s:.1f} Mbit/s"))
    if s.upload.needed_mbit_s is not None:
        facts.append(fact("needed", f"{s.upload.needed_mbit_s:.2f}"))
    retries, spool = fact("retries", f"{s.upload.errors:,}"), fact("spool", megabytes(s.spool_bytes))
    rest = (retries, spool) if failing else (queue, retries, *error, spool)
    return Panel("uploads", (*facts, *rest))


def _capture(s: Snapshot, column: int) -> Panel:
    device = _end_of(s.setup.source or "no source", column)
    running = fact("FFmpeg", "not running" if s.capture.pid is None else f"{s.capture.pid}")
    counts = (fact("restarts", f"{s.capture.restarts:,}"), fact("xruns", f"{s.capture.xruns:,}"))
    run = () if s.capture.run is None else (fact("run", s.capture.run),)
    now = (*counts, running) if s.capture.pid is not None else (running, *counts)
    return Panel("capture", (*now, device, *run))


def _clock(s: Snapshot) -> Panel:
    words = {True: "synchronised", False: "NOT synchronised", None: "nobody tells"}[s.clock.synchronised]
    ppm = "not told" if s.clock.audio_ppm is None else f"{s.clock.audio_ppm:+.1f} ppm"
    facts = (Text(words), fact("offset", offset(s.clock.offset_ms)), fact("store", offset(s.clock.store_skew_ms)))
    return Panel("clock", (*facts, fact("audio", ppm)))


def _archive(s: Snapshot, column: int) -> Panel:
    free = () if s.archive.free_gb is None else (fact("free", f"{s.archive.free_gb:,.1f} GB"),)
    gaps = fact("gaps today", f"{s.archive.gaps_today:,}")
    today = (fact("today", duration(s.archive.seconds_today)),) if s.archive.seconds_today else ()
    current = _end_of("nothing yet" if s.archive.current is None else PurePath(s.archive.current).name, column)
    return Panel("archive", (*free, gaps, *today, fact("segments", f"{s.archive.segments:,}"), current))


def _requests(s: Snapshot) -> Panel:
    month = fact("this month", f"{s.requests.class_a_month:,}")
    listener = (fact("class B", f"{s.requests.class_b_month:,}"),) if s.requests.class_b_month else ()
    forecast = f"{s.requests.class_a_forecast:,}"
    if s.setup.class_a_free:
        forecast += f", {100 * s.requests.class_a_forecast / s.setup.class_a_free:.0f} %"
        return Panel(f"class A, {s.setup.class_a_free:,} free", (month, fact("forecast", forecast), *listener))
    return Panel("class A requests", (month, fact("forecast", forecast), *listener))


def _lost(s: Snapshot) -> Panel:
    if not s.lost.samples:
        return Panel("lost samples", (Text("none"),))
    causes = sorted(s.lost.by_cause.items(), key=lambda cause: -cause[1])
    return Panel("lost samples", (fact("all", f"{s.lost.samples:,}"), *(fact(cause, f"{n:,}") for cause, n in causes)))


def alarms(standing: Sequence[Alarm], now: datetime, width: int, room: int) -> list[Text]:
    """Each alarm with its time and message, and its remedy below; what is wrong now before what is only to know.

    Where ``room`` is scarce, no alarm takes the place of another: long ones are cut to a line for each of the two, then
    remedies go.
    """
    lines: list[Text] = []
    ordered = sorted(standing, key=lambda alarm: alarm.severity is Severity.NOTICE)
    for number, alarm in enumerate(ordered):
        left, others = room - len(lines), len(ordered) - number - 1
        whole, short = (list(_alarm(alarm, now, width, most)) for most in (None, 1))
        lines += whole if len(whole) + 2 * others <= left else short if len(short) + others <= left else short[:1]
    return lines[:room]


def _alarm(alarm: Alarm, now: datetime, width: int, most_lines: int | None) -> Iterator[Text]:
    """Message and remedy, each in ``most_lines`` at the most."""

    def wrapped(text: str, columns: int) -> list[str]:
        return textwrap.wrap(text, max(20, columns), max_lines=most_lines, placeholder=" …")

    since = f"{alarm.since:%H:%M:%S}, {duration((now - alarm.since).total_seconds())}"
    told = f"{printable(alarm.code)} ({since}): {printable(alarm.message)}"
    for number, line in enumerate(wrapped(told, width - 4)):
        symbol = _ALARMS[alarm.severity] if number == 0 else " "
        yield Text.assemble(" ", symbol, " ", (line, "bold" if number == 0 else ""))
    for number, line in enumerate(wrapped(printable(alarm.remedy), width - 6)):
        yield Text(f"   {'→' if number == 0 else ' '} {line}")


def log(lines: Sequence[LogLine]) -> list[Text]:
    """The last lines of the log, the newest last."""
    return [
        Text.assemble(
            (f" {line.at:%H:%M:%S} ", "dim"),
            (f"{printable(line.level):<8}", _SEVERE.get(line.level, "dim")),
            printable(line.text),
        )
        for line in lines
    ]


def rule(title: str, width: int) -> Text:
    """A section's title in a thin line."""
    line = Text.assemble(("─ ", "dim"), (title, "bold"), " ")
    line.append("─" * max(0, width - line.cell_len), "dim")
    return line


def _end_of(name: str, column: int) -> Text:
    """A name, or its end where it is too long: the end is what tells names of a kind apart."""
    plain = printable(name)
    return Text(plain if len(plain) < column else f"…{plain[2 - column :]}")


def fact(label: str, value: str) -> Text:
    """A value with what it is."""
    return Text.assemble((f"{printable(label)} ", "dim"), printable(value))


def spread(left: Text, right: Text, width: int) -> Text:
    """``left`` and, if there is room for it, ``right`` at the other end."""
    room = width - left.cell_len - right.cell_len
    return left if room < 1 else Text.assemble(left, " " * room, right)
