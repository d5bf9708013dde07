"""A raw pair becomes a publishable one, or is refused: counts and checksum must agree in all three files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from supervisor.sealing import check, flac, opus
from supervisor.sealing.damage import DamagedError


@dataclass(frozen=True)
class RawPair:
    """One segment as FFmpeg wrote it: both files read, and the content of the framemd5 file.

    ``before`` are the last Opus packets of the segment before it in the run, none for the first.
    """

    hq: flac.FrameReader
    lq: opus.PageReader
    check: bytes
    before: Sequence[bytes]


@dataclass(frozen=True)
class SealedPair:
    """What makes a raw pair publishable.

    The FLAC file is FFmpeg's own, with ``hq_begins`` in place of its first bytes and cut to ``hq_bytes``; ``lq`` is a
    whole new file. ``md5`` is of the PCM, ``preroll`` the samples in front of the Opus file's own, and ``tail`` are
    the packets that are to be in front of the next one's.
    """

    hq_begins: bytes
    hq_bytes: int
    lq: bytes
    samples: int
    md5: str
    preroll: int
    tail: Sequence[bytes]


def require_rate(raw: RawPair, sample_rate: int) -> None:
    """Makes sure that FFmpeg captured at the rate that it was asked for; a file that is cut off before it says so may.

    Raises:
        DamagedError: it did not.
    """
    told = raw.hq.sample_rate
    if told not in {None, sample_rate}:
        raise DamagedError(f"it was captured at {told} Hz, not at {sample_rate}")


def seal(raw: RawPair, first_sample: int, full_samples: int) -> SealedPair:
    """Seals the full segment that begins at ``first_sample`` of its run.

    Raises:
        DamagedError: a file is cut off or damaged, or the three do not tell the same number of samples.
    """
    raw.hq.end()
    samples = raw.hq.samples
    captured = check.read(raw.check)
    if captured is None:
        raise DamagedError("FFmpeg ended before it wrote the segment's checksum")
    stream = raw.lq.stream()
    counts = {"full": full_samples, "check": captured.samples, "hq": samples, "lq": stream.samples_from(first_sample)}
    if len(set(counts.values())) != 1 or captured.first_sample != first_sample:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DamagedError(f"the number of samples is wrong: {told}")
    return _sealed(raw.hq.head, raw.hq.taken_bytes, captured.md5, stream, samples, raw.before)


def seal_last(raw: RawPair, first_sample: int, full_samples: int, pcm_md5: Callable[[int], str]) -> SealedPair | None:
    """Seals the segment in which a run ended, however it ended; None when there is no sample of it.

    It is cut where both qualities are whole: at the end of a FLAC frame, which is the end of an Opus packet too. When
    FFmpeg left no checksum of just that, it is taken with ``pcm_md5`` from the FLAC file up to a number of bytes:
    from frames whose CRCs are right.

    Raises:
        DamagedError: what is there cannot be decoded.
    """
    with suppress(DamagedError):
        raw.hq.end()
    stream = _readable(raw.lq)
    if stream is None:
        return None
    reach = min(full_samples, stream.end - first_sample, len(stream.packets) * opus.PACKET_SAMPLES)
    samples = end = 0
    for frame in raw.hq.frames:
        if samples + frame.samples > reach:
            break
        samples, end = samples + frame.samples, frame.end
    if samples == 0:
        return None
    captured = check.read(raw.check)
    known = captured is not None and (captured.first_sample, captured.samples) == (first_sample, samples)
    md5 = captured.md5 if captured is not None and known else pcm_md5(end)
    return _sealed(raw.hq.head, end, md5, stream.cut(samples), samples, raw.before)


def _sealed(
    head: bytes, hq_bytes: int, md5: str, stream: opus.OpusStream, samples: int, before: Sequence[bytes]
) -> SealedPair:
    return SealedPair(
        hq_begins=flac.stream_info(head, samples, md5),
        hq_bytes=hq_bytes,
        lq=opus.sealed(stream, samples, before),
        samples=samples,
        md5=md5,
        preroll=len(before) * opus.PACKET_SAMPLES,
        tail=stream.packets[-opus.PREROLL_PACKETS :],
    )


def _readable(lq: opus.PageReader) -> opus.OpusStream | None:
    """The whole pages of a raw Opus file; None when it is missing or not even its headers are there."""
    try:
        return lq.saved_stream()
    except DamagedError:
        return None
