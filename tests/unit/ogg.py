"""Ogg pages by the test's own hand (RFC 3533), so that nothing is checked against itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

CONTINUED, FIRST, LAST = 1, 2, 4

_ENCODER_DELAY = 312
_PACKET_SAMPLES = 960


@dataclass(frozen=True)
class Page:
    """One page: its header and the pieces of packets in it; ``complete`` is false when the last piece goes on."""

    flags: int
    granule: int
    serial: int
    sequence: int
    pieces: tuple[bytes, ...]
    complete: bool = True

    def write(self) -> bytes:
        """The page as bytes, with its checksum."""
        lacing = b"".join(b"\xff" * (len(piece) // 255) + bytes([len(piece) % 255]) for piece in self.pieces)
        if not self.complete:
            lacing = lacing[:-1]
        head = b"OggS\0" + bytes([self.flags]) + self.granule.to_bytes(8, "little", signed=True)
        head += self.serial.to_bytes(4, "little") + self.sequence.to_bytes(4, "little")
        page = head + bytes(4) + bytes([len(lacing)]) + lacing + b"".join(self.pieces)
        return page[:22] + _checksum(page).to_bytes(4, "little") + page[26:]


def pages_of(data: bytes) -> list[Page]:
    """The pages of a file; asserts that every one is whole and has the right checksum."""
    found, position = [], 0
    while position < len(data):
        head = data[position : position + 27]
        assert head[:5] == b"OggS\0"
        lacing = data[position + 27 : position + 27 + head[26]]
        begin = position + 27 + head[26]
        position = begin + sum(lacing)
        assert len(lacing) == head[26]
        assert position <= len(data)
        page = data[begin - head[26] - 27 : position]
        assert _checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(head[22:26], "little")
        pieces, size = [], 0
        for value in lacing:
            size += value
            if value < 255:
                pieces.append(data[begin : begin + size])
                begin, size = begin + size, 0
        complete = size == 0
        if not complete:
            pieces.append(data[begin : begin + size])
        granule = int.from_bytes(head[6:14], "little", signed=True)
        serial, sequence = int.from_bytes(head[14:18], "little"), int.from_bytes(head[18:22], "little")
        found.append(Page(head[5], granule, serial, sequence, tuple(pieces), complete))
    return found


def packets_of(pages: Iterable[Page]) -> list[bytes]:
    """The packets of pages; asserts that none is left unfinished."""
    packets: list[bytes] = []
    unfinished = False
    for page in pages:
        assert bool(page.flags & CONTINUED) == unfinished
        pieces = list(page.pieces)
        if unfinished:
            packets[-1] += pieces.pop(0)
        packets += pieces
        unfinished = not page.complete
    assert not unfinished
    return packets


def raw_segment(packets: Sequence[bytes], first_packet: int = 0, cut_off: int = 0, serial: int = 0x5EED) -> bytes:
    """A segment as FFmpeg's muxer writes it; its last ``cut_off`` samples are padding.

    Granule positions run on from segment to segment, the encoder's delay is repeated in each, no page is marked as
    the last, and a packet that finds a page full goes on in the next.
    """
    head = b"OpusHead\x01\x02" + _ENCODER_DELAY.to_bytes(2, "little") + (48_000).to_bytes(4, "little") + bytes(3)
    pages = [Page(FIRST, 0, serial, 0, (head,)), Page(0, 0, serial, 1, (b"OpusTags" + bytes(8),))]
    pieces: list[bytes] = []
    flags = used = finished = 0
    granule = -1

    def end_page(*, complete: bool = True) -> None:
        nonlocal flags, used, granule
        pages.append(Page(flags, granule, serial, len(pages), tuple(pieces), complete))
        pieces.clear()
        flags, used, granule = (0 if complete else CONTINUED), 0, -1

    for number, packet in enumerate(packets, 1):
        rest = packet
        while used + len(rest) // 255 + 1 > 255:
            room = (255 - used) * 255
            pieces.append(rest[:room])
            rest = rest[room:]
            end_page(complete=False)
        pieces.append(rest)
        used += len(rest) // 255 + 1
        finished = (first_packet + number) * _PACKET_SAMPLES + _ENCODER_DELAY
        granule = finished - (cut_off if number == len(packets) else 0)
        if used == 255 or number % 50 == 0:
            end_page()
    if pieces:
        end_page()
    return b"".join(page.write() for page in pages)


def random_packets(count: int, seed: int, smallest: int = 1, largest: int = 700) -> list[bytes]:
    """Packets of random sizes and bytes: nothing that puts them into a container may look into them."""
    random = np.random.default_rng(seed)
    return [random.bytes(int(size)) for size in random.integers(smallest, largest, count, endpoint=True)]


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C1_1DB7 if crc & 1 << 31 else crc << 1) & 0xFFFF_FFFF
        table.append(crc)
    return table


_TABLE = _table()


def _checksum(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF_FFFF) ^ _TABLE[crc >> 24 ^ byte]
    return crc
