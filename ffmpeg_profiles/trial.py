"""Whether a source that can be tried without taking it from anybody gives sound: its first moment, decoded."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.profile import Output, ProfileError, Source

_MOMENT_S = 0.1
_WITHIN_S = 20
_PACING = frozenset({"re", "stream_loop"})
_PREFIXES = re.compile(r"^(\[[^\]]*\] ?)+")


def require_sound(executable: str, source: Source) -> None:
    """Makes sure that ``source`` can be decoded.

    Raises:
        ProfileError: it cannot; the message is FFmpeg's last.
        OSError: FFmpeg could not be started, or took longer than a file can take.
    """
    options = {name: value for name, value in source.options.items() if name not in _PACING}
    once = Output("-", {"t": _MOMENT_S, "f": "null"})
    command = compile_command(executable, replace(source, options=options), [once])
    try:
        tried = subprocess.run(  # noqa: S603 - our own argv
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN_S,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"FFmpeg got no sound out of it within {_WITHIN_S} s") from error
    if tried.returncode != 0:
        raise ProfileError(_last_words(tried.stderr) or f"FFmpeg ended with {tried.returncode}")


def _last_words(log: bytes) -> str:
    lines = log.decode(errors="replace").strip().splitlines()
    return _PREFIXES.sub("", lines[-1]).rstrip(".") if lines else ""
