"""One engine, one checkout, the development stack in it, and a production station beside it, for all tests here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.rig.docker import checkout, docker_engine
from tests.rig.parts import do_without, eventually
from tests.rig.sound import SoundDevice, sound_device

PROJECT = "radio-test"
OWNER = os.getuid() or 1000
"""Whose settings and recordings these are: whoever runs the tests, but not root."""

KEYS = ("dev-access-key", "dev-secret-key")
"""Of the development store, as the compose file has them."""

NEXT_KEYS = ("next-access-key-0000", "next-secret-key")
"""A second pair, for the day on which the first is replaced."""

OVERRIDE = Path(__file__).with_name("compose.test.yaml")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that other users may go through, unlike pytest's own."""
    made = Path("/var/tmp") / f"radio-test-{os.getpid()}"  # noqa: S108 - named by process, removed at the end
    made.mkdir(mode=0o755)
    yield made
    subprocess.run(["rm", "-rf", made], check=True)


@pytest.fixture(scope="session")
def sound(folder: Path) -> Iterator[SoundDevice]:
    """An ALSA device that a container can be lent."""
    place = folder / "sound"
    place.mkdir(mode=0o755)
    with sound_device(place, 2) as device:
        yield device


@pytest.fixture(scope="session")
def repository(folder: Path, sound: SoundDevice) -> Iterator[Path]:
    """A fresh checkout, in whose folder docker may be called as the guide says, on an engine that answers."""
    place = checkout(folder / "radio-supervisor")
    plugins = next(Path("/usr/lib").glob("*/alsa-lib"))
    with docker_engine() as engine, pytest.MonkeyPatch.context() as patch:
        own = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_FILE": f"{place / 'compose.yaml'}:{OVERRIDE}",
            "SOUND": str(sound.folder),
            "ALSA_PLUGINS": str(plugins),
        }
        for name, value in {**engine, **own}.items():
            patch.setenv(name, value)
        yield place


@pytest.fixture(scope="session")
def docker_compose_file(repository: Path) -> list[str]:
    """The files that pytest-docker starts: the product's, and what tests lay over it."""
    return [str(repository / "compose.yaml"), str(OVERRIDE)]


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    """The name of everything that is started here."""
    return PROJECT


DOWN = "--profile dev --profile prod down --volumes --timeout 5"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """What a killed session left is removed, every image is built, and the development stack started."""
    return [DOWN, "--profile dev --profile prod build --quiet", "--profile dev up --detach --wait"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """Nothing stays: no container, no network, no volume."""
    return [DOWN]


@dataclass(frozen=True)
class Bucket:
    """A station's part of the development store, as anybody may read it."""

    url: str

    def get(self, key: str) -> bytes:
        """An object's bytes; none while it is not there."""
        answer = urllib3.request("GET", f"{self.url}/{key}", timeout=10, retries=False)
        return answer.data if answer.status == 200 else b""

    def manifest(self) -> dict[str, Any]:
        """The manifest; empty while there is none."""
        answer = urllib3.request("GET", f"{self.url}/live/manifest.json", timeout=10, retries=False)
        manifest: dict[str, Any] = answer.json() if answer.status == 200 else {}
        return manifest

    def after(self, index: int, within_s: float = 30) -> dict[str, Any]:
        """The first live manifest seen that goes on beyond ``index``."""

        def newer() -> dict[str, Any] | None:
            manifest = self.manifest()
            return manifest if manifest.get("live") and manifest["latest"] > index else None

        return eventually(newer, within_s, f"a segment after {index} is on air", 0.05)


@pytest.fixture(scope="session")
def dev(docker_services: object) -> Bucket:  # noqa: ARG001 - started by being named
    """The bucket of the development stack, which is up and healthy."""
    return Bucket("http://127.0.0.1:9000/radio")


def type_in(folder: Path, command: str, code: int = 0) -> str:
    """Types a command at a shell; what it prints on both outputs, if it ends with ``code``."""
    ran = subprocess.run(  # noqa: S602 - the guide's own lines
        command,
        shell=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == code, ran.stdout[-4000:]
    return ran.stdout


@dataclass(frozen=True)
class Operator:
    """Somebody at a shell in the repository, who follows the guide."""

    repository: Path
    bucket: Bucket
    recordings: Path

    def runs(self, command: str, code: int = 0) -> str:
        """Types a command; what it prints."""
        return type_in(self.repository, command, code)

    def inside(self, command: str) -> str:
        """Types a command inside the station's container."""
        return self.runs(f"docker compose exec radio {command}")

    def ask(self, template: str) -> str:
        """What docker knows of the station's container, by a Go template."""
        name = f"{PROJECT}-radio-1"
        return self.runs(f"docker inspect --format '{template}' {name}").strip()


@pytest.fixture(scope="session")
def operator(repository: Path, dev: Bucket) -> Operator:
    """The operator, with a settings file that only they and the station may read, as `.env.prod`."""
    settings = {
        "R2_ENDPOINT": "http://store:9000",
        "R2_BUCKET": "radio",
        "R2_ACCESS_KEY": KEYS[0],
        "R2_SECRET_KEY": KEYS[1],
        "R2_PUBLIC_URL": "http://store:9000/radio",
        "RADIO_PREFIX": "prod",
        "RADIO_STATION": "prod",
        "RADIO_SOURCE": "alsa:umc",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_WINDOW": "20",
        "RADIO_OFFLINE_AFTER": "3",
        "RADIO_RECORDINGS_MIN_FREE_GB": "0",
        "STATUS_PORT": "9465",
        "OPERATOR_UID": str(OWNER),
        "OPERATOR_GID": str(OWNER),
    }
    env_file = repository / ".env.prod"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="ascii")
    env_file.chmod(0o600)
    recordings = repository / "recordings"
    if os.getuid() == 0:
        for path in (env_file, recordings):
            os.chown(path, OWNER, OWNER)
    return Operator(repository, Bucket(f"{dev.url}/prod"), recordings)


@pytest.fixture(scope="session")
def sound_cards() -> Iterator[Path]:
    """The machine's folder of sound devices; made where there is none, as it would be by the first card."""
    folder = Path("/dev/snd")
    if folder.exists():
        yield folder
        return
    if os.geteuid() != 0:
        do_without(str(folder))
    folder.mkdir()
    yield folder
    folder.rmdir()
