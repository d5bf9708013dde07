"""Errors that people are meant to read: what went wrong, where, and what to do about it."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_ANSWER = 3


class UserError(Exception):
    """Something the operator can put right; shown as one or two lines, never as a traceback."""

    def __init__(self, what: str, remedy: str = "", exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}" if self.remedy else self.what
