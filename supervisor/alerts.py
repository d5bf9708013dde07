"""Alerts: the thread that sends what is to be told of alarms through apprise, and remembers what it has told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ValidationError

from supervisor.clock import Clock, boot_id
from supervisor.events import Severity
from supervisor.files import write_whole
from supervisor.report import LOG
from supervisor.status import Snapshot
from supervisor.stop import Stop
from supervisor.telling import Message, Told, after_telling, due, looked, recalled

_LOOK_EVERY_S = 2.0
_TRY_AGAIN_S = 60.0
_NOTHING = logging.CRITICAL + 1
"""The level at which a logger says nothing, whoever listens."""


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


def unknown_urls(urls: Sequence[str]) -> list[int]:
    """The numbers, from 1, of those that apprise does not know; nothing is sent."""
    return [number for number, place in enumerate(_places(urls), 1) if not place.is_known]


def apprise_places(urls: Sequence[str]) -> list[Place]:
    """The places that ``urls`` name; of one that apprise does not know, its number is logged, never itself."""
    places = _places(urls)
    for number, place in enumerate(places, 1):
        if not place.is_known:
            LOG.error("RADIO_ALERT_URLS: number %d of %d is not a URL that apprise knows", number, len(places))
    return [place for place in places if place.is_known]


def _places(urls: Sequence[str]) -> list[_ApprisePlace]:
    for name in ("apprise", "requests"):
        logging.getLogger(name).setLevel(_NOTHING)
    return [_ApprisePlace(url) for url in urls]


class _Memory(BaseModel):
    """What each place was told, by its number: its URL is a secret. Times are of the boot clock of ``boot_id``."""

    boot_id: str
    told: list[Told]


class Alerts:
    """Sends the alarms of ``status`` to every place, each in its own time; a place that fails is tried again.

    What was told is kept in ``memory``, so that a start does not tell it again; where it cannot be kept or read, all
    that stands is told anew.
    """

    def __init__(
        self, status: Callable[[], Snapshot], places: Callable[[], Sequence[Place]], clock: Clock, memory: Path
    ) -> None:
        self._status = status
        self._places = places
        self._clock = clock
        self._memory = memory

    def run(self, ended: Stop) -> None:
        """Looks every 2 s until ``ended`` is requested."""
        places = list(self._places())
        told = self._recall(len(places))
        not_before_s = [0.0 for _ in places]
        while not ended.wait(_LOOK_EVERY_S):
            snapshot = self._status()
            told = [looked(known, snapshot.alarms, self._clock.boottime_s()) for known in told]
            for number, place in enumerate(places):
                if self._clock.boottime_s() >= not_before_s[number]:
                    before = told[number]
                    told[number], whole = self._tell(place, before, snapshot.station)
                    not_before_s[number] = 0.0 if whole else self._clock.boottime_s() + _TRY_AGAIN_S
                    if told[number] != before:
                        self._remember(told)

    def _tell(self, place: Place, told: Told, station: str) -> tuple[Told, bool]:
        """Says everything that is due; stops at the first that does not arrive."""
        for message in due(told, station, self._clock.boottime_s()):
            if not place.send(message):
                LOG.warning("an alert (%s) could not be sent; next try in %g s", message.code, _TRY_AGAIN_S)
                return told, False
            told = after_telling(told, message, self._clock.boottime_s())
        return told, True

    def _remember(self, told: list[Told]) -> None:
        with suppress(OSError):  # a full spool costs the memory, never the message
            write_whole(self._memory, _Memory(boot_id=boot_id(), told=told).model_dump_json().encode())

    def _recall(self, places: int) -> list[Told]:
        unknown = [Told()] * places
        try:
            memory = _Memory.model_validate_json(self._memory.read_bytes())
        except (OSError, ValidationError):
            return unknown
        if memory.boot_id != boot_id():
            return unknown
        now_s = self._clock.boottime_s()
        return [recalled(told, now_s) for told in (*memory.told, *unknown)][:places]
