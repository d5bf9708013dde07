"""Checking an archive: every file against its own MD5, and the timeline for what is missing or there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ffmpeg_profiles.recording import frame_digests, total_digest
from supervisor.recordings.catalogue import Catalogue, Recorded
from supervisor.recordings.coverage import Gap, Overlap, gaps, overlaps
from supervisor.recordings.join import require_readable
from supervisor.recordings.reading import FFmpegFailedError, Reader

_FRAME_S = 10


@dataclass(frozen=True)
class Report:
    """What was found: ``damaged`` has a path and why for each file that is not what it says."""

    files: int
    seconds: float
    damaged: tuple[tuple[Path, str], ...]
    gaps: tuple[Gap, ...]
    overlaps: tuple[Overlap, ...]

    @property
    def is_fine(self) -> bool:
        """Whether every sample from the first to the last is there once, as it was captured."""
        return not (self.damaged or self.gaps or self.overlaps)


def verify(catalogue: Catalogue, reader: Reader, checked: Callable[[Recorded], None]) -> Report:
    """Decodes every file of the catalogue; ``checked`` is called after each.

    Raises:
        OSError: FFmpeg cannot be started.
    """
    damaged = [*catalogue.problems]
    for file in catalogue.files:
        damaged += [(file.path, why) for why in _problems(file, reader)]
        checked(file)
    return Report(
        files=len(catalogue.files) + len(catalogue.problems),
        seconds=sum(file.seconds for file in catalogue.files),
        damaged=tuple(damaged),
        gaps=tuple(gaps(catalogue.files)),
        overlaps=tuple(overlaps(catalogue.files)),
    )


def _problems(file: Recorded, reader: Reader) -> Iterable[str]:
    wanted = [frame_digests(_FRAME_S * file.place.sample_rate), total_digest()]
    try:
        require_readable(file.path)
    except FileNotFoundError:  # joined or pruned since it was listed
        return
    except OSError as error:
        yield f"it cannot be read: {error.strerror}"
        return
    try:
        heard = reader.read([file.path], wanted)
    except FFmpegFailedError as error:
        yield f"it cannot be decoded: {error}"
        return
    if heard.samples != file.place.samples:
        yield f"it holds {heard.samples} samples, its head says {file.place.samples}"
    if heard.total_md5 != file.md5:
        yield f"the MD5 of its PCM is {heard.total_md5}, its head says {file.md5}"
