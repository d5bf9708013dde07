"""Alarms: the rules over the status, when they begin and when they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.alarms import RULES, Watched, judged, recalled
from supervisor.events import AlarmCleared, AlarmRaised, Severity
from supervisor.requests import Requests
from supervisor.state import State
from supervisor.status import Alarm, ArchiveStatus, CaptureStatus, ClockStatus, Levels, Setup, Snapshot, Upload
from tests.unit.made import START

WELL = Snapshot(
    since=START,
    started_at=START,
    updated_at=START,
    station="radio",
    pid=1,
    state=State.ON_AIR,
    levels=Levels(peak_db=(-6.0, -6.0), rms_db=(-18.0, -18.0), lufs=-20.0),
    archive=ArchiveStatus(free_gb=100.0),
    setup=Setup(class_a_free=1_000_000),
)


def _levels(silent_s: float = 0.0, clips: int = 0) -> dict[str, object]:
    return {"levels": WELL.levels.model_copy(update={"silent_s": silent_s, "clips": clips})}


def _told(looks: Iterable[tuple[float, Mapping[str, object]]]) -> list[tuple[float, str]]:
    """The alarms that begin (``+``) and end (``-``) in a row of looks, each at so many seconds."""
    watched, told = Watched(), []
    for at_s, changes in looks:
        watched, events = judged(watched, WELL.model_copy(update={"uptime_s": at_s, **changes}))
        told += [(at_s, ("+" if isinstance(event, AlarmRaised) else "-") + event.code) for event in events]
    return told


def test_a_station_that_is_well_has_no_alarm() -> None:
    """Nothing is raised in a day without trouble."""
    assert _told((float(second), {}) for second in range(0, 86_400, 60)) == []


def test_who_was_replaced_has_the_one_alarm() -> None:
    """While another supervisor is on air in a station's place, listeners hear that one: it is no silence."""
    replaced = Alarm(code="another_writer", since=START, seen=START, message="", remedy="")
    off = {"state": State.OFF_AIR}
    assert _told([(0, {}), (2, {**off, "alarms": (replaced,)}), (9, off)]) == [(9, "+off_air")]


def test_off_air_is_raised_at_once_and_over_with_the_first_segment() -> None:
    """Listeners who hear nothing are an alarm, also when they never heard anything in time."""
    off, on = {"state": State.OFF_AIR}, {"state": State.ON_AIR}
    assert _told([(0, on), (2, off), (4, off), (6, on), (8, off)]) == [
        (2, "+off_air"),
        (6, "-off_air"),
        (8, "+off_air"),
    ]
    starting = {"state": State.STARTING}
    assert _told([(10, starting), (40, starting), (41, starting), (60, on)]) == [(41, "+off_air"), (60, "-off_air")]
    assert _told([(0, on), (2, {"state": State.STOPPING})]) == []


def test_silence_is_raised_at_its_limit_and_over_when_sound_stays() -> None:
    """RADIO_SILENCE_SECONDS are waited for to the second; a click in the silence does not end the alarm."""
    quiet = [(float(s), _levels(silent_s=float(s))) for s in range(0, 30, 2)]
    assert _told(quiet) == [(20.0, "+silence")]
    click = [(30.0, _levels()), (31.0, _levels(silent_s=0.5)), (32.0, _levels()), (34.0, _levels())]
    assert _told([*quiet, *click]) == [(20.0, "+silence"), (34.0, "-silence")]
    nothing_captured = {"levels": Levels()}
    assert _told([*quiet, (30.0, nothing_captured), (60.0, nothing_captured)]) == [(20.0, "+silence")]


def test_clipping_is_more_than_one_loud_moment() -> None:
    """Ten half seconds at full scale within a minute are an alarm; it is over after a minute without one."""
    once = [(0, _levels()), (2, _levels(clips=9)), (90, _levels(clips=18)), (180, _levels(clips=27))]
    assert _told(once) == []
    often = [(0, _levels(clips=70)), (2, _levels(clips=79)), (4, _levels(clips=80))]
    after = [(40, _levels(clips=81)), (98, _levels(clips=81)), (100, _levels(clips=81))]
    assert _told([*often, *after]) == [(4, "+clipping"), (100, "-clipping")]


def test_xruns_are_an_alarm_when_they_rise() -> None:
    """Three within ten minutes; what was counted before anybody looked is no rise."""

    def counted(xruns: int) -> dict[str, object]:
        return {"capture": CaptureStatus(xruns=xruns)}

    assert _told([(0, counted(50)), (2, counted(50)), (4, counted(52))]) == []
    looks = [(0, counted(0)), (100, counted(2)), (500, counted(3)), (1_099, counted(3)), (1_100, counted(3))]
    assert _told(looks) == [(500, "+xruns_rising"), (1_100, "-xruns_rising")]


def test_upload_behind_is_a_queue_that_stays() -> None:
    """A queue that is gone after a moment is none; the alarm says which rate is needed."""
    behind: dict[str, object] = {"queue_depth": 2, "upload": Upload(mbit_s=1.2, needed_mbit_s=2.16)}
    assert _told([(0, behind), (10, {}), (12, behind), (24, {})]) == []
    looks = [(0, behind), (14, behind), (15, behind), (20, {}), (30, behind), (32, {}), (37, {})]
    assert _told(looks) == [(15, "+upload_behind"), (37, "-upload_behind")]
    _, (alarm,) = judged(
        judged(Watched(), WELL.model_copy(update=behind))[0], WELL.model_copy(update={**behind, "uptime_s": 20.0})
    )
    assert isinstance(alarm, AlarmRaised)
    assert "1.2 Mbit/s, 2.2 are needed" in alarm.message


def test_the_disk_is_low_below_its_limit() -> None:
    """RADIO_RECORDINGS_MIN_FREE_GB is the limit; retention that works at it does not ring every minute."""

    def free(free_gb: float | None) -> dict[str, object]:
        return {"archive": ArchiveStatus(free_gb=free_gb)}

    assert _told([(0, free(None)), (2, free(5.0))]) == []
    looks = [(0, free(4.9)), (10, free(5.1)), (12, free(4.9)), (62, free(5.1)), (67, free(5.1))]
    assert _told(looks) == [(0, "+disk_low"), (67, "-disk_low")]
    at_its_limit = [(60 * minute, free(4.999 if minute % 2 else 5.001)) for minute in range(60)]
    assert _told(at_its_limit) == [(60, "+disk_low")]
    left_by_retention = [(3_600.0, free(5.017)), (3_660.0, free(5.017))]
    assert _told([*at_its_limit, *left_by_retention]) == [(60, "+disk_low"), (3_660, "-disk_low")]
    small = {"setup": Setup(min_free_gb=0.002)}
    assert _told([(0, {**free(0.001), **small}), (2, {**free(0.0021), **small}), (7, {**free(0.0021), **small})]) == [
        (0, "+disk_low"),
        (7, "-disk_low"),
    ]


def test_a_gap_in_the_archive_is_known_for_an_hour() -> None:
    """Each gap that comes up is a notice until an hour has passed without another."""

    def gaps(number: int) -> dict[str, object]:
        return {"archive": ArchiveStatus(free_gb=100.0, gaps=number)}

    looks = [(0, gaps(0)), (60, gaps(0)), (120, gaps(1)), (1_800, gaps(3)), (3_720, gaps(3)), (5_398, gaps(3))]
    told = [(120, "+archive_gap"), (1_800, "+archive_gap")]
    assert _told(looks) == told
    assert _told([*looks, (5_400, gaps(3))]) == [*told, (5_400, "-archive_gap")]


def test_a_clock_that_nobody_keeps_is_known_after_ten_minutes() -> None:
    """A witness that says no for ten minutes is a notice, over when it says yes; where nobody tells there is none."""

    def clock(synchronised: bool | None) -> dict[str, object]:  # noqa: FBT001 - it is what is told
        return {"clock": ClockStatus(synchronised=synchronised)}

    looks = [(0, clock(False)), (599, clock(False)), (600, clock(False)), (660, clock(True))]
    assert _told(looks) == [(600, "+clock_unsynchronised"), (660, "-clock_unsynchronised")]
    assert _told([(0, clock(None)), (6_000, clock(None))]) == []
    assert _told([(0, clock(False)), (300, clock(True)), (310, clock(False)), (700, clock(False))]) == []


def test_what_is_over_or_harms_nobody_is_a_notice() -> None:
    """A gap that happened and a clock that only might go wrong leave a station on air; everything else degrades it."""
    notices = {rule.code for rule in RULES if rule.severity is Severity.NOTICE}
    assert notices == {"archive_gap", "clock_unsynchronised"}


def test_a_forecast_above_the_free_requests_is_told() -> None:
    """Above the free million is an alarm, just below it is not yet the end, and without a price there is none."""

    def forecast(count: int) -> dict[str, object]:
        return {"requests": Requests(class_a_forecast=count)}

    looks = [(0, forecast(1_000_000)), (2, forecast(1_000_001)), (4, forecast(990_000)), (6, forecast(970_000))]
    assert _told([*looks, (66, forecast(970_000))]) == [(2, "+requests_over_free"), (66, "-requests_over_free")]
    assert _told([(0, {**forecast(9_000_000), "setup": Setup()})]) == []


MADE_WRONG: dict[str, dict[str, object]] = {
    "off_air": {"state": State.OFF_AIR},
    "silence": _levels(silent_s=25.0),
    "clipping": _levels(clips=99),
    "xruns_rising": {"capture": CaptureStatus(xruns=9)},
    "upload_behind": {"queue_depth": 3},
    "disk_low": {"archive": ArchiveStatus(free_gb=1.0)},
    "archive_gap": {"archive": ArchiveStatus(free_gb=100.0, gaps=2)},
    "clock_unsynchronised": {"clock": ClockStatus(synchronised=False)},
    "requests_over_free": {"requests": Requests(class_a_forecast=2_000_000)},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_each_alarm_says_what_and_what_to_do(rule: object) -> None:
    """Every rule has a message with its number or its setting, and a remedy; the manual has each code."""
    code = str(getattr(rule, "code", ""))
    watched, _ = judged(Watched(), WELL)
    wrong = WELL.model_copy(update=MADE_WRONG[code])
    watched, first = judged(watched, wrong.model_copy(update={"uptime_s": 1.0}))
    _, second = judged(watched, wrong.model_copy(update={"uptime_s": 700.0}))
    (alarm,) = [event for event in (*first, *second) if isinstance(event, AlarmRaised)]
    assert alarm.code == code
    assert len(alarm.message) > 20
    assert len(alarm.remedy) > 20


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([{}, *MADE_WRONG.values()])), max_size=60))
def test_alarms_alternate(looks: list[tuple[float, dict[str, object]]]) -> None:
    """Whatever is seen in whatever order: of each code a beginning and an end take turns, with news in between."""
    at_s, row = 0.0, []
    for pause_s, changes in looks:
        at_s += pause_s
        row.append((at_s, changes))
    standing: dict[str, float] = {}
    for at_s, told in _told(row):
        if told[0] == "-":
            standing.pop(told[1:])
        else:
            assert at_s - standing.get(told[1:], at_s - 600.0) >= 600.0
            standing[told[1:]] = at_s


def test_an_alarm_that_stands_says_what_is_so_now() -> None:
    """Hours later it does not tell the numbers of its beginning; what has not changed is not told again."""
    looks = [(60.0 * minute, {"archive": ArchiveStatus(free_gb=4.0 - minute // 15)}) for minute in range(31)]
    watched, said = Watched(), []
    for at_s, changes in looks:
        watched, events = judged(watched, WELL.model_copy(update={"uptime_s": at_s, **changes}))
        said += [(at_s, event.message[:6]) for event in events if isinstance(event, AlarmRaised)]
    assert said == [(0.0, "4.0 GB"), (900.0, "3.0 GB"), (1_800.0, "2.0 GB")]
    silent = [(float(at_s), _levels(silent_s=float(at_s))) for at_s in range(0, 7_200, 60)]
    assert _told(silent) == [(60.0, "+silence")]


def test_who_takes_over_ends_what_another_began() -> None:
    """When the onlooker of the rules failed and begins anew, what stands is neither told again nor left behind."""
    standing = tuple(
        Alarm(code=code, since=START, seen=START, message="m", remedy="r") for code in ("off_air", "clipping", "other")
    )
    watched, told = recalled(WELL.model_copy(update={"alarms": standing, "uptime_s": 100.0})), []
    for at_s, state in ((102.0, State.OFF_AIR), (104.0, State.ON_AIR), (159.0, State.ON_AIR), (161.0, State.ON_AIR)):
        watched, events = judged(watched, WELL.model_copy(update={"uptime_s": at_s, "state": state}))
        told += [(at_s, event) for event in events]
    assert told == [(104.0, AlarmCleared("off_air")), (161.0, AlarmCleared("clipping"))]


def test_what_is_over_is_told_by_its_code() -> None:
    """The end of an alarm is an event of its own, which the status takes the alarm away by."""
    watched, _ = judged(Watched(), WELL.model_copy(update={"state": State.OFF_AIR}))
    _, events = judged(watched, WELL.model_copy(update={"uptime_s": 2.0}))
    assert events == (AlarmCleared("off_air"),)
