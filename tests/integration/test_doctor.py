"""The doctor against real parts, each broken in one way: it names that, what to do about it, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from supervisor.doctor.cors import rule
from supervisor.identity import writer_id
from supervisor.spool import Spool
from supervisor.stores.s3 import Account, S3Store
from tests.rig.audio import programme
from tests.rig.edge import Change, edge
from tests.rig.mounts import tiny_tmpfs
from tests.rig.parts import eventually, free_port
from tests.rig.proxy import BLACK_HOLE, Line, proxy_to
from tests.rig.radio import PROGRAM, command, environment
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY, Bucket, start_s3
from tests.rig.sound import sound_device

PAGE = "https://radio.example"

OF_THIS_MACHINE = {"clock", "bucket: rights"}
"""Nobody keeps the clock of a machine without a network, and the test server's key sees every test's bucket."""


@dataclass
class Station:
    """A station that could go on air, but for a source: listening to one takes two seconds."""

    folder: Path
    bucket: Bucket
    spool: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env_file.write_text(f"R2_SECRET_KEY={SECRET_KEY}\n", encoding="ascii")
        self.env_file.chmod(0o600)
        self.settings = {
            **self.bucket.settings,
            "R2_SECRET_KEY": "",
            "R2_PUBLIC_URL": self.bucket.public_url,
            "RADIO_SPOOL_DIR": str(self.spool),
            "RADIO_RECORDINGS_MIN_FREE_GB": "0",
            **self.settings,
        }

    @property
    def env_file(self) -> Path:
        """The secret's place."""
        return self.folder / ".env"

    @property
    def recordings(self) -> Path:
        """Where the archive would be."""
        return self.folder / "recordings"

    def examined(self, *words: str, **settings: str) -> Findings:
        """What the doctor finds with other ``settings``."""
        ended = command("doctor", "--json", *words, settings={**self.settings, **settings}, folder=self.folder)
        assert ended.stderr == ""
        assert SECRET_KEY not in ended.stdout
        assert ACCESS_KEY not in ended.stdout
        told = json.loads(ended.stdout)
        assert ended.returncode == (0 if told["ok"] else 1)
        return Findings({check["name"]: check for check in told["checks"]})


@dataclass(frozen=True)
class Findings:
    """Checks by their name."""

    checks: dict[str, dict[str, Any]]

    def verdict(self, name: str) -> str:
        """What it came to."""
        return str(self.checks[name]["verdict"])

    def only(self, verdict: str, name: str, *words: str, besides: frozenset[str] = frozenset({"source"})) -> None:
        """Holds that ``name`` has this verdict, for a reason in these words, and that nothing else is found wrong."""
        wrong = {
            each["name"]: each["verdict"] for each in self.checks.values() if each["verdict"] in {"failed", "warning"}
        }
        assert {k: v for k, v in wrong.items() if k == name or k not in OF_THIS_MACHINE | besides} == {name: verdict}
        said = f"{self.checks[name]['found']} -> {self.checks[name]['remedy']}"
        assert [word for word in words if word not in said] == [], said
        assert self.checks[name]["remedy"]


@pytest.fixture
def station(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> Iterator[Station]:
    """A station on a real store, with room for weeks of recordings, as far as it can see."""
    with tiny_tmpfs(tmp_path / "recordings", "size=2t"):
        writer_id(tmp_path / "recordings")  # a station was started there
        yield Station(tmp_path, bucket, tmpfs / "spool")


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """A programme for the sound device."""
    path = tmp_path / "programme.raw"
    path.write_bytes(programme(12, 2, seed=7).tobytes())
    return path


def test_a_sound_station_is_ready(station: Station, loud: Path) -> None:
    """With a device that plays, a store, a public address and a CORS rule as printed, everything is well."""
    printed = command("doctor", "--print-cors", "--origin", PAGE, settings={}, folder=station.folder)
    station.bucket.set_cors(json.loads(printed.stdout))
    (station.folder / "device").mkdir()
    with sound_device(station.folder / "device", 2) as device, device.playing(loud):
        found = station.examined("--origin", PAGE, **device.settings)
    expected = (
        *("ffmpeg", "device", "sound", "spool", "recordings", "recordings room", "env file", "key age"),
        *("bucket: write", "bucket: read", "public URL", "public headers", "public parts", "CORS", "CORS preflight"),
        *("public writing", "upload", "bucket: delete", "store clock"),
    )
    assert {name: found.verdict(name) for name in expected} == dict.fromkeys(expected, "ok"), found.checks
    assert "GB a day as measured now" in found.checks["recordings room"]["found"]
    assert "times the 2.5 Mbit/s" in found.checks["upload"]["found"]
    assert station.bucket.keys() == {}


def test_the_printed_lines_say_what_to_do(station: Station) -> None:
    """Without a terminal there is a line for each check, its remedy below it, and a last line that sums up."""
    ended = command("doctor", settings=station.settings, folder=station.folder)
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    failed = next(number for number, line in enumerate(lines) if line.startswith("failed   source: "))
    assert lines[failed + 1].startswith("         -> Set it to alsa:PCM")
    assert lines[-1].endswith("not ready to go on air.")


def test_an_origin_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    """What is no origin is refused with exit code 2 and an example."""
    ended = command("doctor", "--print-cors", "--origin", f"{PAGE}/player", settings={}, folder=tmp_path)
    assert ended.returncode == 2
    assert "https://radio.example." in ended.stderr


# the source


def test_no_source(station: Station) -> None:
    """A station without RADIO_SOURCE is told what to set."""
    station.examined().only("failed", "source", "RADIO_SOURCE is not set", "devices", besides=frozenset())


def test_no_ffmpeg(station: Station) -> None:
    """FFmpeg that is not there is named with how to install it."""
    station.examined(PATH="/nowhere").only("failed", "ffmpeg", "no FFmpeg", "apt-get install ffmpeg")


def test_ffmpeg_without_a_codec(station: Station) -> None:
    """An FFmpeg without Opus is named with what it lacks."""
    real = subprocess.run(["which", "ffmpeg"], capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    fake = station.folder / "bin" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n{real} "$@" | sed /libopus/d\n', encoding="ascii")
    fake.chmod(0o755)
    found = station.examined(PATH=f"{fake.parent}:/usr/bin:/bin")
    found.only("failed", "ffmpeg", "built without: encoder libopus")


def test_no_such_device(station: Station) -> None:
    """A device that is not plugged in is named."""
    found = station.examined(RADIO_SOURCE="alsa:hw:CARD=Nowhere")
    found.only("failed", "device", "alsa:hw:CARD=Nowhere", "cannot be opened", "plugged in")


def test_a_device_with_other_channels(station: Station) -> None:
    """A count of channels that the device does not have is told beside those that it has."""
    (station.folder / "device").mkdir()
    with sound_device(station.folder / "device", 2) as device:
        found = station.examined(**{**device.settings, "RADIO_INPUT_CHANNELS": "48"})
    found.only("failed", "device", "RADIO_INPUT_CHANNELS=48: umc has 1 to 32 channels", "own count")


def test_a_silent_device(station: Station) -> None:
    """A device that delivers nothing but zeros is a warning, and its FLAC is no measure for the disk."""
    (station.folder / "device").mkdir()
    with sound_device(station.folder / "device", 2) as device:
        found = station.examined(**device.settings)
    found.only("warning", "sound", "pure silence", "cable", "RADIO_INPUT_PAIR")
    assert "at the most that FLAC makes" in found.checks["recordings room"]["found"]


def test_a_device_that_delivers_nothing(station: Station) -> None:
    """A device that opens and never delivers a sample is given up after seconds, and named."""
    (station.folder / "device").mkdir()
    with sound_device(station.folder / "device", 2) as device, device.skipping():
        found = station.examined(**device.settings)
    found.only("failed", "sound", "no samples within 7 s", "another cable")


# the folders


def test_a_spool_on_a_disk(station: Station) -> None:
    """A spool that is not in memory is a warning."""
    with tempfile.TemporaryDirectory(prefix="radio-test-", dir="/var/tmp") as folder:
        found = station.examined(RADIO_SPOOL_DIR=folder)
    found.only("warning", "spool", "not on tmpfs", "RADIO_SPOOL_DIR")


def test_a_spool_without_room(station: Station) -> None:
    """A spool in which not even four segments fit is refused with what there is and what is needed."""
    with tiny_tmpfs(station.folder / "spool", "size=2m") as folder:
        found = station.examined(RADIO_SPOOL_DIR=str(folder))
    found.only("failed", "spool", "2.1 MB of room", "need 24.6 MB", "RADIO_SPOOL_DIR")


def test_recordings_that_cannot_be_written(station: Station) -> None:
    """A folder for recordings that takes nothing is named."""
    found = station.examined(RADIO_RECORDINGS_DIR="/proc/nothing")
    found.only("failed", "recordings", "/proc/nothing", "RADIO_RECORDINGS_DIR")


def test_a_full_recordings_disk(station: Station) -> None:
    """A disk with less room than is to stay free fails; one with room for hours is a warning."""
    with tiny_tmpfs(station.folder / "disk", "size=500m") as folder:
        full = station.examined(RADIO_RECORDINGS_DIR=str(folder), RADIO_RECORDINGS_MIN_FREE_GB="1")
        small = station.examined(RADIO_RECORDINGS_DIR=str(folder))
    full.only("failed", "recordings room", "0.5 GB free", "RADIO_RECORDINGS_MIN_FREE_GB=1")
    small.only("warning", "recordings room", "room for 0.0 days", "RADIO_RECORDINGS_KEEP_DAYS")


def test_a_station_on_air_is_left_alone(station: Station) -> None:
    """Spool and device of a supervisor that runs are not touched, and no fault is made of it."""
    with closing(Spool(station.spool)):
        found = station.examined(RADIO_SOURCE="tone:")
    assert {name: found.verdict(name) for name in ("device", "spool")} == {"device": "skipped", "spool": "skipped"}
    assert "failed" not in {check["verdict"] for check in found.checks.values()}


# the keys


def test_an_env_file_that_others_can_read(station: Station) -> None:
    """An env file with another mode than 600 is told with the command that mends it."""
    station.env_file.chmod(0o644)
    station.examined().only("failed", "env file", "mode 644", "chmod 600 .env")


def test_an_env_file_that_git_would_take(station: Station) -> None:
    """An env file in a repository that does not ignore it is named; ignored, all is well."""
    subprocess.run(["git", "init", "--quiet", station.folder], check=True, timeout=10)
    station.examined().only("failed", "env file and git", "does not ignore", ".gitignore")
    (station.folder / ".gitignore").write_text(".env\n", encoding="ascii")
    assert station.examined().verdict("env file and git") == "ok"


def test_an_old_key(station: Station) -> None:
    """A key that was first seen more than 90 days ago is a warning; another key is new. No key is on the disk."""
    assert station.examined().verdict("key age") == "ok"
    (memory,) = (station.recordings / ".radio-supervisor").glob("keys.json")
    known = json.loads(memory.read_text(encoding="utf-8"))
    assert ACCESS_KEY not in memory.read_text(encoding="utf-8")
    long_ago = datetime.now(UTC).date() - timedelta(days=91)
    known["first_days"] = dict.fromkeys(known["first_days"], long_ago.isoformat())
    memory.write_text(json.dumps(known), encoding="utf-8")
    station.examined().only("warning", "key age", f"since {long_ago}: 91 days", "new API token")


def test_an_unmounted_disk_gets_no_mark(station: Station) -> None:
    """A recordings folder that no station has marked as its own is not marked by the doctor either."""
    fresh = station.folder / "mount point"
    found = station.examined(RADIO_RECORDINGS_DIR=str(fresh), RADIO_RECORDINGS_KEEP_DAYS="1")
    assert found.verdict("key age") == "skipped"
    assert "no station has been started" in found.checks["recordings"]["found"]
    assert list(fresh.iterdir()) == []


# the store


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"R2_SECRET_KEY": "wrong"}, ("SignatureDoesNotMatch", "R2_SECRET_KEY")),
        ({"R2_ACCESS_KEY": "NOBODY"}, ("InvalidAccessKeyId", "R2_ACCESS_KEY")),
        ({"R2_BUCKET": "nowhere"}, ("NoSuchBucket", "R2_BUCKET")),
        ({"R2_ENDPOINT": f"http://127.0.0.1:{free_port()}"}, ("NewConnectionError", "R2_ENDPOINT")),
        ({"R2_ENDPOINT": ""}, ("RADIO_STORE=s3 needs R2_ENDPOINT", "RADIO_STORE=dir:PATH")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_store_that_refuses(station: Station, wrong: dict[str, str], words: tuple[str, ...]) -> None:
    """Keys, bucket and endpoint that are wrong are named by the store's own code and by the setting."""
    station.examined(**wrong).only("failed", "bucket: write", *words)


def test_a_key_that_may_not_delete(station: Station) -> None:
    """A key without the right to delete is named, with the keys of what is left behind."""
    station.bucket.everybody("Deny", "DeleteObject")
    found = station.examined(R2_PUBLIC_URL="")
    left = [key for key in station.bucket.keys() if not key.endswith("bin")]  # noqa: SIM118 - it is no dict
    found.only("failed", "bucket: delete", "AccessDenied", *left)
    assert len(left) == 2


def test_a_key_that_may_not_read(station: Station) -> None:
    """A key without the right to read is named: a start reads the manifest first."""
    station.bucket.everybody("Deny", "GetObject")
    found = station.examined(R2_PUBLIC_URL="")
    found.only("failed", "bucket: read", "AccessDenied", besides=frozenset({"source", "bucket: delete"}))


def test_a_key_for_too_much(station: Station) -> None:
    """A key that sees other buckets than this one is a warning."""
    station.bucket.server.client().make_bucket(f"{station.bucket.name[:50]}-other")
    station.examined().only("warning", "bucket: rights", "other bucket", "Object Read & Write")


def test_a_clock_that_is_wrong(station: Station, tmp_path: Path) -> None:
    """With 20 minutes between the clocks the store is used all the same, and the clock is what is named."""
    (tmp_path / "rgw").mkdir()
    server = start_s3(tmp_path / "rgw", clock_offset_s=1_200)
    try:
        account = Account(f"127.0.0.1:{server.port}", False, "apart", ACCESS_KEY, SECRET_KEY, region="us-east-1")
        S3Store(account, timeout_s=5)._client.make_bucket("apart")
        found = station.examined(R2_BUCKET="apart", R2_ENDPOINT=server.endpoint, R2_PUBLIC_URL="")
    finally:
        server.stop()
    found.only("failed", "store clock", "this clock is 1200 s behind the store's", "timedatectl set-ntp true")


def test_a_slow_line(station: Station) -> None:
    """A line slower than the programme is told with its speed and what is needed."""
    with proxy_to(station.bucket.server.port) as proxy:
        proxy.become(Line(bit_s=1_600_000))
        found = station.examined(R2_ENDPOINT=f"http://127.0.0.1:{proxy.port}")
    found.only("failed", "upload", "1.", "2.5 Mbit/s", "cable")


# what the public sees


Seen = Callable[..., Findings]


@pytest.fixture
def seen(station: Station) -> Seen:
    """Gives what the doctor finds where the public address shows the bucket through a change."""

    def through(change: Change, *words: str) -> Findings:
        with edge(station.bucket.server.port, change) as port:
            return station.examined(*words, R2_PUBLIC_URL=f"http://127.0.0.1:{port}/{station.bucket.name}")

    return through


def test_a_bucket_that_is_not_public(station: Station) -> None:
    """A bucket that listeners may not read is told as that, not as a wrong address."""
    station.bucket.everybody("Allow", "PutObject")
    found = station.examined()
    found.only("failed", "public URL", "answers 403", "not public", "custom domain", "R2_PUBLIC_URL")


def test_a_public_address_of_something_else(seen: Seen) -> None:
    """An address where the bucket's objects are not is told as that."""
    found = seen(lambda _, passed: replace(passed, status=404))
    found.only("failed", "public URL", "answers 404", "R2_PUBLIC_URL")


def test_a_public_address_where_nobody_answers(station: Station) -> None:
    """An address without a server is told as that."""
    found = station.examined(R2_PUBLIC_URL=f"http://127.0.0.1:{free_port()}")
    found.only("failed", "public URL", "does not answer", "refused", "R2_PUBLIC_URL")


def test_a_public_address_with_other_content(seen: Seen) -> None:
    """An address that answers with something else than was stored, such as a login page, is told as that."""
    found = seen(lambda _, passed: replace(passed, body=b"please log in"))
    found.only("failed", "public URL", "something else", "this very bucket")


def test_changed_headers(seen: Seen) -> None:
    """Headers that somebody on the way changed are told with what they are and should be."""
    found = seen(lambda _, passed: passed.having(Cache_Control="max-age=14400", Content_Type="text/plain"))
    found.only("failed", "public headers", "'max-age=14400', not 'no-cache'", "not 'audio/flac'", "Browser Cache TTL")


def test_no_etag(seen: Seen) -> None:
    """Without an ETag every look at the manifest would be a whole one; it is told."""
    seen(lambda _, passed: passed.having(Etag=None)).only("failed", "public headers", "no ETag")


def test_no_parts(seen: Seen) -> None:
    """A server that gives no parts of files costs the quick first sound; a warning."""
    found = seen(lambda _, passed: replace(passed, status=200) if passed.status == 206 else passed)
    found.only("warning", "public parts", "answers 200", "first sound")


def test_a_bucket_that_anybody_can_write(station: Station) -> None:
    """A bucket that strangers may write into is a failure."""
    station.bucket.everybody("Allow", "GetObject", "PutObject")
    station.examined().only("failed", "public writing", "anybody can write", "policy")


def test_no_cors(station: Station) -> None:
    """A bucket without a CORS rule for the page is told with the command that prints one; pasted, all is well."""
    found = station.examined("--origin", PAGE)
    besides = frozenset({"source", "CORS preflight"})
    found.only("failed", "CORS", f"pages of {PAGE} may not read it", f"--print-cors --origin {PAGE}", besides=besides)
    station.bucket.set_cors(json.loads(rule(PAGE)))
    cured = station.examined("--origin", PAGE)
    assert {cured.verdict("CORS"), cured.verdict("CORS preflight")} == {"ok"}
    other = station.examined("--origin", "https://elsewhere.example")
    other.only("failed", "CORS", "pages of https://elsewhere.example may not", "says nothing", besides=besides)


def test_cors_without_etag(station: Station) -> None:
    """A rule that does not expose ETag is a warning."""
    station.bucket.set_cors([{**json.loads(rule(PAGE))[0], "ExposeHeaders": ["Date"]}])
    station.examined("--origin", PAGE).only("warning", "CORS", "not its ETag", "--print-cors")


def test_cors_without_preflight(station: Station) -> None:
    """A rule that does not let pages send the headers of partial reads is a warning."""
    station.bucket.set_cors([{**json.loads(rule(PAGE))[0], "AllowedHeaders": ["X-Other"]}])
    station.examined("--origin", PAGE).only("warning", "CORS preflight", "--print-cors")


# all of it


@pytest.mark.timeout(90)
def test_what_hangs_is_left_behind(station: Station) -> None:
    """A device and a store that answer nothing at all are named in under 30 s, and the rest is examined as ever."""
    (station.folder / "device").mkdir()
    with (
        sound_device(station.folder / "device", 2) as device,
        proxy_to(station.bucket.server.port) as proxy,
    ):
        proxy.become(BLACK_HOLE)
        device.signal(signal.SIGSTOP)
        began_s = time.monotonic()
        found = station.examined(**device.settings, R2_ENDPOINT=f"http://127.0.0.1:{proxy.port}")
        took_s = time.monotonic() - began_s
        device.signal(signal.SIGCONT)
    assert took_s < 30
    found.only("failed", "source", "no answer in time", "'ffmpeg'", besides=frozenset({"bucket: write"}))
    found.only("failed", "bucket: write", "Timeout", "network")
    assert found.verdict("recordings room") == "ok"


def test_ctrl_c_leaves_nothing_behind(station: Station) -> None:
    """Interrupted while it listens, the doctor ends at once, without a traceback, and its FFmpeg with it."""
    with subprocess.Popen(
        [*PROGRAM, "doctor"],
        env=environment({**station.settings, "RADIO_SOURCE": "tone:"}),
        cwd=station.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as doctor:
        (listening,) = eventually(lambda: ffmpegs_of(doctor.pid), 20, "the doctor listens")
        doctor.send_signal(signal.SIGINT)
        _, said = doctor.communicate(timeout=10)
    assert doctor.returncode not in {0, None}
    assert "Traceback" not in said
    eventually(lambda: not Path(f"/proc/{listening}/exe").exists(), 10, "its FFmpeg has ended")


def ffmpegs_of(pid: int) -> list[int]:
    """The children of a process that capture."""
    found = []
    with suppress(FileNotFoundError):  # one of them has just ended: it is asked again
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            children = [int(child) for child in file.read_text(encoding="ascii").split()]
            found += [child for child in children if b"aevalsrc" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return found
