"""Since when a key is used here: S3 does not tell, so its first day is kept beside the recordings, and no key."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from supervisor.files import write_whole
from supervisor.identity import kept_file

_SALT_BYTES = 16


def days_file(recordings: Path) -> Path:
    """Where the first days are kept.

    Raises:
        FileNotFoundError: no station was ever started with these recordings, or their disk is away.
    """
    # never made here: on the mount point of a disk that is away, the folder would have the station write there
    return kept_file(recordings, "keys.json")


class _Memory(BaseModel):
    """The day on which each key was first seen, by a salted hash of its ID."""

    model_config = ConfigDict(frozen=True)
    salt: str = Field(default_factory=lambda: secrets.token_hex(_SALT_BYTES))
    first_days: dict[str, date] = {}


def first_day(path: Path, key: str, today: date) -> date:
    """The day on which ``key`` was first seen here, which may be today; kept at ``path`` as a salted hash.

    Raises:
        OSError: it cannot be kept.
    """
    memory = _recalled(path)
    name = hashlib.blake2b(key.encode(), salt=bytes.fromhex(memory.salt)).hexdigest()
    if name in memory.first_days:
        return memory.first_days[name]
    known = _Memory(salt=memory.salt, first_days={**memory.first_days, name: today})
    write_whole(path, json.dumps(known.model_dump(mode="json"), indent=2).encode(), durable=True)
    return today


def _recalled(path: Path) -> _Memory:
    try:
        return _Memory.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return _Memory()
