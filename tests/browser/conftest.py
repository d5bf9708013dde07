"""Real browsers with a sound card to play on, and a station to listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.rig import browsers
from tests.rig.audio import programme, write_wav
from tests.rig.browsers import speakers
from tests.rig.ear import Ear
from tests.rig.firefox import FirefoxTab, firefox
from tests.rig.parts import need
from tests.rig.radio import Radio, on_air
from tests.rig.web_bucket import WebBucket, web_bucket


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a browser that is to be heard."""
    with speakers(tmp_path_factory.mktemp("pulse")) as environment:
        yield environment


@pytest.fixture(scope="session")
def chromium(sound: dict[str, str]) -> Iterator[Browser]:
    """Debian's Chromium."""
    with browsers.chromium(sound) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh profile's tab."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def ear(page: Page) -> Ear[Page]:
    """Somebody at that tab, with a recorder."""
    return Ear(page)


@pytest.fixture
def firefox_ear(sound: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ear[FirefoxTab]]:
    """Somebody at Debian's Firefox, with a recorder."""
    need("firefox-esr")
    with firefox(tmp_path_factory.mktemp("firefox"), sound) as tab:
        yield Ear(tab)


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of noise as 24-bit PCM: no two samples of it can be mistaken for each other."""
    path = tmp_path_factory.mktemp("noise") / "noise.wav"
    write_wav(path, programme(31, 2, seed=5) // 4)
    return path


Station = Callable[[int], tuple[Radio, WebBucket]]


@pytest.fixture
def station(tmp_path: Path, noise: Path) -> Iterator[Station]:
    """Puts a real supervisor on air, with segments of so many seconds, and serves its bucket."""
    with ExitStack() as until_the_end:

        def start(segment_s: int) -> tuple[Radio, WebBucket]:
            settings = {
                "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
                "RADIO_SOURCE": f"file:{noise}",
                "RADIO_SEGMENT_SECONDS": str(segment_s),
                "RADIO_SPOOL_DIR": str(tmp_path / "spool"),
                "RADIO_STATION": "night-shift",
            }
            radio = until_the_end.enter_context(on_air(tmp_path, settings))
            bucket = until_the_end.enter_context(web_bucket(tmp_path / "bucket"))
            radio.published(2, 30)
            return radio, bucket

        yield start
