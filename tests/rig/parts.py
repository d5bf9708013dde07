"""What a test needs of the machine; where it is missing the test skips, or fails when everything is required."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]


def need(*programs: str) -> None:
    """Skips the test when a program is missing; fails it when REQUIRE_ALL_PARTS is set, as it is in CI."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        do_without(", ".join(missing))


def do_without(missing: str) -> NoReturn:
    """Skips the test because of what is missing; fails it when REQUIRE_ALL_PARTS is set."""
    if os.environ.get("REQUIRE_ALL_PARTS"):
        pytest.fail(f"required, but not on this machine: {missing}")
    pytest.skip(f"not on this machine: {missing}")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on; the kernel gives none below 32768 to a connection meanwhile."""
    while True:
        port = 10_000 + secrets.randbelow(5_000)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether a TCP port of 127.0.0.1 can be bound."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def comes_true(ask: Callable[[], object], within_s: float, every_s: float = 0.02) -> bool:
    """Whether ``ask`` answers something true within the time; returns as soon as it does."""
    ends_at_s = time.monotonic() + within_s
    while not ask():
        if time.monotonic() > ends_at_s:
            return False
        time.sleep(every_s)
    return True


def eventually(ask: Callable[[], T | None], within_s: float, what: str, every_s: float = 0.02) -> T:
    """Waits until ``ask`` answers something true, and returns it; fails after ``within_s``."""
    ends_at_s = time.monotonic() + within_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > ends_at_s:
            pytest.fail(f"after {within_s} s still not: {what}")
        time.sleep(every_s)
