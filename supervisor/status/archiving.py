"""What the archive's and the keeper's events say. Pure."""

from __future__ import annotations

from datetime import datetime

from supervisor.events import (
    ArchiveFailed,
    ArchiveMeasured,
    Event,
    JoinFailed,
    KeepingFailed,
    RecordingDamaged,
    RecordingsPruned,
    SegmentArchived,
)
from supervisor.status.model import Snapshot
from supervisor.status.standing import changed, cleared, faded, raised


def archived(s: Snapshot, event: Event, now: datetime) -> Snapshot:  # noqa: PLR0911 - a table
    """After an event of the archive."""
    match event:
        case SegmentArchived():
            archive = changed(s.archive, current=str(event.path), segments=s.archive.segments + 1)
            return faded(cleared(changed(s, archive=archive), "archive_failing"), now, "recording_damaged")
        case ArchiveFailed():
            remedy = "Segments wait in the spool. Make room on the recordings disk, or mount it again."
            return raised(s, "archive_failing", f"the archive cannot write: {event.why}", remedy, now)
        case ArchiveMeasured():
            return _measured(s, event, now)
        case KeepingFailed():
            message = f"the recordings folder {event.folder} cannot be read: {event.why}"
            return raised(s, "recordings_unreadable", message, "Is its disk there? Mount it again.", now)
        case JoinFailed():
            message = f"pieces from {event.path} on cannot be joined: {event.why}"
            return raised(s, "join_failing", message, "Nothing is lost: the pieces stay, and are tried again.", now)
        case RecordingsPruned():
            return _pruned(s, event, now)
        case RecordingDamaged():
            message = f"a file of the archive is damaged: {event.why}"
            return raised(s, "recording_damaged", message, f"It is kept as {event.kept}. Check the disk.", now)
        case _:
            return s


def _pruned(s: Snapshot, event: RecordingsPruned, now: datetime) -> Snapshot:
    if not event.failed:
        return cleared(s, "retention_failing")
    message = f"old recordings do not make room for new ones: {event.failed}"
    remedy = "Look at the file's owner and attributes (lsattr), and at snapshots of the disk."
    return raised(s, "retention_failing", message, remedy, now)


def _measured(s: Snapshot, event: ArchiveMeasured, now: datetime) -> Snapshot:
    archive = changed(
        s.archive,
        free_gb=round(event.free_bytes / 1e9, 3),
        seconds_today=round(event.seconds_today, 3),
        gaps_today=event.gaps_today,
        gaps=s.archive.gaps + event.new_gaps,
    )
    measured = changed(s, archive=archive)
    if not event.unjoined:
        measured = cleared(measured, "join_failing")
    if not event.unreadable:
        return cleared(measured, "recordings_unreadable")
    message = f"the recordings cannot all be read: {event.unreadable}"
    return raised(measured, "recordings_unreadable", message, "Look at the disk (dmesg).", now)
