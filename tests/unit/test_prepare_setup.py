"""What a station is told of its settings, and what is kept from everybody."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ffmpeg_profiles.profile import Source
from supervisor.errors import UserError
from supervisor.key_age import days_file, first_day
from supervisor.prepare import note_key, plan, request_timeout_s, store
from supervisor.settings import Settings, load, source_of
from supervisor.station import Plan


def _plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Plan:
    for name, value in {"RADIO_SOURCE": "tone:", "RADIO_RECORDINGS_DIR": str(tmp_path / "rec"), **settings}.items():
        monkeypatch.setenv(name, value)
    loaded = load(Path("/dev/null")).settings
    return plan(loaded, source_of(loaded), "ffmpeg")


def test_a_device_that_is_not_alsas_is_left_to_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source of another kind is one new file: ALSA is not asked about it, and nothing of it is taken to try it."""
    monkeypatch.setenv("RADIO_RECORDINGS_DIR", str(tmp_path / "rec"))
    source = Source("radio", {"f": "jack"}, device=True)
    assert plan(load(Path("/dev/null")).settings, source, "ffmpeg").source == source


@pytest.mark.parametrize("endpoint", ["https://x.amazonaws.com", "https://a.elb.amazonaws.com"])
def test_an_endpoint_that_the_client_cannot_use_is_told(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What only the S3 client finds wrong with an endpoint is one clear error too, with the setting's name."""
    keys = {"R2_BUCKET": "radio", "R2_ACCESS_KEY": "key", "R2_SECRET_KEY": "secret"}
    for name, value in {"R2_ENDPOINT": endpoint, **keys}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as told:
        store(load(Path("/dev/null")).settings)
    assert told.value.what.startswith(f"R2_ENDPOINT={endpoint}: ")


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


def test_a_start_notes_the_first_day_of_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is as old as its first start, not as its first doctor; without a key, or a disk, nothing is kept."""
    _plan(tmp_path, monkeypatch)  # marks the folder as a station's
    settings = Settings.model_validate({"r2_access_key": "KEY-A", "radio_recordings_dir": tmp_path / "rec"})
    note_key(settings)
    ages_ago = date(2026, 1, 1)
    assert first_day(days_file(tmp_path / "rec"), "KEY-A", ages_ago) != ages_ago
    assert first_day(days_file(tmp_path / "rec"), "KEY-B", ages_ago) == ages_ago
    note_key(settings.model_copy(update={"radio_recordings_dir": tmp_path / "away"}))
    assert not (tmp_path / "away").exists()


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
