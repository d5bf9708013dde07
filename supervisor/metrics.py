"""The snapshot as Prometheus metrics (text exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from supervisor.events import Cause
from supervisor.state import ON_AIR, State
from supervisor.status import ClockStatus, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposed(snapshot: Snapshot) -> bytes:
    """Everything in ``snapshot`` that is a number, and which state and which alarms hold."""
    registry = CollectorRegistry()
    registry.register(_Told(snapshot))
    return generate_latest(registry)


class _Told:
    """A collector of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Every metric, in one order."""
        yield from _station(self._snapshot)
        yield from _capture(self._snapshot)
        yield from _publishing(self._snapshot)
        yield from _clock(self._snapshot.clock)
        yield _lost(self._snapshot)


def _station(s: Snapshot) -> Iterator[Metric]:
    yield _labelled("radio_state", "1 for the state that holds.", "state", {state: state is s.state for state in State})
    yield _gauge("radio_on_air", "Whether listeners hear something.", s.state in ON_AIR)
    yield _gauge("radio_uptime_seconds", "How long the supervisor has been running.", s.uptime_s)
    yield _gauge("radio_spool_bytes", "What the spool occupies.", s.spool_bytes)
    alarms = {alarm.code: 1 for alarm in s.alarms}
    yield _labelled("radio_alarm", "1 for each alarm that stands.", "code", alarms)


def _capture(s: Snapshot) -> Iterator[Metric]:
    yield _counter("radio_capture_restarts", "FFmpeg children that ended without being asked to.", s.capture.restarts)
    yield _counter("radio_capture_xruns", "Overruns of the device's buffer.", s.capture.xruns)
    channels = {str(number): value for number, value in enumerate(s.levels.peak_db, 1)}
    yield _labelled("radio_peak_dbfs", "Highest sample of the last half second.", "channel", channels)
    yield _gauge("radio_silent_seconds", "For how long nothing was louder than RADIO_SILENCE_DB.", s.levels.silent_s)
    yield _counter("radio_clipped", "Half seconds with a sample at full scale.", s.levels.clips)
    if s.levels.lufs is not None:
        yield _gauge("radio_loudness_lufs", "Short-term loudness (EBU R128).", s.levels.lufs)


def _publishing(s: Snapshot) -> Iterator[Metric]:
    yield _counter("radio_segments_published", "Segments that a manifest has named.", s.segments_published)
    if s.latest is not None:
        yield _gauge("radio_latest_index", "Index of the newest segment.", s.latest)
    yield _gauge("radio_queue_depth", "Segments that wait to be published.", s.queue_depth)
    yield _counter("radio_upload_errors", "Requests that failed.", s.upload.errors)
    yield _counter("radio_class_a_requests", "Requests that the store bills as class A.", s.requests.class_a)
    forecast = s.requests.class_a_forecast
    yield _gauge("radio_class_a_month_forecast", "What this month will have of them at this rate.", forecast)
    quantiles_ms = {"0.5": s.publish_latency_ms.p50, "0.99": s.publish_latency_ms.p99}
    told_s = {quantile: ms / 1000 for quantile, ms in quantiles_ms.items() if ms is not None}
    text = "From the end of an HQ file to the manifest that names it, over the last 360 segments."
    yield _labelled("radio_publish_latency_seconds", text, "quantile", told_s)


def _clock(clock: ClockStatus) -> Iterator[Metric]:
    if clock.synchronised is not None:
        yield _gauge("radio_clock_synchronised", "1 when the host keeps its clock.", clock.synchronised)
    if clock.offset_ms is not None:
        yield _gauge("radio_clock_offset_seconds", "How far this clock is behind.", clock.offset_ms / 1000)
    if clock.store_skew_ms is not None:
        yield _gauge("radio_store_skew_seconds", "How far it is behind the store's.", clock.store_skew_ms / 1000)
    if clock.audio_ppm is not None:
        yield _gauge("radio_audio_clock_ppm", "How much faster the device's clock runs than this one.", clock.audio_ppm)


def _lost(s: Snapshot) -> Metric:
    family = CounterMetricFamily("radio_lost_samples", "Samples that listeners will never get.", labels=["cause"])
    for cause in Cause:
        family.add_metric([cause], s.lost.by_cause.get(cause, 0))
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family
