"""What a supervisor holds of the machine: its threads, descriptors and children, and what it has shown to others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_KEPT_ALIVE = 4
"""Connections to the store that the supervisor may keep open between requests."""


@dataclass(frozen=True)
class Footprint:
    """One process at one moment; the descriptors by what they are, sockets apart, because idle ones come and go."""

    pid: int
    threads: int
    children: int
    files: tuple[tuple[str, int], ...]
    sockets: int
    rss_kb: int

    def violations_since(self, before: Footprint) -> list[str]:
        """What has grown; nothing is said of another process."""
        if self.pid != before.pid:
            return []
        pairs = {
            "threads": (before.threads, self.threads),
            "children": (before.children, self.children),
            "sockets": (max(before.sockets, 1 + _KEPT_ALIVE), self.sockets),
        }
        grown = [f"{what} grew from {old} to {new}" for what, (old, new) in pairs.items() if new > old]
        more = Counter(dict(self.files)) - Counter(dict(before.files))
        return grown + [f"{count} more open: {what}" for what, count in sorted(more.items())]


def footprint(pid: int) -> Footprint:
    """What process ``pid`` holds now."""
    process = Path(f"/proc/{pid}")
    kinds = Counter(_open_files(process))
    sockets = kinds.pop("socket", 0)
    status = dict(line.split(":", 1) for line in (process / "status").read_text(encoding="utf-8").splitlines())
    return Footprint(
        pid=pid,
        threads=len(list((process / "task").iterdir())),
        children=len([child for child in _processes() if _parent(child) == pid]),
        files=tuple(sorted(kinds.items())),
        sockets=sockets,
        rss_kb=int(status["VmRSS"].split()[0]),
    )


def naming(text: str) -> list[int]:
    """The processes that have ``text`` in their command line, this one and zombies apart."""
    found = []
    for process in _processes():
        with suppress(OSError):
            if text.encode() in (process / "cmdline").read_bytes() and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


def command_line(pid: int) -> bytes:
    """The words of a process, which everybody on the machine can read; nothing when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def process_state(pid: int) -> str:
    """What the kernel says that a process does, whose child it is, and its signals; nothing when it is gone."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return " ".join(line for line in lines if line.startswith(("State", "PPid", "SigPnd", "SigBlk", "SigCgt")))
    return ""


def environment(pid: int) -> bytes:
    """The environment of a process, which its own user can read; nothing when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _open_files(process: Path) -> Iterator[str]:
    for link in (process / "fd").iterdir():
        with suppress(OSError):
            target = str(link.readlink())
            # numbers of pipes and of epoll are of no interest
            yield target.split(":[", maxsplit=1)[0] if ":[" in target else target


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _parent(process: Path) -> int:
    with suppress(OSError):
        return int((process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    return 0
