"""What a service manager is told, and when loops count as stuck."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from supervisor.clock import SystemClock
from supervisor.notifier import Notifier, in_words
from supervisor.progress import Progress
from supervisor.sd_notify import ServiceManager, service_manager
from supervisor.state import State
from supervisor.status import Alarm, Snapshot
from supervisor.stop import Stop, Worker
from tests.rig.manager import listening
from tests.rig.parts import eventually


class _Clock(SystemClock):
    """A clock that stands still until it is moved."""

    now_s = 1000.0

    def monotonic_s(self) -> float:
        """The time that it was set to."""
        return self.now_s


NOW = datetime(2026, 11, 23, 15, 45, 30, tzinfo=UTC)
SNAPSHOT = Snapshot(since=NOW, started_at=NOW, updated_at=NOW, station="radio", pid=1, state=State.ON_AIR)


def test_a_loop_is_stuck_when_it_no_longer_comes_round() -> None:
    """A loop counts from its first time round on, by the time since its last; what it calls goes through unchanged."""
    clock = _Clock()
    progress = Progress(clock)
    ask = progress.noting("publish", lambda more: more)
    progress.noting("capture", lambda: None)
    assert progress.silent_for(0) == []
    assert ask(True)
    clock.now_s += 9.5
    assert progress.silent_for(10) == []
    clock.now_s += 0.5
    assert progress.silent_for(10) == ["publish"]
    assert not ask(False)
    assert progress.silent_for(10) == []


def test_signs_of_life_end_with_a_stuck_loop() -> None:
    """Each look is a sign of life until a loop is stuck, and again when it is not; words are sent when they change."""
    stuck: list[list[str]] = [[], [], ["seal"], ["seal"], []]
    asked: list[float] = []

    def silent_for(at_least_s: float) -> list[str]:
        asked.append(at_least_s)
        return stuck.pop(0)

    with listening() as socket:
        notifier = Notifier(ServiceManager(socket.address, 20.0), lambda: SNAPSHOT, silent_for)
        for _ in range(5):
            notifier.look()
        eventually(lambda: len(socket.messages) >= 4, 5, "all of it has come")
        assert socket.said("STATUS") == ["on air, since 2026-11-23 15:45:30 UTC"]
        assert socket.said("WATCHDOG") == ["1", "1", "1"]
    assert asked == [20.0] * 5


def test_a_status_that_hangs_or_fails_is_no_sign_of_life() -> None:
    """The status is asked before anything is said: without it there is no beat."""

    def failing() -> Snapshot:
        raise RuntimeError("no status")

    with listening() as socket:
        notifier = Notifier(ServiceManager(socket.address, 20.0), failing, lambda _: [])
        with pytest.raises(RuntimeError):
            notifier.look()
        ServiceManager(socket.address).tell("X=1")
        eventually(lambda: socket.messages, 5, "what was sent later has come")
        assert socket.said("WATCHDOG") == []


def test_without_a_watchdog_there_is_no_beat() -> None:
    """A manager that asks for no signs of life gets ready, words and the end."""
    stopping, ended = Stop(), Stop()
    stopping.request()
    ended.request()
    with listening() as socket:
        Notifier(ServiceManager(socket.address), lambda: SNAPSHOT, lambda _: []).run(stopping, ended)
        eventually(lambda: socket.said("STOPPING"), 5, "it has come")
        assert [name for message in socket.messages for name in message.fields] == ["READY", "STATUS", "STOPPING"]


def test_the_last_words_are_those_of_the_end() -> None:
    """A status that learns of the stop later than its onlookers, and ends at once, still says that it stops."""
    stopping, ended = Stop(), Stop()
    stopping.request()

    def status() -> Snapshot:
        return SNAPSHOT.model_copy(update={"state": State.STOPPING if ended.is_requested() else State.ON_AIR})

    with listening() as socket:
        notifier = Notifier(ServiceManager(socket.address), status, lambda _: [])
        worker = Worker("service-manager", lambda: notifier.run(stopping, ended), lambda: None)
        worker.start()
        eventually(lambda: socket.said("STOPPING"), 5, "the end has begun")
        ended.request()
        assert worker.join(5)
        assert worker.error is None
        eventually(lambda: socket.said("STATUS")[-1].startswith("stopping: "), 5, "it is said")
        assert socket.said("STATUS")[0].startswith("on air, ")


def test_the_state_in_words_names_what_is_wrong() -> None:
    """Alarms stand in the status line, which is one line whatever they say."""
    alarm = Alarm(code="device_lost", since=NOW, seen=NOW, message="the device\nis gone", remedy="Plug it in.")
    words = in_words(SNAPSHOT.model_copy(update={"state": State.DEGRADED, "alarms": (alarm,)}))
    assert words == (
        "on air, but something needs attention, since 2026-11-23 15:45:30 UTC; device_lost: the device is gone"
    )


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "180000000", "WATCHDOG_PID": str(os.getpid())}, 180.0),
        ({"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "5000000"}, 5.0),
        ({"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "nonsense"}, None),
        ({"NOTIFY_SOCKET": "@abstract"}, None),
    ],
)
def test_the_manager_is_found_in_the_environment(environment: dict[str, str], watchdog_s: float | None) -> None:
    """Socket and time are read once and taken out, so that no child can speak in our name."""
    left = {**environment, "PATH": "/bin"}
    found = service_manager(left)
    assert found is not None
    assert found.watchdog_s == watchdog_s
    assert left == {"PATH": "/bin"}


def test_without_a_manager_nothing_is_told() -> None:
    """No socket, or one of a kind that is not known, is no manager; one that has gone away is no error."""
    assert service_manager({}) is None
    assert service_manager({"NOTIFY_SOCKET": "vsock:2:1234"}) is None
    ServiceManager("/nowhere/notify").tell("READY=1")
