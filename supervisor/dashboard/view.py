"""What one viewer has seen: the newest snapshot, and meters that fall, hold and remember clipping."""

from __future__ import annotations

from dataclasses import dataclass, replace

from supervisor.status import Snapshot

FALLS_DB_PER_S = 20.0
"""As a peak programme meter falls (IEC 60268-10, type I: 20 dB in 1.7 s; a little faster for the eye)."""

HOLDS_S = 1.5
SHOWS_CLIP_S = 5.0


@dataclass(frozen=True)
class Needle:
    """One channel's peak: where the bar ends now, the highest of the last moments, how long it is said to clip."""

    shown_db: float
    hold_db: float
    hold_until_s: float
    clips_until_s: float = 0.0


@dataclass(frozen=True)
class View:
    """Everything that a frame is made of; ``silent_for_s`` is how long the station has not answered."""

    snapshot: Snapshot
    at_s: float
    answered_at_s: float
    needles: tuple[Needle, ...] = ()

    @property
    def silent_for_s(self) -> float:
        """How long ago the newest snapshot was had."""
        return self.at_s - self.answered_at_s

    def clips(self, needle: Needle) -> bool:
        """Whether its channel had a sample at full scale in the last 5 s."""
        return self.at_s < needle.clips_until_s


def first(snapshot: Snapshot, now_s: float) -> View:
    """The view of somebody who has just come, at ``now_s`` (monotonic)."""
    return View(snapshot, now_s, now_s, _begun(snapshot, now_s))


def seen(before: View, snapshot: Snapshot | None, now_s: float) -> View:
    """The view at ``now_s``, with a new ``snapshot`` if there is one."""
    known = snapshot or before.snapshot
    return View(
        snapshot=known,
        at_s=now_s,
        answered_at_s=before.answered_at_s if snapshot is None else now_s,
        needles=_needles(before, known, now_s),
    )


def _begun(snapshot: Snapshot, now_s: float) -> tuple[Needle, ...]:
    return tuple(Needle(peak_db, peak_db, now_s + HOLDS_S) for peak_db in snapshot.levels.peak_db)


def _needles(before: View, snapshot: Snapshot, now_s: float) -> tuple[Needle, ...]:
    peaks_db = snapshot.levels.peak_db
    if len(before.needles) != len(peaks_db):
        return _begun(snapshot, now_s)
    moved = (_moved(*both, now_s - before.at_s, now_s) for both in zip(before.needles, peaks_db, strict=True))
    return tuple(
        replace(needle, clips_until_s=now_s + SHOWS_CLIP_S)
        if _clips(snapshot, channel) > _clips(before.snapshot, channel)
        else needle
        for channel, needle in enumerate(moved)
    )


def _clips(snapshot: Snapshot, channel: int) -> int:
    counts = snapshot.levels.clips_by_channel
    return counts[channel] if channel < len(counts) else 0


def _moved(needle: Needle, peak_db: float, passed_s: float, now_s: float) -> Needle:
    fallen_db = FALLS_DB_PER_S * passed_s
    shown_db = max(peak_db, needle.shown_db - fallen_db)
    if peak_db >= needle.hold_db:
        return replace(needle, shown_db=shown_db, hold_db=peak_db, hold_until_s=now_s + HOLDS_S)
    held = now_s < needle.hold_until_s
    hold_db = needle.hold_db if held else max(shown_db, needle.hold_db - fallen_db)
    return replace(needle, shown_db=shown_db, hold_db=hold_db)
