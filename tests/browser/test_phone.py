"""What a phone does to a listener: calls, the lock screen's buttons, a page that nobody sees."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page

from supervisor.web import Answer
from tests.rig.ear import Ear

if TYPE_CHECKING:
    from tests.browser.conftest import Station

# As on iOS: the state has a name of its own, and nobody may resume before the call is over.
_CALLS = """
const { suspend, resume } = AudioContext.prototype;
const { get } = Object.getOwnPropertyDescriptor(BaseAudioContext.prototype, "state");
let calling = false;
const refused = () => Promise.reject(new DOMException("a call", "InvalidStateError"));
AudioContext.prototype.resume = function () { return calling ? refused() : resume.call(this); };
Object.defineProperty(BaseAudioContext.prototype, "state", {
  get() { return calling && get.call(this) === "suspended" ? "interrupted" : get.call(this); },
});
globalThis.call = (context, begins) => {
  calling = begins;
  return begins ? suspend.call(context) : resume.call(context);
};
// the call is over, and the system leaves it to the page to resume
globalThis.hangUp = () => (calling = false);
"""
_MEDIA = """
const { mediaSession } = navigator;
globalThis.handlers = {};
mediaSession.setActionHandler = (name, handler) => (handlers[name] = handler);
Object.defineProperty(navigator, "audioSession", { value: { type: "auto" } });
globalThis.companions = new Set();
const { play } = HTMLMediaElement.prototype;
HTMLMediaElement.prototype.play = function () { companions.add(this); return play.call(this); };
"""
_ANALYSERS = """
globalThis.analysers = new Set();
const { connect, disconnect } = AudioNode.prototype;
AudioNode.prototype.connect = function (to, ...more) {
  if (to instanceof AnalyserNode) analysers.add(to);
  return connect.call(this, to, ...more);
};
AudioNode.prototype.disconnect = function (...from) {
  analysers.delete(from[0]);
  return disconnect.apply(this, from);
};
"""
_HIDE = """
(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
_PAUSE_BETWEEN_REQUESTS = """
() => new Promise((resolve) => {
  const player = document.querySelector("radio-player");
  player.addEventListener("segment", () => resolve(player.pause()), { once: true });
})
"""
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.timeout(90)
def test_a_call_interrupts_and_the_sound_comes_back(station: Station, ear: Ear[Page]) -> None:
    """A short call loses nothing, a long one ends at the live edge; both are said in words, and one tap helps too."""
    radio, bucket = station(2)
    ear.page.add_init_script(_CALLS)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)

    ear.ask("call(p.audioNode.context, true)")
    ear.until("p.state === 'interrupted'", 5)
    assert "by itself" in ear.page.locator("radio-player [role=status]").inner_text()
    assert ear.page.locator("radio-player [part=play]").get_attribute("aria-label") == "Play night-shift"
    ear.tap()
    assert ear.ask("p.state") == "interrupted", "a tap during the call changes nothing"
    ear.ask("call(p.audioNode.context, false)")
    ear.until("p.state === 'playing'", 5)
    assert not [event for event in ear.events if event["type"] in ("skip", "underrun")]

    ear.ask("call(p.audioNode.context, true)")
    ear.until("p.state === 'interrupted'", 5)
    radio.published(radio.status()["segments_published"] + 7, 25)
    ear.ask("hangUp()")
    ear.until("p.state === 'playing' && p.behindLive < 10", 15)
    lost = [event["seconds"] for event in ear.events if event["type"] == "skip" and event["reason"] == "lost time"]
    assert len(lost) == 1
    assert 8 <= lost[0] <= 25
    assert not bucket.not_named


@pytest.mark.timeout(60)
def test_the_lock_screen_shows_and_controls_the_station(station: Station, chromium: Browser) -> None:
    """Title and state reach the system, its buttons work, the session is one for playback, Android gets a companion."""
    _, bucket = station(2)
    context = chromium.new_context(user_agent=ANDROID)
    context.add_init_script(_MEDIA)
    context.add_init_script(_ANALYSERS)
    ear = Ear(context.new_page())
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    assert ear.ask("navigator.audioSession.type") == "playback"
    assert ear.ask("[navigator.mediaSession.metadata.title, navigator.mediaSession.playbackState]") == [
        "night-shift",
        "playing",
    ]
    assert ear.ask("[...companions].map(({ loop, paused }) => [loop, paused])") == [[True, False]]
    ear.ask("handlers.pause()")
    ear.until("p.paused && [...companions].every(({ paused }) => paused)", 5)
    assert ear.ask("navigator.mediaSession.playbackState") == "paused"
    ear.ask("handlers.play()")
    ear.until("p.state === 'playing'", 15)
    assert ear.ask("analysers.size") == 1, "the waveform of the first time is let go"
    ear.ask("handlers.stop()")
    ear.until("p.paused", 5)
    bucket.fault = lambda path: Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"") if path.startswith("/live/") else None
    ear.ask("p.setAttribute('src', p.src)")
    ear.tap()
    assert ear.ask("navigator.mediaSession.metadata.title") == "Radio", "nothing is known of it yet"
    bucket.fault = None
    ear.until("navigator.mediaSession.metadata.title === 'night-shift'", 15)
    context.close()


@pytest.mark.timeout(60)
def test_a_page_that_nobody_sees_plays_on_and_a_silent_one_rests(station: Station, ear: Ear[Page]) -> None:
    """Hidden, the sound goes on without a hole; paused and hidden, nothing is asked until somebody looks again."""
    radio, bucket = station(2)
    ear.open(bucket)
    ear.tap()
    ear.until("p.state === 'playing'", 15)
    ear.page.evaluate(_HIDE, True)
    before = ear.ask("ear.events.length")
    ear.until(f"ear.events.slice({before}).filter((e) => e.type === 'segment').length >= 4", 20)
    assert ear.ask("p.statistics.underruns") == 0
    ear.page.evaluate(_PAUSE_BETWEEN_REQUESTS)
    asked = len(bucket.asked)
    radio.published(radio.status()["segments_published"] + 3, 15)
    assert len(bucket.asked) == asked
    ear.page.evaluate(_HIDE, False)
    ear.until("p.onAir", 5)
    assert len(bucket.asked) > asked
