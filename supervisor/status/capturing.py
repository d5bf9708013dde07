"""What capture's events say: the child, levels, silence, clipping, losses. Pure."""

from __future__ import annotations

from datetime import datetime

from supervisor.events import (
    CaptureEnded,
    CaptureStarted,
    Cause,
    Event,
    LevelsMeasured,
    MissingFrom,
    Overrun,
    SamplesLost,
    SegmentSealed,
)
from supervisor.status.model import Levels, Lost, Snapshot
from supervisor.status.standing import changed, cleared, one_more, raised

MORE_ROOM = "Give RADIO_SPOOL_DIR more room; what is closed stays there, and all is tried again by itself."

_FULL_SCALE_DB = -0.000002
"""The last of 24 bits, in the six decimals that FFmpeg prints; 16 bits reach it on the negative side."""


def measured(s: Snapshot, event: LevelsMeasured) -> Snapshot:
    """After a half second of programme."""
    audio_ppm = None if event.drift_ppm is None else round(event.drift_ppm, 1)
    return changed(s, levels=_levels(s, event), clock=changed(s.clock, audio_ppm=audio_ppm))


def captured(s: Snapshot, event: Event, now: datetime) -> Snapshot:
    """After an event of the capture; a whole segment of the run that lives now ends its alarms."""
    match event:
        case CaptureStarted():
            return changed(s, capture=changed(s.capture, pid=event.pid, run=event.run))
        case CaptureEnded():
            return _ended(s, event, now)
        case Overrun():
            return changed(s, capture=changed(s.capture, xruns=s.capture.xruns + 1))
        case SamplesLost(missing_from=MissingFrom.STREAM):
            return _lost(s, event)
        case SegmentSealed(segment=segment) if s.capture.pid is not None and segment.run == s.capture.run:
            return cleared(s, "capture_restarting", "device_lost")
        case _:
            return s


def _levels(s: Snapshot, event: LevelsMeasured) -> Levels:
    peak_db = max(event.peak_db, default=0.0)
    silent_s = round(s.levels.silent_s + event.span_s, 3) if peak_db < s.setup.silence_db else 0.0
    full = [channel_db >= _FULL_SCALE_DB for channel_db in event.peak_db]
    clipped = s.levels.clips_by_channel
    if len(clipped) != len(full):  # the first, or another device
        clipped = (0,) * len(full)
    return Levels(
        peak_db=event.peak_db,
        rms_db=event.rms_db,
        lufs=event.lufs,
        silent_s=silent_s,
        clips=s.levels.clips + any(full),
        clips_by_channel=tuple(before + more for before, more in zip(clipped, full, strict=True)),
    )


def _ended(s: Snapshot, event: CaptureEnded, now: datetime) -> Snapshot:
    counted = Levels(clips=s.levels.clips, clips_by_channel=s.levels.clips_by_channel)
    s = changed(s, levels=counted, capture=changed(s.capture, pid=None))
    if event.cause is Cause.STOPPED:
        return s
    by_reason = one_more(s.capture.restarts_by_reason, event.ending.value)
    s = changed(s, capture=changed(s.capture, restarts=s.capture.restarts + 1, restarts_by_reason=by_reason))
    if event.cause is Cause.DEVICE_LOST:
        remedy = "Plug it in again; it is looked for every 2 s. 'radio-supervisor devices' shows what is there."
        return raised(s, "device_lost", f"the device is gone: {event.reason}", remedy, now)
    told = "" if event.exit_code is None else f"FFmpeg ended (exit code {event.exit_code}): "
    message = f"{told}{event.reason}"
    if event.cause is Cause.SPOOL_FULL:
        return raised(s, "spool_full", f"no room to capture into: {message}", MORE_ROOM, now)
    return raised(s, "capture_restarting", message, "It is started again by itself. Is the device there?", now)


def _lost(s: Snapshot, event: SamplesLost) -> Snapshot:
    by_cause = one_more(s.lost.by_cause, event.cause.value, event.samples)
    return changed(s, lost=Lost(samples=s.lost.samples + event.samples, by_cause=by_cause))
