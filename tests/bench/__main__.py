"""``make bench``: publish latency, CPU, memory and start-up, as ratios to the bare thing done in the same run."""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from minio import Minio

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Input
from ffmpeg_profiles.sources import parse_source
from supervisor.clock import SystemClock
from supervisor.encoding import outputs
from supervisor.names import SegmentId
from supervisor.sealing.flac import FrameReader
from supervisor.sealing.opus import PREROLL_PACKETS, PageReader, last_packets
from supervisor.sealing.pair import RawPair, seal
from supervisor.stop import Signal
from supervisor.watch import RawWatch
from tests.rig.audio import programme
from tests.rig.parts import eventually
from tests.rig.radio import PROGRAM, Radio, environment, on_air
from tests.rig.s3 import Bucket, start_s3
from tests.rig.sound import SoundDevice, sound_device

SEGMENT_S = 10

BARE_RUN = "20261123T150000100Z"
RAW = ("hq.{:08d}.flac", "lq.{:08d}.opus")
MANIFEST = bytes(1200)
"""As large as one with three segments."""


@dataclass(frozen=True)
class Row:
    """One measurement: what, its figures, what was compared, the target, whether it was met."""

    what: str
    measured: str
    compared: str
    target: str
    met: bool


def main() -> None:
    """Measures everything and prints a table; exit code 0 whatever the figures are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=12, help="segments of 10 s in the long run (default 12)")
    segments = parser.parse_args().segments
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="radio-bench-") as name:
        folder = Path(name)
        server = start_s3(folder / "rgw")
        try:
            print_table(measure(folder, server.make_bucket("bench"), segments))
        finally:
            server.stop()


def measure(folder: Path, bucket: Bucket, segments: int) -> Iterator[Row]:
    """All rows, in the order of the design's targets."""
    (folder / "sound").mkdir()
    music = folder / "music.s32"
    music.write_bytes(programme((3 * segments + 10) * SEGMENT_S, 2, seed=1).tobytes())
    with sound_device(folder / "sound", 2) as device, device.playing(music):
        yield from station_rows(folder, bucket, device, segments)
    yield seal_row(folder)


def station_rows(folder: Path, bucket: Bucket, device: SoundDevice, segments: int) -> Iterator[Row]:
    """The whole station beside FFmpeg alone, capturing the same at the same time, and beside the bare requests."""
    settings = {**bucket.settings, **device.settings, "RADIO_SPOOL_DIR": str(folder / "spool")}
    (folder / "bare").mkdir()
    with bare_ffmpeg(folder / "bare", device):
        pass  # PulseAudio answers the first capture of its life 2 s late
    began_s = time.monotonic()
    with on_air(folder, settings) as radio:
        published(radio, 1)
        first_s = time.monotonic() - began_s
        published(radio, 1 + segments)
        latency = radio.status()["publish_latency_ms"]
        memory_mb = resident_mb(radio.process.pid)
        with bare_ffmpeg(folder / "bare", device) as bare:
            processes = (radio.process.pid, int(radio.status()["capture"]["pid"]), bare)
            before = [cpu_s(pid) for pid in processes]
            published(radio, 1 + 2 * segments)
            ours_s, child_s, bare_s = (cpu_s(pid) - then for pid, then in zip(processes, before, strict=True))
        dashboard = dashboard_percent(radio)
    puts_p50 = statistics.median(bare_puts_ms(bucket, folder / "bare", device, segments))
    ratio = latency["p50"] / puts_p50
    yield Row(
        "publish latency p50",
        f"{latency['p50']:.1f} ms = {ratio:.2f} x",
        f"three PUTs bare {puts_p50:.1f} ms",
        "<= 1.25 x",
        ratio <= 1.25,
    )
    tail = latency["p99"] / latency["p50"]
    yield Row("publish latency p99", f"{latency['p99']:.1f} ms = {tail:.2f} x", "its p50", "<= 3 x", tail <= 3)
    whole = (ours_s + child_s) / bare_s
    per_minute = 60 / (segments * SEGMENT_S)
    yield Row(
        "CPU, supervisor and FFmpeg",
        f"{ours_s * per_minute:.2f} + {child_s * per_minute:.2f} s/min = {whole:.2f} x",
        f"FFmpeg alone {bare_s * per_minute:.2f} s/min",
        "<= 1.15 x",
        whole <= 1.15,
    )
    yield Row("memory of the supervisor", f"{memory_mb:.1f} MB", "-", "<= 64 MB", memory_mb <= 64)
    yield Row("CPU of the dashboard, 160x50", f"{dashboard:.2f} % of a core", "-", "<= 2 %", dashboard <= 2)
    yield Row(
        "start to first manifest",
        f"{first_s:.2f} s",
        f"segment of {SEGMENT_S} s",
        "<= segment + 1 s",
        first_s <= SEGMENT_S + 1,
    )


def published(radio: Radio, count: int) -> None:
    """Waits for so many segments by the log alone: asking for the status would be measured too."""
    within_s = 3 * SEGMENT_S * count
    eventually(lambda: radio.log.count(" published ") >= count, within_s, f"{count} segments are published")


def dashboard_percent(radio: Radio) -> float:
    """What ``radio-supervisor dashboard`` takes of a core in a terminal of 160x50, once it shows the station."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, 160))
    settings = {**radio.settings, "TERM": "xterm-256color"}
    child = subprocess.Popen(
        [*PROGRAM, "dashboard"],
        env=environment(settings),
        cwd=radio.folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = bytearray()
    reader = threading.Thread(target=drain, args=(master, shown), name="terminal", daemon=True)
    reader.start()
    try:
        eventually(lambda: b"ON AIR" in shown, 20, "the dashboard shows the station")
        began_s, before_s, shown_then = time.monotonic(), cpu_s(child.pid), radio.log.count(" published ")
        published(radio, shown_then + 3)
        return 100 * (cpu_s(child.pid) - before_s) / (time.monotonic() - began_s)
    finally:
        child.terminate()
        child.wait()
        reader.join()
        os.close(master)


def drain(terminal: int, into: bytearray) -> None:
    """Reads what is written to a terminal until nobody has it open."""
    with suppress(OSError):
        while data := os.read(terminal, 65_536):
            into.extend(data)


def bare_puts_ms(bucket: Bucket, folder: Path, device: SoundDevice, segments: int) -> Iterator[float]:
    """The same three uploads by the SDK alone, begun at the moment at which FFmpeg alone closes a segment.

    At any other moment processor and caches are free of the encoder's last work, and the same requests take less. So
    whoever makes them is woken as the station is, and what is sent is the segment before: it has been read already.
    """
    client = bucket.server.client()
    bodies: list[bytes] = []
    with closings(folder) as await_closing, bare_ffmpeg(folder, device):
        for number in range(segments + 1):
            await_closing(number)
            if bodies:
                yield put_ms(client, bucket.name, *bodies)
            bodies = [(folder / f"{BARE_RUN}.{name.format(number)}").read_bytes() for name in RAW]


@contextmanager
def closings(folder: Path) -> Iterator[Callable[[int], None]]:
    """Waits until FFmpeg alone has closed a segment, told by the station's own observer."""
    changed = Signal()
    watch = RawWatch(folder, SystemClock(), changed.set)

    def await_closing(number: int) -> None:
        gives_up_s = time.monotonic() + 2 * SEGMENT_S
        while watch.closed_at_s(SegmentId(BARE_RUN, number)) is None:
            if time.monotonic() > gives_up_s:
                raise TimeoutError(f"FFmpeg alone does not close segment {number}")
            changed.wait(SEGMENT_S)

    watch.start()
    try:
        yield await_closing
    finally:
        watch.stop()


def put_ms(client: Minio, bucket: str, hq: bytes, lq: bytes) -> float:
    """Both segments at once, and then a manifest."""

    def put(key: str, body: bytes) -> None:
        client.put_object(bucket, f"bare/{key}", BytesIO(body), len(body))

    threads = [threading.Thread(target=put, args=pair) for pair in (("hq.flac", hq), ("lq.opus", lq))]
    began_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    put("manifest.json", MANIFEST)
    return (time.perf_counter() - began_s) * 1000


@contextmanager
def bare_ffmpeg(folder: Path, device: SoundDevice) -> Iterator[int]:
    """The same FFmpeg command with nobody to look after it; its process id."""
    source = parse_source("alsa:umc", Input())
    for left in folder.glob(f"{BARE_RUN}.*"):
        left.unlink()
    with (folder / "meters").open("wb") as meters:
        command = compile_command("ffmpeg", source, outputs(folder / BARE_RUN, SEGMENT_S, 48_000, meters.fileno()))
        child = subprocess.Popen(
            command,
            env=environment(device.settings),
            pass_fds=(meters.fileno(),),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    eventually(lambda: list(folder.glob("*.flac")), 10, "FFmpeg alone captures")
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def seal_row(folder: Path) -> Row:
    """Sealing one pair of 10 s, again and again; on air most of it is done before FFmpeg closes the files."""
    stem = folder / "seal"
    noise = "aevalsrc='0.5*(random(0)*2-1)|0.5*(random(1)*2-1)':s=48000:d=21"
    source = parse_source("tone:")
    source = type(source)(noise, {"f": "lavfi"})
    with (folder / "meters").open("wb") as meters:
        command = compile_command("ffmpeg", source, outputs(stem, SEGMENT_S, 48_000, meters.fileno()))
        quiet = subprocess.DEVNULL
        subprocess.run(command, pass_fds=(meters.fileno(),), stdin=quiet, stderr=quiet, check=True)
    files = {
        name: folder / f"seal.{name}"
        for name in ("hq.00000001.flac", "lq.00000001.opus", "check.00000001.framemd5", "lq.00000000.opus")
    }
    hq, lq, check, previous_lq = (path.read_bytes() for path in files.values())
    before = last_packets(previous_lq, PREROLL_PACKETS)
    took_ms = []
    for _ in range(200):
        began_s = time.perf_counter()
        pair = RawPair(FrameReader(), PageReader(), check, before)
        pair.hq.feed(hq)
        pair.lq.feed(lq)
        seal(pair, SEGMENT_S * 48_000, SEGMENT_S * 48_000)
        took_ms.append((time.perf_counter() - began_s) * 1000)
    p50 = statistics.median(took_ms)
    return Row("seal", f"{p50:.2f} ms (worst {max(took_ms):.2f})", f"{len(hq) / 1e6:.2f} MB FLAC", "<= 5 ms", p50 <= 5)


def cpu_s(pid: int) -> float:
    """User and system time of a process and of the children it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in units of 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def print_table(rows: Iterator[Row]) -> None:
    """One line a row, as it is measured."""
    form = "{:<28} {:<28} {:<32} {:<18} {}"
    print(form.format("what", "measured", "compared to", "target", "met"))
    for row in rows:
        print(form.format(row.what, row.measured, row.compared, row.target, "yes" if row.met else "NO"))
        sys.stdout.flush()


main()
