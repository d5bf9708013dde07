"""What the documents tell people to do can be done: links lead somewhere, commands exist, blocks are what they say."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
import urllib3

from supervisor.cli import app
from supervisor.doctor.cors import rule
from supervisor.manifest import Manifest
from supervisor.settings import load
from tests.rig.parts import ROOT, need
from tests.rig.radio import environment
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY, S3Server

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("radio-client/player/vendor/*.md")])
GUIDE = ROOT / "docs/deployment/production.md"

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CONTROL = {"|", "||", "&&", ";", ">", "&"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    """Every link within the repository names a file that is there, and a heading that it has."""
    assert [link for link in _LINK.findall(document.read_text(encoding="utf-8")) if not _leads(document, link)] == []


@each_document
def test_commands_exist(document: Path) -> None:
    """Every `radio-supervisor …` and `make …` in a shell block is understood as it is written."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in _commands(document):
        if words[0] == "make" and words[1:]:
            assert re.search(rf"^{re.escape(words[1])}:", makefile, re.MULTILINE), words
        elif arguments := _of_the_program(words):
            _understood(arguments)


@each_document
def test_json_is_json(document: Path) -> None:
    """What is given as JSON can be pasted as it stands."""
    for block in _blocks(document, "json"):
        for text in (block,) if block.lstrip().startswith("[") else block.split("\n\n"):
            json.loads(text)


def test_the_guide_s_settings_are_taken(tmp_path: Path) -> None:
    """The settings that the guide has one write are a valid configuration, all of it from that file."""
    first, *_ = _blocks(GUIDE, "dotenv")
    env_file = tmp_path / ".env.prod"
    env_file.write_text(first, encoding="utf-8")
    loaded = load(env_file, {})
    written = {line.partition("=")[0] for line in first.splitlines()}
    assert {name for name, origin in loaded.origins.items() if origin == str(env_file)} == written


def test_the_guide_s_policy_is_the_printed_one() -> None:
    """The CORS policy in the guide is the one that `doctor --print-cors` prints for its page."""
    shown, *_ = _blocks(GUIDE, "json")
    assert json.loads(shown) == json.loads(rule("https://listen.example.org"))


def test_the_guide_s_s3_call_sets_the_policy(s3_server: S3Server, tmp_path: Path) -> None:
    """The two commands that set the guide's policy by S3's own call do so: a page may read then, and ask for parts."""
    need("jq")
    bucket = s3_server.make_bucket("guide")
    (block,) = (found for found in _blocks(GUIDE, "sh") if "put-bucket-cors" in found)
    script = block.replace("https://<account id>.r2.cloudflarestorage.com", s3_server.endpoint).replace(
        "my-radio", bucket.name
    )
    policy, *_ = _blocks(GUIDE, "json")
    (tmp_path / "policy.json").write_text(policy, encoding="utf-8")
    aws = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1"}
    _run(script, tmp_path, aws)
    page = {"Origin": "https://listen.example.org", "Access-Control-Request-Method": "GET"}
    told = urllib3.request("OPTIONS", f"{bucket.public_url}/live/manifest.json", headers=page, timeout=20)
    assert told.headers["Access-Control-Allow-Origin"] == "https://listen.example.org"


@pytest.mark.parametrize(("live", "age_s", "code"), [(True, 0, 0), (True, 120, 1), (False, 0, 1)])
def test_the_guide_s_look_from_outside_tells_a_dead_machine(
    tmp_path: Path, *, live: bool, age_s: float, code: int
) -> None:
    """The line for another machine's cron ends well while on air alone, not for a manifest that was left behind."""
    need("jq")
    (script,) = (found for found in _blocks(GUIDE, "sh") if "fromdate" in found)
    manifest = Manifest(
        station="radio",
        live=live,
        latest=1,
        segment_s=10,
        updated_at=datetime.now(UTC) - timedelta(seconds=age_s),
        writer="w",
        sample_rate=48_000,
        segments=(),
    )
    (tmp_path / "manifest.json").write_bytes(manifest.to_json())
    _run(script.replace("https://radio.example.org/live", tmp_path.as_uri()), tmp_path, {}, code)


def test_the_manual_s_sum_of_losses_is_right(tmp_path: Path) -> None:
    """The line that adds up the ledger by cause does, for one of the ledger's own lines as the manual shows it."""
    need("jq")
    manual = ROOT / "docs/operations/faults.md"
    (line,) = _blocks(manual, "json")
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "radio_losses.jsonl").write_text(2 * line, encoding="utf-8")
    (script,) = (found for found in _blocks(manual, "sh") if found.startswith("jq"))
    loss = json.loads(line)
    assert json.loads(_run(script, tmp_path, {})) == {loss["cause"]: 2 * loss["samples"] / 48_000}


def test_new_keys_are_never_taken_by_docker_s_own_kill() -> None:
    """Neither a document nor the program has one send SIGHUP by `docker compose kill`: Docker takes that for a stop."""
    told = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    for module in (ROOT / "supervisor").rglob("*.py"):
        texts = (node.value for node in ast.walk(ast.parse(module.read_bytes())) if isinstance(node, ast.Constant))
        told[module] = "\n".join(text for text in texts if isinstance(text, str))
    wrong = re.compile(r"\bkill\s+(-s|--signal)[ =](SIG)?HUP")
    assert [path.name for path, text in told.items() if wrong.search(text)] == []


def test_git_leaves_the_settings_out(tmp_path: Path) -> None:
    """`git check-ignore -v .env.prod` names the rule that keeps the keys out, as the guide has one look."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=20)
    (tmp_path / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    asked = ["git", "-C", str(tmp_path), "check-ignore", "-v", ".env.prod"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True)
    assert told.stdout.startswith(".gitignore:")


def _run(script: str, folder: Path, settings: Mapping[str, str], code: int = 0) -> str:
    """Runs lines of a document as an operator would, with the programs of this environment first; what they print."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**environment(settings), "PATH": path},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    return ended.stdout


def _leads(document: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = unquote(link).partition("#")
    target = (document.parent / path) if path else document
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(document: Path) -> set[str]:
    """As GitHub makes them: lower case, without punctuation, a dash for each space."""
    headings = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _blocks(document: Path, kind: str) -> list[str]:
    return [body for found, body in _FENCED.findall(document.read_text(encoding="utf-8")) if found == kind]


def _commands(document: Path) -> Iterator[list[str]]:
    """The simple commands of the shell blocks, each as its words; here-documents are left out."""
    for block in _blocks(document, "sh"):
        text = re.sub(r"<<'(\w+)'.*?^\1$", "", block.replace("\\\n", " "), flags=re.MULTILINE | re.DOTALL)
        for line in text.splitlines():
            lexer = shlex.shlex(line.replace("<", "(").replace(">", ")"), posix=True, punctuation_chars="|&;")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if word not in _CONTROL:
                    words.append(word)
                elif words:
                    yield words
                    words = []


def _of_the_program(words: list[str]) -> list[str]:
    """The arguments of ``radio-supervisor`` in a command, run here or in a container; none where it is not run."""
    places = [place for place, word in enumerate(words) if Path(word).name == "radio-supervisor"]
    if words[0] == "docker" and "run" in words and "radio" in words:
        return words[words.index("radio") + 1 :]
    direct = places and (places[0] == 0 or "exec" in words)
    return words[places[0] + 1 :] if direct else []


def _understood(arguments: list[str]) -> None:
    """Parses as the program does, without doing anything."""
    command: Any = typer.main.get_command(app)
    rest = [word for word in arguments if not word.startswith(")")]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(command.name, rest)
