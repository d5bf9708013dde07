"""Alerts: what is sent, when, and how often; and what is remembered of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.alerts import Alerts, apprise_places, unknown_urls
from supervisor.clock import SystemClock
from supervisor.events import Severity
from supervisor.status import Alarm
from supervisor.stop import Stop
from supervisor.telling import (
    EVERY_S,
    FORGOTTEN_AFTER_S,
    LASTED_S,
    OVER_S,
    Message,
    Told,
    after_telling,
    due,
    looked,
    recalled,
)
from tests.unit import pictures
from tests.unit.made import START

SILENCE = Alarm(code="silence", since=START, seen=START, message="nothing is heard", remedy="Is it playing?")
OFF_AIR = Alarm(code="off_air", since=START, seen=START, message="listeners hear nothing", remedy="Look at the log.")

Looks = Sequence[tuple[float, Sequence[Alarm]]]


def _after(looks: Looks, told: Told | None = None) -> tuple[Told, list[tuple[float, Message]]]:
    """What a place knows after a row of looks, each at so many seconds, and what arrived; everything due arrives."""
    told, sent = told or Told(), []
    for at_s, alarms in looks:
        told = looked(told, alarms, at_s)
        for message in due(told, "radio", at_s):
            sent.append((at_s, message))
            told = after_telling(told, message, at_s)
    return told, sent


def _sent(looks: Looks, told: Told | None = None) -> list[tuple[float, str]]:
    return [(at_s, ("+" if message.raised else "-") + message.code) for at_s, message in _after(looks, told)[1]]


def _every_second(spans: Sequence[tuple[float, Sequence[Alarm]]]) -> list[tuple[float, Sequence[Alarm]]]:
    """A look every second, in which the alarms are those of the last span that has begun; the last span only ends."""
    bounds = pairwise(spans)
    return [(float(at_s), alarms) for (begins, alarms), (ends, _) in bounds for at_s in range(int(begins), int(ends))]


def test_a_beginning_and_an_end_are_sent() -> None:
    """An alarm is told when it has lasted and when it is over for good, and not in between."""
    row = _every_second([(0, []), (2, [SILENCE]), (902, []), (1_000, [])])
    assert _sent(row) == [(2 + LASTED_S, "+silence"), (902 + OVER_S, "-silence")]


def test_what_is_over_at_once_is_not_told_and_spends_no_message() -> None:
    """An FFmpeg that died once at night wakes nobody, and the restart loop of ten minutes later is told in time."""
    row = _every_second([(0, [SILENCE]), (12, []), (600, [SILENCE]), (700, [])])
    assert _sent(row) == [(600 + LASTED_S, "+silence")]


def test_what_comes_and_goes_is_one_alarm() -> None:
    """A fault that is cured for a moment again and again lasts: it is told once, since its first beginning."""
    flapping = [(float(at_s), [SILENCE] if at_s // 10 % 2 == 0 else []) for at_s in range(0, 600, 10)]
    later = [SILENCE.model_copy(update={"since": pictures.BEGAN, "seen": pictures.BEGAN})]
    _, sent = _after([*_every_second([(0, [SILENCE]), (10, []), (20, later), (30, []), (31, [])])])
    assert _sent(_every_second([*flapping, (600.0, [])])) == [(20.0, "+silence")]
    assert [(at_s, message.body.splitlines()[-1]) for at_s, message in sent] == [
        (20.0, "Since 2026-11-23T15:45:30.212Z.")
    ]


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
    _, sent = _after([(0, [SILENCE, notice]), (LASTED_S, [SILENCE, notice])])
    assert [message.severity for _, message in sent] == [Severity.WARNING, Severity.NOTICE]


def test_codes_do_not_wait_for_each_other() -> None:
    """The limit is each code's own."""
    row = _every_second([(0, [SILENCE]), (2, [SILENCE, OFF_AIR]), (40, []), (80, [])])
    assert _sent(row) == [(15.0, "+silence"), (17.0, "+off_air"), (70.0, "-silence"), (70.0, "-off_air")]


def test_an_alarm_that_flaps_is_told_once_an_hour() -> None:
    """What comes and goes all the time rings once an hour, and what stands at the end of the hour is told then."""
    looks = [(float(at_s), [SILENCE] if at_s // 60 % 2 == 0 else []) for at_s in range(0, 7_300, 30)]
    sent = _sent(looks)
    assert [told for told in sent if told[1] == "+silence"] == [
        (30.0, "+silence"),
        (3_630.0, "+silence"),
        (7_230.0, "+silence"),
    ]
    assert [told for told in sent if told[1] == "-silence"] == [
        (90.0, "-silence"),
        (3_690.0, "-silence"),
        (7_290.0, "-silence"),
    ]
    row = _every_second([(0, [SILENCE]), (60, []), (120, [SILENCE]), (4_000, [])])
    assert _sent(row)[2:] == [(15 + EVERY_S, "+silence")]


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
    stands = looked(looked(Told(), [SILENCE], 0.0), [SILENCE], 60.0)
    assert due(stands, "radio", 60.0) == due(looked(stands, [SILENCE], 120.0), "radio", 120.0) != ()
    assert due(looked(stands, [], 120.0), "radio", 500.0) == ()


def test_a_message_says_everything() -> None:
    """Station and code in the title; what, since when and what to do in the text."""
    _, sent = _after(_every_second([(0, [SILENCE]), (20, []), (60, [])]))
    raised, cleared = (message for _, message in sent)
    assert raised.title == "radio: silence"
    assert raised.body == "nothing is heard\nIs it playing?\nSince 2026-11-23T15:45:30.412Z."
    assert (cleared.raised, cleared.title) == (False, "radio: silence is over")
    assert cleared.body == "It began 2026-11-23T15:45:30.412Z."


def test_a_restart_tells_nothing_twice_and_forgets_no_end() -> None:
    """What stands after a restart was told before; what is no longer there is told to be over when that is sure."""
    told, _ = _after(_every_second([(0, [SILENCE, OFF_AIR]), (60, [])]))
    again = recalled(told, 100.0)
    row = _every_second([(100, []), (140, [SILENCE]), (2_000, [])])
    assert _sent(row, again) == [(100 + FORGOTTEN_AFTER_S, "-off_air")]


def test_a_restart_does_not_make_a_blip_an_alarm() -> None:
    """What the life before had seen and not told has to last anew."""
    told, sent = _after([(0, [SILENCE]), (2, [SILENCE])])
    assert sent == []
    assert _sent(_every_second([(100, [SILENCE]), (200, [])]), recalled(told, 100.0)) == [(115.0, "+silence")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the modules that apprise imports
def test_a_url_that_is_none_is_told_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    """A URL holds passwords: what is wrong with one is said without any part of it, also by the library."""
    with caplog.at_level(logging.DEBUG):
        places = apprise_places(["json://localhost", "nosuch://user:geheim@example.org"])
    assert len(places) == 1
    assert "number 2 of 2" in caplog.text
    assert "geheim" not in caplog.text
    assert "nosuch" not in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the modules that apprise imports
def test_urls_are_judged_without_sending() -> None:
    """Which of them apprise does not know is told by their numbers alone."""
    assert unknown_urls(["json://localhost", "nosuch://user:geheim@example.org", "ntfy"]) == [2, 3]


@dataclass
class Somewhere:
    """A place that keeps what it is sent, unless it is away."""

    got: list[str] = field(default_factory=list)
    away: bool = False

    def send(self, message: Message) -> bool:
        """Takes the message."""
        self.got += [] if self.away else [message.title]
        return not self.away


class Passing(SystemClock):
    """A boot clock that goes on by two seconds with each look."""

    now_s = 1_000.0

    def boottime_s(self) -> float:
        """What it shows."""
        return self.now_s


class Looks60(Stop):
    """Ends a life after sixty looks, two minutes on the clock, without waiting."""

    def __init__(self, clock: Passing) -> None:
        super().__init__()
        self._clock = clock
        self._left = 60

    def wait(self, timeout_s: float | None = None) -> bool:
        """Lets the clock go on."""
        self._clock.now_s += timeout_s or 0.0
        self._left -= 1
        return self._left < 0


@pytest.fixture
def life(tmp_path: Path) -> Callable[..., None]:
    """Two minutes of alerts with the alarm of silence standing; each life has the memory of the one before."""
    clock, snapshot = Passing(), pictures.well().model_copy(update={"alarms": (SILENCE,)})

    def live(*places: Somewhere) -> None:
        Alerts(lambda: snapshot, lambda: places, clock, tmp_path / "alerts.json").run(Looks60(clock))

    return live


def test_a_station_that_is_started_again_and_again_tells_once(life: Callable[..., None], tmp_path: Path) -> None:
    """A restart knows what the life before told each place; what was not told yet, and what is unreadable, is told."""
    one, other = Somewhere(), Somewhere(away=True)
    life(one, other)
    life(one, other)
    other.away = False
    life(one, other)
    life(one, other)
    assert one.got == other.got == ["my-radio: silence"]
    (tmp_path / "alerts.json").write_bytes(b"torn")
    life(one)
    assert one.got == ["my-radio: silence"] * 2


def test_another_boot_begins_anew(life: Callable[..., None], tmp_path: Path) -> None:
    """Times of another boot say nothing: all that stands is told again."""
    place, memory = Somewhere(), tmp_path / "alerts.json"
    life(place)
    memory.write_bytes(memory.read_bytes().replace(b'"boot_id":"', b'"boot_id":"0'))
    life(place)
    assert place.got == ["my-radio: silence"] * 2
