"""Stopping, waking, and threads whose errors are not lost."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from supervisor.stop import Signal, Stop, Worker
from tests.rig.parts import eventually


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A stop that nobody has asked for yet."""
    with closing(Stop()) as made:
        yield made


def _readable(stop: Stop) -> bool:
    return select.select([stop.descriptor], [], [], 0)[0] != []


def test_nobody_has_asked_at_first(stop: Stop) -> None:
    """A new stop is not requested, in no way that it can be seen."""
    assert not stop.is_requested()
    assert not stop.wait(0)
    assert not _readable(stop)


def test_a_request_is_seen_by_every_wait(stop: Stop) -> None:
    """Once asked, flag, wait and descriptor all say so, again and again."""
    stop.request()
    for _ in range(3):
        assert stop.is_requested()
        assert stop.wait()
        assert stop.wait(10)
        assert _readable(stop)


def test_asking_twice_is_the_same_as_once(stop: Stop) -> None:
    """A second request changes nothing."""
    stop.request()
    stop.request()
    assert stop.is_requested()
    assert _readable(stop)


def test_a_request_wakes_who_waits(stop: Stop) -> None:
    """Threads that wait, on the flag or on the descriptor, go on at once."""
    woken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: woken.append(stop.wait(30))),
        threading.Thread(target=lambda: woken.append(bool(select.select([stop.descriptor], [], [], 30)[0]))),
    ]
    for thread in threads:
        thread.start()
    stop.request()
    for thread in threads:
        thread.join(5)
    assert woken == [True, True]


def test_the_descriptor_is_given_back() -> None:
    """A stop that is closed holds no descriptor, and no child inherits one that is open."""
    stop = Stop()
    assert not os.get_inheritable(stop.descriptor)
    stop.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(stop.descriptor)


def test_a_signal_wakes_once() -> None:
    """Set twice before anybody looks is the same as once, and then it is unset."""
    signal = Signal()
    signal.set()
    signal.set()
    signal.wait(30)
    began_s = time.monotonic()
    signal.wait(0.05)
    assert time.monotonic() - began_s >= 0.05


def test_a_signal_wakes_who_waits() -> None:
    """A waiting consumer goes on when it is woken, long before its time-out."""
    signal, woken = Signal(), threading.Event()

    def consume() -> None:
        signal.wait(30)
        woken.set()

    thread = threading.Thread(target=consume)
    thread.start()
    signal.set()
    thread.join(5)
    assert woken.is_set()


def test_a_worker_does_its_work_and_tells() -> None:
    """Its work runs in a thread of its name, and whoever waits is told when it is done."""
    names: list[str] = []
    done: list[bool] = []
    worker = Worker(
        "seal", lambda: names.append(threading.current_thread().name), lambda: done.append(worker.is_done())
    )
    assert not worker.is_done()
    worker.start()
    assert worker.join(5)
    assert (worker.name, names, done, worker.error) == ("seal", ["seal"], [True], None)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_of_a_worker_is_kept(error: BaseException) -> None:
    """Whatever ends the work is kept for whoever joins it, prints nothing, and the end is told all the same."""
    seen: list[BaseException | None] = []

    def fail() -> None:
        raise error

    worker = Worker("publish", fail, lambda: seen.append(worker.error))
    worker.start()
    assert worker.join(5)
    assert worker.error is error
    assert seen == [error]
    assert worker.is_done()


def test_joining_does_not_wait_for_ever() -> None:
    """Whoever joins a worker that hangs is told so in time, and it keeps no process from ending."""
    goes_on = threading.Event()
    worker = Worker("hang", lambda: _wait(goes_on), lambda: None)
    worker.start()
    assert not worker.join(0.01)
    assert not worker.is_done()
    thread = next(thread for thread in threading.enumerate() if thread.name == "hang")
    assert thread.daemon
    goes_on.set()
    assert worker.join(5)
    eventually(lambda: thread not in threading.enumerate(), 5, "the thread is gone")


def _wait(event: threading.Event) -> None:
    event.wait(30)
