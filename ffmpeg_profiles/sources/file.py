"""A sound file, looped without end and paced in real time."""

from __future__ import annotations

from pathlib import Path

from ffmpeg_profiles.profile import Filter, Input, ProfileError, Source

SCHEME = "file"
EXAMPLE = "file:PATH"


def source(rest: str, wanted: Input) -> Source:
    """The file at ``rest``, in whatever format FFmpeg reads, resampled to the programme's rate."""
    path = _readable(rest)
    return Source(
        # the protocol is named so that a path with a colon stays a path
        url=f"file:{path.resolve()}",
        options={
            # paced as a device would be
            "re": None,
            "stream_loop": -1,
            # cover art and video are not part of the programme
            "vn": None,
        },
        filters=(Filter("aresample", (wanted.sample_rate,)),),
    )


def _readable(rest: str) -> Path:
    """The file that is meant, ``~`` being the user's home; raises ProfileError where it is none or cannot be read."""
    try:
        path = Path(rest).expanduser()
        if not path.is_file():
            raise ProfileError(f"there is no file '{rest}'")
        with path.open("rb"):
            return path
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such user's home"
        raise ProfileError(f"the file '{rest}' cannot be read: {reason}") from error
