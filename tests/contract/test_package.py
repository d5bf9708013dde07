"""What is installed is all there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from supervisor import __version__
from tests.rig.parts import ROOT


@pytest.mark.timeout(60)
def test_the_wheel_carries_the_player(tmp_path: Path) -> None:
    """Whoever installs the wheel has the commands, the profiles and the listener's page, and no test."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=50, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert __version__ in wheel.name
    names = set(zipfile.ZipFile(wheel).namelist())
    player = {f"supervisor/client/player/{path.name}" for path in (ROOT / "radio-client/player").glob("*.js")}
    assert {"supervisor/cli.py", "ffmpeg_profiles/sources/alsa.py", "supervisor/client/page/index.html"} <= names
    assert player
    assert player <= names
    assert not [name for name in names if "test" in name]
