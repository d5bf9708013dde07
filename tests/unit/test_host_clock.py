"""The host's clock: what chrony, systemd and the kernel say of it, and that somebody is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supervisor.events import ClockChecked, Event
from supervisor.host_clock import (
    CHECK_AGAIN_S,
    CHECK_EVERY_S,
    HostClock,
    HostClockWatch,
    Timex,
    by_chrony,
    by_kernel,
    by_systemd,
    by_timex,
    kept_clock_ahead_s,
    read_host_clock,
)
from supervisor.stop import Stop

# printed by chronyc 4.3 of daemons whose server was 5 s ahead, 5 s behind, themselves, and none
BEHIND = "7F000001,127.0.0.1,4,1795470660.107720359,5.000011921,-0.000000856,0.000002870,0.061,-0.008,1.322,0.000026473,0.000007945,1.0,Normal\n"  # noqa: E501
AHEAD = "7F000001,127.0.0.1,4,1795470894.353008587,-4.999983788,0.000001854,0.000002526,-0.402,0.030,4.565,0.000037773,0.000011657,1.0,Normal\n"  # noqa: E501
ITSELF = "7F7F0101,,3,1795470647.273151925,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,0.000000000,0.000000000,0.0,Normal\n"  # noqa: E501
ALONE = "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n"  # noqa: E501


@pytest.mark.parametrize(
    ("printed", "synchronised", "offset_s"),
    [(BEHIND, True, 5.000011921), (AHEAD, True, -4.999983788), (ITSELF, False, None), (ALONE, False, None)],
)
def test_chrony_tells_offset_and_direction(printed: str, *, synchronised: bool, offset_s: float | None) -> None:
    """A clock that is behind has a positive offset; one that follows nothing but itself is not synchronised."""
    assert by_chrony(printed) == HostClock(synchronised, offset_s, "chrony")


@pytest.mark.parametrize(
    "printed", ["", "\n", "506 Cannot talk to daemon\n", BEHIND[:40], BEHIND.replace("5.000011921", "soon")]
)
def test_what_is_no_answer_of_chrony_is_none(printed: str) -> None:
    """Where chrony does not answer, or answers something else, others are asked."""
    assert by_chrony(printed) is None


@pytest.mark.parametrize(
    ("printed", "synchronised"), [("yes\n", True), ("no\n", False), ("", None), ("NTPSynchronized=yes\n", None)]
)
def test_systemd_says_yes_or_no(printed: str, *, synchronised: bool | None) -> None:
    """The value of timedatectl is taken for what it says, and no answer for none."""
    assert by_systemd(printed) is synchronised


@pytest.mark.parametrize(
    ("status", "offset", "expected"),
    [
        (0x0001, -1_500, HostClock(True, -0.0015, "the kernel")),
        (0x2001, 1_500_000, HostClock(True, 0.0015, "the kernel")),
        (0x2041, 1_500_000, HostClock(False, None, "the kernel")),
        (0x0040, 0, HostClock(False, None, "the kernel")),
    ],
)
def test_the_kernel_counts_in_two_units(status: int, offset: int, expected: HostClock) -> None:
    """The kernel's offset is in microseconds or nanoseconds as its status says, and nothing while unsynchronised."""
    told = by_timex(Timex(offset=offset, status=status))
    assert (told.synchronised, told.told_by) == (expected.synchronised, expected.told_by)
    assert told.offset_s == pytest.approx(expected.offset_s)


def test_the_kernel_answers() -> None:
    """Adjtimex is really called: it says yes or no, and an offset below the half second that the kernel works off."""
    told = by_kernel()
    assert told.told_by == "the kernel"
    assert told.synchronised in {True, False}
    assert told.offset_s is None or abs(told.offset_s) <= 0.5


def _program(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def test_the_best_witness_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chrony before systemd before the kernel: each only where those before it say nothing; none gets our secrets."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("R2_SECRET_KEY", "secret")
    silent = 'echo "506 Cannot talk to daemon"; exit 1'
    _program(tmp_path, "chronyc", silent)
    _program(tmp_path, "timedatectl", silent)
    assert read_host_clock() == by_kernel()
    _program(tmp_path, "timedatectl", 'test -z "$R2_SECRET_KEY" && echo no')
    assert read_host_clock() == HostClock(synchronised=False, offset_s=None, told_by="timedatectl")
    _program(tmp_path, "chronyc", f'test -z "$R2_SECRET_KEY" && test "$*" = "-c tracking" && echo "{BEHIND.strip()}"')
    assert read_host_clock() == HostClock(synchronised=True, offset_s=5.000011921, told_by="chrony")


def test_the_clock_is_told_together_with_the_store_s() -> None:
    """Each check is one event with what the host knows of its clock and what the store's answers tell."""
    stop, happened = Stop(), list[Event]()

    def take(event: Event) -> None:
        happened.append(event)
        stop.request()

    HostClockWatch(lambda: -3.0, take, lambda: HostClock(synchronised=True, offset_s=0.002, told_by="chrony")).run(stop)
    assert happened == [ClockChecked(synchronised=True, offset_s=0.002, store_skew_s=-3.0, told_by="chrony")]


class _CountedStop(Stop):
    """Waits for no time at all, writes down what it was asked to wait, and is requested after so many waits."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left = waits
        self.waited_s = list[float | None]()

    def wait(self, timeout_s: float | None = None) -> bool:
        self.waited_s.append(timeout_s)
        return len(self.waited_s) == self.left


def test_a_clock_that_is_off_is_looked_at_again_soon() -> None:
    """The clock is asked each minute, and within seconds while it is off, so that the alarm ends with its cause."""
    skews_s, stop = iter((0.1, 1_200.0, -1_200.0, 0.1)), _CountedStop(4)
    kept = HostClock(synchronised=True, offset_s=0.0, told_by="chrony")
    HostClockWatch(lambda: next(skews_s), lambda _: None, lambda: kept).run(stop)
    assert stop.waited_s == [CHECK_EVERY_S, CHECK_AGAIN_S, CHECK_AGAIN_S, CHECK_EVERY_S]


@pytest.mark.parametrize(("synchronised", "ahead_s"), [(True, 0.0), (False, None), (None, None)])
def test_a_clock_that_nobody_keeps_is_no_witness(synchronised: bool | None, ahead_s: float | None) -> None:  # noqa: FBT001
    """Only while it is kept in time may this machine's clock stand in for one that a store has not."""
    assert kept_clock_ahead_s(lambda: HostClock(synchronised, None, "the kernel")) == ahead_s
