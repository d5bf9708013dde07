"""The manifest: the one object that tells listeners what can be played now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from supervisor.clock import Instant


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class HqQuality(_Frozen):
    """What every HQ segment is."""

    type: Literal["audio/flac"] = "audio/flac"
    bits: int = 24
    channels: int = 2


class LqQuality(_Frozen):
    """What every LQ segment is; ``bitrate`` in bit/s."""

    type: Literal["audio/ogg; codecs=opus"] = "audio/ogg; codecs=opus"
    bitrate: int = 128_000
    channels: int = 2


class Qualities(_Frozen):
    """The two qualities."""

    hq: HqQuality = HqQuality()
    lq: LqQuality = LqQuality()


class HqObject(_Frozen):
    """The FLAC object; ``md5`` is of its PCM as 24 bit little-endian, the same as in its STREAMINFO."""

    key: str
    bytes: int
    md5: str


class LqObject(_Frozen):
    """The Opus object; its first ``preroll`` samples belong to the segment before and are skipped by the decoder."""

    key: str
    bytes: int
    preroll: int


class Entry(_Frozen):
    """One segment: when its first sample was captured, how many it has, how many are missing right before it."""

    index: int
    start: Instant
    samples: int
    gap: int
    hq: HqObject
    lq: LqObject

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of its objects."""
        return self.hq.key, self.lq.key


class Manifest(_Frozen):
    """``live/manifest.json``, version 1. ``segments`` is oldest first; ``latest`` is the newest index ever used."""

    version: Literal[1] = 1
    station: str
    live: bool
    latest: int
    segment_s: int
    updated_at: Instant
    writer: str
    sample_rate: int
    qualities: Qualities = Qualities()
    segments: tuple[Entry, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Every key that it names."""
        return frozenset(key for entry in self.segments for key in entry.keys)

    def to_json(self) -> bytes:
        """As it is stored."""
        return self.model_dump_json().encode()


def rolled(entries: tuple[Entry, ...], new: Entry, window: int, segment_s: int, sample_rate: int) -> tuple[Entry, ...]:
    """The window after ``new``: at most ``window`` segments, none that ended more than a window's length before it.

    The second rule keeps what was on air before a long silence out of the ears of whoever tunes in after it.
    """
    oldest = new.start - timedelta(seconds=window * segment_s)
    recent = tuple(entry for entry in entries if _end(entry, sample_rate) >= oldest)
    return (*recent, new)[-window:]


def _end(entry: Entry, sample_rate: int) -> datetime:
    return entry.start + timedelta(seconds=entry.samples / sample_rate)
