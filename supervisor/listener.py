"""Looks at the station every few minutes as a listener's browser does: at its public address, without a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from pydantic import ValidationError

from supervisor.bucket import SEGMENT_HEADERS
from supervisor.clock import Clock, utc
from supervisor.events import Emit, ListenerLooked
from supervisor.http_client import Reply, admits, request
from supervisor.manifest import Entry, Manifest
from supervisor.sealing.damage import DamagedError
from supervisor.stop import Stop

LOOK_EVERY_S = 300.0

AGAIN_AFTER_S = 20.0
"""What looks wrong is looked at again before anybody is woken, and until it is well."""

NOT_LIVE_S = 5.0
"""How soon it is seen that there is something to listen to."""

_MANIFEST_BYTES = 1_000_000
_CACHES = "Something between the bucket and the listeners keeps it: look at the caching rules of R2_PUBLIC_URL's host."
_DOCTOR = "'radio-supervisor doctor' tells what is wrong with the public address, and what to do."


@dataclass(frozen=True)
class PublicAddress:
    """Where listeners read: the bucket's public URL, the manifest's key, the page's origin (empty: not known).

    A manifest older than ``stale_after_s`` is not what is on air.
    """

    base: str
    manifest: str
    origin: str
    stale_after_s: float


class NotPlayableError(Exception):
    """A listener would hear nothing, or not what is on air; says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = _DOCTOR) -> None:
        super().__init__(what)
        self.remedy = remedy


@dataclass(frozen=True)
class Decoders:
    """The MD5 of a FLAC file's PCM, and the samples of an Opus file; both raise DamagedError where there are none."""

    pcm_md5: Callable[[bytes], str]
    opus_samples: Callable[[bytes], int]


Get = Callable[[str, str, int], Reply]
"""GETs a URL as a page of an origin, at most so many bytes of it; raises OSError."""


class Listener:
    """Plays the newest segment: both qualities are whole, HQ decodes to the PCM that was captured, LQ to its length."""

    def __init__(self, address: PublicAddress, decoders: Decoders, clock: Clock, get: Get) -> None:
        self._address = address
        self._decoders = decoders
        self._clock = clock
        self._get = get
        self.requests = 0
        """How many were made so far, all of them of class B."""

    def listen(self) -> None:
        """One look.

        Raises:
            NotPlayableError: what a listener would stumble over first.
        """
        address = self._address
        reply = self._read(address.manifest, _MANIFEST_BYTES)
        if "no-cache" not in reply.words("Cache-Control"):
            said = reply.header("Cache-Control") or "nothing"
            raise NotPlayableError(f"the manifest may be cached: its Cache-Control says {said}", _CACHES)
        newest = on_air(reply.body, utc(self._clock.wall_s()), address.stale_after_s)
        self._play(newest)

    def _play(self, newest: Entry) -> None:
        hq = self._object("hq", newest.hq.key, newest.hq.bytes)
        lq = self._object("lq", newest.lq.key, newest.lq.bytes)
        try:
            samples, md5 = self._decoders.opus_samples(lq), self._decoders.pcm_md5(hq)
        except DamagedError as error:
            raise NotPlayableError(f"segment {newest.index} cannot be decoded: {error}", _CACHES) from error
        if (samples, md5) != (newest.samples, newest.hq.md5):
            raise NotPlayableError(f"segment {newest.index} is not the audio that the manifest names", _CACHES)

    def _object(self, quality: str, key: str, size_bytes: int) -> bytes:
        reply = self._read(key, size_bytes + 1)
        if len(reply.body) != size_bytes:
            raise NotPlayableError(f"'{key}' has {len(reply.body)} bytes or more, not {size_bytes}", _CACHES)
        told, stored = reply.header("Content-Type"), SEGMENT_HEADERS[quality].content_type
        if _media_type(told) != _media_type(stored):
            raise NotPlayableError(f"'{key}' is given out as '{told}', not as {stored}")
        return reply.body

    def _read(self, key: str, most_bytes: int) -> Reply:
        url, origin = f"{self._address.base}/{quote(key)}", self._address.origin
        self.requests += 1
        try:
            reply = self._get(url, origin, most_bytes)
        except OSError as error:
            raise NotPlayableError(f"{url} does not answer: {error}") from error
        if reply.status != HTTPStatus.OK:
            raise NotPlayableError(f"{url} answers {reply.status}")
        if origin and not admits(reply, origin):
            said = reply.header("Access-Control-Allow-Origin") or "nothing"
            raise NotPlayableError(f"pages of {origin} may not read {url}: Access-Control-Allow-Origin says {said}")
        return reply


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def on_air(manifest: bytes, now: datetime, stale_after_s: float) -> Entry:
    """The newest segment of a manifest that is live and fresh.

    Raises:
        NotPlayableError: it is not.
    """
    try:
        told = Manifest.model_validate_json(manifest)
    except ValidationError as error:
        raise NotPlayableError("what is public is not the manifest") from error
    age_s = (now - told.updated_at).total_seconds()
    if age_s > stale_after_s:
        raise NotPlayableError(f"listeners get a manifest that is {age_s:.0f} s old", _CACHES)
    if not told.live or not told.segments:
        raise NotPlayableError("listeners are told that the station is off air", _CACHES)
    return told.segments[-1]


def get_as_page(url: str, origin: str, most_bytes: int) -> Reply:
    """As a browser does for a page: no cookies, no key, the page's origin.

    Raises:
        OSError: nobody answers.
    """
    return request("GET", url, {"Origin": origin} if origin else {}, most_bytes=most_bytes)


class ListenerWatch:
    """Looks every five minutes while something is live; what is wrong counts when it is so twice in a row."""

    def __init__(self, listener: Listener, is_live: Callable[[], bool], emit: Emit) -> None:
        self._listener = listener
        self._is_live = is_live
        self._emit = emit

    def run(self, stop: Stop) -> None:
        """Goes on until ``stop`` is requested."""
        failures, pause_s = 0, NOT_LIVE_S
        while not stop.wait(pause_s):
            if not self._is_live():
                failures, pause_s = 0, NOT_LIVE_S
                continue
            requests = self._listener.requests
            problem = self._look()
            failures = failures + 1 if problem else 0
            what, remedy = (str(problem), problem.remedy) if problem else ("", "")
            made = self._listener.requests - requests
            self._emit(ListenerLooked(what, remedy, made, confirmed=failures != 1))
            pause_s = AGAIN_AFTER_S if problem else LOOK_EVERY_S

    def _look(self) -> NotPlayableError | None:
        try:
            self._listener.listen()
        except NotPlayableError as error:
            return error
        return None
