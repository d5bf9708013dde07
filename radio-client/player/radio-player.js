// Defines <radio-player>: the element that puts the parts together and shows what they do.

import { Decoder } from "./decoder.js";
import { Face } from "./face.js";
import { Listening } from "./listening.js";
import { Output } from "./output.js";
import { SilentCompanion, announce, announcePause } from "./phone.js";
import { remember, remembered } from "./preferences.js";
import { UNKNOWN_LINE } from "./quality.js";
import { Requests } from "./requests.js";
import { pressPauses, stateOf } from "./state.js";
import { holdTabLock } from "./tab-lock.js";
import { systemClock } from "./waiting.js";
import { ManifestWatch } from "./watch.js";
import { GAP_TEXT, behindText, codecText, noStationText, skipText, statusText } from "./words.js";

/** @typedef {import("./listening.js").Happening} Happening */
/** @typedef {import("./listening.js").Wish} Wish */
/** @typedef {import("./words.js").State} State */

const TICK_MS = 250;
const NOTICE_MS = 12_000;
const DECODER_URL = new URL("./vendor/ogg-opus-decoder.min.js", import.meta.url).href;

export class RadioPlayer extends HTMLElement {
  static observedAttributes = ["src", "quality", "volume", "station"];

  constructor() {
    super();
    this.#face = new Face(this.attachShadow({ mode: "open" }), {
      expect: () => this.#expect(),
      play: () => this.#pressed(),
      mute: () => (this.muted = !this.muted),
      volume: (level) => {
        this.muted = false;
        this.volume = level;
        remember({ volume: this.volume });
      },
      quality: (wish) => {
        this.quality = wish;
        remember({ quality: wish });
      },
    });
    const { volume = 1, quality = "auto" } = remembered();
    Object.assign(this, { volume, quality });
  }
  /** What a page's script has set before this class was there. */
  #early = takenFrom(this, ["src", "quality", "volume", "muted"]);
  #face;
  #companion = new SilentCompanion();
  #requests = new Requests((url, init) => fetch(url, init), systemClock);
  /** @type {ManifestWatch | null} */
  #watch = null;
  /** @type {Output | null} */
  #output = null;
  /** @type {Listening | null} */
  #listening = null;
  /** Ends what runs while the element is in a document. @type {AbortController | null} */
  #connected = null;
  /** Ends what runs while the listener wants to hear. @type {AbortController | null} */
  #wanted = null;
  /** @type {State} */
  #state = "idle";
  #played_ms = 0;
  #sounded = false;
  #elsewhere = false;
  /** @type {unknown} */
  #fault = null;
  #notice = { text: "", until_ms: 0 };
  #line = UNKNOWN_LINE;
  /** The name that the system was told. */
  #announced = "";
  #volume = 1;
  #muted = false;
  /** @type {Wish} */
  #quality = "auto";

  // ---- attributes and properties

  /** Address of the station's manifest.json. */
  get src() {
    return this.getAttribute("src") ?? "";
  }
  set src(url) {
    this.setAttribute("src", url);
  }

  /** What the listener wants: "auto", "hq" or "lq". @returns {Wish} */
  get quality() {
    return this.#quality;
  }
  set quality(wish) {
    this.#quality = wish === "hq" || wish === "lq" ? wish : "auto";
    if (this.#listening) this.#listening.wish = this.#quality;
    this.#show();
  }

  /** 0 to 1, as on a fader: the gain is its square. At 1 no sample is changed. */
  get volume() {
    return this.#volume;
  }
  set volume(level) {
    this.#changeVolume(Math.min(1, Math.max(0, Number(level) || 0)), this.#muted);
  }

  get muted() {
    return this.#muted;
  }
  set muted(muted) {
    this.#changeVolume(this.#volume, Boolean(muted));
  }

  /** Whether nobody wants to hear now. */
  get paused() {
    return this.#wanted === null;
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  get onAir() {
    return this.#watch?.onAir ?? false;
  }

  /** The newest manifest, parsed; null before the first answer. */
  get manifest() {
    return this.#watch?.manifest ?? null;
  }

  /** Quality of what sounds; null in silence. */
  get playingQuality() {
    return this.#listening?.sounding?.quality ?? null;
  }

  /** Seconds between the capture of what sounds and now; null in silence. */
  get behindLive() {
    return this.#listening?.behind_s ?? null;
  }

  /** Seconds of sound in hand. */
  get buffered() {
    return this.#listening?.left_s ?? 0;
  }

  /** What has happened since play was pressed, and the line's throughput in bit/s. */
  get statistics() {
    const throughput = this.#listening?.throughput_bit_s ?? null;
    return this.#listening ? { ...this.#listening.counters, throughput } : null;
  }

  /** The Web Audio node that everything goes through, before the volume; null before the station has answered. */
  get audioNode() {
    return this.#output?.mix ?? null;
  }

  // ---- methods

  /** Starts at the live programme. To be called in a tap or a key press, or the browser may refuse to make a sound. */
  play() {
    if (this.#wanted || !this.#watch) return;
    const wanted = (this.#wanted = new AbortController());
    [this.#sounded, this.#elsewhere, this.#fault] = [false, false, null];
    this.#played_ms = performance.now();
    // In the tap itself, before anything is waited for.
    const output = (this.#output ??= this.#newOutput());
    void output.resume();
    this.#companion.play();
    this.#applyVolume();
    this.#watch.pace = "listening";
    holdTabLock(wanted.signal, () => {
      this.pause();
      this.#elsewhere = true;
      this.#show();
    });
    const { saveData = false } = /** @type {{connection?: {saveData?: boolean}}} */ (navigator).connection ?? {};
    this.#listening = new Listening(
      {
        watch: this.#watch,
        requests: this.#requests,
        decoder: this.#decoder(output.rate),
        output,
        clock: systemClock,
        say: (happening) => this.#happened(happening),
      },
      { wish: this.#quality, saveData },
    );
    this.#listening.line = this.#line;
    this.#listening.run(wanted.signal).catch((/** @type {unknown} */ fault) => {
      if (!wanted.signal.aborted) this.#failed(fault);
    });
    this.#face.meter.follow(output.mix);
    this.#announce();
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    wanted.signal.addEventListener("abort", () => clearInterval(ticking));
    this.#tick();
  }

  /** Stops. A live programme does not wait: play goes on at what is live then. */
  pause() {
    if (!this.#wanted) return;
    this.#wanted.abort(new DOMException("paused", "AbortError"));
    this.#wanted = null;
    this.#line = this.#listening?.line ?? UNKNOWN_LINE;
    this.#listening = null;
    const output = this.#output;
    output?.clear();
    // after the fade, unless play came in between
    setTimeout(() => this.paused && void output?.suspend(), 100);
    this.#companion.pause();
    this.#face.meter.stop();
    if (this.#watch) this.#watch.pace = document.hidden ? "resting" : "idle";
    announcePause();
    this.#tick();
  }

  // ---- life in the document

  connectedCallback() {
    Object.assign(this, this.#early);
    this.#early = {};
    const connected = (this.#connected = new AbortController());
    const { signal } = connected;
    document.addEventListener("visibilitychange", () => this.#visible(), { signal });
    for (const event of ["online", "pageshow", "focus"]) addEventListener(event, () => this.#woken(), { signal });
    const resized = new ResizeObserver(() => this.#face.meter.draw());
    resized.observe(this);
    signal.addEventListener("abort", () => resized.disconnect());
    this.#tune();
  }

  disconnectedCallback() {
    this.pause();
    this.#connected?.abort(new DOMException("removed", "AbortError"));
    this.#connected = null;
    this.#watch = null;
    void this.#output?.close();
    this.#output = null;
  }

  /** @param {string} name @param {string | null} _before @param {string | null} value */
  attributeChangedCallback(name, _before, value) {
    if (name === "src") this.#tune();
    if (name === "quality" && value !== null) this.quality = /** @type {Wish} */ (value);
    if (name === "volume" && value !== null) this.volume = Number(value);
    if (name === "station") this.#show();
  }

  /** Watches the station of `src`. */
  #tune() {
    if (!this.#connected) return;
    const wasPlaying = !this.paused;
    this.pause();
    this.#tuned?.abort(new DOMException("tuned away", "AbortError"));
    this.#watch = null;
    const url = absolute(this.src);
    if (url) {
      const tuned = (this.#tuned = new AbortController());
      const { signal } = tuned;
      this.#connected.signal.addEventListener("abort", () => tuned.abort(), { signal });
      const watch = (this.#watch = new ManifestWatch(url, this.#requests, systemClock));
      if (document.hidden) watch.pace = "resting";
      watch.run(signal).catch(() => {});
      void this.#showAnswers(watch, signal).catch(() => {});
      if (wasPlaying) this.play();
    }
    this.#tick();
  }
  /** @type {AbortController | null} */
  #tuned = null;

  /** @param {ManifestWatch} watch @param {AbortSignal} signal */
  async #showAnswers(watch, signal) {
    for (;;) {
      await watch.answered.heard(signal);
      this.#prepare();
      // A context that a call has interrupted is asked again now and then; it comes back when the system lets it.
      if (this.#wanted && !this.#output?.isRunning) void this.#output?.resume();
      this.#tick();
    }
  }

  #visible() {
    if (!this.#watch) return;
    if (this.paused) this.#watch.pace = document.hidden ? "resting" : "idle";
    if (!document.hidden) this.#woken();
  }

  /** The page or the line is back: after a sleep, timers do not tell the truth. */
  #woken() {
    if (this.paused) return;
    void this.#output?.resume();
    this.#watch?.askNow();
  }

  #pressed() {
    if (this.#wanted && !this.#output?.isRunning) {
      void this.#output?.resume();
      this.#watch?.askNow();
    } else if (this.#wanted) {
      this.pause();
    } else {
      this.play();
    }
  }

  /** A finger is on the button: by the time it leaves, the manifest is here. */
  #expect() {
    if (this.paused && this.#watch && this.#watch.age_ms > 3000) this.#watch.askNow();
  }

  /**
   * Somebody looks at a station that is there: a silent audio context wakes the browser's audio process, which from cold takes
   * longer than everything else between the tap and the sound.
   */
  #prepare() {
    if (!document.hidden && this.manifest) this.#output ??= this.#newOutput();
  }

  /** @returns {Output} */
  #newOutput() {
    const output = new Output();
    output.context.addEventListener("statechange", () => this.#tick());
    return output;
  }

  /** @param {number} rate @returns {Decoder} */
  #decoder(rate) {
    return new Decoder(rate, this.getAttribute("opus-decoder") ?? DECODER_URL);
  }

  #applyVolume() {
    if (this.#output) this.#output.volume = this.#muted ? 0 : this.#volume ** 2;
  }

  /** @param {number} volume @param {boolean} muted */
  #changeVolume(volume, muted) {
    const same = volume === this.#volume && muted === this.#muted;
    [this.#volume, this.#muted] = [volume, muted];
    this.#applyVolume();
    this.#face.showVolume(volume, muted);
    if (!same) this.#emit("volumechange", { volume: this.#volume, muted: this.#muted });
  }

  #announce() {
    this.#announced = this.#station;
    announce(this.#station, { play: () => (this.paused ? this.play() : this.#woken()), pause: () => this.pause() });
  }

  /** @param {Happening} happening */
  #happened(happening) {
    const { type, ...detail } = happening;
    if (happening.type === "skip") this.#notice = { text: skipText(happening), until_ms: performance.now() + NOTICE_MS };
    this.#emit(type, detail);
  }

  /** A fault of the player itself. @param {unknown} fault */
  #failed(fault) {
    console.error(fault);
    this.pause();
    this.#fault = fault;
    this.#tick();
  }

  // ---- what is shown

  #tick() {
    const state = this.#stateNow();
    this.#show(state);
    if (state !== this.#state) {
      this.#state = state;
      this.#emit("statechange", { state, message: this.#face.status });
    }
  }

  /** @returns {State} */
  #stateNow() {
    const running = this.#output?.isRunning ?? false;
    const listening = this.#wanted && this.#listening;
    if (listening && running && listening.sounding) this.#sounded = true;
    return stateOf({
      failed: this.#fault !== null,
      wanted: Boolean(listening),
      elsewhere: this.#elsewhere,
      running,
      sounded: this.#sounded,
      sounding: Boolean(listening && (listening.sounding || listening.inGap)),
      sinceTap_ms: performance.now() - this.#played_ms,
      known: this.#watch?.known ?? false,
      onAir: this.onAir,
    });
  }

  get #station() {
    return this.getAttribute("station") || this.manifest?.station || "Radio";
  }

  /** @param {State} [state] */
  #show(state = this.#state) {
    // Who taps before the first manifest has come has announced no name yet.
    if (this.#wanted && this.#station !== this.#announced) this.#announce();
    const { manifest, onAir, playingQuality } = this;
    const known = this.#watch?.known ?? false;
    const trouble = this.#fault ?? this.#watch?.trouble ?? this.#listening?.trouble ?? null;
    const notice = this.#listening?.inGap ? GAP_TEXT : performance.now() < this.#notice.until_ms ? this.#notice.text : "";
    this.#face.show({
      name: this.#station,
      known,
      onAir,
      pauses: pressPauses(state),
      status: absolute(this.src) ? statusText({ state, known, onAir, trouble, notice }) : noStationText(this.src),
      codec: manifest && playingQuality ? codecText(manifest, playingQuality, this.#output?.rate ?? 0) : "",
      behind: behindText(this.behindLive),
      quality: this.#quality,
    });
  }

  /** @param {string} type @param {object} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Takes an object's own properties away, so that they do not lie before its class's accessors.
 * @param {object} object @param {string[]} names @returns {Record<string, unknown>}
 */
function takenFrom(object, names) {
  const own = Object.entries(object).filter(([name]) => names.includes(name));
  for (const [name] of own) Reflect.deleteProperty(object, name);
  return Object.fromEntries(own);
}

/** @param {string} src @returns {string | null} null: it is no address */
function absolute(src) {
  try {
    return src ? new URL(src, document.baseURI).href : null;
  } catch {
    return null;
  }
}

customElements.define("radio-player", RadioPlayer);
