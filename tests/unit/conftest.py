"""Fixtures of the unit tests: recordings by real FFmpegs, each made once."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.unit.takes import PROGRAMS, Take, ffmpeg_program, record_noise

# how long an example takes says more about the machine than about the code
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@pytest.fixture(scope="session", params=PROGRAMS)
def ffmpeg(request: pytest.FixtureRequest) -> str:
    """Each FFmpeg that can be had here."""
    return ffmpeg_program(request.param)


@pytest.fixture(scope="session", params=[1, 2, 3], ids=["1s", "2s", "3s"])
def take(ffmpeg: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Take:
    """A recording by each FFmpeg for several lengths of segment."""
    segment_s: int = request.param
    return record_noise(ffmpeg, segment_s, tmp_path_factory.mktemp("take"))


@pytest.fixture(scope="session")
def short_take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """A recording in segments of one second by the FFmpeg on PATH."""
    return record_noise(ffmpeg_program("system"), 1, tmp_path_factory.mktemp("short-take"))
