"""Reads FFmpeg's meter lines: levels and loudness of each 100 ms, and how far the capture has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from supervisor.events import LevelsMeasured

FRAMES_PER_S = 10
"""How often FFmpeg measures (ebur128)."""

FLOOR_DB = -144.0
"""What digital silence is shown as: the quietest step of 24 bits."""

_FRAME = b"frame:"
_LUFS = b"lavfi.r128.S"
_ASTATS = b"lavfi.astats."
_READ = (_LUFS + b"=", _ASTATS)


@dataclass(frozen=True)
class Measurement:
    """One frame of the meters: where it lies in the run, when it arrived, its levels (dBFS per channel) and LUFS.

    ``source_s`` is the source's own time of its first sample: for a device when it was captured, in seconds since 1970.
    """

    first_sample: int
    end_sample: int
    source_s: float
    arrival_s: float
    peak_db: tuple[float, ...]
    rms_db: tuple[float, ...]
    lufs: float


class Meters:
    """Takes the bytes of the pipe as they come and gives measurements.

    A frame is given when the next one begins: only then is it known that it was a whole one.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._rest = b""
        self._begun: tuple[int, float, float] | None = None
        self._values: dict[bytes, float] = {}

    def feed(self, data: bytes, woken_s: float, arrival_s: float) -> list[Measurement]:
        """The measurements that ``data`` completes, of which the first byte came at ``woken_s``, all by ``arrival_s``.

        Only a frame that begins with the first byte came at ``woken_s``; later ones are given the later time, which
        can only make them late.
        """
        first = self._rest == b"" and data.startswith(_FRAME)
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            if line.startswith(_FRAME):
                if self._begun is not None:
                    found.append(self._measurement(*self._begun))
                number, ticks = _number_and_ticks(line)
                self._begun = (number, ticks / self._sample_rate, woken_s if first else arrival_s)
                self._values, first = {}, False
            elif line.startswith(_READ):
                name, _, value = line.partition(b"=")
                self._values[name] = max(FLOOR_DB, float(value))
        return found

    def _measurement(self, number: int, source_s: float, arrival_s: float) -> Measurement:
        frame_samples = self._sample_rate // FRAMES_PER_S
        return Measurement(
            first_sample=number * frame_samples,
            end_sample=(number + 1) * frame_samples,
            source_s=source_s,
            arrival_s=arrival_s,
            peak_db=self._per_channel(b".Peak_level"),
            rms_db=self._per_channel(b".RMS_level"),
            lufs=self._values.get(_LUFS, FLOOR_DB),
        )

    def _per_channel(self, ending: bytes) -> tuple[float, ...]:
        names = sorted(name for name in self._values if name.startswith(_ASTATS) and name.endswith(ending))
        return tuple(self._values[name] for name in names)


def levels(measurements: Sequence[Measurement]) -> LevelsMeasured:
    """Several measurements, at least one, as one: the highest peak, the last of the rest."""
    peaks_db = tuple(max(channel) for channel in zip(*(measured.peak_db for measured in measurements), strict=True))
    span_s = len(measurements) / FRAMES_PER_S
    return LevelsMeasured(peaks_db, measurements[-1].rms_db, measurements[-1].lufs, span_s=span_s)


def _number_and_ticks(frame_line: bytes) -> tuple[int, int]:
    """A frame's number and time: ``frame:1    pts:4800    pts_time:0.1`` with one tick for each sample."""
    _, number, _, ticks, *_ = frame_line.replace(b":", b" ").split()
    return int(number), int(ticks)
