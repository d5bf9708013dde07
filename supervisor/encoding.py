"""What FFmpeg is asked for, and whether the FFmpeg of this machine can do it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ffmpeg_profiles.capabilities import FFmpegUnusableError, needs, require
from ffmpeg_profiles.check import check
from ffmpeg_profiles.meters import meters
from ffmpeg_profiles.profile import Output, Source
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
    found = executable or shutil.which("ffmpeg") or "ffmpeg"
    try:
        require(found, needs(source, outputs(Path("any"), segment_s=1, sample_rate=48_000, meters_descriptor=0)))
    except FFmpegUnusableError as error:
        raise UserError(error.what, error.remedy) from error
    return found
