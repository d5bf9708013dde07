"""Alerts: what is sent, when, and how often."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.alerts import EVERY_S, Told, after_telling, apprise_places, due
from supervisor.events import Severity
from supervisor.status import Alarm
from tests.unit.made import START

SILENCE = Alarm(code="silence", since=START, seen=START, message="nothing is heard", remedy="Is it playing?")
OFF_AIR = Alarm(code="off_air", since=START, seen=START, message="listeners hear nothing", remedy="Look at the log.")


def _sent(looks: Sequence[tuple[float, Sequence[Alarm]]]) -> list[tuple[float, str]]:
    """What arrives in a row of looks, each at so many seconds, when everything that is due arrives."""
    told, sent = Told(), []
    for at_s, alarms in looks:
        for message in due(told, "radio", alarms, at_s):
            sent.append((at_s, ("+" if message.raised else "-") + message.code))
            told = after_telling(told, message, alarms, at_s)
    return sent


def test_a_beginning_and_an_end_are_sent() -> None:
    """An alarm is told when it is raised and when it is cleared, and not in between."""
    looks = [(0, []), (2, [SILENCE]), (4, [SILENCE]), (900, [SILENCE]), (902, []), (904, [])]
    assert _sent(looks) == [(2, "+silence"), (902, "-silence")]


def test_a_notice_says_that_it_is_one() -> None:
    """What is only worth knowing is sent too, and told apart from what is wrong."""
    notice = Alarm(
        code="archive_gap",
        severity=Severity.NOTICE,
        since=START,
        seen=START,
        message="a gap",
        remedy="Look where.",
    )
    messages = due(Told(), "radio", [SILENCE, notice], 0.0)
    assert [message.severity for message in messages] == [Severity.WARNING, Severity.NOTICE]


def test_codes_do_not_wait_for_each_other() -> None:
    """The limit is each code's own."""
    assert _sent([(0, [SILENCE]), (2, [SILENCE, OFF_AIR]), (4, [])]) == [
        *((0, "+silence"), (2, "+off_air"), (4, "-silence"), (4, "-off_air"))
    ]


def test_an_alarm_that_flaps_is_told_once_an_hour() -> None:
    """What comes and goes all the time rings once an hour, and what stands at the end of the hour is told then."""
    looks = [(float(at_s), [SILENCE] if at_s // 60 % 2 == 0 else []) for at_s in range(0, 7_300, 30)]
    sent = _sent(looks)
    assert [told for told in sent if told[1] == "+silence"] == [
        (0.0, "+silence"),
        (3_600.0, "+silence"),
        (7_200.0, "+silence"),
    ]
    assert [told for told in sent if told[1] == "-silence"] == [
        (60.0, "-silence"),
        (3_660.0, "-silence"),
        (7_260.0, "-silence"),
    ]
    assert _sent([(0, [SILENCE]), (60, []), (120, [SILENCE]), (3_599, [SILENCE]), (3_600, [SILENCE])])[2:] == [
        (3_600, "+silence")
    ]


@given(st.lists(st.tuples(st.floats(0, 5_000), st.sets(st.sampled_from(["silence", "off_air"]))), max_size=60))
def test_never_more_than_one_of_a_kind_an_hour(row: list[tuple[float, set[str]]]) -> None:
    """Whatever comes and goes: of each code at most one beginning and one end an hour, in turns."""
    at_s, looks = 0.0, []
    for pause_s, codes in row:
        at_s += pause_s
        looks.append((at_s, [alarm for alarm in (SILENCE, OFF_AIR) if alarm.code in codes]))
    last: dict[str, float] = {}
    standing: set[str] = set()
    for sent_at_s, told in _sent(looks):
        assert sent_at_s - last.get(told, -EVERY_S) >= EVERY_S
        assert (told[0] == "+") == (told[1:] not in standing)
        last[told] = sent_at_s
        standing ^= {told[1:]}


def test_what_did_not_arrive_is_due_again() -> None:
    """A message counts when it has arrived; what is over before it could be told is not told at all."""
    assert due(Told(), "radio", [SILENCE], 0.0) == due(Told(), "radio", [SILENCE], 60.0) != ()
    assert due(Told(), "radio", [], 120.0) == ()


def test_a_message_says_everything() -> None:
    """Station and code in the title; what, since when and what to do in the text."""
    (raised,) = due(Told(), "my-radio", [SILENCE], 0.0)
    assert raised.title == "my-radio: silence"
    assert raised.body == "nothing is heard\nIs it playing?\nSince 2026-11-23T15:45:30.412Z."
    (cleared,) = due(after_telling(Told(), raised, [SILENCE], 0.0), "my-radio", [], 10.0)
    assert (cleared.raised, cleared.title) == (False, "my-radio: silence is over")
    assert cleared.body == "It began 2026-11-23T15:45:30.412Z."


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the modules that apprise imports
def test_a_url_that_is_none_is_told_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    """A URL holds passwords: what is wrong with one is said without any part of it, also by the library."""
    with caplog.at_level(logging.DEBUG):
        places = apprise_places(["json://localhost", "nosuch://user:geheim@example.org"])
    assert len(places) == 1
    assert "number 2 of 2" in caplog.text
    assert "geheim" not in caplog.text
    assert "nosuch" not in caplog.text
