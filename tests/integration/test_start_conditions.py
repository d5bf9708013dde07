"""What a station needs of the machine before it goes on air: one clear error for each thing that is not there."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import subprocess
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.mounts import tiny_tmpfs
from tests.rig.parts import need
from tests.rig.radio import PROGRAM, command, environment, on_air
from tests.rig.sound import sound_device


def folder_station(tmp_path: Path, spool: Path) -> dict[str, str]:
    """A station that publishes into a folder."""
    return {
        "RADIO_SOURCE": "tone:",
        "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(spool),
        "RADIO_STATUS_LISTEN": "127.0.0.1:0",
    }


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """What a start that was refused says: with exit code 2, in one or two lines, without a traceback."""
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2, ended.stderr
    return ended.stderr


@pytest.fixture
def busy_device(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An ALSA device that somebody else has opened for himself alone: a terminal does that as a sound card does.

    ALSA's OSS plugin opens any character device; the kernel answers EBUSY to all but CAP_SYS_ADMIN.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCEXCL)
    config = tmp_path / "asound.conf"
    config.write_text(
        f'</usr/share/alsa/alsa.conf>\npcm.umc {{ type oss device "{os.ttyname(terminal)}" }}\n', encoding="ascii"
    )
    yield {"ALSA_CONFIG_PATH": str(config), "RADIO_SOURCE": "alsa:umc"}
    os.close(terminal)
    os.close(controller)


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder that is not in memory, as /tmp may be."""
    with tempfile.TemporaryDirectory(prefix="radio-test-", dir="/var/tmp") as folder:
        yield Path(folder)


def test_a_busy_device_ends_the_start(tmp_path: Path, tmpfs: Path, busy_device: dict[str, str]) -> None:
    """A device that another program uses is told as that, with how to find out which."""
    need("setpriv")
    ended = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--", *PROGRAM, "start"],
        env=environment({**folder_station(tmp_path, tmpfs), **busy_device}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = refused(ended)
    assert all(word in said for word in ("RADIO_SOURCE=alsa:umc", "busy", "Another program", "fuser -v /dev/snd"))


def test_a_device_that_does_not_fit_ends_the_start(tmp_path: Path, tmpfs: Path) -> None:
    """A device that cannot do what the settings ask of it is refused before going on air, as by the doctor."""
    with sound_device(tmpfs, 2) as device:
        asked = {**folder_station(tmp_path, tmpfs / "spool"), **device.settings, "RADIO_INPUT_CHANNELS": "48"}
        said = refused(command("start", settings=asked, folder=tmp_path))
    assert "RADIO_INPUT_CHANNELS=48: umc has 1 to 32 channels" in said


def test_an_ffmpeg_without_opus_ends_the_start(tmp_path: Path, tmpfs: Path) -> None:
    """An FFmpeg that was built without libopus is told by its path, with what is missing and where it can be had."""
    real = shutil.which("ffmpeg")
    lesser = tmp_path / "bin" / "ffmpeg"
    lesser.parent.mkdir()
    lesser.write_text(f'#!/bin/sh\n{real} "$@" | grep -v libopus\n', encoding="ascii")
    lesser.chmod(0o755)
    path = f"{lesser.parent}{os.pathsep}{os.environ['PATH']}"
    said = refused(command("start", settings={**folder_station(tmp_path, tmpfs), "PATH": path}, folder=tmp_path))
    assert all(word in said for word in (str(lesser), "built without: encoder libopus", "package 'ffmpeg'"))


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("RADIO_SPOOL_DIR", "{0}", ["spool folder '{0}'", "RADIO_SPOOL_DIR"]),
        ("RADIO_RECORDINGS_DIR", "{0}", ["recordings", "{0}", "RADIO_RECORDINGS_DIR"]),
        ("RADIO_STORE", "dir:{0}", ["RADIO_STORE=dir:{0}", "this user may write"]),
    ],
)
def test_a_read_only_folder_ends_the_start(
    tmp_path: Path, tmpfs: Path, setting: str, value: str, words: list[str]
) -> None:
    """A folder that cannot be written is told with the setting that names it and why it cannot."""
    with tiny_tmpfs(tmp_path / "read-only", "ro") as folder:
        settings = {**folder_station(tmp_path, tmpfs), setting: value.format(folder)}
        said = refused(command("start", settings=settings, folder=tmp_path))
    assert [word for word in ("Read-only file system", *words) if word.format(folder) not in said] == []


def test_a_spool_with_too_little_room_ends_the_start(tmp_path: Path) -> None:
    """Where not even a few segments fit the start is refused, with how much there is and how much is needed."""
    with tiny_tmpfs(tmp_path / "spool", "size=1m") as folder:
        said = refused(command("start", settings=folder_station(tmp_path, folder), folder=tmp_path))
        again = refused(command("start", settings=folder_station(tmp_path, folder), folder=tmp_path))
    assert all(
        word in said
        for word in (f"'{folder}' has 1.0 MB", "1 s and a window of 3 (RADIO_WINDOW) need 2.5 MB", "RADIO_SPOOL_DIR")
    )
    assert again == said


@pytest.mark.timeout(60)
def test_what_waits_in_the_spool_is_no_lack_of_room(tmp_path: Path) -> None:
    """A spool that a previous life left nearly full is room enough to go on air and publish."""
    with tiny_tmpfs(tmp_path / "spool", "size=4m") as folder:
        kept = folder / "refused" / "20261123T154530412Z.00000001"
        kept.mkdir(parents=True)
        (kept / "20261123T154530412Z.hq.00000001.flac").write_bytes(bytes(3_000_000))
        with on_air(tmp_path, folder_station(tmp_path, folder)) as radio:
            radio.published(2, within_s=20)
            assert radio.stop() == 0
    assert "has 4.2 MB of room, too little for the 256.0 MB of RADIO_SPOOL_LIMIT_MB" in radio.log


@pytest.mark.timeout(60)
def test_a_spool_on_a_disk_is_a_warning(tmp_path: Path, on_disk: Path) -> None:
    """A station whose spool is not in memory goes on air, and says once what that costs and how to mend it."""
    with on_air(tmp_path, folder_station(tmp_path, on_disk)) as radio:
        radio.published(1, within_s=20)
        assert radio.stop() == 0
    (said,) = [line for line in radio.log.splitlines() if "not on tmpfs" in line]
    assert " WARNING " in said
    assert f"'{on_disk}' is on " in said
    assert "RADIO_SPOOL_DIR" in said
