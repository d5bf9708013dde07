"""Numbers, times and texts as they stand in the dashboard."""

from __future__ import annotations

_S_PER_MIN = 60
_S_PER_H = 3600
_S_PER_DAY = 86_400
_PRECISE_BELOW_MS = 999.5
_TENTHS_BELOW_S = 999.95


def duration(seconds: float) -> str:
    """``12 s``, ``5 min``, ``3 h 24 min``, ``12 d 4 h``."""
    whole = max(0, int(seconds))
    if whole < _S_PER_MIN:
        return f"{whole} s"
    if whole < _S_PER_H:
        return f"{whole // _S_PER_MIN} min"
    if whole < _S_PER_DAY:
        return f"{whole // _S_PER_H} h {whole % _S_PER_H // _S_PER_MIN} min"
    return f"{whole // _S_PER_DAY} d {whole % _S_PER_DAY // _S_PER_H} h"


def delay(ms: float | None) -> str:
    """``26 ms``, ``30.2 s``, ``12 min``; a dash for what is not yet."""
    if ms is None:
        return "-"
    if abs(ms) < _PRECISE_BELOW_MS:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    return f"{seconds:.1f} s" if abs(seconds) < _TENTHS_BELOW_S else duration(seconds)


def offset(ms: float | None) -> str:
    """A difference with its sign: ``+0.3 ms``, ``-1200.0 s``."""
    if ms is None:
        return "not told"
    return f"{ms:+.1f} ms" if abs(ms) < _PRECISE_BELOW_MS else f"{ms / 1000:+.1f} s"


def decibels(value: float) -> str:
    """With one decimal, in six places: `` -18.0``; what no meter can show stands at its end."""
    return f"{max(-999.9, min(999.9, value)):6.1f}"


def megabytes(size_bytes: int) -> str:
    """In units of 10^6 bytes."""
    return f"{size_bytes / 1e6:.1f} MB"


def printable(text: str) -> str:
    """Nothing that would move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
