"""What FFmpeg is asked for, and whether the FFmpeg of this machine can do it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from ffmpeg_profiles.capabilities import FFmpegUnusableError, Need, needs, require
from ffmpeg_profiles.check import check
from ffmpeg_profiles.meters import meters
from ffmpeg_profiles.profile import Output, Source
from ffmpeg_profiles.recording import IN_SEQUENCE, frame_digests, one_flac, total_digest
from ffmpeg_profiles.renditions import renditions
from supervisor.errors import UserError
from supervisor.names import EXTENSIONS


def outputs(stem: Path, segment_s: int, sample_rate: int, meters_descriptor: int) -> list[Output]:
    """What FFmpeg writes in a run: both renditions and the check as files that begin with ``stem``, and the meters."""
    known = renditions()
    return [
        *(known[name].output(str(stem), segment_s) for name in EXTENSIONS),
        check(str(stem), segment_s, sample_rate),
        meters(meters_descriptor),
    ]


def usable_ffmpeg(source: Source, executable: str | None = None) -> str:
    """The FFmpeg to run: ``executable``, or the one on the PATH, after it was asked for everything that is needed.

    Raises:
        UserError: it is missing, too old, or was built without something; named, with what to do.
    """
    wanted = needs(source, outputs(Path("any"), segment_s=1, sample_rate=48_000, meters_descriptor=0))
    return _usable(wanted | _for_the_archive(), executable)


def archive_ffmpeg() -> str:
    """The FFmpeg on the PATH, after it was asked for what the commands of the archive need.

    Raises:
        UserError: as `usable_ffmpeg`.
    """
    return _usable(_for_the_archive())


def _for_the_archive() -> frozenset[Need]:
    return needs(IN_SEQUENCE, (one_flac("any", first=1), frame_digests(1), total_digest()))


def _usable(wanted: Iterable[Need], executable: str | None = None) -> str:
    found = executable or shutil.which("ffmpeg") or "ffmpeg"
    try:
        require(found, wanted)
    except FFmpegUnusableError as error:
        raise UserError(error.what, error.remedy) from error
    return found
