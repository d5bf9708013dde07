"""What the publisher's and the listener's events say: latency, rates, errors of the store. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from supervisor.events import Event, ListenerLooked, SegmentPublished, StoreFailed, StoreRecovered
from supervisor.status.model import Latency, Snapshot
from supervisor.status.standing import changed, cleared, one_more, raised

OTHER_CODE = "other"

_LATENCIES_KEPT = 360
_CODES_KEPT = 32
_CODE = re.compile(r"[\w .-]{1,64}", re.ASCII)


def published(s: Snapshot, event: Event, now: datetime) -> Snapshot:
    """After an event of publishing, or of listening to what is public."""
    match event:
        case SegmentPublished():
            return _listed(s, event)
        case StoreFailed():
            return _failed(s, event, now)
        case StoreRecovered():
            return cleared(s, f"store_{event.operation}_failing")
        case ListenerLooked(problem=""):
            return cleared(s, "not_playable")
        case ListenerLooked(confirmed=True):
            message = f"published, but listeners cannot play it: {event.problem}"
            return raised(s, "not_playable", message, event.remedy, now)
        case _:
            return s


def _listed(s: Snapshot, event: SegmentPublished) -> Snapshot:
    size_bits = 8 * (event.segment.hq.bytes + event.segment.lq.bytes)
    latencies_ms = (*s.latencies_ms, event.latency_s * 1000)[-_LATENCIES_KEPT:]
    needed_mbit_s = size_bits * event.segment.sample_rate / max(event.segment.samples, 1) / 1e6
    mbit_s = size_bits / max(event.upload_s, 1e-6) / 1e6
    return changed(
        s,
        latest=event.index,
        segments_published=s.segments_published + 1,
        upload=changed(s.upload, mbit_s=round(mbit_s, 3), needed_mbit_s=round(needed_mbit_s, 3)),
        latencies_ms=latencies_ms,
        latencies=s.latencies.with_value(event.latency_s),
        publish_latency_ms=Latency(p50=_quantile(latencies_ms, 0.5), p99=_quantile(latencies_ms, 0.99)),
    )


def _failed(s: Snapshot, event: StoreFailed, now: datetime) -> Snapshot:
    by_code = one_more(s.upload.errors_by_code, _bounded(event.code, s.upload.errors_by_code))
    upload = changed(s.upload, errors=s.upload.errors + 1, errors_by_code=by_code, last_error=event.code)
    message = f"{event.operation} failed ({event.code}): {event.message}"
    remedy = event.hint or "Capture and archive go on; the newest segments are sent when the store is back."
    return raised(changed(s, upload=upload), f"store_{event.operation}_failing", message, remedy, now)


def _bounded(code: str, known: Mapping[str, int]) -> str:
    """The code, or ``other``: what a store may call an error has no end, what is kept of it has."""
    fits = _CODE.fullmatch(code) is not None and len(known) < _CODES_KEPT
    return code if code in known or fits else OTHER_CODE


def _quantile(values: tuple[float, ...], q: float) -> float:
    """The nearest-rank quantile."""
    return round(sorted(values)[max(0, math.ceil(q * len(values)) - 1)], 3)
