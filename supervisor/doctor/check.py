"""What a check came to: its name, a verdict, what was found and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from supervisor.errors import UserError


class Verdict(StrEnum):
    """What follows from a check."""

    OK = "ok"
    WARNING = "warning"
    """Going on air is possible, and something will be missed or go wrong later."""

    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be told, because something else is not there."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's table."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Area:
    """Checks that have to come one after the other; each is given as soon as it is done.

    ``left`` names what is left behind, somewhere else, when they cannot be waited for.
    """

    name: str
    checks: Callable[[], Iterator[Check]]
    left: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, Verdict.OK, found)


def warning(name: str, found: str, remedy: str) -> Check:
    """It can go on air like this, but better not."""
    return Check(name, Verdict.WARNING, found, remedy)


def failed(name: str, found: str, remedy: str) -> Check:
    """It has to be put right first."""
    return Check(name, Verdict.FAILED, found, remedy)


def refused(name: str, error: UserError) -> Check:
    """A start would end with this error."""
    return failed(name, error.what, error.remedy or "Every setting is explained in docs/reference/settings.md.")


def skipped(name: str, found: str, remedy: str = "") -> Check:
    """Not looked at, and why."""
    return Check(name, Verdict.SKIPPED, found, remedy)
