"""The ledger's rules: which samples are missing, since when, and why. Pure; the ledger's file is in ``ledger``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from supervisor.events import (
    CaptureEnded,
    Cause,
    Event,
    InputLost,
    MissingFrom,
    SamplesLost,
    SegmentExpired,
    SegmentFoundListed,
    SegmentPublished,
    SegmentRefused,
    SpoolOverflowed,
)


@dataclass(frozen=True)
class Accounts:
    """What is known of the gap that the next published segment will show: samples by cause, and why the rest."""

    known: Mapping[Cause, int] = field(default_factory=dict)
    rest: Cause = Cause.STOPPED


def account(before: Accounts, event: Event) -> tuple[Accounts, tuple[SamplesLost, ...]]:
    """The accounts after ``event``, and the losses that are certain with it.

    Listeners miss what the manifest calls a gap, no more and no less: the losses of one published segment add up to its
    ``gap``. What no event explains went by while nothing was captured.
    """
    match event:
        case SegmentPublished() | SegmentFoundListed():
            return Accounts(rest=Cause.RESTART), _gap(before, event)
        case SpoolOverflowed(segment=s):
            return before, (SamplesLost(s.start, s.samples, Cause.SPOOL_FULL, MissingFrom.ARCHIVE, s.id),)
        case _:
            return _learnt(before, event), ()


def _learnt(before: Accounts, event: Event) -> Accounts:
    match event:
        case CaptureEnded():
            return replace(before, rest=event.cause)
        case InputLost():
            return _known(before, Cause.XRUN, event.samples)
        case SegmentExpired():
            return _known(before, Cause.UPLOAD_EXPIRED, event.segment.samples)
        case SegmentRefused():
            return _known(before, Cause.SEAL_REFUSED, event.samples)
        case _:
            return before


def _known(before: Accounts, cause: Cause, samples: int) -> Accounts:
    return replace(before, known={**before.known, cause: before.known.get(cause, 0) + samples})


def _gap(before: Accounts, event: SegmentPublished | SegmentFoundListed) -> tuple[SamplesLost, ...]:
    segment = event.segment
    since = segment.start - timedelta(seconds=event.gap / segment.sample_rate)
    return tuple(
        SamplesLost(since, samples, cause, MissingFrom.STREAM, segment.id)
        for cause, samples in _explained(before, event.gap).items()
        if samples
    )


def _explained(before: Accounts, gap: int) -> dict[Cause, int]:
    explained: dict[Cause, int] = {}
    rest = gap
    for cause, samples in before.known.items():
        explained[cause] = min(rest, samples)
        rest -= explained[cause]
    explained[before.rest] = explained.get(before.rest, 0) + rest
    return explained
