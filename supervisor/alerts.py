"""Alerts: which alarms are to be sent when (pure), and the thread that sends them through apprise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from supervisor.clock import Clock, iso_ms
from supervisor.events import Severity
from supervisor.report import LOG
from supervisor.status import Alarm, Snapshot
from supervisor.stop import Stop

EVERY_S = 3600.0
_LOOK_EVERY_S = 2.0
_TRY_AGAIN_S = 60.0


@dataclass(frozen=True)
class Message:
    """What is sent; ``raised`` tells an alarm that begins from one that is over."""

    code: str
    raised: bool
    title: str
    body: str
    severity: Severity = Severity.WARNING


@dataclass(frozen=True)
class _Code:
    """What was told of one code: whether it stands, and when each of the two was said last."""

    alarm: Alarm
    stands: bool = False
    raised_at_s: float | None = None
    cleared_at_s: float | None = None


@dataclass(frozen=True)
class Told:
    """What a place was told, by code."""

    of: Mapping[str, _Code] = field(default_factory=dict)


def due(told: Told, station: str, alarms: Sequence[Alarm], now_s: float) -> tuple[Message, ...]:
    """What is to be said now: of each code at most one beginning and one end an hour, and always what is true."""
    standing = {alarm.code: alarm for alarm in alarms}
    known = {code: told.of[code].alarm for code in told.of if code not in standing}
    changes = [(alarm, True) for alarm in standing.values()] + [(alarm, False) for alarm in known.values()]
    return tuple(
        _message(station, alarm, stands=stands)
        for alarm, stands in changes
        if _is_news(told.of.get(alarm.code), now_s, stands=stands)
    )


def after_telling(told: Told, message: Message, alarms: Sequence[Alarm], now_s: float) -> Told:
    """What the place knows when ``message`` has been sent."""
    alarm = next((alarm for alarm in alarms if alarm.code == message.code), None)
    before = told.of.get(message.code)
    code = before or (None if alarm is None else _Code(alarm))
    if code is None:
        return told
    at = {"raised_at_s": now_s} if message.raised else {"cleared_at_s": now_s}
    return Told({**told.of, message.code: replace(code, alarm=alarm or code.alarm, stands=message.raised, **at)})


def _is_news(known: _Code | None, now_s: float, *, stands: bool) -> bool:
    if known is None:
        return stands
    said_at_s = known.raised_at_s if stands else known.cleared_at_s
    return stands is not known.stands and (said_at_s is None or now_s - said_at_s >= EVERY_S)


def _message(station: str, alarm: Alarm, *, stands: bool) -> Message:
    if not stands:
        title, body = f"{station}: {alarm.code} is over", f"It began {iso_ms(alarm.since)}."
        return Message(alarm.code, raised=False, title=title, body=body)
    body = f"{alarm.message}\n{alarm.remedy}\nSince {iso_ms(alarm.since)}."
    return Message(alarm.code, raised=True, title=f"{station}: {alarm.code}", body=body, severity=alarm.severity)


class Place(Protocol):
    """Somewhere that messages can be sent to."""

    def send(self, message: Message) -> bool:
        """Sends it, which may take a while; says whether it arrived."""
        ...


class _ApprisePlace:
    """One of the URLs. Nothing that apprise says of it is logged: a URL holds passwords."""

    def __init__(self, url: str) -> None:
        import apprise  # noqa: PLC0415 - 20 MB, only for those who want alerts, and in their thread

        self._sender = apprise.Apprise()
        self._types = {Severity.WARNING: apprise.NotifyType.WARNING, Severity.NOTICE: apprise.NotifyType.INFO}
        self._over = apprise.NotifyType.SUCCESS
        self.is_known = bool(self._sender.add(url))

    def send(self, message: Message) -> bool:
        """Sends it, within apprise's own time limits."""
        kind = self._types[message.severity] if message.raised else self._over
        try:
            return bool(self._sender.notify(message.body, title=message.title, notify_type=kind))
        except Exception:  # noqa: BLE001 - one of a hundred plugins must not take the station with it
            return False


def apprise_places(urls: Sequence[str]) -> list[Place]:
    """The places that ``urls`` name; of one that apprise does not know, its number is logged, never itself."""
    for name in ("apprise", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    places = [_ApprisePlace(url) for url in urls]
    for number, place in enumerate(places, 1):
        if not place.is_known:
            LOG.error("RADIO_ALERT_URLS: number %d of %d is not a URL that apprise knows", number, len(places))
    return [place for place in places if place.is_known]


class Alerts:
    """Sends the alarms of ``status`` to every place, each in its own time; a place that fails is tried again."""

    def __init__(self, status: Callable[[], Snapshot], places: Callable[[], Sequence[Place]], clock: Clock) -> None:
        self._status = status
        self._places = places
        self._clock = clock

    def run(self, ended: Stop) -> None:
        """Looks every 2 s until ``ended`` is requested."""
        places = list(self._places())
        told = [Told() for _ in places]
        not_before_s = [0.0 for _ in places]
        while not ended.wait(_LOOK_EVERY_S):
            snapshot = self._status()
            for number, place in enumerate(places):
                if self._clock.monotonic_s() >= not_before_s[number]:
                    told[number], whole = self._tell(place, told[number], snapshot)
                    not_before_s[number] = 0.0 if whole else self._clock.monotonic_s() + _TRY_AGAIN_S

    def _tell(self, place: Place, told: Told, snapshot: Snapshot) -> tuple[Told, bool]:
        """Says everything that is due; stops at the first that does not arrive."""
        for message in due(told, snapshot.station, snapshot.alarms, self._clock.monotonic_s()):
            if not place.send(message):
                LOG.warning("an alert (%s) could not be sent; next try in %g s", message.code, _TRY_AGAIN_S)
                return told, False
            told = after_telling(told, message, snapshot.alarms, self._clock.monotonic_s())
        return told, True
