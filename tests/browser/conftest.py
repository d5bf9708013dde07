"""Real browsers with a sound card to play on, and a station to listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.rig.audio import programme, write_wav
from tests.rig.ear import Ear
from tests.rig.firefox import FirefoxTab, firefox
from tests.rig.radio import Radio, on_air
from tests.rig.web_bucket import WebBucket, web_bucket


@pytest.fixture
def ear(page: Page) -> Ear[Page]:
    """Somebody at that tab, with a recorder."""
    return Ear(page)


@pytest.fixture
def firefox_ear(loudspeakers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ear[FirefoxTab]]:
    """Somebody at Debian's Firefox, with a recorder."""
    with firefox(tmp_path_factory.mktemp("firefox"), loudspeakers) as tab:
        yield Ear(tab)


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of noise as 24-bit PCM: no two samples of it can be mistaken for each other."""
    path = tmp_path_factory.mktemp("noise") / "noise.wav"
    write_wav(path, programme(31, 2, seed=5) // 4)
    return path


Station = Callable[[int], tuple[Radio, WebBucket]]


@contextmanager
def broadcasting(folder: Path, noise: Path, segment_s: int) -> Iterator[tuple[Radio, WebBucket]]:
    """A real supervisor on air, with segments of so many seconds, and its bucket."""
    settings = {
        "RADIO_STORE": f"dir:{folder / 'bucket'}",
        "RADIO_SOURCE": f"file:{noise}",
        "RADIO_SEGMENT_SECONDS": str(segment_s),
        "RADIO_SPOOL_DIR": str(folder / "spool"),
        "RADIO_STATION": "night-shift",
    }
    with on_air(folder, settings) as radio, web_bucket(folder / "bucket") as bucket:
        radio.published(2, 30)
        yield radio, bucket


@pytest.fixture
def station(tmp_path: Path, noise: Path) -> Iterator[Station]:
    """Puts a station on air when it is called."""
    with ExitStack() as until_the_end:
        yield lambda segment_s: until_the_end.enter_context(broadcasting(tmp_path, noise, segment_s))


@pytest.fixture(scope="module")
def lasting_station(tmp_path_factory: pytest.TempPathFactory, noise: Path) -> Iterator[tuple[Radio, WebBucket]]:
    """A station with segments of 2 s, for tests that leave it as it is."""
    with broadcasting(tmp_path_factory.mktemp("station"), noise, 2) as station:
        yield station
