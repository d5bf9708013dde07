"""Metrics: what Prometheus reads is what the status says."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from supervisor.metrics import exposed
from supervisor.requests import Requests
from supervisor.state import State
from supervisor.status import Alarm, CaptureStatus, ClockStatus, Latency, Levels, Lost, Snapshot, Upload

NOW = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)


def _read(snapshot: Snapshot) -> dict[tuple[str, ...], float]:
    """Values by name and label values, as Prometheus' own parser reads them."""
    families = text_string_to_metric_families(exposed(snapshot).decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def _snapshot(**told: object) -> Snapshot:
    return Snapshot(since=NOW, started_at=NOW, updated_at=NOW, station="radio", pid=1).model_copy(update=told)


def test_every_number_is_there() -> None:
    """Counts, sizes, levels, latencies and losses are those of the snapshot, in base units."""
    read = _read(
        _snapshot(
            uptime_s=12.5,
            segments_published=7,
            latest=41,
            queue_depth=2,
            spool_bytes=1_000,
            publish_latency_ms=Latency(p50=36.0, p99=80.0),
            capture=CaptureStatus(restarts=3, xruns=4),
            levels=Levels(peak_db=(-3.0, -4.0), rms_db=(-20.0, -21.0), lufs=-23.0, silent_s=4.5, clips=2),
            requests=Requests(class_a=300, class_a_month=900, class_a_forecast=777_600),
            lost=Lost(samples=1_050, by_cause={"restart": 1_000, "xrun": 50}),
            upload=Upload(errors=5),
            clock=ClockStatus(synchronised=True, offset_ms=-2.0, store_skew_ms=1_500.0, audio_ppm=12.5),
        )
    )
    assert read["radio_uptime_seconds",] == 12.5
    assert (read["radio_segments_published_total",], read["radio_latest_index",]) == (7, 41)
    assert (read["radio_queue_depth",], read["radio_spool_bytes",]) == (2, 1_000)
    assert (read["radio_publish_latency_seconds", "0.5"], read["radio_publish_latency_seconds", "0.99"]) == (
        0.036,
        0.08,
    )
    assert (read["radio_capture_restarts_total",], read["radio_capture_xruns_total",]) == (3, 4)
    assert (read["radio_peak_dbfs", "1"], read["radio_peak_dbfs", "2"], read["radio_loudness_lufs",]) == (-3, -4, -23)
    assert (read["radio_lost_samples_total", "restart"], read["radio_lost_samples_total", "xrun"]) == (1_000, 50)
    assert read["radio_upload_errors_total",] == 5
    assert (read["radio_silent_seconds",], read["radio_clipped_total",]) == (4.5, 2)
    assert (read["radio_class_a_requests_total",], read["radio_class_a_month_forecast",]) == (300, 777_600)
    assert (read["radio_clock_offset_seconds",], read["radio_store_skew_seconds",]) == (-0.002, 1.5)
    assert (read["radio_clock_synchronised",], read["radio_audio_clock_ppm",]) == (1, 12.5)


def test_exactly_one_state_holds() -> None:
    """Every state has its line, and the one that holds is 1."""
    for state in State:
        read = _read(_snapshot(state=state))
        assert read["radio_on_air",] == (state in {State.ON_AIR, State.DEGRADED})
        assert {other: read["radio_state", other] for other in State} == {other: other is state for other in State}


def test_alarms_are_named() -> None:
    """Each alarm that stands can be alerted on by its code, and none that does not."""
    alarm = Alarm(code="device_lost", since=NOW, message="gone", remedy="plug it in")
    assert _read(_snapshot(alarms=(alarm,)))["radio_alarm", "device_lost"] == 1
    assert not any(name == "radio_alarm" for name, *_ in _read(_snapshot()))


def test_a_cause_is_there_before_it_happens() -> None:
    """A loss can be seen as a rise from 0: each cause is counted from the start, also before the first segment."""
    read = _read(_snapshot())
    assert read["radio_lost_samples_total", "device_lost"] == read["radio_lost_samples_total", "spool_full"] == 0
    unknown = {"radio_publish_latency_seconds", "radio_latest_index", "radio_clock_synchronised"}
    assert not any(name in unknown for name, *_ in read)
