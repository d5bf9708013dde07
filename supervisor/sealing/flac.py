"""FLAC: walks the frames of a segment, proves that they are whole, and sets what STREAMINFO has to say (RFC 9639)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

from fastcrc import crc8, crc16
from mutagen import MutagenError
from mutagen.flac import FLAC

from supervisor.sealing.damage import DamagedError

_SYNC = b"\xff\xf8"  # fixed block size, which is what FFmpeg writes
_SYNC_CODE = re.compile(_SYNC)  # in noise three times as quick as bytes.find
_FOOTER_BYTES = 2
_SMALLEST_FRAME_BYTES = 10
_LONGEST_HEADER_BYTES = 16
_STREAMINFO_RATE = slice(18, 21)


@dataclass(frozen=True)
class _FrameHeader:
    number: int
    samples: int
    bytes: int


@dataclass(frozen=True)
class Frame:
    """One frame: where it ends in the file, how many samples it holds."""

    end: int
    samples: int


def frames(data: bytes) -> Iterator[Frame]:
    """The frames of a FLAC file of one continuous stream, each one's CRC-16 verified (RFC 9639, section 9.3).

    Raises:
        DamagedError: where a frame is cut off, damaged or missing.
    """
    position = audio_offset(data)
    expected: int | None = None
    while position < len(data):
        header = _frame_header(data, position)
        if header is None or expected not in {None, header.number}:
            raise DamagedError(f"no FLAC frame begins at byte {position}")
        position = _frame_end(data, position, header)
        expected = header.number + 1
        yield Frame(position, header.samples)


def count_samples(data: bytes) -> int:
    """The samples in a FLAC file.

    Raises:
        DamagedError: a frame is cut off, damaged or missing.
    """
    return sum(frame.samples for frame in frames(data))


def sample_rate_told(data: bytes) -> int | None:
    """The samples a second in STREAMINFO, the first block (section 8.2); None where the file is cut off before it."""
    field = data[_STREAMINFO_RATE]
    whole = data[:4] == b"fLaC" and len(field) == _STREAMINFO_RATE.stop - _STREAMINFO_RATE.start
    return int.from_bytes(field, "big") >> 4 if whole else None


def whole_frames(data: bytes) -> list[Frame]:
    """The frames before the first that is not whole: what can be saved of a file that was cut off."""
    whole: list[Frame] = []
    with suppress(DamagedError):
        whole.extend(frames(data))
    return whole


def with_stream_info(data: bytes, samples: int, md5: str) -> bytes:
    """The file with total samples and MD5 in STREAMINFO (section 8.2) and without padding."""
    frames_from = audio_offset(data)
    # the metadata alone: the frames are megabytes, and nothing of them changes
    file = BytesIO(data[:frames_from])
    try:
        flac = FLAC(file)
    except MutagenError as error:
        raise DamagedError(f"not a FLAC file: {error}") from error
    flac.info.total_samples = samples
    flac.info.md5_signature = int(md5, 16)
    file.seek(0)
    flac.save(file, padding=lambda _: 0)
    return file.getvalue() + memoryview(data)[frames_from:]


def audio_offset(data: bytes) -> int:
    """Where the frames begin: behind the marker and the metadata blocks (section 8.1)."""
    if data[:4] != b"fLaC":
        raise DamagedError("the file does not begin as a FLAC file")
    position = 4
    last = False
    while not last:
        header = data[position : position + 4]
        if len(header) < 4:  # noqa: PLR2004 - the size of a metadata block header
            raise DamagedError("the metadata is cut off")
        last = bool(header[0] & 0x80)
        position += 4 + int.from_bytes(header[1:], "big")
    if position > len(data):
        raise DamagedError("the metadata is cut off")
    return position


def _frame_end(data: bytes, start: int, header: _FrameHeader) -> int:
    """Where the frame ends: at the first header behind it (or the end of the file) before which its CRC-16 is right.

    The first, because the CRC starts at 0: frame after frame, a whole row of them has the right CRC too.
    """
    search_from = start + header.bytes
    while True:
        found = _SYNC_CODE.search(data, search_from)
        end = len(data) if found is None else found.start()
        if found is None or _frame_header(data, end) is not None:
            if _crc_is_right(data, start, end):
                return end
            if found is None:
                break
        search_from = end + 1
    # the file may have been cut off in the header of the next frame
    for end in range(len(data) - 1, max(start + header.bytes, len(data) - _LONGEST_HEADER_BYTES) - 1, -1):
        if _SYNC.startswith(data[end : end + 2]) and _crc_is_right(data, start, end):
            return end
    raise DamagedError(f"the FLAC frame at byte {start} is cut off or damaged")


def _crc_is_right(data: bytes, start: int, end: int) -> bool:
    frame = memoryview(data)[start:end]
    return crc16.umts(frame[:-_FOOTER_BYTES]) == int.from_bytes(frame[-_FOOTER_BYTES:], "big")


def _frame_header(data: bytes, position: int) -> _FrameHeader | None:
    """The frame header at ``position`` if one is there, its CRC-8 verified (section 9.1)."""
    head = data[position : position + _LONGEST_HEADER_BYTES]
    if len(head) < _SMALLEST_FRAME_BYTES or head[:2] != _SYNC or head[3] & 0x01:
        return None
    number, used = _coded_number(head[4:])
    if used == 0:
        return None
    size_code = head[2] >> 4
    rest = 4 + used
    match size_code:
        case 1:
            samples = 192
        case 2 | 3 | 4 | 5:
            samples = 144 << size_code
        case 6 | 7 if rest + 2 > len(head):
            return None
        case 6:
            samples, rest = head[rest] + 1, rest + 1
        case 7:
            samples, rest = int.from_bytes(head[rest : rest + 2], "big") + 1, rest + 2
        case 0:
            return None
        case _:
            samples = 1 << size_code
    if rest >= len(head) or crc8.smbus(head[:rest]) != head[rest]:
        return None
    return _FrameHeader(number, samples, rest + 1)


def _coded_number(data: bytes) -> tuple[int, int]:
    """The number coded as UTF-8 is, and how many bytes it took; 0 bytes when it is not one (section 9.1.5)."""
    first = data[0]
    if first < 0x80:  # noqa: PLR2004 - a single byte
        return first, 1
    length = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= length <= 7 or len(data) < length:  # noqa: PLR2004 - what UTF-8's scheme can hold
        return 0, 0
    number = first & (0x7F >> length)
    for byte in data[1:length]:
        if byte & 0xC0 != 0x80:  # noqa: PLR2004 - a continuation byte
            return 0, 0
        number = number << 6 | byte & 0x3F
    return number, length
