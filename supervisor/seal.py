"""The seal stage: turns every closed raw segment of the spool into a sealed pair in both queues, or refuses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from supervisor.clock import Clock, utc
from supervisor.events import Emit, SegmentDropped, SegmentRefused, SegmentSealed, SpoolFailed
from supervisor.following import Following
from supervisor.names import SegmentId
from supervisor.sealing import opus
from supervisor.sealing.damage import DamagedError
from supervisor.sealing.pair import RawPair, SealedPair, require_rate, seal, seal_last
from supervisor.segments import RawSegment, SealedHq, SealedLq, SealedSegment
from supervisor.spool import RunRecord, Spool
from supervisor.stop import Signal
from supervisor.watch import RawWatch

_LOOK_AGAIN_S = 5.0
"""The folder is looked at this often even when no event comes: events can be lost, the folder cannot."""

_READ_BEFORE_S = 0.4
"""So long before a segment is closed what is written of it is read and proved: little is left to do then."""


class Sealer:
    """Seals in the order of capture; ``changed`` wakes it.

    ``pcm_md5`` decodes a FLAC file: needed only where FFmpeg could not finish a checksum. It raises DamagedError.
    """

    def __init__(
        self,
        spool: Spool,
        watch: RawWatch,
        changed: Signal,
        pcm_md5: Callable[[bytes], str],
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._spool = spool
        self._watch = watch
        self._changed = changed
        self._pcm_md5 = pcm_md5
        self._clock = clock
        self._emit = emit
        self._followed: Following | None = None
        self._tail: tuple[SegmentId, Sequence[bytes]] | None = None
        self._closes_at_s = 0.0

    def run(self, capturing: Callable[[], bool]) -> None:
        """Seals until ``capturing`` says that nothing more can come."""
        more = True
        while more:
            more = capturing()
            self.seal_all()
            if more:
                self._await_change()

    def seal_all(self) -> None:
        """Seals everything that is closed, and forgets the runs that are over."""
        for record in self._spool.runs():
            # in order, and no further than the first that finds no room: the next one needs its end
            if all(self._seal_one(record, raw) for raw in self._spool.closed_segments(record)) and record.over:
                self._spool.forget_run(record)

    def _await_change(self) -> None:
        """Waits, and reads what is being written: whenever nothing has changed, and just before it has to."""
        before_s = self._closes_at_s - _READ_BEFORE_S - self._clock.boottime_s()
        if self._changed.wait(min(before_s, _LOOK_AGAIN_S) if before_s > 0 else _LOOK_AGAIN_S):
            return
        written = self._spool.being_written()
        if written is not None:
            self._follow(written)

    def _follow(self, raw: RawSegment) -> Following:
        """What is known of a segment, after reading on."""
        if self._followed is None or self._followed.segment != raw.id:
            self._followed = Following(raw.id)
        self._followed.read_on(raw.hq, raw.lq)
        return self._followed

    def _seal_one(self, record: RunRecord, raw: RawSegment) -> bool:
        """Seals or refuses one segment; false when the spool has no room for it now."""
        began_s = self._clock.monotonic_s()
        first_sample = raw.id.number * record.segment_samples
        try:
            pair = self._sealed(record, raw, first_sample)
        except DamagedError as error:
            missed = 0 if raw.last else record.segment_samples
            self._emit(SegmentRefused(raw.id, str(error), self._spool.refuse(raw), missed))
            return True
        if pair is None:
            self._spool.discard_raw(raw)
            self._emit(SegmentDropped(raw.id))
            return True
        segment = self._describe(record, raw, pair, first_sample)
        try:
            self._spool.store_sealed(segment, raw, pair)
        except OSError as error:
            self._emit(SpoolFailed(raw.id, f"{error.strerror} ({self._spool.fill})"))
            return False
        self._spool.discard_raw(raw)
        self._tail = raw.id, pair.tail
        self._closes_at_s = segment.closed_boottime_s + record.segment_samples / record.sample_rate
        seal_ms = (self._clock.monotonic_s() - began_s) * 1000
        self._emit(SegmentSealed(segment, seal_ms, self._clock.boottime_s() - segment.closed_boottime_s))
        return True

    def _sealed(self, record: RunRecord, raw: RawSegment, first_sample: int) -> SealedPair | None:
        read = self._follow(raw)
        contents = RawPair(read.hq, read.lq, _read(raw.check), self._before(raw))
        require_rate(contents, record.sample_rate)
        if raw.last:
            return seal_last(contents, first_sample, record.segment_samples, partial(self._md5_of, raw))
        return seal(contents, first_sample, record.segment_samples)

    def _before(self, raw: RawSegment) -> Sequence[bytes]:
        """The last packets before a segment: still known, or read again."""
        before = SegmentId(raw.id.run, raw.id.number - 1)
        if self._tail is not None and self._tail[0] == before:
            return self._tail[1]
        return opus.last_packets(_read(raw.previous_lq), opus.PREROLL_PACKETS)

    def _md5_of(self, raw: RawSegment, hq_bytes: int) -> str:
        return self._pcm_md5(_read(raw.hq)[:hq_bytes])

    def _describe(self, record: RunRecord, raw: RawSegment, pair: SealedPair, first_sample: int) -> SealedSegment:
        now_s = self._clock.boottime_s()
        closed_s = self._watch.closed_at_s(raw.id) or now_s
        start_s = record.captured_boottime_s(first_sample)
        if start_s is None:
            # killed before anything was measured: FFmpeg wrote the end about when it was captured
            written_s = now_s - _age_s(raw.hq, self._clock.wall_s())
            start_s = written_s - pair.samples / record.sample_rate
        return SealedSegment(
            run=record.run,
            number=raw.id.number,
            first_sample=first_sample,
            samples=pair.samples,
            lost_before=record.lost_before(first_sample),
            sample_rate=record.sample_rate,
            start=utc(self._clock.wall_s() - now_s + start_s),
            start_boottime_s=start_s,
            closed_boottime_s=closed_s,
            boot_id=record.boot_id,
            hq=SealedHq(bytes=pair.hq_bytes, md5=pair.md5),
            lq=SealedLq(bytes=len(pair.lq), preroll=pair.preroll),
        )


def _age_s(path: Path | None, now_s: float) -> float:
    """How long ago, at wall time ``now_s``, a file was last written; 0 when that cannot be told."""
    try:
        return 0.0 if path is None else max(0.0, now_s - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0


def _read(path: Path | None) -> bytes:
    try:
        return b"" if path is None else path.read_bytes()
    except FileNotFoundError:  # let go with the segment before, in which the run had already ended
        return b""
