"""Work beside the line: its errors are told, and it goes on."""

from __future__ import annotations

import threading

import pytest

from supervisor.events import Event, OnlookerFailed
from supervisor.onlooking import onlook
from supervisor.stop import Stop

pytestmark = pytest.mark.timeout(20)


def test_an_error_is_told_and_the_work_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails beside the line is named with its error, tried again, and never ends the thread that does it."""
    monkeypatch.setattr("supervisor.onlooking.AGAIN_AFTER_S", 0.01)
    ended, told = Stop(), list[Event]()
    tries = iter([ValueError("seven"), KeyError("x"), None])

    def work(until: Stop) -> None:
        if error := next(tries):
            raise error
        until.request()

    onlook("listener", work, told.append, ended)
    ended.close()
    assert told == [OnlookerFailed("listener", "ValueError: seven"), OnlookerFailed("listener", "KeyError: 'x'")]


def test_the_end_waits_for_no_further_try() -> None:
    """Whoever has failed and waits for the next try ends when the station does."""
    ended, failed = Stop(), threading.Event()

    def work(_: Stop) -> None:
        raise OSError("gone")

    thread = threading.Thread(target=lambda: onlook("tally", work, lambda _: failed.set(), ended), name="tally")
    thread.start()
    assert failed.wait(10)
    ended.request()
    thread.join(10)
    assert not thread.is_alive()
    ended.close()
