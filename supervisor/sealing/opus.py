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


class PageReader:
    """Takes a raw segment apart as it grows: each page is written again to compare, which proves its checksum.

    FFmpeg repeats the encoder's pre-skip in each file, sets no end-of-stream flag, and lets the granule positions
    run on through all files of a run.
    """

    def __init__(self) -> None:
        self.taken_bytes = 0
        self._rest = b""
        self._packets: list[bytes] = []
        self._pages = 0
        self._last: OggPage | None = None

    def feed(self, data: bytes) -> None:
        """Takes the bytes that follow those before."""
        self.taken_bytes += len(data)
        self._rest += data
        with suppress(DamagedError):  # what is not there yet may come
            self._take_pages()

    def stream(self) -> OpusStream:
        """All of it.

        Raises:
            DamagedError: the pages are not whole or hold no Opus stream.
        """
        self._take_pages()
        return self.saved_stream()

    def saved_stream(self) -> OpusStream:
        """What can be saved of a file that was cut off: the pages before the first that is not whole.

        Raises:
            DamagedError: not even the headers are there.
        """
        # the last packet of an incomplete page would have ended in the next
        finished = self._packets if self._last is None or self._last.complete else self._packets[:-1]
        if self._last is None or len(finished) < _HEADER_PACKETS or not finished[0].startswith(b"OpusHead"):
            raise DamagedError("the file does not begin as an Ogg Opus file")
        head, tags, *audio = finished
        preskip = int.from_bytes(head[10:12], "little")
        return OpusStream(head, tags, audio, self._last.serial, self._last.position - preskip)

    def _take_pages(self) -> None:
        file = BytesIO(self._rest)
        end = 0
        try:
            while end < len(self._rest):
                page = self._page(file)
                self._require_next(page)
                self._take(page)
                end = file.tell()
        finally:
            self._rest = self._rest[end:]

    def _page(self, file: BytesIO) -> OggPage:
        start = file.tell()
        at_byte = self.taken_bytes - len(self._rest) + start
        try:
            page = OggPage(file)
            whole = page.write() == self._rest[start : file.tell()]
        except (MutagenError, EOFError, ValueError) as error:
            raise DamagedError(f"the Ogg page at byte {at_byte} is cut off or damaged: {error}") from error
        if not whole:
            raise DamagedError(f"the Ogg page at byte {at_byte} is damaged")
        return page

    def _require_next(self, page: OggPage) -> None:
        before = self._last
        serial, continues = (before.serial, not before.complete) if before else (page.serial, False)
        if (page.serial, page.sequence, page.continued) != (serial, self._pages, continues):
            raise DamagedError(f"Ogg page {page.sequence} of stream {page.serial} does not follow: one is missing")

    def _take(self, page: OggPage) -> None:
        pieces = page.packets
        if page.continued and pieces:
            self._packets[-1] += pieces[0]
            pieces = pieces[1:]
        self._packets += pieces
        self._pages, self._last = self._pages + 1, page


def read(data: bytes) -> OpusStream:
    """Takes a whole raw segment apart.

    Raises:
        DamagedError: the pages are not whole or hold no Opus stream.
    """
    reader = PageReader()
    reader.feed(data)
    return reader.stream()


def last_packets(data: bytes, count: int) -> Sequence[bytes]:
    """The last ``count`` packets of a raw segment; none of one that is not whole, whose end may be missing."""
    try:
        return read(data).packets[-count:]
    except DamagedError:
        return ()


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
