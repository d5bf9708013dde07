"""The listener's eye: what a browser would stumble over is found, and told when it is there twice in a row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest

from supervisor.clock import SystemClock
from supervisor.events import Event, ListenerLooked
from supervisor.http_client import Reply
from supervisor.listener import (
    AGAIN_AFTER_S,
    LOOK_EVERY_S,
    NOT_LIVE_S,
    Decoders,
    Listener,
    ListenerWatch,
    NotPlayableError,
    PublicAddress,
)
from supervisor.manifest import Entry, HqObject, LqObject, Manifest
from supervisor.sealing import opus
from supervisor.sealing.damage import DamagedError
from supervisor.status import reduce
from supervisor.stop import Stop
from tests.unit import pictures

PAGE = "https://radio.example"
BASE = "https://audio.radio.example"
NOW = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)
HQ = b"lossless"
HEAD = b"OpusHead\x01\x02" + bytes(2) + (48_000).to_bytes(4, "little") + bytes(3)
STREAM = opus.OpusStream(HEAD, b"OpusTags" + bytes(8), [b"\xfc" + bytes(40)] * 50, serial=7, end=48_000)
LQ = opus.sealed(STREAM, 48_000, [])
NEWEST = Entry(
    index=41,
    start=NOW - timedelta(seconds=2),
    samples=48_000,
    gap=0,
    hq=HqObject(key="live/hq/segment-00000041.flac", bytes=len(HQ), md5=hashlib.md5(HQ).hexdigest()),  # noqa: S324
    lq=LqObject(key="live/lq/segment-00000041.opus", bytes=len(LQ), preroll=0),
)
TYPES = {NEWEST.hq.key: "audio/flac", NEWEST.lq.key: "audio/ogg;codecs=opus"}
MANIFEST = Manifest(
    station="radio",
    live=True,
    latest=41,
    segment_s=1,
    updated_at=NOW - timedelta(seconds=1),
    writer="3f9c",
    sample_rate=48_000,
    segments=(NEWEST.model_copy(update={"index": 40}), NEWEST),
)


class Clock(SystemClock):
    """Stands still."""

    def wall_s(self) -> float:
        """The time of the test."""
        return NOW.timestamp()


@dataclass
class Web:
    """A bucket as the public sees it."""

    manifest: Manifest = MANIFEST
    bodies: dict[str, bytes] = field(default_factory=lambda: {NEWEST.hq.key: HQ, NEWEST.lq.key: LQ})
    headers: dict[str, str] = field(default_factory=lambda: {"Access-Control-Allow-Origin": PAGE})
    caching: str = "no-cache"
    types: dict[str, str] = field(default_factory=dict)
    status: int = 200

    def get(self, url: str, origin: str, most_bytes: int) -> Reply:
        """Answers as a bucket does, CORS only to pages."""
        key = url.removeprefix(f"{BASE}/")
        body = self.bodies.get(key, self.manifest.to_json())
        headers = Message()
        headers["Cache-Control"] = self.caching
        headers["Content-Type"] = {**TYPES, **self.types}.get(key, "application/json")
        for name, value in self.headers.items() if origin else ():
            headers[name] = value
        return Reply(self.status, headers, body[:most_bytes])

    def listener(self, origin: str = PAGE) -> Listener:
        """Somebody who listens to it."""
        return Listener(
            PublicAddress(BASE, "live/manifest.json", origin, stale_after_s=30.0), DECODERS, Clock(), self.get
        )


def md5(flac: bytes) -> str:
    """Stands for a decoder."""
    if flac == b"LOSSLESS":
        raise DamagedError("no FLAC")
    return hashlib.md5(flac).hexdigest()  # noqa: S324


DECODERS = Decoders(md5, lambda ogg: opus.read(ogg).end)
"""The pages alone stand for a decoder."""


def test_a_station_that_plays() -> None:
    """Manifest and both qualities are asked for, three requests; without a known page CORS is not looked at."""
    listener = Web().listener()
    listener.listen()
    assert listener.requests == 3
    Web(headers={}).listener(origin="").listen()


@pytest.mark.parametrize(
    ("web", "words"),
    [
        (Web(status=403), "answers 403"),
        (Web(headers={}), f"pages of {PAGE} may not read {BASE}/live/manifest.json"),
        (Web(headers={"Access-Control-Allow-Origin": "https://other.example"}), "says https://other.example"),
        (Web(caching="max-age=14400"), "may be cached: its Cache-Control says max-age=14400"),
        (Web(bodies={"live/manifest.json": b"please log in"}), "not the manifest"),
        (Web(MANIFEST.model_copy(update={"updated_at": NOW - timedelta(seconds=90)})), "that is 90 s old"),
        (Web(MANIFEST.model_copy(update={"live": False})), "off air"),
        (Web(MANIFEST.model_copy(update={"segments": ()})), "off air"),
        (Web(bodies={NEWEST.hq.key: HQ[:-1], NEWEST.lq.key: LQ}), "has 7 bytes or more, not 8"),
        (Web(bodies={NEWEST.hq.key: HQ + b"x", NEWEST.lq.key: LQ}), "has 9 bytes or more, not 8"),
        (Web(bodies={NEWEST.hq.key: b"LOSSLESS", NEWEST.lq.key: LQ}), "cannot be decoded: no FLAC"),
        (Web(bodies={NEWEST.hq.key: b"lossless"[::-1], NEWEST.lq.key: LQ}), "not the audio"),
        (Web(bodies={NEWEST.hq.key: HQ, NEWEST.lq.key: bytes(len(LQ))}), "cannot be decoded"),
        (
            Web(types={NEWEST.hq.key: "text/html; charset=utf-8"}),
            "given out as 'text/html; charset=utf-8', not as audio",
        ),
        (Web(types={NEWEST.lq.key: ""}), "given out as '', not as audio/ogg"),
    ],
)
def test_what_a_listener_stumbles_over(web: Web, words: str) -> None:
    """Each thing that keeps a browser from playing is told in words, with what to do."""
    with pytest.raises(NotPlayableError, match=words.replace("(", ".")) as told:
        web.listener().listen()
    assert told.value.remedy


def test_nobody_answers() -> None:
    """An address where nobody is, is told."""

    def away(*_: object) -> Reply:
        raise OSError("Connection refused")

    listener = Listener(PublicAddress(BASE, "live/manifest.json", "", 30.0), DECODERS, Clock(), away)
    with pytest.raises(NotPlayableError, match="does not answer: Connection refused"):
        listener.listen()


class Pauses(Stop):
    """Keeps the pauses that were asked for, without waiting, and stops after so many."""

    def __init__(self, at_most: int) -> None:
        super().__init__()
        self._at_most = at_most
        self.asked_s: list[float | None] = []

    def wait(self, timeout_s: float | None = None) -> bool:
        """Notes the pause."""
        self.asked_s.append(timeout_s)
        return len(self.asked_s) > self._at_most


def watched(web: Web, looks: int, before_each: Callable[[int], None] = lambda _: None) -> tuple[list[Event], Pauses]:
    """What a watch tells in so many looks, and how long it paused before each."""
    told: list[Event] = []
    pauses = Pauses(looks)

    def is_live() -> bool:
        before_each(len(pauses.asked_s))
        return web.manifest.live

    ListenerWatch(web.listener(), is_live, told.append).run(pauses)
    return told, pauses


def test_a_good_station_is_looked_at_every_five_minutes() -> None:
    """A look that went well is told with its requests, and the next one is five minutes later."""
    told, pauses = watched(Web(), looks=2)
    assert told == [ListenerLooked("", "", 3)] * 2
    assert pauses.asked_s == [NOT_LIVE_S, LOOK_EVERY_S, LOOK_EVERY_S]


def test_once_is_no_alarm() -> None:
    """What is wrong is looked at again soon; only then it counts, and again until it is well."""
    web = Web(status=503)

    def cured_before_the_fourth(look: int) -> None:
        web.status = 503 if look < 4 else 200

    told, pauses = watched(web, 4, cured_before_the_fourth)
    looks = [(bool(event.problem), event.confirmed) for event in told if isinstance(event, ListenerLooked)]
    assert looks == [(True, False), (True, True), (True, True), (False, True)]
    assert pauses.asked_s == [NOT_LIVE_S, AGAIN_AFTER_S, AGAIN_AFTER_S, AGAIN_AFTER_S, LOOK_EVERY_S]


def test_only_a_look_that_went_well_ends_the_alarm() -> None:
    """A station that went off air and came back is no cure: what cannot be played still cannot."""
    web = Web(status=503)

    def off_air_before_the_third(look: int) -> None:
        web.manifest = MANIFEST.model_copy(update={"live": look != 3})

    told, _ = watched(web, 4, off_air_before_the_third)
    assert [(bool(event.problem), event.confirmed) for event in told if isinstance(event, ListenerLooked)] == [
        *((True, False), (True, True), (True, False))
    ]
    standing = pictures.begun()
    for event in told:
        standing = reduce(standing, event, NOW)
    assert [alarm.code for alarm in standing.alarms] == ["not_playable"]
    assert reduce(standing, ListenerLooked("", "", 3), NOW).alarms == ()


def test_a_station_that_is_off_air_is_not_looked_at() -> None:
    """While nothing is live there is nothing to hear, and nothing is asked."""
    told, pauses = watched(Web(MANIFEST.model_copy(update={"live": False})), looks=3)
    assert told == []
    assert pauses.asked_s == [NOT_LIVE_S] * 4
