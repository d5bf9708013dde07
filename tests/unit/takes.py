"""Takes: a known programme, recorded by a real FFmpeg with the outputs that the station asks of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import imageio_ffmpeg

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Source
from supervisor.encoding import outputs
from tests.rig.audio import Pcm, programme
from tests.rig.parts import need
from tests.rig.sealing import RawFiles

RUN = "20261123T154530412Z"
RATE = 48_000

PROGRAMS = ("system", "bundled")
"""The FFmpeg on PATH, and the 7.0 that the demo falls back to."""


def ffmpeg_program(which: str) -> str:
    """The executable of one of ``PROGRAMS``."""
    if which == "system":
        need("ffmpeg")
        return "ffmpeg"
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass(frozen=True, repr=False)
class Take:
    """What FFmpeg left behind of one whole run."""

    ffmpeg: str
    segment_s: int
    folder: Path
    pcm: Pcm
    meters: bytes

    def __repr__(self) -> str:
        return f"Take({self.folder})"

    @property
    def full_samples(self) -> int:
        """The samples in a full segment."""
        return self.segment_s * RATE

    @property
    def full_segments(self) -> int:
        """How many segments are full; one more follows, which is shorter."""
        return len(self.pcm) // self.full_samples

    def file(self, stream: str, number: int) -> Path:
        """One file of the run."""
        extension = {"hq": "flac", "lq": "opus", "check": "framemd5"}[stream]
        return self.folder / f"{RUN}.{stream}.{number:08d}.{extension}"

    def hq(self, number: int) -> bytes:
        """The FLAC file of a segment."""
        return self.file("hq", number).read_bytes()

    def lq(self, number: int) -> bytes:
        """The Opus file of a segment."""
        return self.file("lq", number).read_bytes()

    def check(self, number: int) -> bytes:
        """The checksum file of a segment."""
        return self.file("check", number).read_bytes()

    def pair(self, number: int) -> RawFiles:
        """All that is needed to seal a segment."""
        before = self.lq(number - 1) if number else b""
        return RawFiles(self.hq(number), self.lq(number), self.check(number), before)

    def captured(self, number: int) -> Pcm:
        """What was captured in the time of a segment, as 24-bit numbers."""
        return self.pcm[number * self.full_samples : (number + 1) * self.full_samples] >> 8


def record(ffmpeg: str, pcm: Pcm, segment_s: int, folder: Path) -> Take:
    """Records ``pcm`` as a station would, but as fast as the machine can."""
    raw = folder / "programme.s32"
    raw.write_bytes(pcm.tobytes())
    source = Source(str(raw), {"f": "s32le", "ar": RATE, "ch_layout": "stereo"})
    heard: list[bytes] = []
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        reader = Thread(target=lambda: heard.append(pipe.read()))
        reader.start()
        try:
            command = compile_command(ffmpeg, source, outputs(folder / RUN, segment_s, RATE, writing))
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=True, pass_fds=(writing,)
            )
        finally:
            os.close(writing)
            reader.join()
    return Take(ffmpeg, segment_s, folder, pcm, heard[0])


def record_noise(ffmpeg: str, segment_s: int, folder: Path) -> Take:
    """Two full segments and a third that ends inside a FLAC frame and inside an Opus packet."""
    return record(ffmpeg, programme(2 * segment_s + 12_345 / RATE, 2, seed=segment_s), segment_s, folder)


def run(command: Sequence[str]) -> bytes:
    """Runs a program that must say nothing on stderr and exit with 0; what it printed."""
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode(errors="replace")
    return done.stdout
