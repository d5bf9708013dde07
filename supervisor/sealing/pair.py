"""A raw pair becomes a publishable one, or is refused: counts and checksum must agree in all three files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from supervisor.sealing import check, flac, opus
from supervisor.sealing.damage import DamagedError


@dataclass(frozen=True)
class RawPair:
    """The contents of the files of one segment; ``previous_lq`` is empty for the first of a run."""

    hq: bytes
    lq: bytes
    check: bytes
    previous_lq: bytes


@dataclass(frozen=True)
class SealedPair:
    """The publishable files: ``md5`` is of the PCM, ``preroll`` the samples in front of the Opus file's own."""

    hq: bytes
    lq: bytes
    samples: int
    md5: str
    preroll: int


def require_rate(raw: RawPair, sample_rate: int) -> None:
    """Makes sure that FFmpeg captured at the rate that it was asked for; a file that is cut off before it says so may.

    Raises:
        DamagedError: it did not.
    """
    told = flac.sample_rate_told(raw.hq)
    if told not in {None, sample_rate}:
        raise DamagedError(f"it was captured at {told} Hz, not at {sample_rate}")


def seal(raw: RawPair, first_sample: int, full_samples: int) -> SealedPair:
    """Seals the full segment that begins at ``first_sample`` of its run.

    Raises:
        DamagedError: a file is cut off or damaged, or the three do not tell the same number of samples.
    """
    samples = flac.count_samples(raw.hq)
    captured = check.read(raw.check)
    if captured is None:
        raise DamagedError("FFmpeg ended before it wrote the segment's checksum")
    stream = opus.read(raw.lq)
    counts = {"full": full_samples, "check": captured.samples, "hq": samples, "lq": stream.samples_from(first_sample)}
    if len(set(counts.values())) != 1 or captured.first_sample != first_sample:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DamagedError(f"the number of samples is wrong: {told}")
    return _sealed(raw.hq, captured.md5, stream, samples, raw.previous_lq)


def seal_last(raw: RawPair, first_sample: int, full_samples: int, pcm_md5: Callable[[bytes], str]) -> SealedPair | None:
    """Seals the segment in which a run ended, however it ended; None when there is no sample of it.

    It is cut where both qualities are whole: at the end of a FLAC frame, which is the end of an Opus packet too. When
    FFmpeg left no checksum of just that, it is taken with ``pcm_md5`` from the FLAC frames, whose CRCs are right.

    Raises:
        DamagedError: what is there cannot be decoded.
    """
    frames = flac.whole_frames(raw.hq)
    stream = _readable(raw.lq)
    if stream is None or not frames:
        return None
    reach = min(full_samples, stream.end - first_sample, len(stream.packets) * opus.PACKET_SAMPLES)
    samples = end = 0
    for frame in frames:
        if samples + frame.samples > reach:
            break
        samples, end = samples + frame.samples, frame.end
    if samples == 0:
        return None
    hq = raw.hq[:end]
    captured = check.read(raw.check)
    known = captured is not None and (captured.first_sample, captured.samples) == (first_sample, samples)
    md5 = captured.md5 if captured is not None and known else pcm_md5(hq)
    return _sealed(hq, md5, stream.cut(samples), samples, raw.previous_lq)


def _sealed(hq: bytes, md5: str, stream: opus.OpusStream, samples: int, previous_lq: bytes) -> SealedPair:
    before = opus.last_packets(previous_lq, opus.PREROLL_PACKETS)
    return SealedPair(
        hq=flac.with_stream_info(hq, samples, md5),
        lq=opus.sealed(stream, samples, before),
        samples=samples,
        md5=md5,
        preroll=len(before) * opus.PACKET_SAMPLES,
    )


def _readable(lq: bytes) -> opus.OpusStream | None:
    """The whole pages of a raw Opus file; None when it is missing or not even its headers are there."""
    try:
        return opus.read_whole(lq)
    except DamagedError:
        return None
