"""The status: one frozen snapshot, made from events alone."""

from supervisor.status.board import StatusBoard
from supervisor.status.model import (
    Alarm,
    ArchiveStatus,
    CaptureStatus,
    ClockStatus,
    Latency,
    Levels,
    LogLine,
    Lost,
    Setup,
    Snapshot,
    Upload,
)
from supervisor.status.reduction import reduce

__all__ = [
    "Alarm",
    "ArchiveStatus",
    "CaptureStatus",
    "ClockStatus",
    "Latency",
    "Levels",
    "LogLine",
    "Lost",
    "Setup",
    "Snapshot",
    "StatusBoard",
    "Upload",
    "reduce",
]
