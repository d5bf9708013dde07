"""A real terminal: a tmux server of the test's own, with what is on its screen and what is typed into it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.rig.parts import eventually, need
from tests.rig.radio import PROGRAM, environment


class Terminal:
    """One window with a shell in it."""

    def __init__(self, socket: Path, settings: Mapping[str, str], folder: Path, width: int, height: int) -> None:
        self._socket = socket
        self._folder = folder
        self._environment = environment({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **settings})
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "env PS1='$ ' sh")

    def tmux(self, *words: str) -> str:
        """Runs one tmux command."""
        asked = subprocess.run(
            ["tmux", "-S", str(self._socket), *words],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return asked.stdout

    def type(self, line: str) -> None:
        """Types a line and Enter."""
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def run(self, *words: str, before: str = "", behind: str = "") -> None:
        """Types a command of the program; its exit code comes after it as ``ended N``."""
        self.type(f"{before} {shlex.join([*PROGRAM, *words])} {behind}; echo ended $?")

    def press(self, key: str) -> None:
        """Presses one key, by tmux's name for it."""
        self.tmux("send-keys", key)

    def resize(self, width: int, height: int) -> None:
        """Makes the window another size."""
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def screen(self) -> list[str]:
        """What is on the screen, line by line."""
        return self.tmux("capture-pane", "-p").split("\n")

    @property
    def modes(self) -> tuple[str, str]:
        """Whether the alternate screen is shown, and whether the cursor is."""
        alternate, cursor = self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split()
        return alternate, cursor

    def shows(self, *texts: str, within_s: float = 20) -> list[str]:
        """Waits until all ``texts`` are on the screen; returns it."""

        def there() -> list[str] | None:
            screen = self.screen
            return screen if all(text in "\n".join(screen) for text in texts) else None

        return eventually(there, within_s, f"the screen shows {texts}; it shows\n" + "\n".join(self.screen), 0.1)

    def settings_of_line(self) -> str:
        """What ``stty -a`` says of the terminal, its size aside."""
        told = self._folder / "stty"
        told.unlink(missing_ok=True)
        self.type(f"stty -a >{told}.new; mv {told}.new {told}")
        eventually(told.exists, 10, "stty has answered")
        return told.read_text(encoding="utf-8").partition(";")[2].partition("line =")[2]


@contextmanager
def terminal(folder: Path, settings: Mapping[str, str], width: int = 80, height: int = 24) -> Iterator[Terminal]:
    """A terminal that is gone when the block ends, with all that runs in it."""
    need("tmux")
    socket = folder / f"tmux-{os.urandom(3).hex()}"
    window = Terminal(socket, settings, folder, width, height)
    try:
        yield window
    finally:
        subprocess.run(["tmux", "-S", str(socket), "kill-server"], capture_output=True, timeout=10, check=False)
