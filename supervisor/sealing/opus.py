"""Ogg Opus: puts the end of the previous segment in front, so that a file decodes alone and joins (RFC 7845)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO

from mutagen import MutagenError
from mutagen.ogg import OggPage

from supervisor.sealing.damage import DamagedError

PACKET_SAMPLES = 960
"""20 ms at 48 kHz, the clock of every Ogg Opus file."""

PREROLL_PACKETS = 16
"""320 ms: after these a decoder is within 2.4e-5 of full scale of one that has heard everything before."""

_HEADER_PACKETS = 2
_CAPTURE_PATTERN, _TAGS = b"OggS", b"OpusTags"
_LACING_BYTES = 255
_MOST_LACINGS = 255
_PACKETS_PER_PAGE = 50  # one second: a player can begin with the first page


@dataclass(frozen=True)
class OpusStream:
    """The packets of one raw segment file; ``end`` is where it ends, in samples since the run began."""

    head: bytes
    tags: bytes
    packets: Sequence[bytes]
    serial: int
    end: int

    def samples_from(self, first_sample: int) -> int:
        """The samples of the file, when it begins at ``first_sample`` of the run.

        Raises:
            DamagedError: they do not fit the number of packets; only the last packet may hold padding.
        """
        samples = self.end - first_sample
        if not 0 <= len(self.packets) * PACKET_SAMPLES - samples < PACKET_SAMPLES:
            raise DamagedError(f"{len(self.packets)} Opus packets cannot be {samples} samples")
        return samples

    def cut(self, samples: int) -> OpusStream:
        """The same, with only the packets that its first ``samples`` need."""
        return replace(self, packets=self.packets[: -(-samples // PACKET_SAMPLES)])


def read(data: bytes) -> OpusStream:
    """Takes a raw segment apart.

    FFmpeg repeats the encoder's pre-skip in each file, sets no end-of-stream flag, and lets the granule positions
    run on through all files of a run.

    Raises:
        DamagedError: the pages are not whole or hold no Opus stream.
    """
    return _stream(list(_pages(data)))


def read_whole(data: bytes) -> OpusStream:
    """What can be saved of a raw segment that was cut off: the pages before the first that is not whole.

    Raises:
        DamagedError: not even the headers are there.
    """
    pages: list[OggPage] = []
    with suppress(DamagedError):
        pages.extend(_pages(data))
    return _stream(pages)


def last_packets(data: bytes, count: int) -> Sequence[bytes]:
    """The last ``count`` packets of a raw segment, or as many as can be saved of one that was cut off.

    Where the end is whole only its pages are read: all of them are read once already, when the segment is sealed.
    """
    start = len(data)
    while (start := data.rfind(_CAPTURE_PATTERN, 0, start)) > 0:
        with suppress(DamagedError):  # in the middle of a packet, or of a page
            pages = list(_pages(data[start:]))
            packets: list[bytes] = OggPage.to_packets(pages)
            if packets[0].startswith(_TAGS):
                break
            if len(packets) >= count and pages[-1].complete:
                return packets[-count:]
    try:
        return read_whole(data).packets[-count:]
    except DamagedError:
        return ()


def _stream(pages: list[OggPage]) -> OpusStream:
    packets = OggPage.to_packets(pages, strict=False) if pages else []
    if pages and not pages[-1].complete:
        packets.pop()  # the next page would have ended it
    if len(packets) < _HEADER_PACKETS or not packets[0].startswith(b"OpusHead"):
        raise DamagedError("the file does not begin as an Ogg Opus file")
    head, tags, *audio = packets
    preskip = int.from_bytes(head[10:12], "little")
    return OpusStream(head, tags, audio, pages[0].serial, pages[-1].position - preskip)


def sealed(stream: OpusStream, samples: int, before: Sequence[bytes]) -> bytes:
    """The publishable file: ``before``, the last packets of the segment before or none, as pre-roll, then the segment.

    Pre-skip covers exactly the pre-roll, and the last granule position is pre-skip plus the segment's samples.
    """
    preskip = len(before) * PACKET_SAMPLES
    head = stream.head[:10] + preskip.to_bytes(2, "little") + stream.head[12:]
    packets = [*before, *stream.packets]
    pages = [_page([head], 0), _page([stream.tags], 0)]
    done = 0
    for some in _page_loads(packets):
        done += len(some)
        pages.append(_page(some, done * PACKET_SAMPLES))
    pages[0].first = True
    pages[-1].last = True
    pages[-1].position = preskip + samples
    for sequence, page in enumerate(pages):
        page.sequence = sequence
        page.serial = stream.serial
    return b"".join(page.write() for page in pages)


def _page_loads(packets: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The packets in pages of a second, or of less where a page's 255 lacing values do not suffice (RFC 3533)."""
    load: list[bytes] = []
    lacings = 0
    for packet in packets:
        needed = len(packet) // _LACING_BYTES + 1
        if load and (len(load) == _PACKETS_PER_PAGE or lacings + needed > _MOST_LACINGS):
            yield load
            load, lacings = [], 0
        load.append(packet)
        lacings += needed
    if load:
        yield load


def _page(packets: list[bytes], position: int) -> OggPage:
    page = OggPage()
    page.packets = packets
    page.position = position
    return page


def _pages(data: bytes) -> Iterator[OggPage]:
    """The pages of one stream in their order; each is written again to compare, which proves its checksum."""
    file = BytesIO(data)
    serial: int | None = None
    sequence = 0
    complete = True
    while file.tell() < len(data):
        start = file.tell()
        try:
            page = OggPage(file)
            whole = page.write() == data[start : file.tell()]
        except (MutagenError, EOFError, ValueError) as error:
            raise DamagedError(f"the Ogg page at byte {start} is cut off or damaged: {error}") from error
        serial = page.serial if serial is None else serial
        if not whole or (page.serial, page.sequence, page.continued) != (serial, sequence, not complete):
            raise DamagedError(f"the Ogg page at byte {start} is damaged, or one before it is missing")
        sequence, complete = sequence + 1, page.complete
        yield page
