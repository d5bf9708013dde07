"""Slow and quick lines: how soon there is sound, which quality it comes in, and how little is asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page

from tests.rig.browsers import Line, throttle
from tests.rig.ear import Ear
from tests.rig.web_bucket import WebBucket, web_bucket

if TYPE_CHECKING:
    from tests.browser.conftest import Station

LISTENED_S = 60


# Noise needs 2.0 Mbit/s in HQ.
CARRIES = {Line(1.5, 150): "lq", Line(5, 60): "hq", Line(20, 40): "hq"}


@contextmanager
def listener(browser: Browser, bucket: WebBucket, line: Line) -> Iterator[Ear[Page]]:
    """Somebody of their own profile, with the page open, on this line."""
    context = browser.new_context()
    ear = Ear(context.new_page())
    ear.open(bucket)
    throttle(ear.page, line)
    yield ear
    context.close()


def is_content(ear: Ear[Page], bucket: WebBucket, line: Line) -> None:
    """Nothing starved, the quality fits the line, and few requests were made."""
    assert ear.ask("p.state") == "playing", line
    assert ear.ask("p.statistics.underruns") == 0, line
    assert ear.ask("p.playingQuality") == CARRIES[line], line
    assert bucket.count("manifest.json") <= 16, line
    assert not bucket.not_named, line
    manifests = [asked for asked in bucket.asked if asked.path.endswith("manifest.json")]
    assert any(asked.validator for asked in manifests), "the browser's cache asks with If-None-Match"


@pytest.mark.timeout(150)
def test_a_line_gets_the_quality_that_it_carries(station: Station, chromium: Browser) -> None:
    """Sound comes at once, the quality fits the line, nothing starves in a minute, and few requests are made."""
    _, bucket = station(10)
    with ExitStack() as together:
        listeners = []
        for line in CARRIES:
            own = together.enter_context(web_bucket(bucket.folder))
            ear = together.enter_context(listener(chromium, own, line))
            first_ms = ear.first_sound_ms()
            logging.getLogger(__name__).info("%s: first sound after %.0f ms", line, first_ms)
            assert first_ms < 3000, line  # generous: what it is here stands in docs/player.md
            listeners.append((ear, own, line))
        for ear, own, line in listeners:
            ear.until(f"p.audioNode.context.currentTime > {LISTENED_S}", LISTENED_S + 10)
            logging.getLogger(__name__).info(
                "%s: %d manifest requests, %s", line, own.count("manifest.json"), ear.ask("p.statistics")
            )
            is_content(ear, own, line)
