"""What the publisher asks of a store, and the one error that a store raises."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

Body: TypeAlias = bytes | memoryview
"""The content of an object; a view of a mapped file is sent without having been copied."""


@dataclass(frozen=True)
class Headers:
    """The HTTP headers that an object is served with."""

    content_type: str
    cache_control: str


@dataclass(frozen=True)
class Stored:
    """An object's content, and how long ago it was written by the store's own clock."""

    body: bytes
    age_s: float


class Trouble(StrEnum):
    """What kind of trouble a store has, which is what decides on trying again."""

    PASSING = "passing"
    """The network or the store is busy, slow or away: try again."""

    REFUSED = "refused"
    """Keys, permissions or the bucket's name are wrong: somebody has to do something."""


class StoreError(Exception):
    """A request failed: which, on what, the store's own code and message, and what to check."""

    def __init__(self, operation: str, key: str, code: str, message: str, trouble: Trouble, hint: str = "") -> None:
        super().__init__(operation, key, code, message)
        self.operation = operation
        self.key = key
        self.code = code
        self.message = message
        self.trouble = trouble
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.operation} {self.key}: {self.code}: {self.message}"


class Store(Protocol):
    """A bucket in four verbs; every one of them raises StoreError and nothing else."""

    @property
    def name(self) -> str:
        """What the operator calls it."""
        ...

    @property
    def clock_ahead_s(self) -> float | None:
        """Seconds that its clock is ahead of ours; None when it has not told yet."""
        ...

    def put(self, key: str, body: Body, headers: Headers) -> None:
        """Stores an object whole, replacing what was there."""
        ...

    def get(self, key: str) -> Stored | None:
        """The object, or None when there is none."""
        ...

    def delete(self, key: str) -> None:
        """Removes an object; removing what is not there is no error."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with ``prefix``, sorted."""
        ...
