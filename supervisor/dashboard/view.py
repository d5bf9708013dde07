"""What one viewer has seen: the newest snapshot, and meters that fall, hold and remember clipping."""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.status import Snapshot

FALLS_DB_PER_S = 20.0
"""As a peak programme meter falls (IEC 60268-10, type I: 20 dB in 1.7 s; a little faster for the eye)."""

HOLDS_S = 1.5
SHOWS_CLIP_S = 5.0


@dataclass(frozen=True)
class Needle:
    """One channel's peak: where the bar ends now, and the highest of the last moments."""

    shown_db: float
    hold_db: float
    hold_until_s: float


@dataclass(frozen=True)
class View:
    """Everything that a frame is made of; ``silent_for_s`` is how long the station has not answered."""

    snapshot: Snapshot
    at_s: float
    answered_at_s: float
    needles: tuple[Needle, ...] = ()
    clipped_until_s: float = 0.0

    @property
    def silent_for_s(self) -> float:
        """How long ago the newest snapshot was had."""
        return self.at_s - self.answered_at_s

    @property
    def clipped(self) -> bool:
        """Whether there was a sample at full scale in the last 5 s."""
        return self.at_s < self.clipped_until_s


def first(snapshot: Snapshot, now_s: float) -> View:
    """The view of somebody who has just come, at ``now_s`` (monotonic)."""
    return View(snapshot, now_s, now_s, _needles((), snapshot, 0.0, now_s))


def seen(before: View, snapshot: Snapshot | None, now_s: float) -> View:
    """The view at ``now_s``, with a new ``snapshot`` if there is one."""
    known = snapshot or before.snapshot
    clipped = known.levels.clips > before.snapshot.levels.clips
    return View(
        snapshot=known,
        at_s=now_s,
        answered_at_s=before.answered_at_s if snapshot is None else now_s,
        needles=_needles(before.needles, known, now_s - before.at_s, now_s),
        clipped_until_s=now_s + SHOWS_CLIP_S if clipped else before.clipped_until_s,
    )


def _needles(before: tuple[Needle, ...], snapshot: Snapshot, passed_s: float, now_s: float) -> tuple[Needle, ...]:
    peaks_db = snapshot.levels.peak_db
    if len(before) != len(peaks_db):
        return tuple(Needle(peak_db, peak_db, now_s + HOLDS_S) for peak_db in peaks_db)
    return tuple(_moved(needle, peak_db, passed_s, now_s) for needle, peak_db in zip(before, peaks_db, strict=True))


def _moved(needle: Needle, peak_db: float, passed_s: float, now_s: float) -> Needle:
    fallen_db = FALLS_DB_PER_S * passed_s
    shown_db = max(peak_db, needle.shown_db - fallen_db)
    if peak_db >= needle.hold_db:
        return Needle(shown_db, peak_db, now_s + HOLDS_S)
    held = now_s < needle.hold_until_s
    hold_db = needle.hold_db if held else max(shown_db, needle.hold_db - fallen_db)
    return Needle(shown_db, hold_db, needle.hold_until_s)
