"""Disks for the archive that hang or are unplugged. They need root, as CI has it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.parts import need


def _run(*command: str | Path) -> None:
    subprocess.run(command, capture_output=True, timeout=30, check=True)


class HangingDisk:
    """An ext4 file system whose writes hang while it is frozen, as those to an NFS server that is away do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def freeze(self) -> None:
        """From now on whoever writes waits."""
        _run("fsfreeze", "--freeze", self.folder)

    def thaw(self) -> None:
        """Whoever waited goes on."""
        subprocess.run(["fsfreeze", "--unfreeze", self.folder], capture_output=True, timeout=30, check=False)


@contextmanager
def hanging_disk(folder: Path) -> Iterator[HangingDisk]:
    """A disk that can be frozen; thawed at the end."""
    need("mkfs.ext4", "mount", "umount", "fsfreeze", "truncate")
    image = folder.with_suffix(".img")
    folder.mkdir()
    _run("truncate", "--size=64M", image)
    _run("mkfs.ext4", "-q", image)
    _run("mount", "-o", "loop", image, folder)
    disk = HangingDisk(folder)
    try:
        yield disk
    finally:
        disk.thaw()
        _run("umount", "-l", folder)


@contextmanager
def removable_disk(stick: Path, mount_point: Path) -> Iterator[Path]:
    """A folder mounted at another, to be unplugged and plugged in."""
    need("mount", "umount")
    stick.mkdir()
    mount_point.mkdir()
    plug_in(stick, mount_point)
    try:
        yield mount_point
    finally:
        subprocess.run(["umount", "-l", mount_point], capture_output=True, timeout=30, check=False)


def plug_in(stick: Path, mount_point: Path) -> None:
    """The disk is there (again)."""
    _run("mount", "--bind", stick, mount_point)


def unplug(mount_point: Path) -> None:
    """The disk is gone; what is left is an empty folder."""
    _run("umount", "-l", mount_point)
