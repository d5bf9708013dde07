"""``make bench``: from the tap to the first sound, in a browser that has made none before, on three lines."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from tests.rig.audio import programme, write_wav
from tests.rig.browsers import Line, chromium, speakers, throttle
from tests.rig.ear import PLAY, Ear
from tests.rig.radio import on_air
from tests.rig.web_bucket import WebBucket, web_bucket

LINES = (Line(1.5, 150), Line(5, 60), Line(20, 40))
TIMES = 5
LOOKS_MS = 2000
"""A listener looks at the page for a moment before pressing its button."""


def main() -> None:
    """Prints a row for each line."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="radio-bench-") as name:
        folder = Path(name)
        write_wav(folder / "noise.wav", programme(31, 2, seed=5) // 4)
        settings = {
            "RADIO_STORE": f"dir:{folder / 'bucket'}",
            "RADIO_SOURCE": f"file:{folder / 'noise.wav'}",
            "RADIO_SPOOL_DIR": str(folder / "spool"),
        }
        with on_air(folder, settings) as radio, web_bucket(folder / "bucket") as bucket:
            radio.published(2, 40)
            for line in LINES:
                print_row(line, sorted(first_sound_ms(bucket, line) for _ in range(TIMES)))


def first_sound_ms(bucket: WebBucket, line: Line) -> float:
    """One listener with a browser and a sound server that were just started."""
    with (
        tempfile.TemporaryDirectory(prefix="radio-bench-") as folder,
        speakers(Path(folder)) as sound,
        chromium(sound) as browser,
    ):
        ear = Ear(browser.new_page())
        ear.open(bucket)
        throttle(ear.page, line)
        ear.page.hover(PLAY)
        ear.page.wait_for_timeout(LOOKS_MS)
        return ear.first_sound_ms()


def print_row(line: Line, ms: list[float]) -> None:
    """The median and the extremes."""
    target = ", target 400 ms" if line == Line(5, 60) else ""
    print(f"first sound at {line}: median {statistics.median(ms):.0f} ms ({ms[0]:.0f} to {ms[-1]:.0f}){target}")


if __name__ == "__main__":
    main()
