"""Reads FFmpeg's meter lines: levels and loudness of each 100 ms, and how far the capture has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from supervisor.events import LevelsMeasured

FLOOR_DB = -144.0
"""What digital silence is shown as: the quietest step of 24 bits."""

_FRAME = b"frame:"
_LUFS = b"lavfi.r128.S"
_ASTATS = b"lavfi.astats."


@dataclass(frozen=True)
class Measurement:
    """One frame of the meters: where it ends in the run, when it arrived, its levels (dBFS per channel) and LUFS."""

    end_sample: int
    arrival_s: float
    peak_db: tuple[float, ...]
    rms_db: tuple[float, ...]
    lufs: float


class Meters:
    """Takes the bytes of the pipe as they come and gives measurements.

    A frame is given when the next one begins: only then is it known where it ended.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._arrival_s: float | None = None
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
                if self._arrival_s is not None:
                    found.append(self._measurement(_position(line), self._arrival_s))
                self._arrival_s, self._values = woken_s if first else arrival_s, {}
                first = False
            else:
                name, _, value = line.partition(b"=")
                self._values[name] = max(FLOOR_DB, float(value))
        return found

    def _measurement(self, end_sample: int, arrival_s: float) -> Measurement:
        return Measurement(
            end_sample,
            arrival_s,
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
    return LevelsMeasured(peaks_db, measurements[-1].rms_db, measurements[-1].lufs)


def _position(frame_line: bytes) -> int:
    """The sample at which a frame begins: ``frame:1    pts:4800    pts_time:0.1`` with one tick for each sample."""
    return int(frame_line.partition(b"pts:")[2].split(None, 1)[0])
