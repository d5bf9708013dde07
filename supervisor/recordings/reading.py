"""FFmpeg over files of the archive: at the lowest priority, gone at once when it is asked to stop."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.profile import Output
from ffmpeg_profiles.recording import IN_SEQUENCE, Digests, read_digests, sequence
from supervisor.stop import Stop

_CHUNK_BYTES = 65_536
_LAST_WORDS_BYTES = 500


class StoppedError(Exception):
    """It was asked to stop before it had finished."""


class FFmpegFailedError(Exception):
    """FFmpeg could not do it; the message is its own last line."""


@dataclass(frozen=True)
class Reader:
    """Reads files of the archive as one programme; ends with StoppedError when ``stop`` is requested."""

    ffmpeg: str
    stop: Stop

    def read(self, paths: Sequence[Path], outputs: Sequence[Output]) -> Digests:
        """Reads ``paths`` one after the other into ``outputs``; what it printed of their PCM.

        Raises:
            FFmpegFailedError: its exit code was not 0.
            StoppedError: it was killed because a stop was requested.
        """
        command = [*_modestly(), *compile_command(self.ffmpeg, IN_SEQUENCE, outputs)]
        listed = sequence(str(path.absolute()) for path in paths)
        with _in_memory(listed) as playlist, _in_memory(b"") as words:
            child = subprocess.Popen(  # noqa: S603 - our own argv
                command,
                stdin=playlist,
                stdout=subprocess.PIPE,
                stderr=words,
                env=child_environment(),
                process_group=0,
            )
            try:
                printed = self._printed(child)
                exit_code = child.wait()
            finally:
                _end(child)
            if exit_code != 0:
                raise FFmpegFailedError(f"FFmpeg's exit code is {exit_code}: {_last_line(words)}")
        return read_digests(printed)

    def _printed(self, child: subprocess.Popen[bytes]) -> bytes:
        """All that it prints, until it closes its output."""
        if child.stdout is None:
            raise ValueError("its output is not a pipe")
        printed = bytearray()
        with child.stdout as pipe, selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            waiting.register(self.stop.descriptor, selectors.EVENT_READ)
            while True:
                waiting.select()
                if self.stop.is_requested():
                    raise StoppedError
                chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
                if not chunk:
                    return bytes(printed)
                printed += chunk


def _modestly() -> list[str]:
    """Programs that start another so that it dies with us and gets what nobody else wants, as far as they are there.

    ``nice`` counts from where the supervisor is, which may be above all others: 39 leads to the lowest from anywhere.
    """
    wanted = (("setpriv", "--pdeathsig", "KILL"), ("nice", "-n", "39"), ("ionice", "-t", "-c", "3"))
    return [word for program in wanted if shutil.which(program[0]) for word in program]


@contextmanager
def _in_memory(content: bytes) -> Iterator[IO[bytes]]:
    """A file on no disk: FFmpeg never waits for us to read or write it."""
    with os.fdopen(os.memfd_create("radio-supervisor"), "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_line(words: IO[bytes]) -> str:
    words.seek(0)
    lines = words.read()[-_LAST_WORDS_BYTES:].decode(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
