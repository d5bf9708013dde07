// What a listener sees and touches: the element's shadow tree, written and listened to here alone.

import { SHEET, TEMPLATE } from "./look.js";
import { Meter } from "./meter.js";

/** @typedef {import("./listening.js").Wish} Wish */

/**
 * @typedef {object} Touched what to do when something is touched
 * @property {() => void} expect a finger is on the play button
 * @property {() => void} play
 * @property {() => void} mute
 * @property {(level: number) => void} volume 0 to 1
 * @property {(wish: Wish) => void} quality
 */

/**
 * @typedef {object} Shown
 * @property {string} name of the station
 * @property {boolean} known whether it is on air can be told
 * @property {boolean} onAir
 * @property {boolean} pauses what the button does: pause, or play
 * @property {string} status
 * @property {string} codec
 * @property {string} behind
 * @property {Wish} quality
 */

export class Face {
  /** @param {ShadowRoot} root @param {Touched} touched */
  constructor(root, touched) {
    root.adoptedStyleSheets = [SHEET];
    root.innerHTML = TEMPLATE;
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (root.querySelector(selector));
    this.#player = find("[part=player]");
    this.#station = find("[part=station]");
    this.#badge = find("[part=badge]");
    this.#play = find("[part=play]");
    this.#mute = find("[part=mute]");
    this.#status = find("[part=status]");
    this.#codec = find(".codec");
    this.#behind = find(".behind");
    this.#fader = /** @type {HTMLInputElement} */ (find("input[type=range]"));
    this.#qualities = /** @type {HTMLInputElement[]} */ ([...root.querySelectorAll("input[type=radio]")]);
    this.meter = new Meter(/** @type {HTMLCanvasElement} */ (find("[part=meter]")));
    this.#listen(touched);
  }
  #player;
  #station;
  #badge;
  #play;
  #mute;
  #status;
  #codec;
  #behind;
  #fader;
  #qualities;

  /** @param {Touched} touched */
  #listen({ expect, play, mute, volume, quality }) {
    this.#play.addEventListener("pointerdown", expect);
    this.#play.addEventListener("click", play);
    this.#mute.addEventListener("click", mute);
    this.#fader.addEventListener("input", () => volume(this.#fader.valueAsNumber / 100));
    for (const choice of this.#qualities) {
      choice.addEventListener("change", () => quality(/** @type {Wish} */ (choice.value)));
    }
  }

  /** The sentence under the controls. */
  get status() {
    return this.#status.textContent ?? "";
  }

  /** @param {Shown} shown */
  show({ name, known, onAir, pauses, status, codec, behind, quality }) {
    put(this.#station, name);
    this.#player.setAttribute("aria-label", name);
    this.#badge.hidden = !known;
    this.#badge.classList.toggle("on", onAir);
    put(this.#badge, onAir ? "On air" : "Off air");
    this.#play.classList.toggle("pauses", pauses);
    this.#play.setAttribute("aria-label", pauses ? `Pause ${name}` : `Play ${name}`);
    put(this.#status, status);
    put(this.#codec, codec);
    put(this.#behind, behind);
    for (const choice of this.#qualities) choice.checked = choice.value === quality;
  }

  /** @param {number} level 0 to 1 @param {boolean} muted */
  showVolume(level, muted) {
    this.#fader.value = String(Math.round((muted ? 0 : level) * 100));
    this.#mute.setAttribute("aria-pressed", String(muted));
  }
}

/** Writes a text only when it is another one: screen readers speak what is written. @param {Element} element @param {string} text */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
