"""Time: whether somebody keeps this machine's clock, and how far it is from the store's."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.doctor.check import Check, failed, ok, warning
from supervisor.host_clock import HostClock, read_host_clock

HOST, STORE = "clock", "store clock"

WARN_S = 1.0
"""From here on requests are signed with the store's time."""

FAIL_S = 10.0
"""From here on the station would have an alarm: times in the manifest and in file names are wrong."""

_KEEP = "Switch time synchronisation on: timedatectl set-ntp true, or install chrony. In a container: on its host."


def checks() -> Iterator[Check]:
    """What the host says of its own clock."""
    yield host(read_host_clock())


def host(clock: HostClock) -> Check:
    """Whether the clock is kept in time."""
    if clock.synchronised is None:
        return warning(HOST, "nobody tells whether the clock is synchronised", _KEEP)
    if not clock.synchronised:
        return warning(HOST, f"not synchronised ({clock.told_by})", _KEEP)
    offset_s = clock.offset_s or 0.0
    found = f"synchronised ({clock.told_by}), off by {offset_s * 1000:+.1f} ms"
    return _by_size(HOST, found, offset_s)


def store(ahead_s: float | None) -> Check:
    """How far the store's clock is ahead of ours, by the Date of its answers (whole seconds)."""
    if ahead_s is None:
        return warning(STORE, "the store's answers have no Date", "Rely on this machine's own synchronisation.")
    if abs(ahead_s) < WARN_S:
        return ok(STORE, f"this clock and the store's agree within {WARN_S:g} s")
    side = "behind" if ahead_s > 0 else "ahead of"
    return _by_size(STORE, f"this clock is {abs(ahead_s):.0f} s {side} the store's", ahead_s)


def _by_size(name: str, found: str, offset_s: float) -> Check:
    if abs(offset_s) >= FAIL_S:
        return failed(name, found, _KEEP)
    return warning(name, found, _KEEP) if abs(offset_s) >= WARN_S else ok(name, found)
