"""Somebody who listens in a browser: presses play, records every frame that the player makes, compares."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tests.rig.audio import Sound, decode_flac, decode_opus, one_opus_file
from tests.rig.parts import eventually
from tests.rig.web_bucket import WebBucket

FADE = 384
PLAY = "radio-player [part=play]"


class Tab(Protocol):
    """What an ear needs of a browser's tab; Playwright's ``Page`` is one."""

    def goto(self, url: str) -> object:
        """Opens an address."""

    def evaluate(self, expression: str, arg: object = None) -> Any:  # noqa: ANN401 - JavaScript has no types
        """The value of an expression; of a function, what it returns for ``arg``. Waits for promises."""

    def click(self, selector: str) -> None:
        """Clicks as a listener does; the selector looks into shadow roots."""


TabT_co = TypeVar("TabT_co", bound=Tab, covariant=True)

_RECORDER = """
registerProcessor("recorder", class extends AudioWorkletProcessor {
  blocks = [];
  before = NaN;
  next = NaN;
  process([input]) {
    const silent = new Float32Array(128);
    // Chromium leaves currentFrame as it was while the page changes the graph (crbug.com/442866743): it is right when
    // it has just changed; from then on count, and believe it only where it is ahead, because blocks were left out.
    const changed = currentFrame !== this.before && !Number.isNaN(this.before);
    this.before = currentFrame;
    if (Number.isNaN(this.next) && !changed) return true;
    const frame = Number.isNaN(this.next) ? currentFrame : Math.max(currentFrame, this.next);
    this.next = frame + 128;
    this.blocks.push([frame, (input[0] ?? silent).slice(), (input[1] ?? input[0] ?? silent).slice()]);
    if (this.blocks.length === 32) this.port.postMessage(this.blocks.splice(0));
    return true;
  }
});
"""

_LISTEN = """
(recorder) => {
  const player = document.querySelector("radio-player");
  const ear = (window.ear = { events: [], blocks: [], since: performance.now() });
  for (const type of ["segment", "skip", "underrun", "statechange"]) {
    player.addEventListener(type, ({ detail }) => ear.events.push({ type, at_ms: performance.now(), ...detail }));
  }
  ear.segments = (quality) => new Set(ear.events.filter((e) => e.quality === quality).map((e) => e.index)).size;
  ear.record = async () => {
    const { context } = player.audioNode;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([recorder], { type: "text/javascript" })));
    const node = new AudioWorkletNode(context, "recorder", { channelCount: 2, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => ear.blocks.push(...data);
    player.audioNode.connect(node).connect(context.destination);
  };
  ear.heard = () => {
    const first = ear.blocks[0][0];
    const frames = ear.blocks.at(-1)[0] + 128 - first;
    const sound = new Float32Array(2 * frames).fill(NaN);
    for (const [frame, left, right] of ear.blocks) {
      sound.set(left, frame - first);
      sound.set(right, frames + frame - first);
    }
    const bytes = new Uint8Array(sound.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return [first, btoa(text)];
  };
}
"""

_FIRST_SOUND = """
() => {
  const player = document.querySelector("radio-player");
  window.firstSound = new Promise((resolve) => {
    player.shadowRoot.querySelector("[part=play]").addEventListener("click", () => {
      const tapped = performance.now();
      player.addEventListener("segment", async ({ detail }) => {
        const { context } = player.audioNode;
        while (context.currentTime * context.sampleRate < detail.frame) await new Promise((r) => setTimeout(r, 1));
        resolve(performance.now() - tapped);
      }, { once: true });
    }, { once: true });
  });
}
"""


@dataclass(frozen=True)
class Recording:
    """Frames of the audio clock from ``first`` on; one row a frame, NaN where the browser left blocks out."""

    first: int
    sound: Sound

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.first + len(self.sound)

    def at(self, frame: int, frames: int) -> Sound:
        """The frames of one span, as far as they were recorded."""
        start = max(0, frame - self.first)
        return self.sound[start : max(0, frame - self.first + frames)]


@dataclass(frozen=True)
class Ear(Generic[TabT_co]):
    """A page with the player."""

    page: TabT_co

    def open(self, bucket: WebBucket) -> None:
        """Opens the listener page and takes note of what the player says."""
        self.visit(bucket.url)

    def visit(self, url: str) -> None:
        """Opens a page that has the player on it, wherever it is served."""
        self.page.goto(url)
        self.until("customElements.get('radio-player') !== undefined", 15)
        self.page.evaluate(_LISTEN, _RECORDER)
        self.until("p.manifest !== null", 15)

    def tap(self) -> None:
        """Presses the button."""
        self.page.click(PLAY)

    def first_sound_ms(self) -> float:
        """Presses the button; from the tap to the first sample on the audio clock."""
        self.page.evaluate(_FIRST_SOUND)
        self.tap()
        ms: float = self.page.evaluate("firstSound")
        return ms

    def tap_and_record(self) -> None:
        """Presses the button and records from the first moment on."""
        self.tap()
        self.page.evaluate("ear.record()")

    def until(self, condition: str, within_s: float) -> None:
        """Waits until something is true of the player, ``p``, or of the ``ear``."""
        eventually(lambda: self.ask(f"Boolean({condition})"), within_s, condition, every_s=0.05)

    def ask(self, expression: str) -> Any:  # noqa: ANN401 - JavaScript has no types
        """Evaluates something of the player, ``p``."""
        return self.page.evaluate(
            f"(() => {{ const p = document.querySelector('radio-player'); return {expression}; }})()"
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything that the player said."""
        events: list[dict[str, Any]] = self.page.evaluate("ear.events")
        return events

    def spans(self) -> list[dict[str, Any]]:
        """What it put on the audio clock."""
        return [event for event in self.events if event["type"] == "segment"]

    def recording(self) -> Recording:
        """What the recorder has."""
        first, text = self.page.evaluate("ear.heard()")
        sound: npt.NDArray[np.float32] = np.frombuffer(base64.b64decode(text), np.float32).reshape(2, -1).T
        return Recording(int(first), sound)


def published(bucket: WebBucket, span: dict[str, Any]) -> Sound:
    """The samples of a span as the bucket's object has them, by a decoder that is not the browser's."""
    data = bucket.objects[bucket.entries[span["index"]][span["quality"]]["key"]]
    hq = span["quality"] == "hq"
    whole = (decode_flac(data) / 2**23).astype(np.float32) if hq else decode_opus(data)
    return whole[span["offset"] : span["offset"] + span["samples"]]


def crossfade(bucket: WebBucket, earlier: dict[str, Any], later: dict[str, Any]) -> Sound:
    """What sounds in the crossfade between two spans: by the qualities decoded one by one, blended linearly."""
    hq_first = earlier["quality"] == "hq"
    entry = bucket.entries[later["index"]]["lq"]
    lq = decode_opus(one_opus_file([(bucket.objects[entry["key"]], 0)]))
    if hq_first:  # the fade ends at the border: LQ is heard from its pre-roll
        old, fresh = published(bucket, earlier)[-FADE:], lq[entry["preroll"] - FADE : entry["preroll"]]
    else:  # it begins there: of LQ the first samples were fetched
        old, fresh = lq[entry["preroll"] : entry["preroll"] + FADE], published(bucket, later)[:FADE]
    weight = (np.arange(FADE, dtype=np.float32)[:, None] + 0.5) / FADE
    return (old + (fresh - old) * weight).astype(np.float32)
