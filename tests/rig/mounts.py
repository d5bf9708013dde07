"""Tiny file systems: what a program meets when a disk or a spool is small, full or read-only. Mounting needs root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.parts import need


@contextmanager
def tiny_tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs of its own at ``folder``, for example with ``size=8m``; gone when the block ends."""
    need("mount", "umount")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tiny", folder], check=True, timeout=10)
    try:
        yield folder
    finally:
        # lazily: whatever still has a file open there keeps it to itself
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=10)
