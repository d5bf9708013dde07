"""The first thing that anybody tries."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from tests.rig.audio import decode_flac, decode_opus
from tests.rig.parts import ROOT, eventually, free_port, need
from tests.rig.radio import environment
from tests.rig.tone import tone


def get(url: str, **headers: str) -> tuple[int, bytes, Message[str, str]]:
    """Status, body and headers; status 0 while nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, b"", error.headers
    except OSError:
        return 0, b"", Message()


def listen(port: int, segment_s: int, within_s: float) -> None:
    """What a browser would do: the page, the manifest, the newest segment in both qualities."""
    site = f"http://127.0.0.1:{port}"
    eventually(lambda: get(f"{site}/live/manifest.json")[0] == 200, within_s, "the manifest answers")
    status, page, headers = get(f"{site}/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<radio-player" in page
    status, _, headers = get(f"{site}/player/radio-player.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    status, body, headers = get(f"{site}/live/manifest.json", Origin="https://example.org")
    assert headers["Content-Type"] == "application/json"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in headers["Access-Control-Expose-Headers"]
    assert get(f"{site}/live/manifest.json", **{"If-None-Match": headers["ETag"]})[0] in {200, 304}
    segment = json.loads(body)["segments"][-1]
    status, hq, headers = get(f"{site}/{segment['hq']['key']}")
    assert (status, headers["Content-Type"]) == (200, "audio/flac")
    assert get(f"{site}/{segment['hq']['key']}", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert len(hq) == segment["hq"]["bytes"]
    status, lq, headers = get(f"{site}/{segment['lq']['key']}")
    assert (status, headers["Content-Type"]) == (200, "audio/ogg; codecs=opus")
    assert len(decode_flac(hq)) == len(decode_opus(lq)) == segment_s * 48_000
    assert get(f"{site}/../../etc/passwd")[0] == 404


def own_places(tmp_path: Path, tmpfs: Path) -> dict[str, str]:
    """An environment in which a demo is in nobody's way, of somebody who has a real station too."""
    return environment(
        {
            "RADIO_PREFIX": "of-production",
            "R2_PUBLIC_URL": "http://127.0.0.1:1/of-production",
            "RADIO_STATUS_LISTEN": f"127.0.0.1:{free_port()}",
            "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
            "HOME": os.environ.get("HOME", str(tmp_path)),
        }
    )


@pytest.mark.timeout(300)
def test_make_demo_in_a_clean_clone(tmp_path: Path, tmpfs: Path) -> None:
    """`make demo` sets itself up in a clean clone, plays, and ends cleanly at Ctrl-C."""
    need("git", "make")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], timeout=60, check=True)
    port = free_port()
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            ["make", "demo", f"DEMO_ARGS=--port {port} --segment-seconds 2"],
            cwd=clone,
            env=own_places(tmp_path, tmpfs),
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        listen(port, segment_s=2, within_s=240)
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(25)
    said = (tmp_path / "demo.log").read_text()
    assert f"http://127.0.0.1:{port}" in said
    assert "off air: stopped" in said
    # nothing pushes where to listen off the screen
    assert max(map(len, said.partition("radio-supervisor demo:")[2].splitlines())) < 200
    assert (clone / ".venv/bin/radio-supervisor").exists()
    status = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, timeout=30, check=True)
    assert status.stdout == b""


@pytest.mark.timeout(240)
def test_the_wheel_plays_where_pipx_installed_it(tmp_path: Path, tmpfs: Path) -> None:
    """The wheel alone brings the command, the page and the player, and plays far from the source tree."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, capture_output=True, timeout=50, check=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    places = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    install = [sys.executable, "-m", "pipx", "install", "--python", sys.executable, str(wheel)]
    subprocess.run(install, cwd=tmp_path, env=environment(places), capture_output=True, timeout=180, check=True)
    port = free_port()
    demo = subprocess.Popen(
        [tmp_path / "bin/radio-supervisor", "demo", "--port", str(port), "--segment-seconds", "1"],
        cwd=tmp_path,
        env=own_places(tmp_path, tmpfs),
        process_group=0,
    )
    try:
        listen(port, segment_s=1, within_s=20)
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(25) == 0


@pytest.mark.timeout(60)
def test_the_demo_runs_with_the_bundled_ffmpeg(tmp_path: Path, tmpfs: Path) -> None:
    """Without an FFmpeg of the machine's own the one from PyPI (7.x) goes the whole way, and the audio is the same."""
    assert "v7." in imageio_ffmpeg.get_ffmpeg_exe()
    (tmp_path / "bin").mkdir()
    port = free_port()
    demo = subprocess.Popen(
        [sys.executable, "-m", "supervisor", "demo", "--port", str(port), "--segment-seconds", "1"],
        cwd=tmp_path,
        env={**own_places(tmp_path, tmpfs), "PATH": str(tmp_path / "bin")},
        process_group=0,
    )
    try:
        listen(port, segment_s=1, within_s=20)
        recordings = tmp_path / "demo-data/recordings"
        eventually(lambda: len(list(recordings.rglob("*.flac"))) >= 3, 10, "three segments are archived")
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(25) == 0
    heard = np.concatenate([decode_flac(path.read_bytes()) for path in sorted(recordings.rglob("*.flac"))])
    assert np.array_equal(heard, tone(30)[: len(heard)])


@pytest.mark.timeout(60)
def test_the_demo_loops_a_file(tmp_path: Path, tmpfs: Path) -> None:
    """`--file` plays any sound file in a loop, paced in real time, without a hole where it begins again."""
    file = tmp_path / "my song: live.flac"
    source = "sine=f=440:r=48000:d=1.5"
    form = ["-ac", "2", "-sample_fmt", "s32", "-bits_per_raw_sample", "24"]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *form, str(file)]
    subprocess.run(command, timeout=30, check=True)
    port = free_port()
    demo = subprocess.Popen(
        [sys.executable, "-m", "supervisor", "demo", "--file", file, "--port", str(port), "--segment-seconds", "1"],
        cwd=tmp_path,
        env=own_places(tmp_path, tmpfs),
        process_group=0,
    )
    recordings = tmp_path / "demo-data/recordings"
    try:
        listen(port, segment_s=1, within_s=20)
        eventually(lambda: len(list(recordings.rglob("*.flac"))) >= 4, 10, "four segments are archived")
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(25) == 0
    once = decode_flac(file.read_bytes())
    heard = np.concatenate([decode_flac(path.read_bytes()) for path in sorted(recordings.rglob("*.flac"))])
    looped = np.tile(once, (len(heard) // len(once) + 1, 1))[: len(heard)]
    assert np.array_equal(heard, looped)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--file", "nowhere.wav"), "no file 'nowhere.wav'"),
        (("--file", "notes.txt"), "RADIO_SOURCE=file:notes.txt: it cannot be played"),
        (("--segment-seconds", "31"), "less than or equal to 30"),
    ],
)
def test_a_wrong_demo_is_told(tmp_path: Path, tmpfs: Path, words: tuple[str, ...], told: str) -> None:
    """A mistake in the demo's options is one clear error."""
    (tmp_path / "notes.txt").write_text("no sound in this\n", encoding="ascii")
    ended = subprocess.run(
        [sys.executable, "-m", "supervisor", "demo", *words],
        cwd=tmp_path,
        env=own_places(tmp_path, tmpfs),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
