"""Metrics: what Prometheus reads is what the status says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from supervisor.events import Cause, Ending
from supervisor.metrics import METRICS, Kind, exposed
from supervisor.requests import Requests
from supervisor.state import State
from supervisor.status import (
    Alarm,
    ArchiveStatus,
    CaptureStatus,
    ClockStatus,
    Levels,
    Lost,
    Setup,
    Snapshot,
    Upload,
)
from supervisor.status.histogram import BOUNDS_S, Histogram

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
            capture=CaptureStatus(restarts=3, restarts_by_reason={"hung": 2, "killed": 1}, xruns=4),
            levels=Levels(peak_db=(-3.0, -4.0), rms_db=(-20.0, -21.0), lufs=-23.0, silent_s=4.5, clips=2),
            requests=Requests(class_a=300, class_a_month=900, class_a_forecast=777_600, class_b=3, class_b_month=9),
            lost=Lost(samples=1_050, by_cause={"restart": 1_000, "xrun": 50}),
            upload=Upload(errors=5, errors_by_code={"SlowDown": 4, "Unheard": 1}, mbit_s=8.0, needed_mbit_s=2.16),
            archive=ArchiveStatus(segments=6, seconds_today=60.0, free_gb=412.6),
            setup=Setup(min_free_gb=5.0, class_a_free=1_000_000),
            clock=ClockStatus(synchronised=True, offset_ms=-2.0, store_skew_ms=1_500.0, audio_ppm=12.5),
        )
    )
    assert read["radio_uptime_seconds",] == 12.5
    assert (read["radio_segments_published_total",], read["radio_latest_index",]) == (7, 41)
    assert (read["radio_queue_depth",], read["radio_spool_bytes",]) == (2, 1_000)
    restarts = [read["radio_capture_restarts_total", reason] for reason in ("hung", "killed", "exited")]
    assert (restarts, read["radio_capture_xruns_total",]) == ([2, 1, 0], 4)
    assert (read["radio_peak_dbfs", "1"], read["radio_peak_dbfs", "2"], read["radio_loudness_lufs",]) == (-3, -4, -23)
    assert (read["radio_lost_samples_total", "restart"], read["radio_lost_samples_total", "xrun"]) == (1_000, 50)
    errors = [read["radio_upload_errors_total", code] for code in ("SlowDown", "Unheard", "AccessDenied")]
    assert errors == [4, 1, 0]
    assert read["radio_upload_bytes_per_second",] == 1_000_000
    assert read["radio_upload_needed_bytes_per_second",] == 270_000
    assert (read["radio_rms_dbfs", "1"], read["radio_rms_dbfs", "2"]) == (-20, -21)
    assert (read["radio_listener_requests_total",], read["radio_listener_month_requests",]) == (3, 9)
    assert (read["radio_class_a_month_requests",], read["radio_class_a_free_requests",]) == (900, 1_000_000)
    assert (read["radio_archived_segments_total",], read["radio_recordings_today_seconds",]) == (6, 60)
    assert (read["radio_recordings_free_bytes",], read["radio_recordings_min_free_bytes",]) == (412.6e9, 5e9)
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
    alarm = Alarm(code="device_lost", since=NOW, seen=NOW, message="gone", remedy="plug it in")
    assert _read(_snapshot(alarms=(alarm,)))["radio_alarm", "device_lost"] == 1
    assert not any(name == "radio_alarm" for name, *_ in _read(_snapshot()))


def test_a_cause_is_there_before_it_happens() -> None:
    """Each cause, reason and usual code is counted from 0, so the first is a rise; what is not known has no value."""
    read = _read(_snapshot())
    assert {read["radio_lost_samples_total", cause] for cause in Cause} == {0}
    assert {read["radio_capture_restarts_total", reason] for reason in Ending} == {0}
    assert {read["radio_upload_errors_total", code] for code in ("SlowDown", "ConnectTimeoutError", "other")} == {0}
    unknown = {"radio_latest_index", "radio_clock_synchronised", "radio_recordings_free_bytes", "radio_peak_dbfs"}
    assert not any(name in unknown for name, *_ in read)


@given(st.lists(st.floats(0, 100), max_size=50))
def test_latency_is_a_histogram(latencies_s: list[float]) -> None:
    """Each bucket counts what is not above its bound, as Prometheus wants it, and the sum is of all."""
    kept = Histogram()
    for latency_s in latencies_s:
        kept = kept.with_value(latency_s)
    read = _read(_snapshot(latencies=kept))
    for bound_s in BOUNDS_S:
        within = sum(latency_s <= bound_s for latency_s in latencies_s)
        assert read["radio_publish_latency_seconds_bucket", str(bound_s)] == within
    assert read["radio_publish_latency_seconds_bucket", "+Inf"] == len(latencies_s)
    assert read["radio_publish_latency_seconds_count",] == len(latencies_s)
    assert read["radio_publish_latency_seconds_sum",] == pytest.approx(sum(latencies_s))


def test_a_metric_s_name_is_its_type() -> None:
    """What ends in _total is a counter and only that; every metric has a help text, and no two have one name."""
    exposition = exposed(_snapshot()).decode()
    for told in METRICS:
        assert f"# TYPE {told.name} {told.kind}\n" in exposition
        assert f"# HELP {told.name} {told.text}\n" in exposition
        assert (told.kind is Kind.COUNTER) == told.name.endswith("_total")
    assert len({told.name for told in METRICS}) == len(METRICS)
