"""Who this installation is: an id that lives with its recordings, so that a restart is not taken for a rival.

Several stations may keep their recordings in one folder: it is id and station together that tell one from the other.
"""

from __future__ import annotations

import errno
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from supervisor.errors import UserError
from supervisor.files import make_folders, write_whole

_MARK = ".radio-supervisor"


def require_marked(recordings: Path) -> None:
    """Makes sure that the folder is the one that is recorded into, and not the empty mount point of its disk.

    Raises:
        FileNotFoundError: the mark that every start leaves there is not there.
    """
    if not (recordings / _MARK).is_dir():
        raise FileNotFoundError(errno.ENOENT, f"the disk with the recordings is not there (no {_MARK} in the folder)")


def kept_file(recordings: Path, name: str) -> Path:
    """A file of ours beside the mark.

    Raises:
        FileNotFoundError: the mark is not there.
    """
    require_marked(recordings)
    return recordings / _MARK / name


def unfinished(recordings: Path) -> Iterator[Path]:
    """What is beside the mark and was not written to its end, or not yet."""
    return (recordings / _MARK).glob(".*")


def writer_id(recordings: Path) -> str:
    """The id kept in the recordings folder, made at the first start: 32 hexadecimal digits.

    Raises:
        UserError: the folder cannot be made or written.
    """
    path = recordings / _MARK / "writer"
    try:
        make_folders(path.parent)
        known = path.read_bytes().strip() if path.is_file() else b""
        if re.fullmatch(rb"[0-9a-f]{32}", known):
            return known.decode("ascii")
        made = uuid.uuid4().hex
        write_whole(path, f"{made}\n".encode(), durable=True)
    except OSError as error:
        raise UserError(
            f"the recordings folder '{recordings}' cannot be used: {error.strerror} ({error.filename})",
            "Set RADIO_RECORDINGS_DIR to a folder on a local disk that this user may write.",
        ) from error
    return made
