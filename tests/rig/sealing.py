"""Raw segments as bytes: sealed as the station seals them, and put into its spool as FFmpeg would have left them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from supervisor.names import SegmentId
from supervisor.sealing import flac, opus, pair
from supervisor.sealing.damage import DamagedError
from supervisor.sealing.tags import tagged
from supervisor.segments import RawSegment, SealedSegment
from supervisor.spool import Spool


@dataclass(frozen=True)
class RawFiles:
    """The contents of the files of one segment; ``previous_lq`` is empty for the first of a run."""

    hq: bytes
    lq: bytes
    check: bytes
    previous_lq: bytes

    def read(self) -> pair.RawPair:
        """All of them read at once."""
        hq, lq = flac.FrameReader(), opus.PageReader()
        hq.feed(self.hq)
        lq.feed(self.lq)
        return pair.RawPair(hq, lq, self.check, opus.last_packets(self.previous_lq, opus.PREROLL_PACKETS))


@dataclass(frozen=True)
class SealedFiles:
    """The contents of a sealed pair."""

    hq: bytes
    lq: bytes
    samples: int
    md5: str
    preroll: int


def seal(raw: RawFiles, first_sample: int, full_samples: int) -> SealedFiles:
    """A full segment."""
    return sealed_files(raw.hq, pair.seal(raw.read(), first_sample, full_samples))


def seal_last(
    raw: RawFiles, first_sample: int, full_samples: int, pcm_md5: Callable[[bytes], str]
) -> SealedFiles | None:
    """The segment in which a run ended."""
    sealed = pair.seal_last(raw.read(), first_sample, full_samples, lambda end: pcm_md5(raw.hq[:end]))
    return None if sealed is None else sealed_files(raw.hq, sealed)


def sealed_files(hq: bytes, sealed: pair.SealedPair) -> SealedFiles:
    """What becomes of the raw file ``hq``."""
    whole = sealed.hq_begins + hq[len(sealed.hq_begins) : sealed.hq_bytes]
    return SealedFiles(whole, sealed.lq, sealed.samples, sealed.md5, sealed.preroll)


def with_stream_info(hq: bytes, samples: int, md5: str) -> bytes:
    """A raw FLAC file that tells the truth about itself."""
    reader = flac.FrameReader()
    reader.feed(hq)
    begins = flac.stream_info(reader.head, samples, md5)
    return begins + hq[len(begins) :]


def with_tags(hq: bytes, tags: Mapping[str, str]) -> bytes:
    """A FLAC file with tags, as the archive writes it."""
    return b"".join(tagged(hq, tags))


def put_sealed(spool: Spool, segment: SealedSegment, files: SealedFiles) -> None:
    """Puts a sealed pair into both queues of the spool."""
    hq = spool.folders.raw / f"{segment.run}.hq.{segment.number:08d}.flac"
    hq.unlink(missing_ok=True)
    hq.write_bytes(files.hq)
    raw = RawSegment(SegmentId(segment.run, segment.number), hq, None, None, None, last=False)
    sealed = pair.SealedPair(b"", len(files.hq), files.lq, files.samples, files.md5, files.preroll, ())
    spool.store_sealed(segment, raw, sealed)
    spool.discard_raw(raw)


def frames(data: bytes) -> list[flac.Frame]:
    """All frames of a FLAC file; raises DamagedError where not everything is one."""
    reader = flac.FrameReader()
    reader.feed(data)
    reader.end()
    return reader.frames


def whole_frames(data: bytes) -> list[flac.Frame]:
    """The frames before the first that is not whole."""
    reader = flac.FrameReader()
    reader.feed(data)
    with suppress(DamagedError):
        reader.end()
    return reader.frames


def saved_stream(data: bytes) -> opus.OpusStream:
    """What can be saved of an Opus file; raises DamagedError where nothing can."""
    reader = opus.PageReader()
    reader.feed(data)
    return reader.saved_stream()
