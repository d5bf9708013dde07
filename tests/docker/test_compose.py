"""The containers on a real engine: what the guide tells people to type, and what holds after it."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.chaos.heard import PLAY_FRAMES, SEGMENT_SAMPLES, Heard, hear, pcm_md5, pieces
from tests.docker.conftest import KEYS, NEXT_KEYS, OWNER, PROJECT, Bucket, Operator, type_in
from tests.rig.audio import decode_flac, decode_opus
from tests.rig.ear import Ear
from tests.rig.numbered import playing_numbers
from tests.rig.parts import ROOT, do_without, eventually
from tests.rig.sound import SoundDevice

FOR_DEVELOPERS = ROOT / "docs/deployment/local-dev.md"

NOT_TYPED_HERE = {
    "docker compose --profile dev up --build",  # stays; with --detach it is what these tests begin with
    "docker compose exec radio-dev radio-supervisor dashboard",  # needs a terminal
    "docker compose --profile dev down --volumes",  # what these tests end with
    "docker image rm radio-supervisor radio-client radio-dev-store",  # those of the machine's own user
    "ENV_FILE=./.env.staging docker compose --env-file .env.staging --profile prod up --build -d",  # below
    ".venv/bin/pytest tests/docker",
}

UP = "docker compose --env-file .env.prod --profile prod up --build -d"
STOP = "docker compose --profile prod stop --timeout 30"
CONTAINER = f"{PROJECT}-radio-1"

GAP_TOLERANCE_SAMPLES = 4_800
"""As in the chaos suite: machines are busy here, and runs a second old."""

AUDIO_GID = 29

WHERE_CAN_BE_WRITTEN = """
import os
for line in open("/proc/self/mountinfo"):
    place = line.split()[4]
    try:
        os.close(os.open(place + "/probe", os.O_CREAT | os.O_WRONLY))
        os.unlink(place + "/probe")
        print(place)
    except OSError:
        pass
"""

KILL_THE_SUPERVISOR = """
until size=$(stat -c %s "$(ls -t /staging/raw/*.hq.* | head -n 1)") && ((size > 100000)); do sleep 0.02; done
for process in /proc/[0-9]*; do
  read -rd "" name <$process/cmdline
  if [[ $name == /opt/radio-supervisor/bin/python* ]]; then kill -KILL ${process#/proc/}; fi
done
"""
"""In the middle of a segment: what is open then has to be saved."""

# the first test builds everything
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def station(operator: Operator, sound: SoundDevice, sound_cards: Path) -> Iterator[Operator]:  # noqa: ARG001
    """The production station, put on air as the guide says; what it captures is a programme of numbered frames."""
    with playing_numbers(sound, PLAY_FRAMES):
        operator.runs(UP)
        yield operator


def listened(bucket: Bucket, manifest: dict[str, Any]) -> list[tuple[dict[str, Any], Heard]]:
    """The segments of a manifest with what is heard in each, which is what was captured, in both qualities."""
    heard = []
    for entry in manifest["segments"]:
        hq, lq = (bucket.get(entry[quality]["key"].removeprefix("prod/")) for quality in ("hq", "lq"))
        pcm = decode_flac(hq)
        assert pcm_md5(pcm) == entry["hq"]["md5"]
        assert len(pcm) == len(decode_opus(lq)) == entry["samples"]
        heard.append((entry, hear(pcm)))
    return heard


def truthful(station: Operator, manifest: dict[str, Any]) -> list[int]:
    """The indices of a manifest, which go up, and whose gaps are the samples missing; the archive is whole as well."""
    heard = listened(station.bucket, manifest)
    indices = [entry["index"] for entry, _ in heard]
    assert indices == sorted(set(indices))
    assert all(pieces(path) for path in station.recordings.rglob("*.flac"))
    for (_, earlier), (entry, later) in pairwise(heard):
        missing = later.begins_at - earlier.ends_at
        assert entry["gap"] == pytest.approx(missing, abs=GAP_TOLERANCE_SAMPLES if missing else 0), heard
    return indices


@pytest.mark.parametrize("profile", ["prod", "dev"])
def test_the_compose_file_is_valid(repository: Path, profile: str) -> None:
    """Compose finds no fault with either profile, where nothing has been set yet."""
    assert type_in(repository, f"docker compose --profile {profile} config --quiet") == ""


def test_the_development_stack_plays_into_its_bucket(dev: Bucket) -> None:
    """One command, and everything is healthy; each segment of the manifest is what was captured, in both qualities."""
    manifest = dev.after(0)
    manifest = dev.after(manifest["latest"])
    assert len(listened(dev, manifest)) >= 2
    assert manifest["station"] == "dev"


def test_the_development_bucket_is_as_the_guide_wants_a_bucket(dev: Bucket, operator: Operator) -> None:
    """The doctor, which asks for public reading, CORS, rights and clocks, finds nothing that fails."""
    assert dev.manifest()
    said = json.loads(operator.runs("docker compose exec radio-dev radio-supervisor doctor --json"))
    verdicts = {check["name"]: check["verdict"] for check in said["checks"]}
    assert said["ok"], said
    assert verdicts["CORS"] == verdicts["CORS preflight"] == verdicts["public writing"] == "ok"


def test_a_browser_plays_the_development_stack(dev: Bucket, page: Page) -> None:
    """Chromium plays http://localhost:3000 in both qualities, segment after segment."""
    dev.after(0)
    ear = Ear(page)
    ear.visit("http://localhost:3000")
    ear.tap()
    ear.until("p.state === 'playing'", 20)
    for quality in ("lq", "hq"):
        ear.ask(f"p.quality = '{quality}'")
        ear.until(f"p.playingQuality === '{quality}' && ear.segments('{quality}') >= 2", 30)


def test_what_developers_are_told_to_type_works(dev: Bucket, operator: Operator) -> None:
    """Every command of the document runs, in its order, and the station is on air after them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", FOR_DEVELOPERS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    commands = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    assert set(commands) >= NOT_TYPED_HERE
    for command in commands:
        if command not in NOT_TYPED_HERE:
            assert operator.runs(command), command
    dev.after(dev.manifest()["latest"])


def test_production_is_the_radio_alone(station: Operator) -> None:
    """The guide's command puts one container on air, which captures bit by bit what the sound device delivers."""
    manifest = station.bucket.after(0)
    manifest = station.bucket.after(manifest["latest"] + 2)
    assert station.runs("docker compose --profile prod config --services").split() == ["radio"]
    heard = [heard for _, heard in listened(station.bucket, manifest)]
    assert all(part.first and not part.broken and not part.skipped for part in heard)
    assert all(later.begins_at == earlier.ends_at for earlier, later in pairwise(heard))
    assert station.inside("radio-supervisor status").startswith("prod: on air")


def test_the_container_can_do_no_more_than_it_has_to(station: Operator) -> None:
    """No root, no capability, no way to gain one, and nowhere to write but the recordings and the spool."""
    status = dict(line.split(":\t", 1) for line in station.inside("cat /proc/1/status").splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(OWNER)}
    assert str(AUDIO_GID) in status["Groups"].split()
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    writable = set(station.inside(f"python3 -c '{WHERE_CAN_BE_WRITTEN}'").split())
    # messages between processes of this container, and no file system
    assert writable - {"/dev/mqueue"} == {"/recordings", "/staging"}
    host = json.loads(station.ask("{{json .HostConfig}}"))
    assert host["ReadonlyRootfs"]
    assert host["Memory"] > 320 * 2**20
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-file": "5", "max-size": "10m"}
    assert station.runs(f"docker port {CONTAINER}").startswith("9464/tcp -> 127.0.0.1:")


def test_a_sound_card_may_be_plugged_in_later(station: Operator, sound_cards: Path) -> None:
    """A device that comes while the container runs is there and may be opened; here the card behind it is missing."""
    if os.geteuid() != 0:
        do_without("the right to make a device")
    card = sound_cards / "pcmC29D0c"
    os.mknod(card, stat.S_IFCHR | 0o660, os.makedev(116, 250))
    try:
        card.chmod(0o660)
        os.chown(card, 0, AUDIO_GID)
        told = station.inside(f"""sh -c 'python3 -c "open(\\"{card}\\")" 2>&1 || true'""")
    finally:
        card.unlink()
    assert os.strerror(errno.ENXIO) in told or os.strerror(errno.ENODEV) in told


def test_keys_are_replaced_on_air(station: Operator) -> None:
    """A new pair, written into the file as the guide says, is taken up by SIGHUP without a lost sample."""
    pair = "--access-key {} --secret-key {}".format(*NEXT_KEYS)
    station.runs(
        f"docker compose exec store radosgw-admin -c /store/ceph.conf -n client.rgw key create --uid dev {pair}"
    )
    env_file = station.repository / ".env.prod"
    text = env_file.read_text(encoding="ascii")
    for old, new in zip(KEYS, NEXT_KEYS, strict=True):
        text = text.replace(old, new)
    env_file.write_text(text, encoding="ascii")
    before = station.bucket.after(0)
    station.inside("sh -c 'kill -HUP 1'")
    taken = f"requests are signed with …{NEXT_KEYS[0][-4:]}"
    eventually(lambda: taken in station.runs("docker compose logs radio"), 20, taken, 0.5)
    after = station.bucket.after(station.bucket.manifest()["latest"] + 1)
    gaps = [entry["gap"] for entry in after["segments"] if entry["index"] > before["latest"]]
    assert len(gaps) >= 2
    assert set(gaps) == {0}


def test_no_secret_is_told(station: Operator) -> None:
    """Keys are neither in what docker knows of container and image, nor in the resolved compose file, nor in logs."""
    image = station.ask("{{.Image}}")
    told = [
        station.runs(f"docker inspect {CONTAINER} {image}"),
        station.runs(f"docker history --no-trunc {image}"),
        station.runs("docker compose --env-file .env.prod --profile prod config"),
        station.runs("docker compose --profile prod logs"),
        station.inside("env"),
    ]
    assert "published" in told[3]
    assert not [key for key in (*KEYS, *NEXT_KEYS) for text in told if key in text]


def test_a_crash_costs_no_more_than_it_has_to(station: Operator) -> None:
    """When the supervisor alone is killed the container stays, and what was captured until then is in the archive."""
    began = station.ask("{{.State.StartedAt}}")
    before = station.bucket.after(0)
    station.inside(f"""bash -c '{KILL_THE_SUPERVISOR}'""")
    after = station.bucket.after(before["latest"] + 2)
    assert station.ask("{{.State.StartedAt}}") == began
    heard = truthful(station, after)
    archived = [piece for path in station.recordings.rglob("*.flac") for piece in pieces(path)]
    torn = [piece for piece in archived if piece.samples < SEGMENT_SAMPLES]
    assert torn
    assert before["latest"] in heard


def test_a_stop_ends_the_programme(station: Operator) -> None:
    """`stop` leaves live: false, exit code 0, and everything that was on air in the recordings."""
    station.bucket.after(0)
    station.runs(STOP)
    assert station.ask("{{.State.Running}} {{.State.ExitCode}}") == "false 0"
    manifest = station.bucket.manifest()
    assert manifest["live"] is False
    archived = {piece.pcm_md5 for path in station.recordings.rglob("*.flac") for piece in pieces(path)}
    assert {entry["hq"]["md5"] for entry in manifest["segments"]} <= archived


def test_a_killed_station_comes_back(station: Operator) -> None:
    """After SIGKILL and `up` keys go on, and what is missing in between is what the manifest says, to the tolerance."""
    station.runs(UP)
    before = station.bucket.after(station.bucket.manifest()["latest"] + 2)
    station.runs(f"docker kill --signal KILL {CONTAINER}")
    assert station.ask("{{.State.ExitCode}}") == "137"
    station.runs(UP)
    after = station.bucket.after(before["latest"] + 3)
    assert before["latest"] in truthful(station, after)


def test_health_is_the_truth(station: Operator, sound: SoundDevice) -> None:
    """Without its device the container becomes unhealthy, and healthy again when the device is back."""
    station.runs(UP)
    eventually(lambda: station.ask("{{.State.Health.Status}}") == "healthy", 60, "it is healthy", 0.5)
    sound.unplug()
    eventually(lambda: station.ask("{{.State.Health.Status}}") == "unhealthy", 60, "it is unhealthy", 0.5)
    sound.plug_in()
    eventually(lambda: station.ask("{{.State.Health.Status}}") == "healthy", 60, "it is healthy again", 0.5)


def test_a_settings_file_that_is_missing_is_one_clear_error(operator: Operator, sound_cards: Path) -> None:  # noqa: ARG001
    """Compose names the file that is not there, and makes no folder in its place."""
    told = operator.runs("docker compose --env-file absent.env --profile prod up -d", code=1)
    assert re.fullmatch(r"couldn't find env file: \S+/absent\.env\n", told)
    told = operator.runs("ENV_FILE=./absent.env docker compose run --rm radio config", code=1)
    assert told.splitlines()[-1].endswith(f"bind source path does not exist: {operator.repository}/absent.env")
    assert not (operator.repository / "absent.env").exists()


def test_a_settings_file_that_cannot_be_read_is_one_clear_error(operator: Operator, sound_cards: Path) -> None:  # noqa: ARG001
    """The station names the file and the reason, without a traceback, and exits with 2."""
    if os.geteuid() != 0:
        do_without("a file of another user")
    other = operator.repository / "roots.env"
    other.write_text("RADIO_SOURCE=tone:\n", encoding="ascii")
    other.chmod(0o600)
    told = operator.runs("ENV_FILE=./roots.env docker compose run --rm radio start", code=2).strip()
    assert told.splitlines()[-1].startswith("radio-supervisor: the env file '.env' cannot be read: [Errno 13] ")
    assert "Traceback" not in told


def test_a_change_of_source_installs_no_package_anew(operator: Operator) -> None:
    """Only what comes after the source in the Dockerfile is built again: packages come out of the cache."""
    changed = operator.repository / "supervisor/clock.py"
    changed.write_text(changed.read_text(encoding="utf-8") + f"\n# changed at {time.time()}\n", encoding="utf-8")
    log = operator.runs("docker compose --profile prod --progress plain build")
    steps: dict[str, str] = dict(re.findall(r"^#(\d+) \[[^\]]*\d+/\d+\] RUN (.*)$", log, re.MULTILINE))
    cached = set(re.findall(r"^#(\d+) CACHED$", log, re.MULTILINE))
    built = [step for number, step in steps.items() if number not in cached]
    assert len(built) == 1, log
    assert built[0].endswith("--no-deps --no-build-isolation /build")
    assert any("requirements.lock" in step for step in steps.values())
