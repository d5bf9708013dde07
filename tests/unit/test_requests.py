"""Requests that are billed: counted from events, with what the month will come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from supervisor.events import (
    Event,
    KeysRefused,
    KeysTaken,
    ListenerLooked,
    OffAir,
    SegmentPublished,
    Stopping,
    StoreFailed,
)
from supervisor.requests import Requests, counted
from tests.unit.made import sealed_segment

PUBLISHED = SegmentPublished(1, sealed_segment(1), 0, 0.026, 0.012)
MONTH_BEGINS = datetime(2026, 11, 1, tzinfo=UTC)


def _failed(operation: str) -> StoreFailed:
    return StoreFailed(operation, "SlowDown", "slow down", "", refused=False, attempt=1, retry_in_s=0.5)


@pytest.mark.parametrize(
    ("event", "requests"),
    [
        (PUBLISHED, 3),
        (OffAir("stopped"), 1),
        (OffAir("nothing reaches the store", told=False), 0),
        (KeysTaken("7777"), 2),
        (KeysRefused("AccessDenied", "no", ""), 2),
        (_failed("upload"), 2),
        (_failed("manifest"), 1),
        (_failed("open"), 1),
        (_failed("delete"), 0),
        (Stopping("asked to"), 0),
    ],
)
def test_each_event_has_its_price(event: Event, requests: int) -> None:
    """Two objects and a manifest for a segment; a try that failed, or of new keys, counts too; deletes are free."""
    assert counted(Requests(), event, MONTH_BEGINS, 1.0, 10.0).class_a == requests


def test_a_whole_month_at_the_planned_rate_is_within_the_free_million() -> None:
    """At 10 s segments the forecast of a month of 30 days is the 777 600 that were promised."""
    assert counted(Requests(), PUBLISHED, MONTH_BEGINS, 10.0, 10.0).class_a_forecast == pytest.approx(777_600, abs=5)
    assert counted(Requests(), PUBLISHED, MONTH_BEGINS, 10.0, 5.0).class_a_forecast == pytest.approx(1_555_200, abs=5)


def test_retries_raise_the_forecast() -> None:
    """After an hour the measured rate counts if it is higher than the planned one."""
    hour = Requests(class_a=2_157, class_a_month=2_157, month="2026-11")
    after = counted(hour, PUBLISHED, MONTH_BEGINS.replace(hour=1), 3_600.0, 10.0)
    assert after.class_a_forecast == pytest.approx(2_160 * 720, rel=0.001)


def test_a_month_begins_with_nothing() -> None:
    """The count of a month is that of the UTC month; the one since the start goes on."""
    november = Requests(class_a=500, class_a_month=400, month="2026-11")
    december = counted(november, PUBLISHED, datetime(2026, 12, 1, 0, 0, 5, tzinfo=UTC), 5_000.0, 10.0)
    assert (december.class_a, december.class_a_month, december.month) == (503, 3, "2026-12")


def test_what_the_listener_s_eye_asks_is_counted() -> None:
    """Reads are class B: they are counted by themselves, for the month and since the start, and cost no forecast."""
    look = ListenerLooked("", "", 3)
    october = Requests(class_a=9, class_a_month=9, class_b=6, class_b_month=6, month="2026-10")
    after = counted(counted(october, look, MONTH_BEGINS, 3_000.0, 10.0), look, MONTH_BEGINS, 3_300.0, 10.0)
    assert (after.class_b, after.class_b_month) == (12, 6)
    assert (after.class_a, after.class_a_month, after.month) == (9, 0, "2026-11")
    assert counted(after, PUBLISHED, MONTH_BEGINS, 3_310.0, 10.0).class_b_month == 6
