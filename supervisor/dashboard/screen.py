"""The terminal: taken over with an alternate screen and silent keys, and given back whatever happens."""

from __future__ import annotations

import os
import select
import termios
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO

from rich.console import Console
from rich.text import Text

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_CLEAR = "\x1b[0m\x1b[2J"
_SMALLEST = (20, 4)
_KEYS_BYTES = 64

_OFF = b"\0"
"""No key has this function (_POSIX_VDISABLE)."""


def is_fit(descriptor: int) -> bool:
    """Whether there is a terminal on ``descriptor`` that can show a picture, and is this process's to take."""
    capable = os.isatty(descriptor) and os.environ.get("TERM", "dumb") not in {"dumb", "unknown", ""}
    return capable and _is_in_front(descriptor)


def _is_in_front(descriptor: int) -> bool:
    """False for a job in the background: the kernel would stop it for changing the terminal's modes (SIGTTOU)."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # not the controlling terminal: nobody is stopped for it
        return True


class Screen:
    """The terminal on ``output``, with the keys of ``keys`` if that is one too. It writes only lines that have changed.

    Ctrl-C stays a signal. The keys for SIGTSTP, SIGQUIT and stopped output are off: they would halt the whole station,
    end it, hang the picture.
    """

    def __init__(self, output: int, keys: int) -> None:
        self._output = output
        self._keys = keys if os.isatty(keys) else None
        self._modes = None if self._keys is None else termios.tcgetattr(self._keys)
        self._size = (0, 0)
        self._shown: list[Text] = []
        self._paper = StringIO()
        self._console = Console(file=self._paper, force_terminal=True, legacy_windows=False, highlight=False)
        self._entered = False

    def enter(self) -> None:
        """Takes the terminal over."""
        self._entered = True
        if self._keys is not None:
            modes = termios.tcgetattr(self._keys)
            modes[0] &= ~termios.IXON
            modes[3] &= ~(termios.ECHO | termios.ICANON)
            modes[6][termios.VSUSP] = modes[6][termios.VQUIT] = _OFF
            termios.tcsetattr(self._keys, termios.TCSADRAIN, modes)
        self._write(_ENTER)

    def leave(self) -> None:
        """Gives it back as it was; a second time does nothing. Safe in a signal handler."""
        if not self._entered:
            return
        self._entered = False
        with suppress(OSError):
            self._write(_LEAVE)
        if self._keys is not None and self._modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._modes)

    def size(self) -> tuple[int, int]:
        """Width and height now."""
        width, height = os.get_terminal_size(self._output)
        return max(width, _SMALLEST[0]), max(height, _SMALLEST[1])

    def show(self, lines: Sequence[Text], size: tuple[int, int]) -> None:
        """Shows a frame that was made for ``size``.

        Raises:
            OSError: the terminal is gone.
        """
        resized = size != self._size
        shown = [Text()] * len(lines) if resized else self._shown
        changes = [self._line(number, line) for number, line in enumerate(lines) if line != shown[number]]
        self._size, self._shown = size, list(lines)
        if changes or resized:
            self._write((_CLEAR if resized else "") + "".join(changes))

    def pressed(self, within_s: float) -> str:
        """The keys pressed, as soon as there are any; empty when none was in time."""
        if self._keys is None:
            return ""
        ready, _, _ = select.select([self._keys], [], [], within_s)
        return os.read(self._keys, _KEYS_BYTES).decode(errors="replace") if ready else ""

    def _line(self, number: int, line: Text) -> str:
        """Goes to the line, writes it, and blanks what is left of the one before."""
        self._console.print(line, end="", soft_wrap=True)
        written = self._paper.getvalue()
        self._paper.seek(0)
        self._paper.truncate()
        return f"\x1b[{number + 1};1H{written}\x1b[0m\x1b[K"

    def _write(self, text: str) -> None:
        left = text.encode(errors="replace")
        while left:
            left = left[os.write(self._output, left) :]
