// Keeps the newest manifest: asks for it when the next one is due, more rarely when nobody listens.

import { parseManifest } from "./manifest.js";
import { SILENT_AFTER_MS, isOnAir, nextPoll_ms } from "./prediction.js";
import { firstGuess, learned, toLocal } from "./server-clock.js";
import { Bell, heardWithin } from "./waiting.js";

/** @typedef {import("./manifest.js").Manifest} Manifest */
/** A manifest this young need not be asked for again because somebody begins to listen. */
const FRESH_MS = 1000;

/** @typedef {"listening" | "idle" | "resting"} Pace resting: asks nothing */

export class ManifestWatch {
  /**
   * @param {string} url @param {import("./requests.js").Requests} requests @param {import("./waiting.js").Clock} clock
   */
  constructor(url, requests, clock) {
    this.url = url;
    this.#requests = requests;
    this.#clock = clock;
  }
  #requests;
  #clock;
  #changed = new Bell();
  #urgent = false;
  /** @type {import("./server-clock.js").ServerClock | null} */
  #serverClock = null;
  /** @type {Pace} */
  #pace = "idle";
  #misses = 0;
  #failures = 0;
  #answered_ms = -Infinity;
  /** When what was answered last had been asked for. */
  #asked_ms = -Infinity;

  /** Rings after every answer and every failure. */
  answered = new Bell();
  /** @type {Manifest | null} */
  manifest = null;
  /** Why the last request failed; null when it did not. @type {unknown} */
  trouble = null;

  /** @param {Pace} pace */
  set pace(pace) {
    const quicker = pace !== "resting" && pace !== this.#pace;
    this.#pace = pace;
    if (quicker && this.age_ms > FRESH_MS) this.askNow();
    else this.#changed.ring();
  }

  /** Asks without waiting for the next one to be due. */
  askNow() {
    this.#urgent = true;
    this.#changed.ring();
  }

  /** Milliseconds since the bucket last answered. */
  get age_ms() {
    return this.#clock.now_ms() - this.#answered_ms;
  }

  /** Whether the station was on air when the bucket answered last: while no answer comes, age says nothing about it. */
  get onAir() {
    const { manifest } = this;
    if (!manifest) return false;
    return isOnAir({
      live: manifest.live,
      sincePublished_ms: this.sincePublished_ms - this.age_ms,
      segment_ms: manifest.segment_s * 1000,
    });
  }

  /** Whether anybody can tell if the station is on air: it was heard of, and not too long ago. */
  get known() {
    return this.manifest !== null && (this.trouble === null || this.age_ms < SILENT_AFTER_MS);
  }

  /** Milliseconds since the newest manifest was written. */
  get sincePublished_ms() {
    return this.manifest ? this.since_ms(this.manifest.updated_ms) : Infinity;
  }

  /** Milliseconds since a moment of the station's wall clock. @param {number} server_ms @returns {number} */
  since_ms(server_ms) {
    return this.#serverClock ? this.#clock.now_ms() - toLocal(this.#serverClock, server_ms) : Infinity;
  }

  /** Watches until the signal aborts. @param {AbortSignal} signal */
  async run(signal) {
    while (!signal.aborted) {
      if (this.#pace !== "resting" || this.#urgent) {
        this.#urgent = false;
        await this.#ask(signal);
        this.answered.ring();
      }
      await this.#untilDue(signal);
    }
  }

  /** @param {AbortSignal} signal */
  async #untilDue(signal) {
    let due_ms = -1;
    while (!this.#urgent && due_ms !== 0) {
      if (this.#pace === "resting") {
        await this.#changed.heard(signal);
        continue;
      }
      // A change of pace moves the moment; the time itself passing brings it.
      due_ms = this.#delay_ms();
      const until_ms = this.#clock.now_ms() + due_ms;
      await heardWithin(this.#clock, due_ms, this.#changed, signal);
      if (this.#clock.now_ms() >= until_ms - 1) due_ms = 0;
    }
  }

  /** @param {AbortSignal} signal */
  async #ask(signal) {
    const asked_ms = this.#clock.now_ms();
    try {
      const { json, date_ms } = await this.#requests.manifest(this.url, signal);
      this.#accept(parseManifest(json, this.url), asked_ms, date_ms);
      this.#asked_ms = asked_ms;
      this.#answered_ms = this.#clock.now_ms();
      [this.#failures, this.trouble] = [0, null];
    } catch (error) {
      if (signal.aborted) throw error;
      this.#failures += 1;
      this.trouble = error;
    }
  }

  /** @param {Manifest} manifest @param {number} asked_ms @param {number | null} date_ms */
  #accept(manifest, asked_ms, date_ms) {
    const before = this.manifest;
    const { updated_ms } = manifest;
    if (!before || !this.#serverClock) {
      this.#serverClock = firstGuess({ asked_ms, updated_ms, date_ms, local_ms: this.#clock.utc_ms() });
    } else if (!isNewer(manifest, before) && (updated_ms === before.updated_ms || this.onAir)) {
      // the same, or an older one from some cache on the way
      if (this.sincePublished_ms > manifest.segment_s * 1000) this.#misses += 1;
      return;
    } else {
      const seen = { asked_ms, updated_ms, notBefore_ms: this.#asked_ms, tooEarly: this.#misses > 0 };
      this.#serverClock = learned(this.#serverClock, seen);
    }
    this.#misses = 0;
    this.manifest = manifest;
  }

  #delay_ms() {
    return nextPoll_ms({
      listening: this.#pace === "listening",
      onAir: this.onAir,
      sincePublished_ms: this.sincePublished_ms,
      segment_ms: (this.manifest?.segment_s ?? 10) * 1000,
      misses: this.#misses,
      failures: this.#failures,
      random: this.#clock.random(),
    });
  }
}

/**
 * A number is never used twice, so a higher one is newer even where the station's clock was stepped back.
 * @param {Manifest} manifest @param {Manifest} before @returns {boolean}
 */
function isNewer(manifest, before) {
  const newest = (/** @type {Manifest} */ { segments }) => segments.at(-1)?.index ?? -1;
  return newest(manifest) > newest(before) || manifest.updated_ms > before.updated_ms;
}
