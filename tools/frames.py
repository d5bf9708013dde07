"""Writes the frames that the tests compare with (``make frames``) and the documents' screenshots of them."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI, TerminalTheme
from rich.text import Text

from supervisor.dashboard.frame import frame
from tests.unit import pictures

ROOT = Path(__file__).resolve().parents[1]
_FRAMES = ROOT / "tests" / "unit" / "frames"
_IMAGES = ROOT / "docs" / "images"
_FONTS = re.compile(r"@font-face \{.*?\}\n?", re.DOTALL)
"""rich names fonts at another site's address; the reader's own will do."""

_SCREENSHOTS = {
    "dashboard-80x24": ("well", 80, 24, MONOKAI),
    "dashboard-80x24-light": ("well", 80, 24, DEFAULT_TERMINAL_THEME),
    "dashboard-80x24-alarms": ("ill", 80, 24, MONOKAI),
    "dashboard-160x50": ("well", 160, 50, MONOKAI),
}


def lines(name: str, width: int, height: int) -> list[Text]:
    """A frame of one of the stations."""
    view = pictures.VIEWS[name]()
    return frame(view, width, height, view.snapshot.updated_at + timedelta(seconds=2), "q leaves")


def screenshot(name: str, width: int, height: int, theme: TerminalTheme) -> str:
    """A frame as SVG."""
    console = Console(file=StringIO(), record=True, width=width, force_terminal=True, color_system="standard")
    for line in lines(name, width, height):
        console.print(line, highlight=False, no_wrap=True)
    svg = console.export_svg(title="radio-supervisor", theme=theme, unique_id=f"radio-{name}-{width}")
    return _FONTS.sub("", svg).replace("Fira Code, monospace", "monospace")


def main() -> None:
    """Writes what is asked for: ``frames`` or ``screenshots``."""
    if sys.argv[1:] == ["screenshots"]:
        for image, (name, width, height, theme) in _SCREENSHOTS.items():
            (_IMAGES / f"{image}.svg").write_text(screenshot(name, width, height, theme), encoding="utf-8")
        return
    _FRAMES.mkdir(exist_ok=True)
    for name in pictures.VIEWS:
        for width, height in ((80, 24), (160, 50)):
            text = "".join(f"{line.plain}\n" for line in lines(name, width, height))
            (_FRAMES / f"{name}-{width}x{height}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
