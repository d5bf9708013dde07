"""What is to be told of alarms, and when: what has lasted, once an hour, and never twice across a restart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from supervisor.clock import iso_ms
from supervisor.events import Severity
from supervisor.status import Alarm

EVERY_S = 3600.0

LASTED_S = 15.0
"""A beginning is told when it has lasted so long: what is over before wakes nobody, and spends no message."""

OVER_S = 30.0
"""What comes back sooner was never over: a fault that comes and goes is one."""

FORGOTTEN_AFTER_S = 900.0
"""What a life before this one told is over when this one has not seen it for so long: some alarms take their time."""


@dataclass(frozen=True)
class Message:
    """What is sent; ``raised`` tells an alarm that begins from one that is over."""

    code: str
    raised: bool
    title: str
    body: str
    severity: Severity = Severity.WARNING


class _Known(BaseModel):
    """What is known of one code: since when it stands or is gone, whether it was told, when each was said last."""

    model_config = ConfigDict(frozen=True)
    alarm: Alarm
    stands_since_s: float
    gone_since_s: float | None = None
    told: bool = False
    raised_at_s: float | None = None
    cleared_at_s: float | None = None


class Told(BaseModel):
    """What a place was told, by code; all times are of one clock that never steps."""

    model_config = ConfigDict(frozen=True)
    of: Mapping[str, _Known] = {}


def looked(before: Told, alarms: Sequence[Alarm], now_s: float) -> Told:
    """What is known after seeing the ``alarms`` that stand now."""
    standing = {alarm.code: _standing(before.of.get(alarm.code), alarm, now_s) for alarm in alarms}
    gone = {code: _gone(known, now_s) for code, known in before.of.items() if code not in standing}
    return Told(of={**gone, **standing})


def recalled(before: Told, now_s: float) -> Told:
    """What is known at a start after the life that told ``before``: nothing is over because nobody has looked yet."""
    later_s = now_s + FORGOTTEN_AFTER_S - OVER_S
    gone_since_s = {code: later_s if known.told else now_s - OVER_S for code, known in before.of.items()}
    return Told(of={c: known.model_copy(update={"gone_since_s": gone_since_s[c]}) for c, known in before.of.items()})


def due(told: Told, station: str, now_s: float) -> tuple[Message, ...]:
    """What is to be said now: of each code at most one beginning and one end an hour, and always what is true."""
    return tuple(_message(station, known) for known in told.of.values() if _is_news(known, now_s))


def after_telling(told: Told, message: Message, now_s: float) -> Told:
    """What the place knows when ``message`` has been sent."""
    said_at = {"raised_at_s": now_s} if message.raised else {"cleared_at_s": now_s}
    known = told.of[message.code].model_copy(update={"told": message.raised, **said_at})
    return Told(of={**told.of, message.code: known})


def _standing(known: _Known | None, alarm: Alarm, now_s: float) -> _Known:
    if known is None:
        return _Known(alarm=alarm, stands_since_s=now_s)
    if known.gone_since_s is not None and now_s - known.gone_since_s >= OVER_S:
        return known.model_copy(update={"alarm": alarm, "stands_since_s": now_s, "gone_since_s": None})
    same = alarm.model_copy(update={"since": min(known.alarm.since, alarm.since)})
    return known.model_copy(update={"alarm": same, "gone_since_s": None})


def _gone(known: _Known, now_s: float) -> _Known:
    return known if known.gone_since_s is not None else known.model_copy(update={"gone_since_s": now_s})


def _is_news(known: _Known, now_s: float) -> bool:
    if known.gone_since_s is None:
        lasts, said_at_s = now_s - known.stands_since_s >= LASTED_S, known.raised_at_s
        return not known.told and lasts and _is_an_hour_ago(said_at_s, now_s)
    over, said_at_s = now_s - known.gone_since_s >= OVER_S, known.cleared_at_s
    return known.told and over and _is_an_hour_ago(said_at_s, now_s)


def _is_an_hour_ago(said_at_s: float | None, now_s: float) -> bool:
    return said_at_s is None or now_s - said_at_s >= EVERY_S


def _message(station: str, known: _Known) -> Message:
    alarm, since = known.alarm, iso_ms(known.alarm.since)
    if known.gone_since_s is not None:
        title = f"{station}: {alarm.code} is over"
        return Message(alarm.code, raised=False, title=title, body=f"It began {since}.")
    body = f"{alarm.message}\n{alarm.remedy}\nSince {since}."
    return Message(alarm.code, raised=True, title=f"{station}: {alarm.code}", body=body, severity=alarm.severity)
