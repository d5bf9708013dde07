"""What Prometheus reads of a real station that has had troubles, and what rules and dashboard want to read of it."""

from __future__ import annotations

import re
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.rig.parts import ROOT, eventually
from tests.rig.prometheus import dashboard_expressions, labels_in, names_in, promtool, rules
from tests.rig.proxy import PASS, RESET, proxy_to
from tests.rig.radio import Radio, on_air
from tests.rig.s3 import S3Server

FROM_OUTSIDE = {"job", "instance"}
"""Prometheus adds them."""

_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def _metrics(radio: Radio) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{radio.port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def answer(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a station tells whose FFmpeg was killed, whose store was away, and whose programme counts as silence."""
    folder, bucket = tmp_path_factory.mktemp("metrics"), s3_server.make_bucket("metrics")
    with proxy_to(s3_server.port) as proxy:
        settings = {
            **bucket.settings,
            "R2_ENDPOINT": f"http://127.0.0.1:{proxy.port}",
            "RADIO_SOURCE": "tone:",
            "RADIO_SEGMENT_SECONDS": "1",
            "RADIO_SPOOL_DIR": str(folder / "spool"),
            "RADIO_SILENCE_DB": "-1",
            "RADIO_SILENCE_SECONDS": "1",
        }
        with on_air(folder, settings) as radio:
            radio.published(1, within_s=20)
            radio.kill_capture()
            proxy.become(RESET)
            eventually(lambda: radio.status()["upload"]["errors"], 20, "the store is away")
            proxy.become(PASS)
            eventually(lambda: radio.status()["lost"]["samples"], 20, "the loss is told")

            def settled() -> bool:
                status = radio.status()
                standing = {alarm["code"] for alarm in status["alarms"]}
                return standing == {"silence"} and (status["levels"]["lufs"] or -99) > -60

            eventually(settled, 20, "silence alone stands, and loudness is measured")
            return _metrics(radio)


@pytest.mark.timeout(90)
def test_rules_and_dashboard_read_what_is_there(answer: str) -> None:
    """Every metric, label and value that a rule or a panel asks for is in the answer of a real station."""
    assert promtool("check", "metrics", given=answer) == ""
    expressions = [*(rule["expr"] for rule in rules()), *dashboard_expressions()]
    types = re.findall(r"^# TYPE (\w+) (\w+)$", answer, re.MULTILINE)
    told = {name + suffix for name, kind in types for suffix in _SUFFIXES.get(kind, ("",))}
    assert set().union(*map(names_in, expressions)) <= told
    samples = [sample for family in text_string_to_metric_families(answer) for sample in family.samples]
    manual = (ROOT / "docs/operations/faults.md").read_text(encoding="utf-8")
    for name, label, operator, value in set().union(*map(labels_in, expressions)):
        if label in FROM_OUTSIDE:
            continue
        seen = {sample.labels.get(label) for sample in samples if sample.name == name}
        assert seen - {None}, f"{name} has no label {label}"
        if (name, label) == ("radio_alarm", "code"):
            assert all(f"`{code}`" in manual for code in value.split("|")), value
        elif operator in {"=", "!="}:
            assert value in seen, f"{name} never has {label}={value}"


@pytest.mark.timeout(90)
def test_troubles_are_counted_by_their_names(answer: str) -> None:
    """A killed FFmpeg, what was lost by it, a store that hangs up and the silence each stand under their own label."""
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer)
        for sample in family.samples
    }
    assert told["radio_capture_restarts_total", "killed"] == 1
    assert told["radio_lost_samples_total", "restart"] > 0
    assert sum(told["radio_upload_errors_total", code] for code in ("ProtocolError", "NewConnectionError")) > 0
    assert told["radio_alarm", "silence"] == 1
    assert told["radio_publish_latency_seconds_count",] == told["radio_segments_published_total",] > 0
    assert told["radio_class_a_requests_total",] >= 3 * told["radio_segments_published_total",]
    assert -60 < told["radio_loudness_lufs",] < 0
    assert told["radio_peak_dbfs", "1"] < -1
    assert abs(told["radio_store_skew_seconds",]) < 2
    assert told["radio_recordings_free_bytes",] > 0
