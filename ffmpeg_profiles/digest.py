"""What FFmpeg's decoders make of a segment: the MD5 of a FLAC file's PCM, the number of an Opus file's samples."""

from __future__ import annotations

import re
import subprocess

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.profile import Output, Source

_DECODES_WITHIN_S = 20


class DecodeError(Exception):
    """FFmpeg could not decode the file; the message is its own."""


def pcm_md5(executable: str, flac: bytes) -> str:
    """The MD5 of the decoded PCM as 24 bit little-endian.

    Raises:
        DecodeError: FFmpeg says that it cannot be decoded.
        OSError: FFmpeg could not be started, did not come to an end or was killed, which says nothing about the file.
    """
    printed = _decoded(executable, "flac", flac, {"c:a": "pcm_s24le", "f": "md5"})
    digest = re.fullmatch(rb"MD5=([0-9a-f]{32})\s*", printed)
    if digest is None:
        raise DecodeError("FFmpeg printed no MD5")
    return digest[1].decode("ascii")


def opus_samples(executable: str, ogg: bytes) -> int:
    """How many samples come out of an Ogg Opus file, at 48 kHz.

    Raises:
        DecodeError: FFmpeg says that it cannot be decoded.
        OSError: FFmpeg could not be started, did not come to an end or was killed, which says nothing about the file.
    """
    printed = _decoded(executable, "ogg", ogg, {"c:a": "pcm_s16le", "f": "framemd5"})
    durations = re.findall(rb"^0,(?:[^,]*,){2}\s*(\d+),", printed, re.MULTILINE)
    return sum(map(int, durations))


def _decoded(executable: str, form: str, content: bytes, output: dict[str, str]) -> bytes:
    """What FFmpeg prints of a file; damage in it is an error, not something to be concealed."""
    command = compile_command(executable, Source("pipe:0", {"f": form}), [Output("-", output)])
    try:
        return subprocess.run(  # noqa: S603 - our own argv
            command,
            input=content,
            capture_output=True,
            timeout=_DECODES_WITHIN_S,
            check=True,
            env=child_environment(),
        ).stdout
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(str(error)) from error
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:  # by a signal: the kernel was out of memory, or somebody else ended it
            raise ChildProcessError(str(error)) from error
        raise DecodeError(str(error)) from error
