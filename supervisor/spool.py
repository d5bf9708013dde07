"""The spool: folders on tmpfs that hold every segment between FFmpeg and its last destination.

``raw/`` is FFmpeg's, ``runs/`` says what is known of each run, ``publish/`` and ``archive/`` are the two queues (hard
links of the same files, so a file is gone when both are done with it), ``refused/`` keeps what failed its check.
The folders are the truth: everything here can be told from them alone, after a crash as well.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from supervisor.errors import Exit, UserError
from supervisor.files import write_whole
from supervisor.names import EXTENSIONS, SegmentId, parse_raw, parse_sealed
from supervisor.sealing import check
from supervisor.sealing.pair import SealedPair
from supervisor.segments import QueuedSegment, RawSegment, SealedSegment

_LIVES, _OVER = ".run", ".over"
_MOST_REFUSED = 8
_LOCK_TRIES = 5
_LOCK_PAUSE_S = 0.05


class RunRecord(BaseModel):
    """What is known of a run: its segment length, its place in time, and whether it is over.

    ``origin_boottime_s`` is when its first sample would have been captured by the present clock (see ``timeline``),
    kept up to date while it lives. ``lost`` are the samples that went by inside the run: how far it had come, how many;
    ``lost_and_sealed`` the sum of those before every segment that is still to be sealed.
    """

    model_config = ConfigDict(frozen=True)
    run: str
    boot_id: str
    sample_rate: int
    segment_samples: int
    origin_boottime_s: float | None = None
    lost: tuple[tuple[int, int], ...] = ()
    lost_and_sealed: int = 0
    over: bool = False

    def captured_boottime_s(self, sample: int) -> float | None:
        """When ``sample`` was captured: what was lost after it does not count for it. None when nothing is known."""
        if self.origin_boottime_s is None:
            return None
        lost_since = sum(samples for at_sample, samples in self.lost if at_sample > sample)
        return self.origin_boottime_s + (sample - lost_since) / self.sample_rate

    def lost_before(self, sample: int) -> int:
        """How many samples the run had lost inside itself when it came to ``sample``."""
        return self.lost_and_sealed + sum(samples for at_sample, samples in self.lost if at_sample <= sample)

    def losing(self, at_sample: int, samples: int, unsealed_from_sample: int) -> RunRecord:
        """The record with one more loss; a run may last for months: those up to ``unsealed_from_sample`` are a sum."""
        lost = (*self.lost, (at_sample, samples))
        return self.model_copy(
            update={
                "lost": tuple(one for one in lost if one[0] > unsealed_from_sample),
                "lost_and_sealed": self.lost_and_sealed + sum(n for at, n in lost if at <= unsealed_from_sample),
            }
        )


class Queue:
    """Sealed segments waiting in one folder, oldest first."""

    def __init__(self, folder: Path, qualities: tuple[str, ...]) -> None:
        self.folder = folder
        self._qualities = qualities

    def pending(self) -> list[QueuedSegment]:
        """What waits, by run and number."""
        found = sorted(filter(None, (parse_sealed(path.name) for path in self.folder.iterdir())))
        return list(filter(None, map(self._load, found)))

    def depth(self) -> int:
        """How many segments wait."""
        return sum(parse_sealed(name) is not None for name in os.listdir(self.folder))  # noqa: PTH208 - often asked

    def link(self, segment: SealedSegment, source: Path) -> None:
        """Takes the files of ``segment`` in from ``source``; its description comes last and makes it whole."""
        there, here = QueuedSegment(segment, source), QueuedSegment(segment, self.folder)
        pairs = [(there.path(quality), here.path(quality)) for quality in self._qualities]
        for old, new in (*pairs, (there.description, here.description)):
            new.unlink(missing_ok=True)
            new.hardlink_to(old)

    def done(self, queued: QueuedSegment) -> None:
        """Lets the segment go; its description goes first, so that a crash leaves no half of it."""
        queued.description.unlink(missing_ok=True)
        for quality in self._qualities:
            queued.path(quality).unlink(missing_ok=True)

    def set_aside(self, segment: SegmentId, refused: Path) -> Path:
        """Keeps the files of a damaged segment in a folder of ``refused``, and lets it go."""
        kept = refused / str(segment)
        kept.mkdir(exist_ok=True)
        for name in (f"{segment}.json", *(f"{segment}.{EXTENSIONS[quality]}" for quality in self._qualities)):
            with suppress(FileNotFoundError):
                (self.folder / name).replace(kept / name)
                # where the other queue's link to the same file is kept already, rename(2) leaves this one
                (self.folder / name).unlink(missing_ok=True)
        return kept

    def torn(self) -> list[SegmentId]:
        """Segments that are not what their description says, which only a power cut makes of them."""
        found = filter(None, (parse_sealed(path.name) for path in self.folder.iterdir()))
        return sorted(segment for segment in found if not self._is_whole(segment))

    def _is_whole(self, segment: SegmentId) -> bool:
        queued = self._load(segment)
        if queued is None:
            return False
        promised = {"hq": queued.sealed.hq.bytes, "lq": queued.sealed.lq.bytes}
        try:
            return all(queued.path(quality).stat().st_size == promised[quality] for quality in self._qualities)
        except FileNotFoundError:
            return False

    def holds_alone(self, queued: QueuedSegment) -> bool:
        """Whether a segment waits for nobody else: only then does letting it go free its bytes."""
        try:
            return all(queued.path(quality).stat().st_nlink == 1 for quality in self._qualities)
        except FileNotFoundError:  # it has just been let go
            return False

    def _load(self, segment: SegmentId) -> QueuedSegment | None:
        """None for one that has just been let go, or is torn."""
        try:
            content = (self.folder / f"{segment}.json").read_bytes()
            return QueuedSegment(SealedSegment.model_validate_json(content), self.folder)
        except (FileNotFoundError, ValidationError):
            return None


@dataclass(frozen=True)
class Folders:
    """Where things are under the root of a spool."""

    root: Path

    @property
    def raw(self) -> Path:
        """What FFmpeg writes."""
        return self.root / "raw"

    @property
    def runs(self) -> Path:
        """One record for each run that still has raw files."""
        return self.root / "runs"

    @property
    def sealing(self) -> Path:
        """Where a sealed pair is written before it enters the queues."""
        return self.root / "sealing"

    @property
    def refused(self) -> Path:
        """What failed its check."""
        return self.root / "refused"

    @property
    def publish(self) -> Path:
        """The queue of the bucket."""
        return self.root / "publish"

    @property
    def archive(self) -> Path:
        """The queue of the archive."""
        return self.root / "archive"

    @property
    def published(self) -> Path:
        """The segment that was published last, for measuring the gap to the next across a restart."""
        return self.root / "published.json"

    @property
    def losses(self) -> Path:
        """Losses that are not in the ledger yet, and what is known of those that no gap has shown yet."""
        return self.root / "losses.json"

    @property
    def alerts(self) -> Path:
        """What was told of alarms, for the next life."""
        return self.root / "alerts.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor that uses the spool."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """The last status, for when nothing answers."""
        return self.root / "status.json"


class Spool:
    """The spool at ``root``, locked against a second supervisor.

    Raises:
        UserError: the folder cannot be made or written, or another supervisor is using it.
    """

    def __init__(self, root: Path) -> None:
        self.folders = Folders(root.absolute())
        f = self.folders
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (f.raw, f.runs, f.sealing, f.refused, f.publish, f.archive):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(f.lock)
        except OSError as error:
            raise UserError(
                f"the spool folder '{root}' cannot be used: {error.strerror}",
                "Set RADIO_SPOOL_DIR to a folder on tmpfs that this user may write.",
            ) from error
        self.to_publish = Queue(f.publish, tuple(EXTENSIONS))
        self.to_archive = Queue(f.archive, ("hq",))
        self._refusing = threading.Lock()

    def close(self) -> None:
        """Gives the spool free for another supervisor."""
        self._lock.close()

    def set_aside_torn(self) -> list[Path]:
        """Takes what a power cut tore, in a spool on a real disk, out of the queues; where it is kept."""
        queues = (self.to_archive, self.to_publish)
        folders = [self.set_aside(queue, segment) for queue in queues for segment in queue.torn()]
        return list(dict.fromkeys(folders))

    def set_aside(self, queue: Queue, segment: SegmentId) -> Path:
        """Takes a damaged segment out of ``queue``; the folder with its files, for which the oldest make room."""
        with self._refusing:
            kept = queue.set_aside(segment, self.folders.refused)
            self._make_room_for_refused()
        return kept

    def write_run(self, record: RunRecord) -> None:
        """Keeps what is known of a run that lives."""
        write_whole(self.folders.runs / f"{record.run}{_LIVES}", record.model_dump_json().encode())

    def end_run(self, run: str) -> None:
        """Notes that a run is over; a rename, which a full file system allows too."""
        with suppress(FileNotFoundError):
            (self.folders.runs / f"{run}{_LIVES}").rename(self.folders.runs / f"{run}{_OVER}")

    def runs(self) -> list[RunRecord]:
        """The runs that may still have raw files, oldest first; those whose record is torn are not among them."""
        return list(filter(None, map(_read_record, self._records())))

    def take_up_unknown(self, sample_rate: int, segment_samples: int) -> list[str]:
        """Gives each run whose record a power cut tore or took a new one, and returns their names: only at a start.

        Its files tell what it captured, and roughly when; a segment that is not of that length will be refused.
        """
        there = {segment.run for segment, _ in self._raw_files()} | {path.stem for path in self._records()}
        unknown = sorted(there - {record.run for record in self.runs()})
        for run in unknown:
            self.write_run(RunRecord(run=run, boot_id="", sample_rate=sample_rate, segment_samples=segment_samples))
            self.end_run(run)
        return unknown

    def _records(self) -> list[Path]:
        paths = sorted(self.folders.runs.iterdir())
        return [path for path in paths if path.suffix in {_LIVES, _OVER} and not path.name.startswith(".")]

    def note_published(self, segment: SealedSegment) -> None:
        """Keeps which segment was published last.

        A full spool costs the exactness of one gap across a restart, never the publishing that makes room in it.
        """
        with suppress(OSError):
            write_whole(self.folders.published, segment.model_dump_json().encode())

    def last_published(self) -> SealedSegment | None:
        """The segment that was published last, in this life or the one before."""
        try:
            return SealedSegment.model_validate_json(self.folders.published.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def closed_segments(self, record: RunRecord) -> list[RawSegment]:
        """The raw segments of a run that FFmpeg has finished, oldest first.

        FFmpeg closes a file before it opens the next, so a segment is closed when there is a later one, or when its
        run is over. Its checksum may come a moment after that.
        """
        return list(_closed(record, list(self.folders.raw.iterdir())))

    def being_written(self) -> RawSegment | None:
        """The segment that FFmpeg has begun last, as far as it has come."""
        raw = self._raw_files()
        newest = max((segment for segment, stream in raw if stream == "hq"), default=None)
        if newest is None:
            return None
        hq, lq = raw.get((newest, "hq")), raw.get((newest, "lq"))
        return RawSegment(id=newest, hq=hq, lq=lq, check=None, previous_lq=None, last=False)

    def _raw_files(self) -> dict[tuple[SegmentId, str], Path]:
        """What FFmpeg wrote, by segment and stream."""
        named = ((parse_raw(path.name), path) for path in self.folders.raw.iterdir())
        return {parsed: path for parsed, path in named if parsed is not None}

    def unsealed_from_sample(self, record: RunRecord) -> int:
        """Where the oldest segment of a run begins that is still to be sealed; 0 when none is there."""
        files = self._raw_files()
        numbers = (segment.number for segment, stream in files if segment.run == record.run and stream == "hq")
        return min(numbers, default=0) * record.segment_samples

    def store_sealed(self, segment: SealedSegment, raw: RawSegment, pair: SealedPair) -> None:
        """Puts a sealed pair into both queues. Doing it again, after a crash, changes nothing.

        The FLAC file stays the one that FFmpeg wrote: it takes no more room in the spool, and none of its megabytes
        is copied. It is written by another name, so that the observer does not take it for FFmpeg's doing.
        """
        if raw.hq is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(raw.id))
        staged = QueuedSegment(segment, self.folders.sealing)
        hq, lq = staged.path("hq"), staged.path("lq")
        # an attempt that was interrupted may have linked them: to write into them is to write into a queue; the FLAC
        # file alone gets just the same bytes again
        for path in (hq, lq, staged.description):
            path.unlink(missing_ok=True)
        lq.write_bytes(pair.lq)
        staged.description.write_text(segment.model_dump_json(), encoding="utf-8")
        hq.hardlink_to(raw.hq)
        _begin_and_cut(hq, pair.hq_begins, pair.hq_bytes)
        self.to_archive.link(segment, self.folders.sealing)
        self.to_publish.link(segment, self.folders.sealing)
        for path in (staged.description, hq, lq):
            path.unlink()

    def discard_raw(self, raw: RawSegment) -> None:
        """Removes the raw files of a sealed segment; its Opus file stays until the next one has its pre-roll."""
        for path in (raw.hq, raw.check, raw.previous_lq, raw.lq if raw.last else None):
            if path is not None:
                path.unlink(missing_ok=True)

    def refuse(self, raw: RawSegment) -> Path:
        """Keeps the files of a refused segment aside and returns the folder; the oldest make room for the newest."""
        with self._refusing:
            folder = self.folders.refused / str(raw.id)
            folder.mkdir(exist_ok=True)
            for path in raw.files:
                if path == raw.lq and not raw.last:
                    (folder / path.name).unlink(missing_ok=True)
                    (folder / path.name).hardlink_to(path)
                else:
                    path.rename(folder / path.name)
            if raw.previous_lq is not None:
                raw.previous_lq.unlink(missing_ok=True)
            self._make_room_for_refused()
        return folder

    def let_go_of_oldest_refused(self) -> None:
        """Gives up the oldest files that are kept because they failed their check."""
        with self._refusing:
            for oldest in self.refused()[:1]:
                shutil.rmtree(oldest)

    def refused(self) -> list[Path]:
        """The folders of what failed its check, oldest first."""
        return sorted(self.folders.refused.iterdir())

    def _make_room_for_refused(self) -> None:
        for oldest in self.refused()[:-_MOST_REFUSED]:
            shutil.rmtree(oldest)

    def forget_run(self, record: RunRecord) -> None:
        """Removes what is left of a run that is over and sealed."""
        for path in self.folders.raw.glob(f"{record.run}.*"):
            path.unlink(missing_ok=True)
        (self.folders.runs / f"{record.run}{_OVER}").unlink(missing_ok=True)

    @property
    def fill(self) -> str:
        """Where the spool is and how much is in it, for people."""
        return f"{self.folders.root}, {self.used_bytes() / 1e6:.1f} MB in it"

    def used_bytes(self) -> int:
        """What the spool occupies; a file in both queues counts once."""
        return sum({status.st_ino: status.st_size for status in _files_below(self.folders.root)}.values())


def _files_below(folder: Path | str) -> Iterator[os.stat_result]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path)
                continue
            with suppress(FileNotFoundError):  # it has just been let go
                yield entry.stat()


def _begin_and_cut(path: Path, begins: bytes, size_bytes: int) -> None:
    """Writes the beginning of a file anew, and lets its end go."""
    with path.open("r+b", buffering=0) as file:
        file.write(begins)
        file.truncate(size_bytes)


def _read_record(path: Path) -> RunRecord | None:
    try:
        record = RunRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):  # it has just ended; or a power cut tore it
        return None
    return record.model_copy(update={"over": path.suffix == _OVER})


def _closed(record: RunRecord, paths: list[Path]) -> Iterator[RawSegment]:
    files: dict[str, dict[int, Path]] = {"hq": {}, "lq": {}, "check": {}}
    for path in paths:
        parsed = parse_raw(path.name)
        if parsed is not None and parsed[0].run == record.run:
            files[parsed[1]][parsed[0].number] = path
    hq, lq, checks = files["hq"], files["lq"], files["check"]
    newest = max((*hq, *lq, *checks), default=0)
    open_from = min(max(hq, default=0), max(lq, default=0))
    # whichever quality was behind when FFmpeg was killed decides where the run ended
    ended_from = min(max(hq, default=newest), max(lq, default=newest))
    # an older Opus file on its own is there only to give its end to the next segment
    for number in sorted({*hq, *checks, *(lq.keys() & {newest})}):
        if not record.over and (number >= open_from or not _checked(checks.get(number))):
            return
        yield RawSegment(
            id=SegmentId(record.run, number),
            hq=hq.get(number),
            lq=lq.get(number),
            check=checks.get(number),
            previous_lq=lq.get(number - 1),
            last=record.over and (number >= ended_from or not _checked(checks.get(number))),
        )


def _checked(path: Path | None) -> bool:
    return path is not None and check.read(path.read_bytes()) is not None


def is_in_use(folders: Folders) -> bool:
    """Whether a supervisor is known to use the spool now; what another user hides is not known."""
    try:
        with folders.lock.open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, PermissionError):
        return False
    except BlockingIOError:
        return True
    return False


def _lock(path: Path) -> TextIOWrapper:
    file = path.open("a+", encoding="ascii")
    if not _locked(file):
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise UserError(
            f"another radio-supervisor (process {holder}) is using the spool folder '{path.parent}'",
            "Stop it, or give this one its own RADIO_SPOOL_DIR.",
            Exit.USAGE,
        )
    with suppress(OSError):  # a full spool costs the rival's message a number, not the start
        file.truncate(0)
        os.write(file.fileno(), str(os.getpid()).encode())
    return file


def _locked(file: TextIOWrapper) -> bool:
    """Takes the lock; whoever only looks whether it is held holds it for a moment, so it is tried more than once."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False
