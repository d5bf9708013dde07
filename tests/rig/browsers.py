"""Debian's Chromium, the null sink that browsers play on, and slow lines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.rig.parts import need
from tests.rig.sound import sound_device

_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=user-gesture-required"),
]


@dataclass(frozen=True)
class Line:
    """A listener's line."""

    mbit_s: float
    latency_ms: int

    def __str__(self) -> str:
        return f"{self.mbit_s:g} Mbit/s, {self.latency_ms} ms"


@contextmanager
def speakers(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a browser whose sound goes to a null sink, which keeps real time."""
    with sound_device(folder, 2):
        yield {"PULSE_SERVER": f"unix:{folder / 'native'}", "HOME": str(folder), "PATH": "/usr/bin:/bin"}


@contextmanager
def chromium(environment: Mapping[str, str]) -> Iterator[Browser]:
    """A headless Chromium that makes a sound only after a gesture, as listeners' browsers do."""
    need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=_FLAGS,
            ignore_default_args=["--mute-audio"],
            env={**environment},
        )
        yield browser
        browser.close()


def throttle(page: Page, line: Line) -> None:
    """Makes a tab's line as slow as this one."""
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": line.latency_ms,
            "downloadThroughput": line.mbit_s * 125_000,
            "uploadThroughput": line.mbit_s * 125_000,
        },
    )
