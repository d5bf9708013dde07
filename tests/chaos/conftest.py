"""One station for many faults, as one station lives through months of them; it is made anew when it fails."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.chaos.stage import Stage, staged
from tests.rig.parts import need
from tests.rig.s3 import S3Server


class Theatre:
    """Gives a stage that is on air; the same one for as long as nothing is wrong with it."""

    def __init__(self, server: S3Server, *, own_clock: bool) -> None:
        self._server = server
        self._own_clock = own_clock
        self._open = ExitStack()
        self._stage: Stage | None = None

    @contextmanager
    def on_air(self) -> Iterator[Stage]:
        """The stage; whatever is raised in the block closes it."""
        try:
            if self._stage is None:
                self._stage = self._open.enter_context(staged(self._folder(), self._server, own_clock=self._own_clock))
                self._stage.start()
                self._stage.radio.published(3, within_s=20)
            yield self._stage
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the stage, if there is one."""
        self._stage = None
        self._open.close()

    def _folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="radio-chaos-", dir="/dev/shm"))
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder


def _theatre(server: S3Server, *, own_clock: bool) -> Iterator[Theatre]:
    need("flac", "ffmpeg", "pulseaudio", "mount")
    theatre = Theatre(server, own_clock=own_clock)
    try:
        yield theatre
    finally:
        theatre.close()


@pytest.fixture(scope="module")
def theatre(s3_server: S3Server) -> Iterator[Theatre]:
    """A station that lives by the machine's clock."""
    yield from _theatre(s3_server, own_clock=False)


@pytest.fixture(scope="module")
def theatre_of_time(s3_server: S3Server) -> Iterator[Theatre]:
    """A station with a wall clock of its own."""
    yield from _theatre(s3_server, own_clock=True)
