"""Listens for two seconds as a start would: the real source through the real FFmpeg, its samples counted."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import median_high
from typing import BinaryIO

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.meters import meters
from ffmpeg_profiles.profile import Output, Source
from ffmpeg_profiles.renditions.flac import RENDITION
from supervisor.capture import die_with_parent
from supervisor.doctor.check import Check, failed, ok, warning
from supervisor.meters import FLOOR_DB, FRAMES_PER_S, Measurement, Meters
from supervisor.sealing.damage import DamagedError
from supervisor.sealing.flac import count_samples, sample_rate_told

NAME = "sound"

_LISTEN_S = 2.0
_GIVE_UP_S = 7.0
_END_WITHIN_S = 2.0
_CHUNK_BYTES = 65_536

_SPREAD_S = 1.0
"""Samples that came closer together were buffered, and tell nothing of their rate."""

_RATE_TOLERANCE = 0.1
"""One second that comes in pieces of 100 ms tells a rate no better."""

_CLIPS_DB = -0.01


@dataclass(frozen=True)
class Heard:
    """What came: samples in each channel, their rate as declared and by the clock (Hz; None: cannot be told), peaks.

    ``hq_bytes_per_s`` is what FLAC made of it; ``last_words`` are FFmpeg's.
    """

    samples: int
    declared_hz: int
    measured_hz: float | None
    peak_db: tuple[float, ...]
    hq_bytes_per_s: float
    last_words: str

    @property
    def silent(self) -> bool:
        """Whether there was nothing but digital zero."""
        return all(peak <= FLOOR_DB for peak in self.peak_db)


def listen(ffmpeg: str, source: Source, sample_rate: int) -> Heard:
    """Captures about two seconds, or as much as comes within seven.

    Raises:
        DeviceAbsentError: the device is not there.
        OSError: FFmpeg cannot be run.
    """
    meters_out, meters_in = os.pipe()
    with (
        os.fdopen(meters_out, "rb"),
        os.fdopen(os.memfd_create("hq"), "r+b") as hq,
        os.fdopen(os.memfd_create("log"), "r+b") as log,
    ):
        try:
            child = _started(ffmpeg, source, meters_in, hq, log)
        finally:
            os.close(meters_in)
        try:
            measurements = _measurements(meters_out, sample_rate)
        finally:
            _end(child)
        hq.seek(0)
        log.seek(0)
        it = heard(hq.read(), measurements, sample_rate, log.read().decode(errors="replace"))
    # FFmpeg 7 reads half a second of a file at once: only a device has a rate of its own
    return it if source.device else replace(it, measured_hz=None)


def _started(ffmpeg: str, source: Source, meters_in: int, hq: BinaryIO, log: BinaryIO) -> subprocess.Popen[bytes]:
    hq_options = {name: value for name, value in RENDITION.options.items() if name != "segment_format"}
    outputs = [Output("pipe:1", {**hq_options, "f": "flac"}), meters(meters_in)]
    return subprocess.Popen(  # noqa: S603 - our own argv
        # Ctrl-C ends this process, not the thread that listens
        [*die_with_parent(), *compile_command(ffmpeg, source.located(), outputs)],
        stdin=subprocess.DEVNULL,
        stdout=hq,
        stderr=log,
        pass_fds=(meters_in,),
        env=child_environment(),
        process_group=0,
    )


def heard(hq: bytes, measurements: Sequence[Measurement], sample_rate: int, log: str) -> Heard:
    """From a FLAC stream, the meters' frames and FFmpeg's log."""
    try:
        samples = count_samples(hq) if hq else 0
    except DamagedError:  # FFmpeg was killed: the last frame is not whole
        samples = measurements[-1].end_sample if measurements else 0
    peaks = zip(*(frame.peak_db for frame in measurements), strict=True)
    return Heard(
        samples=samples,
        declared_hz=sample_rate_told(hq) or 0,
        measured_hz=_rate_hz(measurements),
        peak_db=tuple(max(channel) for channel in peaks),
        hq_bytes_per_s=len(hq) * sample_rate / samples if samples else 0.0,
        last_words=next(reversed(log.strip().splitlines()), ""),
    )


def judged(it: Heard, sample_rate: int, silence_db: float) -> Check:
    """Whether that is a programme."""
    if not it.samples or not it.peak_db:
        said = f": {it.last_words}" if it.last_words else ""
        return failed(
            NAME,
            f"no samples within {_GIVE_UP_S:g} s{said}",
            "Unplug the interface and plug it in again; try another cable or port. RADIO_INPUT_CHANNELS must be the "
            "device's own count ('radio-supervisor devices').",
        )
    if problem := _rate_problem(it, sample_rate):
        return failed(NAME, problem, f"Set the interface to {sample_rate} Hz, or use one that can.")
    peaks = f"peak {' / '.join(f'{peak:.1f}' for peak in it.peak_db)} dBFS"
    if max(it.peak_db) >= _CLIPS_DB:
        return warning(NAME, f"{peaks}: it clips", "Turn down the gain at the interface.")
    if problem := _level_problem(it, silence_db):
        inputs = "Check the cable, the gain at the interface, and which inputs RADIO_INPUT_PAIR picks."
        return warning(NAME, f"{problem}; {peaks}", inputs)
    return ok(NAME, f"{it.samples} samples at {it.declared_hz} Hz, {peaks}")


def _level_problem(it: Heard, silence_db: float) -> str:
    if it.silent:
        return "pure silence: every sample is zero"
    if silent := [str(channel) for channel, peak in enumerate(it.peak_db, 1) if peak <= FLOOR_DB]:
        return f"every sample of channel {', '.join(silent)} is zero"
    return f"quieter than RADIO_SILENCE_DB={silence_db:g}" if max(it.peak_db) < silence_db else ""


def _rate_problem(it: Heard, sample_rate: int) -> str:
    if it.declared_hz != sample_rate:
        return f"it delivers {it.declared_hz} samples a second, not {sample_rate}"
    if it.measured_hz is not None and abs(it.measured_hz / sample_rate - 1) > _RATE_TOLERANCE:
        return f"it says {sample_rate} samples a second, but {it.measured_hz:.0f} came"
    return ""


def _rate_hz(measurements: Sequence[Measurement]) -> float | None:
    """By the median over pairs that are half of the time apart.

    What the device held back while FFmpeg started comes at once, and a busy machine looks late: neither is a rate.
    """
    if not measurements or measurements[-1].arrival_s - measurements[0].arrival_s < _SPREAD_S:
        return None
    pairs = zip(measurements, measurements[len(measurements) // 2 :], strict=False)
    s_per_sample = [
        (later.arrival_s - earlier.arrival_s) / (later.end_sample - earlier.end_sample) for earlier, later in pairs
    ]
    typical_s = median_high(s_per_sample)
    return 1 / typical_s if typical_s > 0 else None


def _measurements(pipe: int, sample_rate: int) -> list[Measurement]:
    """The meters' frames until there are enough, they end, or none comes in time."""
    reader, found = Meters(sample_rate), list[Measurement]()
    ends_at_s = time.monotonic() + _GIVE_UP_S
    while len(found) < _LISTEN_S * FRAMES_PER_S:
        ready, _, _ = select.select([pipe], [], [], max(0.0, ends_at_s - time.monotonic()))
        data = os.read(pipe, _CHUNK_BYTES) if ready else b""
        if not data:
            break
        now_s = time.monotonic()
        found += reader.feed(data, now_s, now_s)
    return found


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_WITHIN_S)
            return
    child.wait()
