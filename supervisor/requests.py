"""What the store bills (R2: class A is PUT and LIST, class B is GET), counted from events, and the month's forecast."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from supervisor.events import Event, KeysRefused, KeysTaken, ListenerLooked, OffAir, SegmentPublished, StoreFailed

PER_SEGMENT = 3
"""Two objects and the manifest; deletes are free."""

R2_CLASS_A_FREE = 1_000_000
"""A month (Cloudflare R2's price list)."""

_PER_TRY = {"upload": 2, "manifest": 1, "open": 1}
_PER_TRIAL = 2
"""New keys store an object and list it."""

_TRUSTED_AFTER_S = 3600.0


class Requests(BaseModel):
    """What the store bills: since the start, in this UTC month, and what the month will have at this rate."""

    model_config = ConfigDict(frozen=True)
    class_a: int = Field(0, description="Class A requests (R2: PUT, LIST) since the start.")
    class_a_month: int = Field(0, description="Class A requests in this UTC month.")
    class_a_forecast: int = Field(0, description="What the month will have of them at this rate.")
    class_b: int = Field(0, description="Class B requests (R2: GET, HEAD) since the start: the listener's eye.")
    class_b_month: int = Field(0, description="Class B requests in this UTC month.")
    month: str = Field("", description="Which month that is: `YYYY-MM`; empty before the first request.")


def class_a_of(event: Event) -> int:
    """How many class A requests an event stands for; one that failed is counted as if it were billed."""
    match event:
        case SegmentPublished():
            return PER_SEGMENT
        case OffAir(told=True):
            return 1
        case KeysTaken() | KeysRefused():
            return _PER_TRIAL
        case StoreFailed():
            return _PER_TRY.get(event.operation, 0)
        case _:
            return 0


def class_b_of(event: Event) -> int:
    """How many class B requests an event stands for; what a cache answered is counted too."""
    return event.requests if isinstance(event, ListenerLooked) else 0


def counted(before: Requests, event: Event, now: datetime, up_s: float, segment_s: float) -> Requests:
    """The count after ``event``; the station has been up for ``up_s`` and cuts segments of ``segment_s``.

    The rate is the planned one, or what was measured if that is higher; the first hour is too short to tell.
    """
    new_a, new_b = class_a_of(event), class_b_of(event)
    if not new_a and not new_b:
        return before
    month = f"{now:%Y-%m}"
    same = before.month == month
    class_a, class_a_month = before.class_a + new_a, new_a + same * before.class_a_month
    rate = max(PER_SEGMENT / segment_s, class_a / max(up_s, _TRUSTED_AFTER_S))
    return Requests(
        class_a=class_a,
        class_a_month=class_a_month,
        class_a_forecast=class_a_month + round(rate * _left_of_month_s(now)),
        class_b=before.class_b + new_b,
        class_b_month=new_b + same * before.class_b_month,
        month=month,
    )


def _left_of_month_s(now: datetime) -> float:
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return ((begins + timedelta(days=32)).replace(day=1) - now).total_seconds()
