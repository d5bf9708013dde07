"""GitHub's workflows run what anybody runs, with the least of rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.parts import ROOT

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
