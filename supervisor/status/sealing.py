"""What the spool's and the seal's events say. Pure."""

from __future__ import annotations

from datetime import datetime

from supervisor.events import Event, SegmentPublished, SegmentRefused, SegmentSealed, SpoolFailed, SpoolOverflowed
from supervisor.status.capturing import MORE_ROOM
from supervisor.status.model import Snapshot
from supervisor.status.standing import cleared, faded, raised


def sealed(s: Snapshot, event: Event, now: datetime) -> Snapshot:
    """After an event of the spool."""
    match event:
        case SegmentSealed():
            return cleared(s, "spool_full")
        case SpoolFailed():
            return raised(s, "spool_full", f"the spool takes no more: {event.why}", MORE_ROOM, now)
        case SegmentRefused() if event.samples:
            message = f"segment {event.id} failed its check and was not published: {event.why}"
            return raised(s, "seal_refused", message, f"Its files are kept in {event.kept}.", now)
        case SpoolOverflowed():
            message = f"the spool is full: segment {event.segment.id} is lost to the archive"
            return raised(s, "archive_lost", message, "Make room on the recordings disk, or mount it again.", now)
        case SegmentPublished():
            return faded(s, now, "seal_refused", "archive_lost")
        case _:
            return s
