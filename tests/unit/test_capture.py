"""No FFmpeg outlives its supervisor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.capture import die_with_parent
from tests.rig.parts import ROOT, need


@pytest.mark.parametrize(("parent", "begun"), [(None, True), (1, False)], ids=["lives", "has died already"])
def test_nothing_is_begun_for_a_parent_that_is_gone(tmp_path: Path, parent: int | None, begun: bool) -> None:  # noqa: FBT001
    """A child whose parent died before the kernel was told of the bond does not begin: nobody would ever end it."""
    need("setpriv")
    mark = tmp_path / "begun"
    subprocess.run([*die_with_parent(parent), "touch", str(mark)], timeout=20, check=False)
    assert mark.exists() == begun


def test_a_child_dies_with_its_parent() -> None:
    """A supervisor that is killed takes its child along, which is asked to end as by Ctrl-C."""
    need("setpriv")
    child = (
        "import signal,time; signal.signal(signal.SIGINT, lambda *_: exit(print('asked', flush=True)));"
        "print('up', flush=True); time.sleep(30)"
    )
    parent = (
        "import subprocess,sys,time; from supervisor.capture import die_with_parent;"
        "subprocess.Popen([*die_with_parent(), sys.executable, '-c', sys.argv[1]]); time.sleep(30)"
    )
    with subprocess.Popen([sys.executable, "-c", parent, child], stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "up\n"
        killed.kill()
        assert killed.stdout.read() == "asked\n"
