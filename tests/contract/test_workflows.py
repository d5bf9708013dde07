"""GitHub's workflows run what anybody runs, with the least of rights."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.parts import ROOT, do_without

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    """Every step of every job."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_is_there(path: Path) -> None:
    """Each names only targets of the Makefile and files of the repository, may do little, and ends in time."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    runs = "\n".join(step.get("run", "") for step in steps(workflow))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|[;&|]\s*)make ([a-z-]+)", runs, re.MULTILINE)) <= targets
    files = re.findall(r"(?:bash|python3) ([\w./-]+)", runs)
    assert files
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_git_answers_where_the_checkout_is_another_user_s(tmp_path: Path) -> None:
    """In a job's container root works on another user's checkout, which git refuses until the job's line has run."""
    if os.geteuid() != 0:
        do_without("a folder of another user")
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    (contained,) = (job["steps"] for job in jobs.values() if "container" in job)
    checkout = next(
        place for place, step in enumerate(contained) if step.get("uses", "").startswith("actions/checkout@")
    )
    workspace = tmp_path / "workspace"
    subprocess.run(["git", "init", "--quiet", workspace], check=True, timeout=20)
    os.chown(workspace, 1001, 1001)
    os.chown(workspace / ".git", 1001, 1001)
    home = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", "GITHUB_WORKSPACE": str(workspace)}
    env = {**{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SUDO_"))}, **home}
    ask = ["git", "ls-files"]
    assert subprocess.run(ask, cwd=workspace, env=env, capture_output=True, timeout=20, check=False).returncode == 128
    subprocess.run(["bash", "-ec", contained[checkout + 1]["run"]], cwd=workspace, env=env, timeout=20, check=True)
    subprocess.run(ask, cwd=workspace, env=env, timeout=20, check=True)


def test_ci_and_releases_run_the_same_tests() -> None:
    """Nothing is released that was not tested as every push is."""
    told = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    assert [text.count("bash .ci/run") for text in told] == [2, 1]
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("exec make test")


def test_what_comes_from_elsewhere_is_named_exactly() -> None:
    """Actions are pinned by commit, with the version beside it: a tag can be moved."""
    uses = [line.split("uses: ")[1] for path in WORKFLOWS for line in path.read_text().splitlines() if "uses: " in line]
    exact = re.compile(r"[\w/.-]+@([0-9a-f]{40} # v\d+\.\d+\.\d+)")
    assert uses
    assert [line for line in uses if not exact.fullmatch(line)] == []


def test_secrets_reach_no_test() -> None:
    """Rights beyond reading are given to single jobs, and none of them runs the repository's tests."""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            tests = any(".ci/run" in step.get("run", "") for step in job["steps"])
            assert not (tests and "permissions" in job)
