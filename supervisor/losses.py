"""The ledger's rules: which samples are missing, since when, and why. Pure; the ledger's file is in ``ledger``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from supervisor.events import (
    CaptureEnded,
    CaptureStarted,
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
from supervisor.names import run_began
from supervisor.segments import SealedSegment

MOST_KEPT = 256
"""Of what waits for a gap to show it, so much is told apart."""

_Place = tuple[str, int]
"""A run and a sample in it; runs are named so that they sort as they happened."""


@dataclass(frozen=True)
class Fact:
    """So many ``samples`` are missing by ``cause``, about ``sample`` of ``run``."""

    cause: Cause
    samples: int
    run: str
    sample: int

    @property
    def place(self) -> _Place:
        """Where they are missing."""
        return self.run, self.sample


@dataclass(frozen=True)
class Accounts:
    """What is known of gaps that no published segment has shown yet.

    ``facts`` are samples that are known one by one. ``ends`` say of a run why nothing was captured after it, in order;
    one holds until the next. The rest of a gap is of the cause that held longest in it.
    """

    facts: tuple[Fact, ...] = ()
    ends: tuple[tuple[str, Cause], ...] = ()


def account(before: Accounts, event: Event) -> tuple[Accounts, tuple[SamplesLost, ...]]:
    """The accounts after ``event``, and the losses that are certain with it.

    Listeners miss what the manifest calls a gap, no more and no less: the losses of one published segment add up to its
    ``gap``. What is known of later places than the segment's waits for another, whichever was told first.
    """
    match event:
        case SegmentPublished() | SegmentFoundListed():
            return _shown(before, event)
        case SpoolOverflowed(segment=s):
            return before, (SamplesLost(s.start, s.samples, Cause.SPOOL_FULL, MissingFrom.ARCHIVE, s.id),)
        case _:
            return _learnt(before, event), ()


def resumed(before: Accounts) -> Accounts:
    """The accounts in the next life of the supervisor: since the newest run nothing was captured for want of it."""
    if not before.ends:
        return before
    return _ended(before, before.ends[-1][0], Cause.STOPPED)


def _learnt(before: Accounts, event: Event) -> Accounts:
    match event:
        case CaptureStarted():
            # of a run that ends with the supervisor no end is told
            return _ended(before, event.run, Cause.STOPPED)
        case CaptureEnded():
            return _ended(before, event.run, event.cause)
        case InputLost():
            return _known(before, Fact(Cause.XRUN, event.samples, event.run, event.at_sample))
        case SegmentExpired(segment=s):
            return _known(before, Fact(Cause.UPLOAD_EXPIRED, s.samples, s.run, s.first_sample))
        case SegmentRefused(id=segment) if event.samples:
            # only full segments have samples that are known to be missing
            first_sample = segment.number * event.samples
            return _known(before, Fact(Cause.SEAL_REFUSED, event.samples, segment.run, first_sample))
        case _:
            return before


def _ended(before: Accounts, run: str, cause: Cause) -> Accounts:
    ends = [end for end in before.ends if end[0] < run] + [(run, cause)]
    if [end[1] for end in ends[-3:]] == [cause] * 3:
        del ends[-2]  # a device that is looked for every 2 s for days is one end, of which the last run is known
    return replace(before, ends=tuple(ends[-MOST_KEPT:]))


def _known(before: Accounts, fact: Fact) -> Accounts:
    facts = sorted((*before.facts, fact), key=lambda one: one.place)
    return replace(before, facts=tuple(facts if len(facts) <= MOST_KEPT else _folded(facts)))


def _folded(facts: Sequence[Fact]) -> list[Fact]:
    """The older half as one fact of each cause: after so many, no segment among them will be published any more."""
    older, newer = facts[: MOST_KEPT // 2], facts[MOST_KEPT // 2 :]
    samples = Counter[Cause]()
    for fact in older:
        samples[fact.cause] += fact.samples
    return [*(replace(older[-1], cause=cause, samples=count) for cause, count in samples.items()), *newer]


def _shown(before: Accounts, event: SegmentPublished | SegmentFoundListed) -> tuple[Accounts, tuple[SamplesLost, ...]]:
    segment, unexplained = event.segment, event.gap
    explained = Counter[Cause]()
    waiting = list[Fact]()
    for fact in before.facts:
        if fact.place > (segment.run, segment.first_sample):
            waiting.append(fact)
            continue
        samples = min(unexplained, fact.samples)
        explained[fact.cause] += samples
        unexplained -= samples
        # the device's losses are judged seconds later: short segments sealed meanwhile do not count them yet
        if fact.cause is Cause.XRUN and fact.run == segment.run and samples < fact.samples:
            waiting.append(replace(fact, samples=fact.samples - samples))
    since = segment.start - timedelta(seconds=event.gap / segment.sample_rate)
    if unexplained:
        explained[_why_nothing_before(before, segment, since)] += unexplained
    losses = (
        SamplesLost(since, samples, cause, MissingFrom.STREAM, segment.id)
        for cause, samples in explained.items()
        if samples
    )
    return Accounts(tuple(waiting), _ends_from(before, segment.run)), tuple(losses)


def _why_nothing_before(accounts: Accounts, segment: SealedSegment, since: datetime) -> Cause:
    """Why nothing was captured in most of the time from ``since`` on, before the run of ``segment`` began."""
    ends = [(max(since, run_began(run)), cause) for run, cause in accounts.ends if run < segment.run]
    lasted: dict[Cause, timedelta] = {}
    for (began, cause), (until, _) in pairwise([*ends, (segment.start, Cause.STOPPED)]):
        lasted[cause] = lasted.get(cause, timedelta()) + (until - began)
    # where clocks tell nothing, the last
    return max(reversed(lasted), key=lambda cause: lasted[cause], default=Cause.STOPPED)


def _ends_from(accounts: Accounts, run: str) -> tuple[tuple[str, Cause], ...]:
    """What still matters of the ends once a segment of ``run`` was published."""
    holding = [(run, cause) for ended, cause in accounts.ends if ended <= run]
    return (*holding[-1:], *(end for end in accounts.ends if end[0] > run))
