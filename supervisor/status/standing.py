"""What every part of the status is changed with: new values, and alarms that are raised and cleared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel

from supervisor.events import Severity
from supervisor.status.model import Alarm, Snapshot

_SHOWN_FOR = timedelta(hours=1)

_Model = TypeVar("_Model", bound=BaseModel)


def changed(model: _Model, **changes: object) -> _Model:
    """``model`` with some values changed."""
    return model.model_copy(update=changes)


def one_more(counts: Mapping[str, int], name: str, number: int = 1) -> dict[str, int]:
    """``counts`` by name, with ``number`` more under ``name``."""
    return dict(sorted({**counts, name: counts.get(name, 0) + number}.items()))


def raised(
    s: Snapshot, code: str, message: str, remedy: str, now: datetime, severity: Severity = Severity.WARNING
) -> Snapshot:
    """With an alarm; one of this code that stands already keeps its beginning and its place."""
    standing = {alarm.code: alarm for alarm in s.alarms}
    since = standing[code].since if code in standing else now
    alarm = Alarm(code=code, severity=severity, since=since, seen=now, message=message, remedy=remedy)
    return changed(s, alarms=tuple({**standing, code: alarm}.values()))


def faded(s: Snapshot, now: datetime, *codes: str) -> Snapshot:
    """Without those of these codes that happened once, an hour ago: until then somebody may still see them."""
    fresh = (alarm for alarm in s.alarms if alarm.code not in codes or now - alarm.seen < _SHOWN_FOR)
    return changed(s, alarms=tuple(fresh))


def is_degraded(s: Snapshot) -> bool:
    """Whether something is wrong now; what is only worth knowing leaves the state as it is."""
    return any(alarm.severity is Severity.WARNING for alarm in s.alarms)


def cleared(s: Snapshot, *codes: str) -> Snapshot:
    """Without the alarms of these codes."""
    return changed(s, alarms=tuple(alarm for alarm in s.alarms if alarm.code not in codes))
