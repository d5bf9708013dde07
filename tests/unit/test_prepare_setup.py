"""What a station is told of its settings, and what is kept from everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.prepare import plan, request_timeout_s
from supervisor.settings import load, source_of
from supervisor.station import Plan


def _plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Plan:
    for name, value in {"RADIO_SOURCE": "tone:", "RADIO_RECORDINGS_DIR": str(tmp_path / "rec"), **settings}.items():
        monkeypatch.setenv(name, value)
    loaded = load(Path("/dev/null")).settings
    return plan(loaded, source_of(loaded), "ffmpeg")


def test_the_status_knows_what_it_is_read_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Source, segment length, window, limits of silence and disk stand in the status as they were set."""
    setup = _plan(
        tmp_path,
        monkeypatch,
        RADIO_SEGMENT_SECONDS="5",
        RADIO_WINDOW="4",
        RADIO_SILENCE_DB="-50",
        RADIO_SILENCE_SECONDS="7",
        RADIO_RECORDINGS_MIN_FREE_GB="2.5",
    ).setup
    assert (setup.source, setup.segment_s, setup.window, setup.offline_after_s) == ("tone:", 5, 4, 30)
    assert (setup.silence_db, setup.silence_s, setup.min_free_gb) == (-50, 7, 2.5)


@pytest.mark.parametrize(
    ("store", "endpoint", "free"),
    [
        ("s3", "https://abc.r2.cloudflarestorage.com", 1_000_000),
        ("s3", "https://abc.eu.r2.cloudflarestorage.com", 1_000_000),
        ("s3", "https://s3.example.org", None),
        ("s3", "https://r2.cloudflarestorage.com.example.org", None),
        ("dir:bucket", "https://abc.r2.cloudflarestorage.com", None),
    ],
)
def test_only_r2_has_a_free_million(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, endpoint: str, free: int | None
) -> None:
    """Cloudflare's price is beside the count at Cloudflare's endpoints alone."""
    assert _plan(tmp_path, monkeypatch, RADIO_STORE=store, R2_ENDPOINT=endpoint).setup.class_a_free == free


def test_alert_urls_are_shown_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan has the URLs apart, and neither it nor the status shows them, whoever prints them."""
    made = _plan(tmp_path, monkeypatch, RADIO_ALERT_URLS="ntfys://geheim  mailtos://user:geheim@example.org")
    assert made.alert_urls == ("ntfys://geheim", "mailtos://user:geheim@example.org")
    assert "geheim" not in repr(made)
    assert "geheim" not in made.setup.model_dump_json()


@pytest.mark.parametrize(
    ("window", "segment_s", "timeout_s"), [(3, 10, 30), (2, 10, 20), (3, 1, 10), (6, 5, 30), (3, 30, 60), (100, 30, 60)]
)
def test_a_slow_upload_has_the_time_that_its_segment_has(window: int, segment_s: int, timeout_s: float) -> None:
    """An upload that still comes in time for the window is not cut off; one that hangs does not hang for long."""
    assert request_timeout_s(window, segment_s) == timeout_s
