"""The last segments with the time of each stage, made from events alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from supervisor.clock import Instant
from supervisor.events import Event, SegmentArchived, SegmentExpired, SegmentPublished, SegmentSealed, WindowMoved
from supervisor.segments import SealedSegment

KEPT = 12


class SegmentTimes(BaseModel):
    """One segment: when its HQ file was closed, and how long after that each stage was done; null is not yet."""

    model_config = ConfigDict(frozen=True)
    id: str = Field(description="Its run and its number in it.")
    index: int | None = Field(None, description="In the bucket; null until a manifest names it.")
    start: Instant = Field(description="When its first sample was captured.")
    seconds: float = Field(description="Its length.")
    gap_s: float = Field(0.0, description="What is missing right before it.")
    closed_at: Instant = Field(description="When FFmpeg closed its HQ file.")
    sealed_ms: float | None = Field(None, description="Until it was publishable.")
    uploaded_ms: float | None = Field(None, description="Until both files were stored.")
    listed_ms: float | None = Field(None, description="Until a manifest named it: listeners have it.")
    archived_ms: float | None = Field(None, description="Until the archive had its copy.")
    pruned_ms: float | None = Field(None, description="Until the bucket no longer held it.")
    expired: bool = Field(False, description="It came too late for the window and was not published.")


def recent_after(before: tuple[SegmentTimes, ...], event: Event, now: datetime) -> tuple[SegmentTimes, ...]:
    """The last segments, oldest first, after ``event``, which happened at ``now``."""
    match event:
        case SegmentSealed(segment=segment):
            age_ms = round(event.latency_s * 1000, 3)
            return _noted(before, segment, now - timedelta(milliseconds=age_ms), sealed_ms=age_ms)
        case SegmentPublished(segment=segment):
            listed_ms = round(event.latency_s * 1000, 3)
            uploaded_ms = round(listed_ms - event.manifest_s * 1000, 3)
            told = {
                "index": event.index,
                "gap_s": event.gap / segment.sample_rate,
                "uploaded_ms": uploaded_ms,
                "listed_ms": listed_ms,
            }
            return _noted(before, segment, now - timedelta(milliseconds=listed_ms), **told)
        case SegmentArchived(segment=segment):
            return tuple(
                _with(known, archived_ms=_age_ms(known, now)) if _is(known, segment) else known for known in before
            )
        case SegmentExpired(segment=segment):
            return tuple(_with(known, expired=True) if _is(known, segment) else known for known in before)
        case WindowMoved():
            return tuple(_pruned(known, event.oldest, now) for known in before)
        case _:
            return before


def _noted(
    before: tuple[SegmentTimes, ...], segment: SealedSegment, closed_at: datetime, **told: object
) -> tuple[SegmentTimes, ...]:
    """With what was ``told`` of ``segment``, which is new when it was sealed in a life before this one, or just now."""
    if any(_is(known, segment) for known in before):
        return tuple(_with(known, **told) if _is(known, segment) else known for known in before)
    seconds = segment.samples / segment.sample_rate
    new = SegmentTimes(id=str(segment.id), start=segment.start, seconds=seconds, closed_at=closed_at)
    return (*before, _with(new, **told))[-KEPT:]


def _pruned(known: SegmentTimes, oldest: int, now: datetime) -> SegmentTimes:
    left = known.index is not None and known.index < oldest and known.pruned_ms is None
    return _with(known, pruned_ms=_age_ms(known, now)) if left else known


def _is(known: SegmentTimes, segment: SealedSegment) -> bool:
    return known.id == str(segment.id)


def _with(known: SegmentTimes, **told: object) -> SegmentTimes:
    return known.model_copy(update=told)


def _age_ms(known: SegmentTimes, now: datetime) -> float:
    return round((now - known.closed_at).total_seconds() * 1000, 3)
