"""Runs one FFmpeg child: starts it, reads its meters and its log, restarts it when it is gone."""

from __future__ import annotations

import errno
import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ffmpeg_profiles.profile import DeviceAbsentError
from supervisor.backoff import Backoff
from supervisor.clock import Clock, boot_id, utc
from supervisor.events import CaptureEnded, CaptureStarted, Cause, Emit, FFmpegSaid, InputLost, Overrun
from supervisor.ffmpeg_log import FFmpegLog, cause_of
from supervisor.meters import Measurement, Meters, levels
from supervisor.names import run_name
from supervisor.restarts import Restarts
from supervisor.spool import RunRecord, Spool
from supervisor.stop import Stop
from supervisor.timeline import Timeline

STALLED_AFTER_S = 3.0
"""A child that measures nothing for so long is hanging, or its device is."""

_GATHER_S = 0.45
"""After something came, so much more is let come before it is read: five measurements, twice a second.

Waking for each of FFmpeg's single lines costs more than all the rest of the supervisor. The moment at which the first
of them came is kept exactly, and no peak is lost. The child's end is noticed at once.
"""

_HUNG = f"nothing was captured for {STALLED_AFTER_S:g} s"
_ORIGIN_MOVED_S = 0.001
_NOTED_EVERY_S = 5
_CLOSING_S = 8.0
_CLOCKS_AGREE_S = 5.0
"""A device's timestamps that differ more from the time of their arrival are of a clock that was stepped just now."""
_CHUNK_BYTES = 65_536

CommandFor = Callable[[Path, int], Sequence[str]]
"""Gives the argv for a run: its files begin with the path, its meters go to the descriptor."""


@dataclass(frozen=True)
class Format:
    """What a run captures: samples a second, samples in a full segment, and whether a device says when."""

    sample_rate: int
    segment_samples: int
    device: bool


class Capture:
    """One FFmpeg child after another until asked to stop.

    ``environment`` is the child's whole environment: no secret of the supervisor's is in it. ``newest_run`` is the
    newest that earlier lives have named: what comes is named after it.
    """

    def __init__(
        self,
        command_for: CommandFor,
        audio: Format,
        environment: dict[str, str],
        spool: Spool,
        clock: Clock,
        emit: Emit,
        backoff: Backoff | None = None,
        newest_run: str = "",
    ) -> None:
        self._command_for = command_for
        self._audio = audio
        self._environment = environment
        self._spool = spool
        self._clock = clock
        self._emit = emit
        self._backoff = backoff or Backoff(first_s=0.5, most_s=30.0)
        self._newest_run = newest_run

    def run(self, stop: Stop) -> None:
        """Captures until ``stop`` is requested; a child that ends early is replaced, at once the first time."""
        restarts = Restarts()
        while not stop.is_requested():
            began_s = self._clock.monotonic_s()
            ended = self._run_once(stop)
            restarts = restarts.after(self._clock.monotonic_s() - began_s)
            if stop.is_requested():
                ended = replace(ended, cause=Cause.STOPPED)
            else:
                ended = replace(ended, retry_in_s=restarts.pause_s(ended.cause, self._backoff))
            self._emit(ended)
            stop.wait(ended.retry_in_s)

    def _run_once(self, stop: Stop) -> CaptureEnded:
        record = RunRecord(
            run=self._new_run_name(),
            boot_id=boot_id(),
            sample_rate=self._audio.sample_rate,
            segment_samples=self._audio.segment_samples,
        )
        try:
            # known before FFmpeg exists: whatever it writes will be found, also after a crash
            self._spool.write_run(record)
            code, reason = self._live(record, stop)
            cause = cause_of(reason)
            where = f" ({self._spool.fill})" if cause is Cause.SPOOL_FULL else ""
            ended = CaptureEnded(record.run, code, cause, reason + where, hung=reason == _HUNG)
        except DeviceAbsentError as error:
            ended = CaptureEnded(record.run, None, Cause.DEVICE_LOST, str(error))
        except OSError as error:
            cause = Cause.SPOOL_FULL if error.errno == errno.ENOSPC else Cause.RESTART
            ended = CaptureEnded(record.run, None, cause, f"FFmpeg could not be started: {error.strerror}")
        self._spool.end_run(record.run)
        return ended

    def _live(self, record: RunRecord, stop: Stop) -> tuple[int, str]:
        """One child from exec to its exit code."""
        meters_out, meters_in = os.pipe()
        log_out, log_in = os.pipe()
        with os.fdopen(meters_out, "rb"), os.fdopen(log_out, "rb"):
            try:
                command = tuple(self._command_for(self._spool.folders.raw / record.run, meters_in))
                child = subprocess.Popen(  # noqa: S603 - our own argv
                    [*die_with_parent(), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log_in,
                    pass_fds=(meters_in,),
                    env=self._environment,
                    process_group=0,
                )
            finally:
                os.close(meters_in)
                os.close(log_in)
            self._emit(CaptureStarted(record.run, child.pid, command))
            pipes = (meters_out, log_out)
            watched = _Watched(child.pid, pipes, record, self._audio, self._spool, self._clock, self._emit)
            reason = watched.until_it_ends(stop)
            code = child.wait()
            return code, reason or watched.last_words(code)

    def _new_run_name(self) -> str:
        known = [self._newest_run, *(record.run for record in self._spool.runs())]
        self._newest_run = run_name(utc(self._clock.wall_s()), newest=max(known))
        return self._newest_run


class _Watched:
    """One child from its start to its end: everything that it says is read here, in one place."""

    def __init__(
        self,
        child_pid: int,
        pipes: tuple[int, int],
        record: RunRecord,
        audio: Format,
        spool: Spool,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._record = record
        self._child_pid = child_pid
        self._meters_pipe, self._log_pipe = pipes
        self._spool = spool
        self._clock = clock
        self._emit = emit
        self._timeline = Timeline(record.sample_rate)
        self._meters = Meters(record.sample_rate)
        self._device = audio.device
        self._noted_sample = 0
        self._log = FFmpegLog()
        self._alive_at_s = clock.monotonic_s()
        self._woken_s = clock.boottime_s()

    def until_it_ends(self, stop: Stop) -> str:
        """Reads until the child has closed both pipes; says why it ended, if that was our doing."""
        readers = {self._meters_pipe: self._read_meters, self._log_pipe: self._read_log}
        reason = ""
        asked_at_s: float | None = None
        with selectors.DefaultSelector() as selector, _either(self._child_pid, stop) as ended_or_asked:
            for descriptor in (*readers, stop.descriptor):
                selector.register(descriptor, selectors.EVENT_READ)
            while readers:
                ready = [key.fd for key, _ in selector.select(timeout=0.5)]
                self._woken_s = self._clock.boottime_s()
                if ready and asked_at_s is None and self._record.origin_boottime_s is not None:
                    ended_or_asked.select(timeout=_GATHER_S)
                for descriptor in ready:
                    if descriptor == stop.descriptor:
                        selector.unregister(descriptor)
                        asked_at_s, reason = self._clock.monotonic_s(), "stopped"
                        self._signal(signal.SIGINT)
                    elif not readers[descriptor](os.read(descriptor, _CHUNK_BYTES)):
                        selector.unregister(descriptor)
                        del readers[descriptor]
                now_s = self._clock.monotonic_s()
                if asked_at_s is not None and now_s - asked_at_s > _CLOSING_S:
                    self._signal(signal.SIGKILL)
                elif asked_at_s is None and now_s - self._alive_at_s > STALLED_AFTER_S:
                    reason = _HUNG
                    self._signal(signal.SIGKILL)
        return reason

    def last_words(self, exit_code: int) -> str:
        """Why it ended, as far as it told."""
        return self._log.reason(exit_code, self._clock.monotonic_s())

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child_pid, number)

    def _read_meters(self, data: bytes) -> bool:
        """Takes meter lines; false at the end of the pipe."""
        measurements = self._meters.feed(data, self._woken_s, self._clock.boottime_s())
        if measurements:
            self._alive_at_s = self._clock.monotonic_s()
            self._follow(measurements)
            self._emit(replace(levels(measurements), drift_ppm=self._timeline.drift_ppm))
            self._note_origin(measurements[-1].end_sample)
        return bool(data)

    def _follow(self, measurements: Sequence[Measurement]) -> None:
        """Keeps the timeline, and what the device lost on the way."""
        if not self._device:
            self._timeline.measured([(measurements[0].end_sample, measurements[0].arrival_s)])
            return
        ahead_s = self._clock.wall_s() - self._clock.boottime_s()
        told = [(m.first_sample, m.source_s - ahead_s, m.arrival_s) for m in measurements]
        agreeing = [(sample, at_s) for sample, at_s, arrival_s in told if abs(arrival_s - at_s) < _CLOCKS_AGREE_S]
        lost = self._timeline.measured(agreeing)
        if lost is not None:
            unsealed_from_sample = self._spool.unsealed_from_sample(self._record)
            self._record = self._record.losing(lost.at_sample, lost.samples, unsealed_from_sample)
            self._emit(InputLost(self._record.run, lost.at_sample, lost.samples))

    def _note_origin(self, at_sample: int) -> None:
        """Keeps the run's place in time on disk, when it has moved or a while has passed."""
        origin_s, noted_s = self._timeline.origin_s, self._record.origin_boottime_s
        moved = origin_s is not None and (noted_s is None or abs(origin_s - noted_s) > _ORIGIN_MOVED_S)
        if moved or at_sample - self._noted_sample >= _NOTED_EVERY_S * self._record.sample_rate:
            self._noted_sample = at_sample
            self._record = self._record.model_copy(update={"origin_boottime_s": origin_s})
            with suppress(OSError):  # a full spool costs precision, not the run
                self._spool.write_run(self._record)

    def _read_log(self, data: bytes) -> bool:
        """Takes lines of FFmpeg's log; false at the end of the pipe."""
        for said in self._log.feed(data, self._clock.monotonic_s()):
            if "ALSA buffer xrun" in said.text:
                self._timeline.overrun()
                self._emit(Overrun(self._record.run))
            else:
                self._emit(FFmpegSaid(said.level, said.text))
        return bool(data)


@contextmanager
def _either(child_pid: int, stop: Stop) -> Iterator[selectors.BaseSelector]:
    """Readable as soon as the child has ended or ``stop`` is requested."""
    with selectors.DefaultSelector() as selector, os.fdopen(os.pidfd_open(child_pid)) as child:
        selector.register(child, selectors.EVENT_READ)
        selector.register(stop.descriptor, selectors.EVENT_READ)
        yield selector


def die_with_parent(parent: int | None = None) -> list[str]:
    """What goes before a command so that the kernel asks it to end (SIGINT) when the supervisor is killed.

    A parent that died before the kernel was told (prctl(2)) is noticed after that; then nothing is begun.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    begin_if_parent_lives = 'test "$PPID" -eq "$0" && exec "$@"'
    return [setpriv, "--pdeathsig", "INT", "--", "/bin/sh", "-c", begin_if_parent_lives, str(parent or os.getpid())]
