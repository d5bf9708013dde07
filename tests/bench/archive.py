"""What joining costs beside a bare re-encode by ``flac``, and what a day weighs: ``python -m tests.bench.archive``."""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Source
from ffmpeg_profiles.recording import LEVEL, one_flac
from ffmpeg_profiles.renditions import renditions
from supervisor.names import SegmentId, piece_name
from supervisor.recordings.catalogue import Recorded, find, read
from supervisor.recordings.join import Joiner
from supervisor.recordings.reading import Reader
from supervisor.sealing.tags import place_tags
from supervisor.segments import Place
from supervisor.stop import Stop
from tests.rig.sealing import with_stream_info, with_tags

STATION, RATE, SEGMENT_S, DAY_S = "radio", 48_000, 10, 86_400
START = datetime(2026, 11, 23, 15, 0, 0, 397_000, UTC)
RUN = "20261123T150000100Z"
PROGRAMMES = {
    "synthetic chords (tone:), soft": "aevalsrc='0.1*sin(2*PI*220*t)+0.05*sin(2*PI*331*t)|0.1*sin(2*PI*277*t)':s=48000",
    "pink noise, peaks at -6 dBFS": "anoisesrc=c=pink:a=0.5:r=48000:seed=1",
    "white noise, full scale": "anoisesrc=c=white:a=1:r=48000:seed=1",
}


@dataclass(frozen=True)
class Cost:
    """Processor and wall time of something that ran in child processes."""

    cpu_s: float
    wall_s: float


def measured(work: Callable[[], object]) -> Cost:
    """Does the work and takes the time of its children."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after, ended_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu_s, ended_s - began_s)


def pieces(root: Path, graph: str, seconds: int) -> list[Recorded]:
    """An archive of pieces with a programme in it, as the station leaves it."""
    raw = root / "raw"
    raw.mkdir(parents=True)
    flac = renditions()["hq"].output(str(raw / RUN), SEGMENT_S)
    source = Source(f"{graph}:d={seconds}", {"f": "lavfi"})
    subprocess.run(compile_command("ffmpeg", source, [flac]), stderr=subprocess.DEVNULL, check=True)
    for number, path in enumerate(sorted(raw.iterdir())[: seconds // SEGMENT_S]):
        at_s, samples = number * SEGMENT_S, SEGMENT_S * RATE
        decoded = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", path, "-f", "s24le", "-"], capture_output=True, check=True
        )
        sealed = with_stream_info(path.read_bytes(), samples, md5(decoded.stdout, usedforsecurity=False).hexdigest())
        start = START + timedelta(seconds=at_s)
        place = Place(RUN, number * samples, samples, RATE, start, 1000.0 + at_s, "bench")
        target = root / start.strftime("%Y/%m/%d") / piece_name(STATION, start, SegmentId(RUN, number))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(with_tags(sealed, place_tags(STATION, place)))
    shutil.rmtree(raw)
    return [read(found) for found in find(root, STATION)]


def encoded(row: list[Recorded], level: int, path: Path) -> tuple[Cost, int]:
    """What decoding and encoding the pieces at a level costs, and the size; nothing is compared."""
    output = one_flac(str(path))
    at_level = replace(output, options={**output.options, "compression_level": level, "y": None})
    reader = Reader("ffmpeg", Stop())
    cost = measured(lambda: reader.read([piece.path for piece in row], [at_level]))
    return cost, path.stat().st_size


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3600, help="length of the recording that is joined")
    seconds: int = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        for name, graph in PROGRAMMES.items():
            row = pieces(Path(folder) / "minute", graph, 60)
            print(f"{name}: {sum(piece.bytes for piece in row) / 60 * DAY_S / 1e9:.1f} GB a day as pieces")
            for level in (5, LEVEL, 10):
                cost, size_bytes = encoded(row, level, Path(folder) / "level.flac")
                print(
                    f"  level {level}: {size_bytes * DAY_S / 60e9:.2f} GB a day, {cost.cpu_s * 60:.1f} s of CPU an hour"
                )
            shutil.rmtree(Path(folder) / "minute")
        row = pieces(Path(folder) / "hour", PROGRAMMES["pink noise, peaks at -6 dBFS"], seconds)
        joiner = Joiner(STATION, Reader("ffmpeg", Stop()))
        written: list[Recorded] = []
        cost = measured(lambda: written.append(joiner.join(row, None)))
        print(f"joining {seconds} s ({len(row)} pieces): {cost.cpu_s:.1f} s of CPU, {cost.wall_s:.1f} s")
        for option in ("-5", "-8"):
            command = ["flac", "-s", "-f", option, "-o", f"{folder}/bare.flac", str(written[0].path)]
            bare = measured(lambda command=command: subprocess.run(command, check=True))  # type: ignore[misc]
            size = Path(f"{folder}/bare.flac").stat().st_size / written[0].bytes
            print(f"flac {option} of the same: {bare.cpu_s:.1f} s of CPU, {bare.wall_s:.1f} s, {size:.3f} of the size")


if __name__ == "__main__":
    main()
