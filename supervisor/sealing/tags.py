"""What a FLAC file of the archive says about itself: STREAMINFO, and Vorbis comments that give its place in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import BinaryIO

from mutagen import MutagenError, PaddingInfo
from mutagen.flac import FLAC

from supervisor.clock import iso_ms
from supervisor.names import run_name
from supervisor.sealing.damage import DamagedError
from supervisor.sealing.flac import audio_offset
from supervisor.segments import Place

_LOST = "LOST_BEFORE"
"""What the device had lost inside the run until then: written, and read, only where it is not 0."""
_LONGEST_HEAD_BYTES = 65_536
_MOST_SAMPLES = 1 << 48
_LONGEST_BOOT_S = 1e10
"""A century and more: beyond them a tag is no place, and reckoning with it would fail."""
_PLACE = ("START", "RUN", "FIRST_SAMPLE", "BOOT_ID", "BOOT_TIME")


@dataclass(frozen=True)
class Head:
    """The metadata of a FLAC file: ``md5`` is of its PCM; the names of ``tags`` are in capitals."""

    samples: int
    sample_rate: int
    md5: str
    tags: Mapping[str, str]

    def place(self, named: datetime) -> Place:
        """Its place in time: by its tags, or by ``named``, the start in its name, for a file that lost them.

        Raises:
            DamagedError: a tag is not what this program writes.
        """
        if not all(name in self.tags for name in _PLACE):
            return Place(run_name(named), 0, self.samples, self.sample_rate, named, named.timestamp(), "")
        start, run, first_sample, boot_id, boot_time_s = (self.tags[name] for name in _PLACE)
        try:
            began, on_boot_clock = datetime.fromisoformat(start), float(boot_time_s)
            position, lost = int(first_sample), int(self.tags.get(_LOST, "0"))
        except ValueError as error:
            raise DamagedError(f"its tags are not readable: {error}") from error
        in_bounds = 0 <= position < _MOST_SAMPLES and 0 <= lost < _MOST_SAMPLES and abs(on_boot_clock) < _LONGEST_BOOT_S
        if began.tzinfo is None or not in_bounds:
            raise DamagedError("its tags name no place in time")
        return Place(run, position, self.samples, self.sample_rate, began, on_boot_clock, boot_id, lost)


def place_tags(station: str, place: Place) -> dict[str, str]:
    """The tags that give a file its place; the same in every file of the archive."""
    lost = {_LOST: str(place.lost_before)} if place.lost_before else {}
    return {
        "STATION": station,
        "START": iso_ms(place.start),
        "RUN": place.run,
        "FIRST_SAMPLE": str(place.first_sample),
        "BOOT_ID": place.boot_id,
        "BOOT_TIME": repr(place.start_boottime_s),
        **lost,
    }


def tagged(flac: bytes | memoryview, tags: Mapping[str, str]) -> tuple[bytes, bytes | memoryview]:
    """A FLAC file with ``tags`` among its Vorbis comments, in two pieces: a new head, and the frames, not copied.

    STREAMINFO stays as it is.

    Raises:
        DamagedError: it is not a FLAC file.
    """
    frames_from = audio_offset(bytes(flac[:_LONGEST_HEAD_BYTES]))
    head = BytesIO(flac[:frames_from])
    _add(head, tags, lambda _: 0)
    return head.getvalue(), flac[frames_from:]


def add_tags(file: BinaryIO, tags: Mapping[str, str]) -> None:
    """Adds ``tags`` to a FLAC file on disk, in the room that its writer left for them.

    Raises:
        DamagedError: it is not a FLAC file.
        OSError: the disk cannot be read or written.
    """
    # what is left of the room stays, so that not a byte of the audio has to move
    _add(file, tags, lambda info: max(0, info.padding))


def read_head(file: BinaryIO) -> Head:
    """The metadata of a FLAC file, without reading its audio.

    Raises:
        DamagedError: it is not a FLAC file, or cut off in its metadata.
        OSError: the disk cannot be read.
    """
    flac = _open(file)
    tags = {name.upper(): values[0] for name, values in flac.items()}
    info = flac.info
    return Head(info.total_samples, info.sample_rate, f"{info.md5_signature:032x}", tags)


def _open(file: BinaryIO) -> FLAC:
    try:
        return FLAC(file)
    except (MutagenError, ValueError) as error:
        if isinstance(error.__context__, OSError):  # mutagen makes its own error of the disk's
            raise error.__context__ from error
        raise DamagedError(f"not a FLAC file: {error}") from error


def _add(file: BinaryIO, tags: Mapping[str, str], padding: Callable[[PaddingInfo], int]) -> None:
    flac = _open(file)
    flac.update(tags)
    file.seek(0)
    flac.save(file, padding=padding)
