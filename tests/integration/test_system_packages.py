"""What the machine's package manager is asked for, on a machine that has nothing yet; a script stands for apt-get."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.rig.parts import ROOT

BROUGHT_BY_ANY_MACHINE = ("env", "bash", "find", "id", "mktemp", "rm", "sort", "tail")


def test_each_package_is_asked_for_once(tmp_path: Path) -> None:
    """What brings several of the programs that are missing is named once, to the reader and to apt-get."""
    for name in BROUGHT_BY_ANY_MACHINE:
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    for name, script in {"apt-get": f'echo "$@" >>{tmp_path}/asked', "sudo": 'exec "$@"'}.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    told = subprocess.run(
        [ROOT / "tools/system-packages", "test"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    packages = told.stdout.removeprefix("Installing system packages: ").split()
    assert {"radosgw", "util-linux", "python3"} <= set(packages)
    assert len(packages) == len(set(packages))
    update, install = (tmp_path / "asked").read_text(encoding="ascii").splitlines()
    assert update.split()[0] == "update"
    assert install.split()[-len(packages) :] == packages
