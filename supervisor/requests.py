"""What the store bills as class A requests (R2: PUT and LIST), counted from events, and what the month will come to."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from supervisor.events import Event, KeysRefused, KeysTaken, OffAir, SegmentPublished, StoreFailed

PER_SEGMENT = 3
"""Two objects and the manifest; deletes are free."""

R2_CLASS_A_FREE = 1_000_000
"""A month (Cloudflare R2's price list)."""

_PER_TRY = {"upload": 2, "manifest": 1, "open": 1}
_PER_TRIAL = 2
"""New keys store an object and list it."""

_TRUSTED_AFTER_S = 3600.0


class Requests(BaseModel):
    """Class A requests: since the start, in this UTC month, and what the month will have at this rate."""

    model_config = ConfigDict(frozen=True)
    class_a: int = 0
    class_a_month: int = 0
    class_a_forecast: int = 0
    month: str = ""


def class_a_of(event: Event) -> int:
    """How many class A requests an event stands for; one that failed is counted as if it were billed."""
    match event:
        case SegmentPublished():
            return PER_SEGMENT
        case OffAir():
            return 1
        case KeysTaken() | KeysRefused():
            return _PER_TRIAL
        case StoreFailed():
            return _PER_TRY.get(event.operation, 0)
        case _:
            return 0


def counted(before: Requests, event: Event, now: datetime, up_s: float, segment_s: float) -> Requests:
    """The count after ``event``; the station has been up for ``up_s`` and cuts segments of ``segment_s``.

    The rate is the planned one, or what was measured if that is higher; the first hour is too short to tell.
    """
    new = class_a_of(event)
    if not new:
        return before
    class_a = before.class_a + new
    month = f"{now:%Y-%m}"
    class_a_month = new + (before.class_a_month if before.month == month else 0)
    rate = max(PER_SEGMENT / segment_s, class_a / max(up_s, _TRUSTED_AFTER_S))
    forecast = class_a_month + round(rate * _left_of_month_s(now))
    return Requests(class_a=class_a, class_a_month=class_a_month, class_a_forecast=forecast, month=month)


def _left_of_month_s(now: datetime) -> float:
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return ((begins + timedelta(days=32)).replace(day=1) - now).total_seconds()
