"""No FFmpeg sees the keys of the bucket, whatever it is started for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ffmpeg_profiles.capabilities import version
from ffmpeg_profiles.digest import pcm_md5
from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.recording import total_digest
from supervisor.recordings.reading import Reader
from supervisor.stop import Stop

STARTS: dict[str, Callable[[str], object]] = {
    "asks it what it can do": version,
    "decodes a segment": lambda ffmpeg: pcm_md5(ffmpeg, b"fLaC"),
    "reads the archive": lambda ffmpeg: Reader(ffmpeg, Stop()).read([], [total_digest()]),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_no_ffmpeg_sees_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[[str], object]
) -> None:
    """Neither keys nor any other setting are in a child's environment; what belongs to the system is."""
    for name in ("R2_SECRET_KEY", "r2_access_key", "RADIO_ALERT_URLS"):
        monkeypatch.setenv(name, "geheim")
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/etc/asound.conf")
    stub, seen = tmp_path / "ffmpeg", tmp_path / "seen"
    stub.write_text(
        f"#!/bin/sh\nenv > {seen}\ncat > {tmp_path / 'input'}\necho MD5=00000000000000000000000000000000\n", "ascii"
    )
    stub.chmod(0o755)
    start(str(stub))
    told = seen.read_text(encoding="utf-8")
    assert "geheim" not in told
    assert "ALSA_CONFIG_PATH=/etc/asound.conf" in told
    assert "PATH=" in told


def test_small_letters_hide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings may be written in small letters, and are as secret then."""
    monkeypatch.setenv("r2_secret_key", "geheim")
    monkeypatch.setenv("radiograph", "no setting")
    assert "geheim" not in child_environment().values()
    assert child_environment()["radiograph"] == "no setting"
