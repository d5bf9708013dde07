"""What the status tells of the archive: its figures, and an alarm for whatever the operator has to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from supervisor.events import (
    ArchiveMeasured,
    Event,
    JoinFailed,
    KeepingFailed,
    RecordingDamaged,
    RecordingJoined,
    RecordingsPruned,
    SegmentArchived,
)
from supervisor.status import Snapshot, reduce
from tests.unit.made import sealed_segment

NOW = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)
RECORDING = Path("/srv/radio_20261123T150000.397Z.flac")
MEASURED = ArchiveMeasured(17_234_567_890, 3599.9996, 2, new_gaps=1)
UNREADABLE = KeepingFailed("Input/output error", Path("/srv"))
NOT_JOINED = JoinFailed(RECORDING, "exit code is 1")
JOINED = RecordingJoined(RECORDING, 360, 3600.0, 912_000_000)
STUCK = RecordingsPruned(0, 0, None, "it cannot be deleted: Operation not permitted")
PRUNED = RecordingsPruned(1, 912_000_000, NOW)
DAMAGED = RecordingDamaged(RECORDING, "its PCM is not what was captured")


def after(*events: Event) -> Snapshot:
    """The snapshot after these events."""
    snapshot = Snapshot(since=NOW, started_at=NOW, updated_at=NOW, station="radio", pid=1)
    for event in events:
        snapshot = reduce(snapshot, event, NOW)
    return snapshot


def test_the_figures_of_the_archive_are_told() -> None:
    """Free space, today's seconds and gaps are those of the last measurement; a new segment changes none of them."""
    archive = after(MEASURED, SegmentArchived(sealed_segment(0), RECORDING)).archive
    assert archive.model_dump() == {
        "current": str(RECORDING),
        "segments": 1,
        "seconds_today": 3600.0,
        "gaps_today": 2,
        "gaps": 1,
        "free_gb": 17.235,
    }
    assert after().archive.free_gb is None
    assert after(MEASURED, MEASURED).archive.gaps == 2


@pytest.mark.parametrize(
    ("events", "alarms"),
    [
        ([UNREADABLE], ["recordings_unreadable"]),
        ([UNREADABLE, MEASURED], []),
        ([replace(MEASURED, unreadable="it cannot be read")], ["recordings_unreadable"]),
        ([NOT_JOINED, replace(MEASURED, unjoined=1), JOINED], ["join_failing"]),
        ([NOT_JOINED, MEASURED], []),
        ([STUCK, MEASURED], ["retention_failing"]),
        ([STUCK, PRUNED], []),
        ([DAMAGED, MEASURED, JOINED], ["recording_damaged"]),
    ],
)
def test_alarms_of_the_archive_come_and_go(events: list[Event], alarms: list[str]) -> None:
    """Each has a remedy and goes with the event that ends it; a damaged file is not forgotten."""
    snapshot = after(*events)
    assert [alarm.code for alarm in snapshot.alarms] == alarms
    assert all(alarm.message and alarm.remedy for alarm in snapshot.alarms)


def test_alarms_of_the_archive_tell_where_to_look() -> None:
    """Folder, file and the cause stand in the message or the remedy."""
    told = {alarm.code: alarm.message + alarm.remedy for alarm in after(UNREADABLE, NOT_JOINED, DAMAGED).alarms}
    assert "/srv" in told["recordings_unreadable"]
    assert "Input/output error" in told["recordings_unreadable"]
    assert str(RECORDING) in told["join_failing"]
    assert "exit code is 1" in told["join_failing"]
    assert str(RECORDING) in told["recording_damaged"]
