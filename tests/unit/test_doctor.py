"""What the doctor makes of what it finds: verdicts, and how they are shown."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from email.message import Message
from pathlib import Path

import pytest
from rich.console import Console

from ffmpeg_profiles.sources import parse_source
from supervisor.doctor import (
    alerting,
    bucket,
    clock,
    command,
    cors,
    hearing,
    keys,
    printing,
    public,
    recordings,
    source,
    spool,
    upload,
)
from supervisor.doctor.check import Area, Check, Verdict, failed, ok, refused, skipped, warning
from supervisor.doctor.hearing import Heard, heard, judged
from supervisor.doctor.runner import run
from supervisor.errors import UserError
from supervisor.host_clock import HostClock
from supervisor.http_client import Reply
from supervisor.key_age import first_day
from supervisor.meters import FLOOR_DB, Measurement
from supervisor.names import Keys
from supervisor.probe import segment_and_manifest
from supervisor.settings import Settings
from supervisor.stores.folder import FolderStore
from supervisor.stores.store import Body, Headers, StoreError, Trouble
from tests.rig.parts import ROOT

PAGE = "https://radio.example"
CHECKS = [
    ok("ffmpeg", "version 5.1"),
    warning("sound", "pure silence", "Check the cable."),
    failed("bucket: write", "AccessDenied", "Check the key [bold]."),
    skipped("CORS", "no page was named"),
]


def sound(**but: object) -> Heard:
    """Two good seconds, but for what is given."""
    good = {"samples": 96_000, "declared_hz": 48_000, "measured_hz": 48_010.0, "peak_db": (-12.0, -14.0)}
    return Heard(**{**good, "hq_bytes_per_s": 150_000.0, "last_words": "", **but})  # type: ignore[arg-type] # by name


@pytest.mark.parametrize(
    ("it", "verdict", "words"),
    [
        (sound(), Verdict.OK, "peak -12.0 / -14.0 dBFS"),
        (sound(measured_hz=None), Verdict.OK, "96000 samples"),
        (sound(samples=0, last_words="cannot set sample rate"), Verdict.FAILED, "cannot set sample rate"),
        (sound(peak_db=()), Verdict.FAILED, "no samples"),
        (sound(declared_hz=44_100), Verdict.FAILED, "44100 samples a second, not 48000"),
        (sound(measured_hz=24_000.0), Verdict.FAILED, "24000 came"),
        (sound(peak_db=(FLOOR_DB, FLOOR_DB)), Verdict.WARNING, "pure silence"),
        (sound(peak_db=(-12.0, FLOOR_DB)), Verdict.WARNING, "every sample of channel 2 is zero"),
        (sound(peak_db=(-70.0, -61.0)), Verdict.WARNING, "quieter than RADIO_SILENCE_DB=-60"),
        (sound(peak_db=(-12.0, 0.0)), Verdict.WARNING, "clips"),
    ],
)
def test_what_was_heard_is_judged(it: Heard, verdict: Verdict, words: str) -> None:
    """No samples and a wrong rate fail; silence, one dead channel and clipping are warnings."""
    check = judged(it, 48_000, silence_db=-60.0)
    assert check.verdict is verdict
    assert words in check.found
    assert bool(check.remedy) is (verdict is not Verdict.OK)


def frame(number: int, arrival_s: float) -> Measurement:
    """One of the meters' frames."""
    return Measurement(
        number * 4_800, (number + 1) * 4_800, 0.0, arrival_s, (-20.0 - number, -30.0), (-40.0, -40.0), -25
    )


def test_a_rate_is_told_by_frames_that_came_one_by_one() -> None:
    """The rate is samples by the time in which they came; a burst, at the start or alone, tells none."""
    steady = heard(b"torn", [frame(number, number * 0.1) for number in range(20)], 48_000, "one\ntwo\n")
    assert steady.measured_hz == pytest.approx(48_000)
    assert steady.samples == 96_000
    assert steady.peak_db == (-20.0, -30.0)
    assert steady.last_words == "two"
    assert heard(b"", [frame(number, 0.0) for number in range(20)], 48_000, "").measured_hz is None
    held_back = [frame(number, max(0.4, number * 0.1) + (0.15 if number == 19 else 0.0)) for number in range(20)]
    assert heard(b"", held_back, 48_000, "").measured_hz == pytest.approx(48_000)
    twice_as_fast = [frame(number, number * 0.1 / 2) for number in range(40)]
    assert heard(b"", twice_as_fast, 48_000, "").measured_hz == pytest.approx(96_000)
    nothing = heard(b"", [], 48_000, "")
    assert (nothing.samples, nothing.measured_hz, nothing.peak_db) == (0, None, ())


@pytest.mark.timeout(30)
def test_two_real_seconds() -> None:
    """The synthetic programme is heard for what it is: 48 kHz, two channels, two seconds and little more."""
    it = hearing.listen("ffmpeg", parse_source("tone:"), 48_000)
    assert it.declared_hz == 48_000
    assert 96_000 <= it.samples < 3 * 48_000
    assert it.samples % 2 == 0
    assert len(it.peak_db) == 2
    assert 30_000 < it.hq_bytes_per_s < 288_000
    assert judged(it, 48_000, -60.0).verdict is Verdict.OK


def test_room_is_told_in_days() -> None:
    """Free space less what is to stay free, at the measured rate or the most; a week is wanted, or a day."""
    days_14 = 14 * 86_400 * 100_000 + 5 * 10**9
    assert "room for 14.0 days" in recordings.room(days_14, Settings(), 100_000).found
    assert recordings.room(days_14, Settings(), 100_000).verdict is Verdict.OK
    assert recordings.room(days_14, Settings(), None).verdict is Verdict.WARNING
    assert recordings.room(days_14, Settings(radio_recordings_keep_days=30), None).verdict is Verdict.OK
    assert recordings.room(5 * 10**9, Settings(), 1.0).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (HostClock(synchronised=True, offset_s=-0.002, told_by="chrony"), Verdict.OK),
        (HostClock(synchronised=True, offset_s=None, told_by="timedatectl"), Verdict.OK),
        (HostClock(synchronised=True, offset_s=1.5, told_by="chrony"), Verdict.WARNING),
        (HostClock(synchronised=True, offset_s=-10.0, told_by="chrony"), Verdict.FAILED),
        (HostClock(synchronised=False, offset_s=None, told_by="the kernel"), Verdict.WARNING),
        (HostClock(synchronised=None, offset_s=None, told_by="nobody"), Verdict.WARNING),
    ],
)
def test_the_hosts_clock(told: HostClock, verdict: Verdict) -> None:
    """From 1 s on a clock is a warning, from 10 s on a failure; one that nobody keeps is a warning."""
    assert clock.host(told).verdict is verdict


@pytest.mark.parametrize(
    ("ahead_s", "verdict", "words"),
    [
        (0.4, Verdict.OK, "within 1 s"),
        (-1.2, Verdict.WARNING, "1 s ahead of the store's"),
        (300.0, Verdict.FAILED, "300 s behind the store's"),
    ],
)
def test_the_stores_clock(ahead_s: float, verdict: Verdict, words: str) -> None:
    """The same limits hold between this clock and the store's, and it is told which one is behind."""
    check = clock.store(ahead_s)
    assert check.verdict is verdict
    assert words in check.found


def test_headroom_is_said() -> None:
    """Less than needed fails, less than twice is a warning; the factor is always there."""
    assert [upload.judged(mbit_s).verdict for mbit_s in (2.4, 2.5, 4.9, 5.0)] == [
        Verdict.FAILED,
        Verdict.WARNING,
        Verdict.WARNING,
        Verdict.OK,
    ]
    assert "10.0 Mbit/s, 4.0 times the 2.5 Mbit/s" in upload.judged(10.0).found


def test_a_key_is_remembered_by_a_salted_hash(tmp_path: Path) -> None:
    """The first day of each key is kept over days and other keys; the file holds neither a key nor a bare hash."""
    path, first, later = tmp_path / "keys.json", date(2026, 1, 1), date(2026, 5, 1)
    assert first_day(path, "KEY-A", first) == first
    assert first_day(path, "KEY-B", later) == later
    assert first_day(path, "KEY-A", later) == first
    other = tmp_path / "other.json"
    first_day(other, "KEY-A", first)
    kept = [json.loads(file.read_text(encoding="utf-8"))["first_days"] for file in (path, other)]
    assert set(kept[0]).isdisjoint(kept[1])
    assert "KEY-A" not in path.read_text(encoding="utf-8")
    path.write_bytes(b"torn")
    assert first_day(path, "KEY-A", later) == later


def test_a_key_is_old_after_90_days() -> None:
    """On its 90th day a key is well, on the day after it is a warning with how to rotate it."""
    assert keys.age(date(2026, 1, 1), date(2026, 4, 1)).verdict is Verdict.OK
    old = keys.age(date(2026, 1, 1), date(2026, 4, 2))
    assert (old.verdict, old.found) == (Verdict.WARNING, "in use here since 2026-01-01: 91 days")


def test_the_env_file_is_its_owners_alone() -> None:
    """Any right of the group or of others is a failure."""
    assert keys.mode(Path(".env"), 0o100600).verdict is Verdict.OK
    assert {keys.mode(Path(".env"), bits).verdict for bits in (0o100640, 0o100604, 0o100666)} == {Verdict.FAILED}


def reply(status: int = 200, **headers: str) -> Reply:
    """An answer with these headers (``_`` for ``-``)."""
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Reply(status, message, b"")


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({"Access_Control_Allow_Origin": PAGE, "Access_Control_Expose_Headers": "date, etag"}, Verdict.OK),
        ({"Access_Control_Allow_Origin": "*", "Access_Control_Expose_Headers": "*"}, Verdict.OK),
        ({"Access_Control_Allow_Origin": "*"}, Verdict.WARNING),
        ({"Access_Control_Allow_Origin": "https://other.example"}, Verdict.FAILED),
        ({}, Verdict.FAILED),
    ],
)
def test_a_page_may_read(headers: dict[str, str], verdict: Verdict) -> None:
    """The page's origin or everybody must be admitted; an ETag that is not exposed is a warning."""
    assert cors.reading(reply(200, **headers), PAGE).verdict is verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (reply(204, Access_Control_Allow_Origin=PAGE, Access_Control_Allow_Headers="Range,If-None-Match"), Verdict.OK),
        (reply(204, Access_Control_Allow_Origin=PAGE, Access_Control_Allow_Headers="range"), Verdict.WARNING),
        (reply(204), Verdict.WARNING),
        (reply(403), Verdict.WARNING),
        (reply(301, Access_Control_Allow_Origin="*", Access_Control_Allow_Headers="*"), Verdict.WARNING),
    ],
)
def test_a_preflight(answer: Reply, verdict: Verdict) -> None:
    """Both headers that a player may send must be allowed."""
    assert cors.preflight(answer, PAGE).verdict is verdict


@pytest.mark.parametrize("wrong", ["radio.example", "https://radio.example/", "ftp://x", "null", "https://a b", "*"])
def test_what_is_no_origin(wrong: str) -> None:
    """An origin is a scheme, a host and a port, and nothing else."""
    with pytest.raises(UserError, match="this is no origin"):
        command.checked_origin(wrong)


def test_origins() -> None:
    """Browsers send origins in small letters; the rule for no particular page is for every page."""
    assert command.checked_origin("https://Radio.Example:8443") == "https://radio.example:8443"
    assert json.loads(cors.rule(None))[0]["AllowedOrigins"] == ["*"]
    assert json.loads(cors.rule(PAGE))[0]["AllowedOrigins"] == [PAGE]


def test_probes_are_nobodys_keys() -> None:
    """A probe can neither be a live key of any station nor another probe."""
    for prefix in ("", "one/two"):
        found = [probe.key for _ in range(50) for probe in segment_and_manifest(prefix)]
        assert len(set(found)) == len(found)
        assert all(key.startswith(f"{prefix}/doctor/" if prefix else "doctor/") for key in found)
        assert not any(key.startswith(Keys(prefix).root) for key in found)


@pytest.mark.parametrize(
    ("base", "verdict", "words"),
    [
        ("https://audio.radio.example", Verdict.OK, "serves what was stored"),
        ("https://pub-1.r2.dev", Verdict.WARNING, "throttled"),
        ("http://audio.radio.example", Verdict.WARNING, "may not read http"),
        ("http://127.0.0.1:9000/bucket", Verdict.OK, "serves"),
        ("http://localhost/bucket", Verdict.OK, "serves"),
    ],
)
def test_a_public_address_that_works(base: str, verdict: Verdict, words: str) -> None:
    """r2.dev and plain http work and are warned of; loopback is for trying things."""
    probes = segment_and_manifest("")
    check = public.serving(base, probes, [replace(reply(), body=probe.body) for probe in probes])
    assert check.verdict is verdict
    assert words in check.found


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, "failed"), (204, "failed"), (301, "ok"), (403, "ok"), (405, "ok")]
)
def test_only_success_is_a_stranger_s_writing(status: int, verdict: str) -> None:
    """A PUT without a key that is sent elsewhere or refused has written nothing."""
    assert public.closed(reply(status)).verdict == verdict


def test_headers_are_compared_by_what_they_say() -> None:
    """Order, case and blanks of directives do not matter; what they say does."""
    probes = segment_and_manifest("")
    manifest = reply(Content_Type="application/json", Cache_Control="no-cache", ETag="x")
    told = "immutable,max-age=31536000, PUBLIC"
    same = [reply(Content_Type="audio/flac", Cache_Control=told, ETag="x"), manifest]
    assert public.headers(probes, same).verdict is Verdict.OK
    other = [reply(Content_Type="audio/flac", Cache_Control="max-age=14400", ETag="x"), manifest]
    assert public.headers(probes, other).verdict is Verdict.FAILED


def test_areas_run_beside_each_other_and_are_told_in_order() -> None:
    """Two areas that wait for each other both end, and come in the order in which they were given."""
    meeting = threading.Barrier(2, timeout=10)

    def one(name: str) -> Iterator[Check]:
        meeting.wait()
        yield ok(name, "met")

    found = run([Area(name, lambda name=name: one(name)) for name in ("first", "second")], within_s=10)  # type: ignore[misc] # mypy cannot infer it
    assert [check.name for check in found] == ["first", "second"]


def test_an_area_that_hangs_fails_by_name() -> None:
    """What it found before is kept, the last of it is named, and so is what it leaves behind elsewhere."""
    forever = threading.Event()

    def stuck() -> Iterator[Check]:
        yield ok("ffmpeg", "is there")
        forever.wait()

    kept, late = run([Area("source", stuck, left="objects under 'doctor/'")], within_s=0.2)
    forever.set()
    assert kept.verdict is Verdict.OK
    assert (late.name, late.verdict) == ("source", Verdict.FAILED)
    assert "after the check 'ffmpeg'" in late.found
    assert "objects under 'doctor/'" in late.remedy


def test_a_bug_in_a_check_is_no_verdict() -> None:
    """What a check did not foresee is raised where the areas are joined."""

    def broken() -> Iterator[Check]:
        yield ok("spool", "is there")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run([Area("spool", broken)], within_s=10)


def test_json_for_machines() -> None:
    """Whether all is well, and each check with its four fields."""
    told = json.loads(printing.as_json(CHECKS))
    assert told["ok"] is False
    assert told["checks"][1] == {
        "name": "sound",
        "verdict": "warning",
        "found": "pure silence",
        "remedy": "Check the cable.",
    }
    assert json.loads(printing.as_json(CHECKS[:2]))["ok"] is True


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_the_table_fits_a_terminal(columns: int) -> None:
    """Every verdict is a word, every remedy is there, brackets are no markup, and no line is too wide."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(file=nowhere, width=columns, force_terminal=True, record=True, color_system=None)
        printing.show(CHECKS, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= columns
    for word in ("ok", "warning", "failed", "skipped", "Check the cable.", "[bold]", "not ready to go on air"):
        assert word in " ".join(text.split())


def test_an_error_without_a_remedy_points_at_the_settings() -> None:
    """Whatever a start would refuse has something to do beside it."""
    assert "docs/reference/settings.md" in refused("source", UserError("not a source")).remedy
    assert refused("source", UserError("not a source", "Choose.")).remedy == "Choose."


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the modules that apprise imports
def test_a_mistyped_alert_url_is_told_by_its_number() -> None:
    """Before anybody relies on messages it is known which address can get none; a URL is a secret and is not shown."""
    urls = "json://127.0.0.1 ntfi://user:geheim@example.org mailto://"
    (told,) = alerting.checks(Settings.model_validate({"radio_alert_urls": urls}))
    assert told.verdict is Verdict.FAILED
    assert "number 2, 3 of 3" in told.found
    assert "RADIO_ALERT_URLS" in told.remedy
    assert "geheim" not in repr(told)
    (fine,) = alerting.checks(Settings.model_validate({"radio_alert_urls": "json://127.0.0.1"}))
    assert fine.verdict is Verdict.OK
    assert [check.verdict for check in alerting.checks(Settings())] == [Verdict.SKIPPED]


def test_every_check_is_in_the_guide() -> None:
    """The operator's guide explains each check by the name that the doctor prints."""
    guide = (ROOT / "docs/operations/doctor.md").read_text(encoding="utf-8")
    names = [
        *(source.SOURCE, source.FFMPEG, source.DEVICE, hearing.NAME, spool.NAME, recordings.FOLDER, recordings.ROOM),
        *(clock.HOST, clock.STORE, keys.MODE, keys.GIT, keys.AGE, upload.NAME, cors.READ, cors.PREFLIGHT),
        *(bucket.WRITE, bucket.READ, bucket.DELETE, bucket.RIGHTS, alerting.NAME),
        *(public.URL, public.HEADERS, public.PARTS, public.CLOSED),
    ]
    assert [name for name in names if f"`{name}`" not in guide] == []


class _NoManifests(FolderStore):
    """Takes segments and refuses manifests."""

    def put(self, key: str, body: Body, headers: Headers) -> None:
        if key.endswith(".json"):
            raise StoreError("put", key, "AccessDenied", "no", Trouble.REFUSED)
        super().put(key, body, headers)


def test_a_probe_that_was_stored_is_taken_away_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second probe is refused the first does not stay in the bucket for ever."""
    store = _NoManifests(tmp_path)
    monkeypatch.setattr("supervisor.prepare.store", lambda *_: store)
    told = list(bucket.checks(Settings(), None))
    assert told[0].verdict is Verdict.FAILED
    assert store.keys("") == []
