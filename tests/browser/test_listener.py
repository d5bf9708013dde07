"""What a listener meets: broken stations, tunnels, other tabs, the keyboard, the screen reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import Browser, Page

from supervisor.web import Answer
from tests.rig.axe import is_accessible
from tests.rig.ear import Ear
from tests.rig.parts import ROOT
from tests.rig.radio import Radio
from tests.rig.web_bucket import WebBucket

if TYPE_CHECKING:
    from tests.browser.conftest import Station
    from tests.rig.firefox import FirefoxTab

WAVEFORM_IS_FULL = """() => {
  const canvas = document.querySelector("radio-player").shadowRoot.querySelector("canvas");
  const [, , , alpha] = canvas.getContext("2d").getImageData(1, canvas.height * 0.35, 1, 1).data;
  return alpha > 0;
}"""


@dataclass(frozen=True)
class Look:
    """A screen, CSS pixels, and what its owner prefers."""

    width: int
    height: int
    scheme: Literal["dark", "light"]


LOOKS = [Look(width, height, scheme) for width, height in ((320, 560), (1280, 480)) for scheme in ("dark", "light")]
NOT_THERE = Answer(HTTPStatus.NOT_FOUND, b"not found\n")


def garbled(bucket: WebBucket, path: str) -> Answer:
    """The object with zeros in its middle, as long as it was."""
    data = bytearray((bucket.folder / path.lstrip("/")).read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)
    return Answer(HTTPStatus.OK, bytes(data), {"Content-Type": "application/octet-stream"})


@pytest.mark.timeout(60)
def test_a_damaged_segment_is_silent_for_its_length(station: Station, ear: Ear[Page]) -> None:
    """A segment that arrives damaged in both qualities is skipped, counted and said; what follows is in its place."""
    _, bucket = station(2)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    doomed = ear.spans()[-1]["index"] + 2
    bucket.fault = lambda path: garbled(bucket, path) if f"-{doomed:08d}." in path else None
    ear.until(f"ear.events.some((e) => e.index === {doomed + 1})", 20)
    assert ear.ask("p.statistics.damaged") == 1
    assert [event["seconds"] for event in ear.events if event["type"] == "skip"] == [2]
    assert "arrived damaged" in ear.page.locator("radio-player [role=status]").inner_text()
    before, after = (next(s for s in ear.spans() if s["index"] == doomed + side) for side in (-1, 1))
    assert after["frame"] - before["frame"] + before["offset"] == 2 * 2 * 48_000
    assert not [event for event in ear.events if event["type"] == "underrun"]


@pytest.mark.timeout(90)
def test_a_station_with_faults_is_heard_as_far_as_it_can_be(station: Station, ear: Ear[Page]) -> None:
    """Without its HQ files a station is heard in LQ; one that cannot be reached is said in words, and comes back."""
    _, bucket = station(2)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    bucket.fault = lambda path: NOT_THERE if path.endswith(".flac") else None
    ear.ask("p.quality = 'hq'")
    begun = ear.ask("ear.segments('lq')")
    ear.until(f"ear.segments('lq') >= {begun + 2} && p.playingQuality === 'lq'", 20)
    bucket.fault = lambda path: Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"") if path.startswith("/live/") else None
    ear.until(
        "p.state === 'waiting' && /cannot be reached/.test(p.shadowRoot.querySelector('[role=status]').textContent)", 25
    )
    bucket.fault = None
    ear.until("p.state === 'playing'", 20)
    assert not bucket.not_named


@pytest.mark.timeout(90)
def test_a_tunnel_ends_at_the_live_edge(station: Station, ear: Ear[Page]) -> None:
    """Without a line the sound in hand plays on; back on it the listener is near live, and told what was missed."""
    radio, bucket = station(2)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    ear.page.context.set_offline(offline=True)
    ear.until("p.state === 'waiting'", 20)
    radio.published(radio.status()["segments_published"] + 4, 15)
    ear.page.context.set_offline(offline=False)
    ear.until("p.state === 'playing'", 20)
    assert ear.ask("p.behindLive") < 12
    assert any(event["type"] == "skip" and event["reason"] == "lost time" for event in ear.events)


@pytest.mark.timeout(90)
def test_a_laptop_that_slept_wakes_to_the_live_edge(station: Station, firefox_ear: Ear[FirefoxTab]) -> None:
    """What the sound card held before the sleep is dropped for what is live, and what was missed is said."""
    radio, bucket = station(2)
    firefox_ear.open(bucket)
    firefox_ear.tap()
    firefox_ear.until("p.state === 'playing'", 15)
    with firefox_ear.page.asleep():
        radio.published(radio.status()["segments_published"] + 8, 25)
    firefox_ear.until("p.state === 'playing' && p.behindLive < 10", 15)
    lost = [event["seconds"] for event in firefox_ear.events if event["type"] == "skip"]
    assert len(lost) == 1
    assert 10 <= lost[0] <= 25
    assert not bucket.not_named


@pytest.mark.timeout(90)
def test_off_air_is_said_and_on_air_starts_by_itself(station: Station, ear: Ear[Page]) -> None:
    """A station that has stopped plays to its end and says so; when it is back, so is the sound."""
    radio, bucket = station(2)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    radio.stop()
    ear.until("p.state === 'off-air'", 25)
    assert "off air" in ear.page.locator("radio-player [role=status]").inner_text()
    assert ear.page.locator("radio-player [part=badge]").inner_text() == "Off air"
    station(2)
    ear.until("p.state === 'playing'", 30)


@pytest.mark.timeout(90)
def test_only_the_tab_that_was_pressed_last_plays(station: Station, ear: Ear[Page]) -> None:
    """A second tab takes the sound from the first, which says where it went."""
    _, bucket = station(2)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    other = Ear(ear.page.context.new_page())
    other.open(bucket)
    other.tap()
    other.until("p.state === 'playing'", 15)
    ear.until("p.state === 'elsewhere' && p.paused", 5)
    assert "another tab" in ear.page.locator("radio-player [role=status]").inner_text()


@pytest.mark.timeout(90)
def test_other_sound_cards_and_other_browsers_play_too(station: Station, ear: Ear[Page]) -> None:
    """A context that refuses 48 kHz, and a browser that cannot decode Ogg Opus, play without an underrun."""
    _, bucket = station(2)
    ear.page.add_init_script(
        """
        const Real = AudioContext;
        globalThis.AudioContext = function (options) {
          if (options?.sampleRate) throw new DOMException("refused", "NotSupportedError");
          return new Real({ ...options, sampleRate: 44100 });
        };
        const decode = BaseAudioContext.prototype.decodeAudioData;
        BaseAudioContext.prototype.decodeAudioData = function (data) {
          const isOgg = new TextDecoder("latin1").decode(data.slice(0, 4)) === "OggS";
          return isOgg ? Promise.reject(new DOMException("unknown", "EncodingError")) : decode.call(this, data);
        };
        """
    )
    ear.open(bucket)
    ear.ask("p.quality = 'lq'")
    ear.tap()
    ear.until("ear.events.filter((e) => e.quality === 'lq').length >= 4", 30)
    ear.ask("p.quality = 'hq'")
    ear.until("p.playingQuality === 'hq'", 30)
    assert ear.ask("p.audioNode.context.sampleRate") == 44_100
    assert "played at 44.1 kHz" in ear.page.locator("radio-player [part=facts]").inner_text()
    assert ear.ask("p.statistics.underruns") == 0
    assert bucket.count("ogg-opus-decoder.min.js") == 1


@pytest.mark.timeout(60)
def test_a_page_can_style_it(lasting_station: tuple[Radio, WebBucket], ear: Ear[Page]) -> None:
    """Custom properties reach through the shadow root, parts can be styled, a theme wins over the system's."""
    _, bucket = lasting_station
    ear.page.emulate_media(color_scheme="light")
    ear.open(bucket)
    part = "getComputedStyle(p.shadowRoot.querySelector('[part={}]')).{}"
    light = ear.ask(part.format("player", "backgroundColor"))
    ear.ask("p.setAttribute('theme', 'dark')")
    assert ear.ask(part.format("player", "backgroundColor")) != light
    ear.page.add_style_tag(
        content="radio-player { --radio-accent: #060; --radio-radius: 3px } radio-player::part(facts) { display: none }"
    )
    assert ear.ask(part.format("play", "backgroundColor")) == "rgb(0, 102, 0)"
    assert ear.ask(part.format("player", "borderRadius")) == "3px"
    assert ear.ask(part.format("facts", "display")) == "none"


_EARLY = b"""<!doctype html><title>Early</title><link rel="icon" href="data:,"><radio-player></radio-player><script>
localStorage.setItem("radio-player", "null");
window.early = document.querySelector("radio-player");
Object.assign(early, { src: "/live/manifest.json", quality: "lq", volume: 0.5 });
window.changes = 0;
</script><script type="module" src="/player/radio-player.js"></script>"""


@pytest.mark.timeout(60)
def test_a_page_may_be_early_and_wrong(lasting_station: tuple[Radio, WebBucket], ear: Ear[Page]) -> None:
    """What was set before the script came holds, a memory that is spoilt is none, an impossible address is said so."""
    _, bucket = lasting_station
    page = Answer(HTTPStatus.OK, _EARLY, {"Content-Type": "text/html; charset=utf-8"})
    bucket.fault = lambda path: page if path == "/early.html" else None
    errors: list[str] = []
    ear.page.on("pageerror", lambda error: errors.append(str(error)))
    ear.visit(bucket.url + "early.html")
    assert ear.ask("[p.quality, p.volume, Object.keys(p)]") == ["lq", 0.5, []]
    ear.ask("p.addEventListener('volumechange', () => changes++)")
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    assert ear.ask("changes") == 0, "nobody has touched the volume"
    ear.ask("p.src = 'https://'")
    assert ear.ask("p.paused")
    assert "address" in ear.page.locator("radio-player [role=status]").inner_text()
    assert not errors


@pytest.mark.timeout(60)
def test_the_keyboard_reaches_everything(lasting_station: tuple[Radio, WebBucket], ear: Ear[Page]) -> None:
    """Play, mute, volume and quality work without a pointer, in this order."""
    _, bucket = lasting_station
    ear.open(bucket)
    keyboard = ear.page.keyboard
    keyboard.press("Tab")
    keyboard.press("Space")
    ear.until("!p.paused", 5)
    keyboard.press("Tab")
    keyboard.press("Enter")
    ear.until("p.muted", 5)
    keyboard.press("Tab")
    keyboard.press("ArrowRight")
    ear.until("!p.muted", 5)
    keyboard.press("End")
    keyboard.press("ArrowLeft")
    ear.until("Math.abs(p.volume - 0.99) < 0.001", 5)
    keyboard.press("Tab")
    keyboard.press("ArrowRight")
    ear.until("p.quality === 'hq'", 5)
    ear.page.reload()
    ear.until("p.quality === 'hq' && Math.abs(p.volume - 0.99) < 0.001", 10)


@contextmanager
def looking(browser: Browser, bucket: WebBucket, look: Look) -> Iterator[Ear[Page]]:
    """Somebody with this screen, listening."""
    context = browser.new_context(viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme)
    ear = Ear(context.new_page())
    ear.open(bucket)
    ear.page.get_by_role("radio", name="HQ").check()
    ear.tap()
    yield ear
    context.close()


@pytest.mark.timeout(90)
def test_it_looks_right_and_is_accessible(station: Station, chromium: Browser, tmp_path: Path) -> None:
    """At 320 and 1280 px, dark and light, playing: nothing overflows, and axe finds nothing to complain about."""
    _, bucket = station(2)
    # To renew the documentation's pictures: KEEP_SCREENSHOTS=1
    images = ROOT / "docs/images" if os.environ.get("KEEP_SCREENSHOTS") else tmp_path
    with ExitStack() as together:
        for look, ear in [(look, together.enter_context(looking(chromium, bucket, look))) for look in LOOKS]:
            ear.page.wait_for_function(WAVEFORM_IS_FULL, timeout=20_000)
            ear.until("/FLAC/.test(p.shadowRoot.querySelector('[part=facts]').textContent)", 20)
            assert ear.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            ear.page.screenshot(path=images / f"player-{look.width}-{look.scheme}.png")
            is_accessible(ear.page)
