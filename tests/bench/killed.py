"""What a killed FFmpeg costs, and how true the gap is that is told: ``python -m tests.bench.killed``.

The programme's frames are numbers, so what is missing is counted in the samples themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Input
from ffmpeg_profiles.sources import parse_source
from supervisor.encoding import outputs
from supervisor.names import SegmentId
from supervisor.restarts import HEALTHY_AFTER_S
from tests.chaos.heard import PLAY_FRAMES, captured_as, hear
from tests.rig.audio import decode_flac
from tests.rig.numbered import playing_numbers
from tests.rig.parts import eventually
from tests.rig.radio import environment, on_air
from tests.rig.s3 import Bucket, start_s3
from tests.rig.sound import SoundDevice, sound_device

RATE, SEGMENT_S = 48_000, 2
_STATION = "bench"


def main() -> None:
    """Measures and prints two rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=6, help="how often FFmpeg is killed (default 6)")
    kills: int = parser.parse_args().kills
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="radio-bench-") as name:
        folder = Path(name)
        server = start_s3(folder / "rgw")
        try:
            (folder / "sound").mkdir()
            with sound_device(folder / "sound", 2) as device, playing_numbers(device, PLAY_FRAMES):
                bare_ms = [first_sample_ms(folder / "bare", device) for _ in range(kills + 1)][1:]
                survive(folder, server.make_bucket("bench"), device, kills)
        finally:
            server.stop()
        losses = list(missing(folder / "recordings"))
    report(bare_ms, losses)


def first_sample_ms(stem: Path, device: SoundDevice) -> float:
    """From the exec of FFmpeg alone, with the station's own command, to the first samples that it measured."""
    receiving, sending = os.pipe()
    source = parse_source("alsa:umc", Input())
    command = compile_command("ffmpeg", source, outputs(stem, SEGMENT_S, RATE, sending))
    began_s = time.monotonic()
    child = subprocess.Popen(
        command,
        env=environment(device.settings),
        pass_fds=(sending,),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(sending)
    try:
        select.select([receiving], [], [], 10)
        return (time.monotonic() - began_s) * 1000
    finally:
        os.close(receiving)
        child.kill()
        child.wait()
        for left in stem.parent.glob(f"{stem.name}.*"):
            left.unlink()


def survive(folder: Path, bucket: Bucket, device: SoundDevice, kills: int) -> None:
    """A station whose FFmpeg is killed at random moments, each after so long a life that the next begins at once."""
    settings = {
        **bucket.settings,
        **device.settings,
        "RADIO_STATION": _STATION,
        "RADIO_SEGMENT_SECONDS": str(SEGMENT_S),
        "RADIO_SPOOL_DIR": str(folder / "spool"),
    }
    moments = random.Random(1)  # noqa: S311 - chance is for the moments
    with on_air(folder, settings) as radio:
        for _ in range(kills):
            radio.published(int(radio.status().get("segments_published", 0)) + 1, within_s=30)
            time.sleep(HEALTHY_AFTER_S + moments.uniform(0, SEGMENT_S))
            killed = radio.status()["capture"]["pid"]
            radio.kill_capture()
            eventually(lambda: radio.status()["capture"]["pid"] not in {None, killed}, 10, "FFmpeg is replaced")  # noqa: B023
        radio.published(int(radio.status()["segments_published"]) + 3, within_s=30)
        radio.stop()


def missing(recordings: Path) -> Iterator[tuple[int, int]]:
    """For each restart the samples that are missing in truth, and those that the ledger tells."""
    lines = (recordings / f"{_STATION}_losses.jsonl").read_text(encoding="utf-8").splitlines()
    told = {entry["segment"]: entry["samples"] for entry in map(json.loads, lines)}
    files = sorted(recordings.rglob("*.flac"), key=captured_as)
    heard = [(captured_as(path), hear(decode_flac(path.read_bytes()))) for path in files]
    for (before, ended), (after, begun) in pairwise(heard):
        if before[0] != after[0]:
            yield begun.begins_at - ended.ends_at, told[str(SegmentId(after[0], 0))]


def report(bare_ms: list[float], losses: list[tuple[int, int]]) -> None:
    """Medians and extremes, beside their targets."""
    bare = statistics.median(bare_ms)
    lost_ms = sorted(true / RATE * 1000 for true, _ in losses)
    wrong_ms = sorted(abs(told - true) / RATE * 1000 for true, told in losses)
    lost = statistics.median(lost_ms)
    print(
        f"FFmpeg killed {len(losses)} times: {lost:.0f} ms missing ({lost_ms[0]:.0f} to {lost_ms[-1]:.0f}) = "
        f"{lost / bare:.2f} x FFmpeg alone from exec to its first samples {bare:.0f} ms, target 1.5 x"
    )
    off = statistics.median(wrong_ms)
    print(f"the gap told is {off:.1f} ms off the one in the PCM, {wrong_ms[-1]:.1f} at most, target 20 ms")


if __name__ == "__main__":
    main()
