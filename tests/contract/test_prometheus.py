"""The rules for Prometheus and the dashboard for Grafana: each rule fires when it should, and reads what is there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from supervisor.metrics import exposed
from tests.rig import prometheus
from tests.rig.parts import ROOT
from tests.rig.prometheus import dashboard_expressions, promtool, rules
from tests.unit import pictures

IS = 'job="radio",instance="a"'
DEAD_AFTER_5_MIN, ALIVE_AGAIN = "1x20 0x60", "0x20 1x60"


@dataclass(frozen=True)
class Trouble:
    """Series every 15 s from which an alert must not fire at ``quiet``, and must at ``fires`` with these labels."""

    alert: str
    series: dict[str, str]
    quiet: str
    fires: str
    labels: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    """Where the rule's own has a value in it."""


def _alarm(code: str) -> dict[str, str]:
    return {f'radio_alarm{{{IS},code="{code}"}}': "_x20 1x60"}


def _latencies(seconds: float) -> dict[str, str]:
    """Segments that take so long, from the sixth minute on; fast ones before."""
    name = f"radio_publish_latency_seconds_bucket{{{IS},le="
    slow = "0x20 0+1x100" if seconds > 5 else "0+1x120"
    return {f'{name}"5.0"}}': "0+1x20 20x100", f'{name}"10.0"}}': slow, f'{name}"+Inf"}}': "0+1x120"}


TROUBLES = (
    Trouble("RadioNotScraped", {f"up{{{IS}}}": DEAD_AFTER_5_MIN}, "6m", "8m"),
    Trouble("RadioOffAir", {f"radio_on_air{{{IS}}}": DEAD_AFTER_5_MIN}, "6m", "7m"),
    Trouble(
        "RadioNotPublishing",
        {f"radio_on_air{{{IS}}}": "1x60", f"radio_segments_published_total{{{IS}}}": "0+1x20 20x40"},
        "7m",
        "9m",
    ),
    Trouble("RadioNotPlayable", _alarm("not_playable"), "5m45s", "6m", {"code": "not_playable"}),
    Trouble(
        "RadioDegraded", {f'radio_state{{{IS},state="degraded"}}': ALIVE_AGAIN}, "10m", "11m", {"state": "degraded"}
    ),
    Trouble("RadioSilence", _alarm("silence"), "5m45s", "6m", {"code": "silence"}),
    Trouble("RadioClipping", {f"radio_clipped_total{{{IS}}}": "0x20 0+2x60"}, "6m", "10m"),
    Trouble(
        "RadioLostSamples",
        {
            f'radio_lost_samples_total{{{IS},cause="xrun"}}': "0x20 48000x60",
            f'radio_lost_samples_total{{{IS},cause="stopped"}}': "0x5 96000x80",
        },
        "5m",
        "10m15s",
        {"cause": "xrun"},
        "48000 samples were lost (xrun).",
    ),
    Trouble(
        "RadioCaptureRestarting",
        {f'radio_capture_restarts_total{{{IS},reason="hung"}}': "0x20 1 2 3x60"},
        "5m15s",
        "8m",
        {"reason": "hung"},
        "FFmpeg was restarted again and again (hung).",
    ),
    Trouble("RadioXruns", {f"radio_capture_xruns_total{{{IS}}}": "0x20 1 2 3x60"}, "5m15s", "8m"),
    Trouble(
        "RadioSupervisorRestarting", {f"radio_uptime_seconds{{{IS}}}": "900+15x10 0+15x10 0+15x10 0+15x80"}, "7m", "9m"
    ),
    Trouble(
        "RadioUploadErrors",
        {f'radio_upload_errors_total{{{IS},code="SlowDown"}}': "0x20 1 2 3 4 5x60"},
        "5m30s",
        "8m",
        {"code": "SlowDown"},
        "The store refuses or does not answer (SlowDown).",
    ),
    Trouble(
        "RadioUploadBehind",
        {f"radio_queue_depth{{{IS}}}": "1x20 3x40"},
        "6m",
        "7m",
        summary="3 segments wait to be published.",
    ),
    Trouble(
        "RadioPublishSlow",
        _latencies(8.0),
        "5m",
        "25m",
        summary="One segment of ten takes more than 9.5 s to its listeners.",
    ),
    Trouble(
        "RadioUplinkTight",
        {
            f"radio_upload_bytes_per_second{{{IS}}}": "2000000x20 380000x60",
            f"radio_upload_needed_bytes_per_second{{{IS}}}": "270000x80",
        },
        "15m",
        "16m",
    ),
    Trouble(
        "RadioClockSkew",
        {f"radio_store_skew_seconds{{{IS}}}": "0.2x20 -1.5x60"},
        "10m",
        "11m",
        summary="The clock of the machine is 1.5 s off.",
    ),
    Trouble("RadioClockNotSynchronised", {f"radio_clock_synchronised{{{IS}}}": "1x20 0x160"}, "35m", "36m"),
    Trouble(
        "RadioDiskLow",
        {
            f"radio_recordings_free_bytes{{{IS}}}": "5368709120x20 4294967296x80",
            f"radio_recordings_min_free_bytes{{{IS}}}": "5000000000x100",
        },
        "15m",
        "16m",
        summary="4GiB are free for recordings, and retention can free no more.",
    ),
    Trouble(
        "RadioArchiveFailing",
        _alarm("archive_lost"),
        "9m45s",
        "10m",
        {"code": "archive_lost"},
        "The archive is in trouble (archive_lost).",
    ),
    Trouble("RadioArchiveGap", {f"radio_recordings_gaps_total{{{IS}}}": "0x20 1x300"}, "5m", "6m"),
    Trouble(
        "RadioRequestsOverFree",
        {
            f"radio_class_a_month_forecast{{{IS}}}": "777600x20 1500000x300",
            f"radio_class_a_free_requests{{{IS}}}": "1000000x320",
        },
        "1h5m",
        "1h6m",
        summary="This month will have 1500000 class A requests, more than are free.",
    ),
)


def _checked(trouble: Trouble) -> dict[str, Any]:
    """One test as promtool wants it."""
    rule = next(rule for rule in rules() if rule["alert"] == trouble.alert)
    annotations = {**rule["annotations"], **({"summary": trouble.summary} if trouble.summary else {})}
    labels = {"job": "radio", "instance": "a", **trouble.labels, **rule["labels"]}
    there = [{"exp_labels": labels, "exp_annotations": annotations}]
    return {
        "interval": "15s",
        "input_series": [{"series": series, "values": values} for series, values in trouble.series.items()],
        "alert_rule_test": [
            {"alertname": trouble.alert, "eval_time": trouble.quiet, "exp_alerts": []},
            {
                "alertname": trouble.alert,
                "eval_time": trouble.fires,
                "exp_alerts": there,
            },
        ],
    }


def _tested(folder: Path, *tests: dict[str, Any]) -> None:
    """Lets promtool play series through the rules."""
    written = folder / "rules_test.json"
    head = {"rule_files": [str(prometheus.RULES)], "evaluation_interval": "15s"}
    written.write_text(json.dumps({**head, "tests": tests}), encoding="utf-8")
    promtool("test", "rules", str(written))


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.alert)
def test_each_rule_fires_when_it_should(trouble: Trouble, tmp_path: Path) -> None:
    """From series of a trouble the alert is quiet before its time, and then there with its text and severity."""
    _tested(tmp_path, _checked(trouble))


def test_no_rule_is_left_out() -> None:
    """Every rule of the file is played through."""
    assert {rule["alert"] for rule in rules()} == {trouble.alert for trouble in TROUBLES}


def test_nobody_is_woken_by_a_station_that_is_well(tmp_path: Path) -> None:
    """Two hours of a station that is well, as it tells itself in its metrics, fire nothing."""
    families = text_string_to_metric_families(exposed(pictures.well()).decode())
    series = {f"up{{{IS}}}": "1x480"}
    for sample in (sample for family in families for sample in family.samples):
        labels = "".join(f',{label}="{value}"' for label, value in sample.labels.items())
        grows = sample.name == "radio_segments_published_total" or sample.name.startswith("radio_publish_latency")
        step = 1.5 if grows and sample.value else 15 if sample.name == "radio_uptime_seconds" else 0
        series[f"{sample.name}{{{IS}{labels}}}"] = f"{sample.value}+{step}x480"
    quiet = [
        {"alertname": rule["alert"], "eval_time": at, "exp_alerts": []}
        for rule in rules()
        for at in ("30m", "70m", "2h")
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    _tested(tmp_path, {"interval": "15s", "input_series": given, "alert_rule_test": quiet})


def test_a_station_that_is_nowhere_is_missed(tmp_path: Path) -> None:
    """When Prometheus knows of no station at all, that is an alert too."""
    rule = rules()[0]
    missed = {"exp_labels": {"job": "radio", **rule["labels"]}, "exp_annotations": rule["annotations"]}
    tests = [
        {"alertname": rule["alert"], "eval_time": "1m", "exp_alerts": []},
        {"alertname": rule["alert"], "eval_time": "3m", "exp_alerts": [missed]},
    ]
    _tested(tmp_path, {"interval": "15s", "input_series": [], "alert_rule_test": tests})


def test_the_files_are_valid(tmp_path: Path) -> None:
    """Promtool finds nothing wrong with the rules, with an expression of the dashboard, or with the metrics."""
    promtool("check", "rules", str(prometheus.RULES))
    records = [{"record": f"a:b{number}", "expr": expr} for number, expr in enumerate(dashboard_expressions())]
    written = tmp_path / "dashboard.yaml"
    written.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": records}]}), encoding="utf-8")
    promtool("check", "rules", str(written))
    for snapshot in (pictures.well(), pictures.ill(), pictures.dead(), pictures.begun()):
        assert promtool("check", "metrics", given=exposed(snapshot).decode()) == ""


def test_each_rule_says_what_to_do() -> None:
    """Every alert has a severity, what is wrong, what to do, and a place in the manual that is there."""
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert len(rule["annotations"]["summary"]) > 15
        assert len(rule["annotations"]["description"]) > 25
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, rule


def test_every_panel_can_be_read() -> None:
    """Each panel says what it shows and in which unit, asks the chosen source, and lies on no other."""
    panels = prometheus.panels()
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    identities = [panel["id"] for panel in prometheus.dashboard()["panels"]]
    assert len(set(identities)) == len(identities)
    variables = [variable["name"] for variable in prometheus.dashboard()["templating"]["list"]]
    assert variables == ["datasource", "job", "instance"]


def test_every_metric_is_shown() -> None:
    """What the station tells has a place in the dashboard; only its index and its count of requests need none."""
    shown = set().union(*map(prometheus.names_in, dashboard_expressions()))
    told = {family.name for family in text_string_to_metric_families(exposed(pictures.well()).decode())}
    unseen = {name for name in told if not any(seen.startswith(name) for seen in shown)}
    assert unseen == {"radio_latest_index", "radio_class_a_requests", "radio_listener_requests"}
