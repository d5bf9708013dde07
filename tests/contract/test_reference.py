"""What the documents promise is what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from supervisor.alarms import RULES
from supervisor.events import (
    ArchiveFailed,
    CaptureEnded,
    Cause,
    ClockChecked,
    Event,
    JoinFailed,
    KeepingFailed,
    ListenerLooked,
    RecordingDamaged,
    SegmentRefused,
    Severity,
    SpoolFailed,
    SpoolOverflowed,
    StoreFailed,
)
from supervisor.manifest import Manifest
from supervisor.names import SegmentId
from supervisor.status import Snapshot
from tests.rig.parts import ROOT
from tests.unit import pictures
from tests.unit.made import RUN, sealed_segment
from tools.reference import REFERENCE, files

# section 5 of the design, word for word in its fields
EXAMPLE = {
    "version": 1,
    "station": "my-radio",
    "live": True,
    "latest": 2841122,
    "segment_s": 10,
    "updated_at": "2026-11-23T15:45:30.412Z",
    "writer": "3f9c",
    "sample_rate": 48000,
    "qualities": {
        "hq": {"type": "audio/flac", "bits": 24, "channels": 2},
        "lq": {"type": "audio/ogg; codecs=opus", "bitrate": 128000, "channels": 2},
    },
    "segments": [
        {
            "index": 2841120,
            "start": "2026-11-23T15:45:00.397Z",
            "samples": 480000,
            "gap": 0,
            "hq": {"key": "live/hq/segment-02841120.flac", "bytes": 2535702, "md5": "a150c4"},
            "lq": {"key": "live/lq/segment-02841120.opus", "bytes": 168582, "preroll": 15360},
        }
    ],
}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_reference_is_up_to_date(path: Path) -> None:
    """docs/reference says what the code says; `make docs` writes it anew."""
    assert path.read_text(encoding="utf-8") == files()[path]


def test_the_manifest_is_the_contract() -> None:
    """The documented example goes through the model unchanged, and fits the schema that is given to others."""
    written = json.loads(Manifest.model_validate(EXAMPLE).to_json())
    assert written == EXAMPLE
    schema = json.loads((REFERENCE / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(written)


def test_modules_import_only_from_below() -> None:
    """The layers of the architecture hold, and each vendor library is known to one place."""
    checked = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_lock_files_hold_no_address() -> None:
    """Names, versions and hashes only: whoever installs decides where from."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def _refusing(operation: str) -> StoreFailed:
    return StoreFailed(operation, "SlowDown", "slow down", "", refused=False, attempt=1, retry_in_s=1.0)


RAISING: tuple[Event, ...] = (
    CaptureEnded(RUN, 1, Cause.RESTART, "killed"),
    CaptureEnded(RUN, 1, Cause.DEVICE_LOST, "ALSA read error"),
    SpoolFailed(SegmentId(RUN, 1), "No space left on device"),
    SegmentRefused(SegmentId(RUN, 1), "hq 0", Path("/spool/refused/x"), 480_000),
    *map(_refusing, ("open", "upload", "manifest", "delete")),
    SpoolOverflowed(sealed_segment(1)),
    ArchiveFailed(sealed_segment(1), "No space left on device", 1.0),
    KeepingFailed("Input/output error", Path("/srv")),
    JoinFailed(Path("/srv/a.flac"), "exit code is 1"),
    RecordingDamaged(Path("/srv/a.flac"), "its PCM is not what was captured"),
    ClockChecked(synchronised=True, offset_s=12.0, store_skew_s=None, told_by="chrony"),
    ListenerLooked("it answers 404", "Ask the doctor.", 1),
)
"""An event for each alarm that is raised by one."""


def test_every_alarm_is_in_the_manual() -> None:
    """Whoever is woken by a code, of an event or of a rule, finds it, with what to do; notices are called so."""
    manual = (ROOT / "docs/operations/faults.md").read_text(encoding="utf-8")
    alarms = pictures.replayed(*((float(at_s), event) for at_s, event in enumerate(RAISING))).alarms
    assert len(alarms) == len(RAISING)
    codes = [*(alarm.code for alarm in alarms), *(rule.code for rule in RULES)]
    assert [code for code in codes if f"`{code}`" not in manual] == []
    notices = {rule.code for rule in RULES if rule.severity is Severity.NOTICE}
    assert set(re.findall(r"^\| `(\w+)` \(notice\)", manual, re.MULTILINE)) == notices


def test_every_field_of_the_status_is_explained() -> None:
    """The schema that is given to others says of each field and of each object what it is."""
    schema = json.loads((REFERENCE / "status.schema.json").read_text(encoding="utf-8"))
    objects = {"Snapshot": schema, **{name: of for name, of in schema["$defs"].items() if "properties" in of}}
    unexplained = [
        f"{name}.{field}"
        for name, of in objects.items()
        for field, told in of["properties"].items()
        if not told.get("description")
    ]
    assert unexplained == []
    assert [name for name, of in objects.items() if not of.get("description")] == []


@pytest.mark.parametrize("station", [pictures.well, pictures.ill, pictures.dead, pictures.begun])
def test_a_status_fits_its_schema(station: Callable[[], Snapshot]) -> None:
    """What is answered, of a station in whatever state, is what the schema says."""
    schema = json.loads((REFERENCE / "status.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(station().model_dump_json()))
