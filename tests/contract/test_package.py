"""What is released is all there, and says what it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import __version__
from tests.rig.parts import ROOT
from tools.release_notes import DisagreementError, notes, section

SOURCE = '"""Doc."""\n\n__version__ = "1.2.3"\n'
CHANGELOG = """# Changelog

## Unreleased

- later

## 1.2.3 - 2026-11-24

- this

## [1.2.2] - 2026-01-01

- before
"""


def build(target: str, folder: Path) -> Path:
    """Builds a distribution from the source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=50, check=True)
    (made,) = folder.iterdir()
    return made


@pytest.mark.timeout(60)
def test_the_wheel_carries_the_player(tmp_path: Path) -> None:
    """Whoever installs the wheel has the commands, the profiles and the listener's page, and no test."""
    wheel = build("wheel", tmp_path)
    assert __version__ in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        licences = {name: archive.read(name) for name in names if name.endswith("/LICENSE")}
    player = {f"supervisor/client/player/{path.name}" for path in (ROOT / "radio-client/player").glob("*.js")}
    assert {"supervisor/cli.py", "ffmpeg_profiles/sources/alsa.py", "supervisor/client/page/index.html"} <= names
    assert player
    assert player <= names
    assert not [name for name in names if "test" in name]
    theirs = (ROOT / "radio-client/player/vendor/LICENSE").read_bytes()
    told = [name for name, text in licences.items() if text == theirs]
    assert sorted(name.partition("/")[0].rpartition(".")[2] for name in told) == ["dist-info", "supervisor"]


@pytest.mark.timeout(120)
def test_uvx_runs_the_wheel(tmp_path: Path) -> None:
    """Who has uv needs nothing else: it makes the environment and runs the command, far from the source tree."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    uv = shutil.which("uv", path=programs)
    assert uv is not None, "uv is one of the development packages"
    wheel = build("wheel", tmp_path / "dist")
    command = [uv, "tool", "run", "--python", sys.executable, "--from", str(wheel), "radio-supervisor", "--version"]
    told = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_TOOL_DIR": str(tmp_path / "tools")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert told.stdout == f"radio-supervisor {__version__}\n", told.stderr


@pytest.mark.timeout(60)
def test_the_source_distribution_builds_what_the_repository_builds(tmp_path: Path) -> None:
    """What `make install`, the images and `docker compose` need is in it, and nobody's settings or recordings are."""
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "Makefile",
        "requirements.lock",
        "tools/install-service",
        "tools/python-packages",
        "tools/system-packages",
        "compose.yaml",
        "compose/compose.yaml",
        "recordings/.gitignore",
        ".env.example",
        "compose/systemd/radio-supervisor.service",
        "compose/systemd/secrets.env.example",
        "docs/deployment/systemd.md",
        "radio-client/main.tsx",
        "radio-client/page/index.html",
    } <= names
    wanted = [word.rstrip("/") for file in (ROOT / "compose").glob("*.Dockerfile") for word in copied(file)]
    assert [word for word in wanted if not any(name == word or name.startswith(f"{word}/") for name in names)] == []
    assert [name for name in names if re.search(r"(^|/)\.env(\.(dev|prod))?$|node_modules|/tests/", name)] == []
    assert [name for name in names if name.startswith("recordings/")] == ["recordings/.gitignore"]


def copied(dockerfile: Path) -> Iterator[str]:
    """The files of the context that a Dockerfile copies."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("--")]
        if "--from=" not in line:
            yield from (word.removeprefix("./") for word in words[:-1])


def test_the_version_stands_in_one_place() -> None:
    """No other file of the program names it; the commands, the wheel and the tag are compared with that one."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in pyproject
    assert 'path = "supervisor/__init__.py"' in pyproject
    modules = (ROOT / "supervisor").rglob("*.py")
    naming = [path.name for path in modules if f'"{__version__}"' in path.read_text(encoding="utf-8")]
    assert naming == ["__init__.py"]


def test_a_tag_needs_its_version_and_its_section() -> None:
    """A release's notes are the changelog's section for the version, dated, and for no other."""
    assert notes("v1.2.3", SOURCE, CHANGELOG) == "- this"
    assert section(CHANGELOG, "1.2.2") == "- before"


@pytest.mark.parametrize(
    ("tag", "changelog", "why"),
    [
        ("v1.2.4", CHANGELOG, "is not v1.2.3"),
        ("1.2.3", CHANGELOG, "is not v1.2.3"),
        ("v1.2.3", CHANGELOG.replace("1.2.3 -", "1.2.9 -"), "no line '## 1.2.3 - YYYY-MM-DD'"),
        ("v1.2.3", CHANGELOG.replace("## 1.2.3 - 2026-11-24", "## 1.2.3"), "no line '## 1.2.3 - YYYY-MM-DD'"),
        ("v1.2.3", CHANGELOG.replace("- this", ""), "says nothing of 1.2.3"),
    ],
)
def test_a_release_that_does_not_agree_is_refused(tag: str, changelog: str, why: str) -> None:
    """A tag that is another version's, and a version that the changelog does not tell of, are not released."""
    with pytest.raises(DisagreementError, match=re.escape(why)):
        notes(tag, SOURCE, changelog)


def test_the_release_check_says_why(tmp_path: Path) -> None:
    """The script needs no package, and ends with one line and exit code 1 on a tag that is not the version's."""
    command = [sys.executable, "-I", str(ROOT / "tools/release_notes.py"), "v0.0.0"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == f"release: the tag v0.0.0 is not v{__version__}, the version of supervisor/__init__.py\n"
