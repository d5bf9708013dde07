"""What an operator copies and what images are made of: complete, pinned, and never a secret in git."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from supervisor.settings import Settings, load
from tests.rig.base_image import BASE
from tests.rig.parts import ROOT

_EXAMPLE = ROOT / ".env.example"
_COMPOSE = (ROOT / "compose/compose.yaml").read_text(encoding="utf-8")
_DOCKERFILES = sorted((ROOT / "compose").glob("*.Dockerfile"))


def _lines(*, commented: bool) -> dict[str, str]:
    """Names and values of the example; with those that are commented out."""
    line = re.compile(r"^#?([A-Z][A-Z0-9_]+)=(.*)$" if commented else r"^([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
    return dict(line.findall(_EXAMPLE.read_text(encoding="utf-8")))


def test_the_example_can_be_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line, also those that are commented out, is a setting with a value that is allowed."""
    monkeypatch.chdir(tmp_path)
    load(_EXAMPLE)
    whole = tmp_path / "whole.env"
    whole.write_text("".join(f"{name}={value}\n" for name, value in _lines(commented=True).items()), encoding="utf-8")
    settings = load(whole).settings
    assert settings.radio_input_pair == (3, 4)
    assert len(settings.radio_alert_urls.get_secret_value().split()) == 2


def test_the_example_has_what_an_operator_sets() -> None:
    """It asks for the bucket, the station and the source, and holds no secret."""
    asked = _lines(commented=False)
    assert asked.keys() == {
        *(name.upper() for name in Settings.model_fields if name.startswith("r2_") and name != "r2_region"),
        "RADIO_STATION",
        "RADIO_SOURCE",
    }
    secrets = [name.upper() for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert not any(asked.get(name) for name in secrets)


def test_the_example_names_what_compose_takes() -> None:
    """What is neither a setting nor read by the compose file has no effect, and is not offered; defaults agree."""
    settings = {name.upper() for name in Settings.model_fields}
    taken = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", _COMPOSE))
    offered = {name: value for name, value in _lines(commented=True).items() if name not in settings}
    assert offered.keys() == taken.keys() - {"ENV_FILE"}
    assert {name: offered[name] for name in offered if name != "RECORDINGS"} == {
        name: value for name, value in taken.items() if name not in {"ENV_FILE", "RECORDINGS"}
    }


@pytest.mark.parametrize(("name", "ignored"), [(".env", True), (".env.prod", True), (".env.example", False)])
def test_git_takes_the_example_alone(name: str, ignored: bool) -> None:  # noqa: FBT001 - a row of the table
    """A file with keys is ignored by git, the example is not."""
    asked = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=ROOT, timeout=10, check=False)
    assert (asked.returncode == 0) is ignored


@pytest.mark.parametrize("dockerfile", _DOCKERFILES, ids=lambda path: path.stem)
def test_images_have_one_pinned_base(dockerfile: Path) -> None:
    """Each is made from the same release of Debian, held to by its digest, with no other image and no frontend."""
    text = dockerfile.read_text(encoding="utf-8")
    base = rf"{re.escape(BASE)}@sha256:[0-9a-f]{{64}}"
    assert re.findall(r"^ARG DEBIAN=(.*)$", text, re.MULTILINE) == re.findall(base, _DOCKERFILES[0].read_text("utf-8"))
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= stages | {"${DEBIAN}"}
    assert "syntax=" not in text


def test_what_is_pushed_says_where_it_comes_from() -> None:
    """An image in the registry names its version, the commit it was built from, and the address of the source."""
    asked = [
        "make",
        "--dry-run",
        "push-image",
        "IMAGE=radio",
        "REGISTRY=registry/me",
        "TAG=1.2.3",
        "SOURCE=https://me/radio",
    ]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout
    labels = dict(re.findall(r"--label org\.opencontainers\.image\.(\w+)=(\S+(?: rev-parse HEAD\))?)", told))
    assert labels == {"version": "1.2.3", "source": "https://me/radio", "revision": "$(git rev-parse HEAD)"}
    workflow = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    assert 'SOURCE="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"' in workflow


def test_deno_is_the_one_that_is_tested() -> None:
    """The image's Deno has the version with which the client's tests run."""
    tested = json.loads((ROOT / "radio-client/tests/package-lock.json").read_text(encoding="utf-8"))
    version = tested["packages"]["node_modules/deno"]["version"]
    assert (ROOT / "compose/client.in").read_text(encoding="ascii") == f"deno=={version}\n"
    assert f"\ndeno=={version} " in (ROOT / "compose/client.lock").read_text(encoding="ascii")
