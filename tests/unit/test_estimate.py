"""The estimate, against figures that were reckoned by hand."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from supervisor.estimate import Assumptions, billed_usd, estimate, pcm_mbit_s
from supervisor.estimate_view import as_json, rows, show

USUAL = Assumptions(segment_s=10, window=3, hq_mbit_s=2.0, lq_mbit_s=0.128, listeners=20, hours_a_day=12.0)


def test_the_usual_station() -> None:
    """Ten-second segments are 777 600 writes a month and free; a listener reads twice for each segment."""
    told = estimate(USUAL)
    assert told.upload_mbit_s == 2.128
    assert told.bucket_mb == 10.64  # 4 pairs of 2.66 MB
    assert (told.recordings_gb_day, told.recordings_gb_month) == (21.6, 648.0)  # 0.25 MB/s
    assert (told.class_a_month, told.class_a_usd) == (777_600, 0.0)
    assert told.class_b_listener_month == 259_200  # 129 600 segments in 30 half days
    assert (told.class_b_month, told.class_b_usd) == (20 * 259_200 + 25_920, 0.0)
    assert told.class_b_cached_month == 20 * 129_600 + 2 * 259_200 + 25_920
    assert told.free_listeners == 38  # 9 974 080 / 259 200
    assert told.egress_gb_month == 6480.0  # 20 x 1 296 000 s x 0.25 MB/s
    assert told.usd_month == 0.0


def test_what_short_segments_and_many_listeners_cost() -> None:
    """Beyond what is free every million that is begun is billed, writes and reads by their own price."""
    told = estimate(Assumptions(segment_s=2, window=5, hq_mbit_s=2.304, lq_mbit_s=0.128, listeners=100))
    assert told.class_a_month == 3_888_000
    assert told.class_a_usd == 3 * 4.50
    assert told.class_b_month == 100 * 2_592_000 + 25_920
    assert told.class_b_usd == pytest.approx(250 * 0.36)  # 249.2 million beyond ten
    assert told.usd_month == pytest.approx(13.5 + 90.0)
    assert told.bucket_mb == pytest.approx(6 * 2 * 0.304)


@pytest.mark.parametrize(
    ("requests", "usd"), [(0, 0.0), (1_000_000, 0.0), (1_000_001, 4.5), (2_000_000, 4.5), (2_000_001, 9.0)]
)
def test_every_million_that_is_begun_is_billed(requests: int, usd: float) -> None:
    """The border is the free million itself; one more is a whole million."""
    assert billed_usd(requests, 1_000_000, 4.50) == usd


def test_nobody_listens() -> None:
    """Without listeners, or with no time to listen, only the station's own look reads."""
    for lonely in (Assumptions(10, 3, 2.0, 0.128, listeners=0), Assumptions(10, 3, 2.0, 0.128, hours_a_day=0.0)):
        assert estimate(lonely).class_b_month == 25_920
        assert estimate(lonely).egress_gb_month == 0.0
    assert estimate(Assumptions(10, 3, 2.0, 0.128, hours_a_day=0.0)).free_listeners == 0


def test_the_most_that_lossless_can_be() -> None:
    """24 bits of two channels at 48 kHz."""
    assert pcm_mbit_s(48_000) == 2.304


def test_every_figure_is_shown() -> None:
    """The table has each figure with how it comes about; JSON has all of them by name."""
    told = estimate(USUAL)
    output = StringIO()
    show(USUAL, told, Console(file=output, width=200))
    assert [
        row for row in rows(USUAL, told) if row[1] not in output.getvalue() or row[2] not in output.getvalue()
    ] == []
    assert json.loads(as_json(USUAL, told))["estimate"]["class_a_month"] == 777_600
