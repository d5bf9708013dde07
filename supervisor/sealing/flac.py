"""FLAC: walks the frames of a segment, proves that they are whole, and sets what STREAMINFO has to say (RFC 9639)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from fastcrc import crc8, crc16

from supervisor.sealing.damage import DamagedError

_SYNC = b"\xff\xf8"  # fixed block size, which is what FFmpeg writes
_SYNC_CODE = re.compile(_SYNC)  # in noise three times as quick as bytes.find
_FOOTER_BYTES = 2
_SMALLEST_FRAME_BYTES = 10
_LONGEST_HEADER_BYTES = 16
_LONGEST_WAIT_BYTES = 1_000_000
"""No frame is so long: where none has ended for so long it is left to the end of the file to say so, once."""
_STREAMINFO_RATE = slice(18, 21)
_STREAMINFO_TOTAL, _TOTAL_BITS = slice(18, 26), 36
_STREAMINFO_MD5 = slice(26, 42)


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


class FrameReader:
    """Walks the frames of a file of one continuous stream as it grows, each one's CRC-16 verified (RFC 9639, 9.3).

    ``head`` is everything before the first frame, empty until it is whole; ``frames`` are those that are whole.
    """

    def __init__(self) -> None:
        self.taken_bytes = 0
        self.head = b""
        self.frames: list[Frame] = []
        self._rest = b""
        self._expected: int | None = None

    @property
    def samples(self) -> int:
        """The samples in the frames."""
        return sum(frame.samples for frame in self.frames)

    @property
    def sample_rate(self) -> int | None:
        """The samples a second that the file says it has; None where it is cut off before it does."""
        return sample_rate_told(self.head or self._rest)

    def feed(self, data: bytes) -> None:
        """Takes the bytes that follow those before; a frame counts when the next one has begun, or at the end."""
        self.taken_bytes += len(data)
        self._rest += data
        if len(self._rest) <= _LONGEST_WAIT_BYTES:
            with suppress(DamagedError):  # what is not there yet may come
                self._walk(ended=False)

    def end(self) -> None:
        """No more will come.

        Raises:
            DamagedError: where a frame is cut off, damaged or missing; those before it are in ``frames``.
        """
        self._walk(ended=True)

    def _walk(self, *, ended: bool) -> None:
        data, position = self._rest, 0
        if not self.head:
            position = audio_offset(data)
            self.head = data[:position]
        begin = self.taken_bytes - len(data)
        header = _frame_header(data, position)
        try:
            while position < len(data):
                if header is None or self._expected not in {None, header.number}:
                    raise DamagedError(f"no FLAC frame begins at byte {begin + position}")
                end, following = _frame_end(data, position, header, ended=ended)
                if end is None:
                    raise DamagedError(f"the FLAC frame at byte {begin + position} is cut off or damaged")
                self.frames.append(Frame(begin + end, header.samples))
                self._expected = header.number + 1
                position, header = end, following
        finally:
            self._rest = data[position:]


def count_samples(data: bytes) -> int:
    """The samples in a FLAC file.

    Raises:
        DamagedError: a frame is cut off, damaged or missing.
    """
    reader = FrameReader()
    reader.feed(data)
    reader.end()
    return reader.samples


def sample_rate_told(data: bytes) -> int | None:
    """The samples a second in STREAMINFO, the first block (section 8.2); None where the file is cut off before it."""
    field = data[_STREAMINFO_RATE]
    whole = data[:4] == b"fLaC" and len(field) == _STREAMINFO_RATE.stop - _STREAMINFO_RATE.start
    return int.from_bytes(field, "big") >> 4 if whole else None


def stream_info(head: bytes, samples: int, md5: str) -> bytes:
    """The beginning of a file whose ``head`` is given, with total samples and MD5 in STREAMINFO (section 8.2).

    It is to replace just as many bytes.

    Raises:
        DamagedError: the head of no FLAC file.
    """
    if sample_rate_told(head) is None or len(head) < _STREAMINFO_MD5.stop:
        raise DamagedError("the file does not begin as a FLAC file")
    kept = int.from_bytes(head[_STREAMINFO_TOTAL], "big") >> _TOTAL_BITS << _TOTAL_BITS
    total = (kept | samples).to_bytes(_STREAMINFO_TOTAL.stop - _STREAMINFO_TOTAL.start, "big")
    return head[: _STREAMINFO_TOTAL.start] + total + bytes.fromhex(md5)


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


def _frame_end(data: bytes, start: int, header: _FrameHeader, *, ended: bool) -> tuple[int | None, _FrameHeader | None]:
    """Where the frame ends: at the first header behind it, or the end of the file, before which its CRC-16 is right.

    The first, because the CRC starts at 0: frame after frame, a whole row of them has the right CRC too. The header
    that was found there is given as well.
    """
    search_from = start + header.bytes
    while found := _SYNC_CODE.search(data, search_from):
        end = found.start()
        following = _frame_header(data, end)
        if following is not None and _crc_is_right(data, start, end):
            return end, following
        search_from = end + 1
    return (_end_of_last(data, start, header) if ended else None), None


def _end_of_last(data: bytes, start: int, header: _FrameHeader) -> int | None:
    """The end of the file, or where it was cut off in the header of the next frame."""
    if _crc_is_right(data, start, len(data)):
        return len(data)
    for end in range(len(data) - 1, max(start + header.bytes, len(data) - _LONGEST_HEADER_BYTES) - 1, -1):
        if _SYNC.startswith(data[end : end + 2]) and _crc_is_right(data, start, end):
            return end
    return None


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
