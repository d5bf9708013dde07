"""The MD5 of a FLAC file's PCM, by decoding it: for a segment whose run ended before its check was written."""

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
    source = Source("pipe:0", {"f": "flac"})
    command = compile_command(executable, source, [Output("-", {"c:a": "pcm_s24le", "f": "md5"})])
    try:
        decoded = subprocess.run(  # noqa: S603 - our own argv
            command,
            input=flac,
            capture_output=True,
            timeout=_DECODES_WITHIN_S,
            check=True,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(str(error)) from error
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:  # by a signal: the kernel was out of memory, or somebody else ended it
            raise ChildProcessError(str(error)) from error
        raise DecodeError(str(error)) from error
    digest = re.fullmatch(rb"MD5=([0-9a-f]{32})\s*", decoded.stdout)
    if digest is None:
        raise DecodeError("FFmpeg printed no MD5")
    return digest[1].decode("ascii")
