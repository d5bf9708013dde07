"""The snapshot as Prometheus metrics (text exposition format 0.0.4); the manual's table is written from this."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from supervisor import __version__
from supervisor.events import Cause, Ending
from supervisor.state import ON_AIR, State
from supervisor.status import Snapshot
from supervisor.status.histogram import BOUNDS_S, Histogram
from supervisor.status.publishing import OTHER_CODE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_MBIT_BYTES = 1e6 / 8
_GB_BYTES = 1e9

_USUAL_CODES = (
    *("AccessDenied", "InvalidAccessKeyId", "Unauthorized", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
    *("NoSuchBucket", "SlowDown", "ServiceUnavailable", "InternalError", "NewConnectionError", "ConnectTimeoutError"),
    *("ReadTimeoutError", "NameResolutionError", "ProtocolError", "InvalidResponse", OTHER_CODE),
)
"""They are there before they happen, so that the first of them is a rise."""


class Kind(StrEnum):
    """The types of Prometheus that are used."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Values = float | None | Mapping[str, float] | Histogram
"""One value, None for what is not known, or a value for each value of the label."""


@dataclass(frozen=True)
class Told:
    """One metric: its name, what it is, how a snapshot says it, and its label if it has one."""

    name: str
    text: str
    read: Callable[[Snapshot], Values]
    label: str = ""

    @property
    def kind(self) -> Kind:
        """By its name, as Prometheus wants names to be."""
        if self.name == _LATENCY:
            return Kind.HISTOGRAM
        return Kind.COUNTER if self.name.endswith("_total") else Kind.GAUGE

    def family(self, s: Snapshot) -> Metric:
        """The metric with its values."""
        values = self.read(s)
        if isinstance(values, Histogram):
            return _histogram(self, values)
        family_of = CounterMetricFamily if self.kind is Kind.COUNTER else GaugeMetricFamily
        family = family_of(self.name.removesuffix("_total"), self.text, labels=[self.label] if self.label else [])
        if isinstance(values, Mapping):
            for of, value in values.items():
                family.add_metric([of], value)
        elif values is not None:
            family.add_metric([], values)
        return family


def exposed(snapshot: Snapshot) -> bytes:
    """Everything in ``snapshot`` that is a number, and which state and which alarms hold."""
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot))
    return generate_latest(registry)


class _Collector:
    """A collector of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Every metric, in one order."""
        return (told.family(self._snapshot) for told in METRICS)


def _histogram(told: Told, values: Histogram) -> Metric:
    bounds = (*map(str, BOUNDS_S), "+Inf")
    buckets = list(zip(bounds, accumulate(values.counts), strict=True))
    return HistogramMetricFamily(told.name, told.text, buckets=buckets, sum_value=values.sum_s)


def _per_channel(values: tuple[float, ...]) -> dict[str, float]:
    return {str(number): value for number, value in enumerate(values, 1)}


def _all(names: type[StrEnum] | tuple[str, ...], counts: Mapping[str, int]) -> dict[str, float]:
    """The counts, and 0 for each of the ``names`` that has none."""
    return {**{str(name): 0 for name in names}, **counts}


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by


_LATENCY = "radio_publish_latency_seconds"

METRICS: tuple[Told, ...] = (
    Told("radio_build_info", "The program's version; always 1.", lambda _: {__version__: 1}, "version"),
    Told("radio_on_air", "1 when listeners hear something.", lambda s: s.state in ON_AIR),
    Told("radio_state", "1 for the state that holds.", lambda s: {of: of is s.state for of in State}, "state"),
    Told("radio_alarm", "1 for each alarm that stands.", lambda s: {alarm.code: 1 for alarm in s.alarms}, "code"),
    Told("radio_uptime_seconds", "How long the supervisor has been running.", lambda s: s.uptime_s),
    Told("radio_segments_published_total", "Segments that a manifest has named.", lambda s: s.segments_published),
    Told("radio_latest_index", "Index of the newest segment.", lambda s: s.latest),
    Told(_LATENCY, "From the end of an HQ file to the manifest that names it.", lambda s: s.latencies),
    Told("radio_queue_depth", "Segments that wait to be published.", lambda s: s.queue_depth),
    Told("radio_spool_bytes", "What the spool occupies.", lambda s: s.spool_bytes),
    Told(
        "radio_upload_errors_total",
        "Requests that failed and were tried again, by the store's or the network's own code.",
        lambda s: _all(_USUAL_CODES, s.upload.errors_by_code),
        "code",
    ),
    Told(
        "radio_upload_bytes_per_second",
        "The rate of the last segment's upload.",
        lambda s: _scaled(s.upload.mbit_s, _MBIT_BYTES),
    ),
    Told(
        "radio_upload_needed_bytes_per_second",
        "The rate that the programme needs.",
        lambda s: _scaled(s.upload.needed_mbit_s, _MBIT_BYTES),
    ),
    Told("radio_class_a_requests_total", "Requests that the store bills as class A.", lambda s: s.requests.class_a),
    Told("radio_class_a_month_requests", "Those of this UTC month.", lambda s: s.requests.class_a_month),
    Told("radio_class_a_month_forecast", "What this month will have.", lambda s: s.requests.class_a_forecast),
    Told("radio_class_a_free_requests", "What is free in a month, where known.", lambda s: s.setup.class_a_free),
    Told("radio_listener_requests_total", "Requests of the listener's eye (class B).", lambda s: s.requests.class_b),
    Told("radio_listener_month_requests", "Those of this UTC month.", lambda s: s.requests.class_b_month),
    Told(
        "radio_capture_restarts_total",
        "FFmpeg children that ended without being asked to, by how they ended.",
        lambda s: _all(Ending, s.capture.restarts_by_reason),
        "reason",
    ),
    Told("radio_capture_xruns_total", "Overruns of the device's buffer.", lambda s: s.capture.xruns),
    Told(
        "radio_lost_samples_total",
        "Samples that listeners will never get, by cause.",
        lambda s: _all(Cause, s.lost.by_cause),
        "cause",
    ),
    Told(
        "radio_peak_dbfs",
        "Highest sample of the last half second.",
        lambda s: _per_channel(s.levels.peak_db),
        "channel",
    ),
    Told("radio_rms_dbfs", "RMS of the last 100 ms.", lambda s: _per_channel(s.levels.rms_db), "channel"),
    Told("radio_loudness_lufs", "Short-term loudness (EBU R128).", lambda s: s.levels.lufs),
    Told(
        "radio_silent_seconds",
        "For how long nothing was louder than RADIO_SILENCE_DB.",
        lambda s: s.levels.silent_s,
    ),
    Told("radio_clipped_total", "Half seconds with a sample at full scale.", lambda s: s.levels.clips),
    Told("radio_clock_synchronised", "1 when the host keeps its clock.", lambda s: s.clock.synchronised),
    Told(
        "radio_clock_offset_seconds",
        "How far this clock is behind its reference.",
        lambda s: _scaled(s.clock.offset_ms, 1e-3),
    ),
    Told(
        "radio_store_skew_seconds",
        "How far this clock is behind the store's.",
        lambda s: _scaled(s.clock.store_skew_ms, 1e-3),
    ),
    Told("radio_audio_clock_ppm", "How much faster the sound card's clock runs.", lambda s: s.clock.audio_ppm),
    Told("radio_archived_segments_total", "Segments that the archive has taken.", lambda s: s.archive.segments),
    Told("radio_recordings_gaps_total", "Gaps in the archive that came up since the start.", lambda s: s.archive.gaps),
    Told("radio_recordings_today_seconds", "How much of this UTC day is recorded.", lambda s: s.archive.seconds_today),
    Told(
        "radio_recordings_free_bytes",
        "What is free on the recordings disk.",
        lambda s: _scaled(s.archive.free_gb, _GB_BYTES),
    ),
    Told(
        "radio_recordings_min_free_bytes",
        "What is to stay free there (RADIO_RECORDINGS_MIN_FREE_GB).",
        lambda s: s.setup.min_free_gb * _GB_BYTES,
    ),
)
"""Every metric, in the order in which they are told."""
