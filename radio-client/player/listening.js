// One listener's ear: decides which segment is next and in which quality, and what to do when it cannot be had.

import { Undecodable } from "./decoder.js";
import { GivenUp, Loader } from "./loader.js";
import { automaticQuality, loaded, throughput } from "./quality.js";
import { Damaged, Missing } from "./requests.js";
import { Schedule } from "./schedule.js";
import { correction, end_ms, holdBack_s, leftBehind, nextSegment, pause_s } from "./timeline.js";

/** @typedef {import("./manifest.js").Entry} Entry */
/** @typedef {import("./manifest.js").Quality} Quality */
/** @typedef {import("./schedule.js").Span} Span */
/** @typedef {Quality | "auto"} Wish */
/** @typedef {"damaged" | "missing" | "lost time" | "clock drift"} Reason */
/** @typedef {{type: "segment"} & Span | {type: "skip", reason: Reason, seconds: number} | {type: "underrun"}} Happening */

/**
 * @typedef {object} Parts
 * @property {import("./watch.js").ManifestWatch} watch
 * @property {Pick<import("./requests.js").Requests, "segment">} requests
 * @property {Pick<import("./decoder.js").Decoder, "decode" | "scaled">} decoder
 * @property {import("./schedule.js").Sink} output
 * @property {import("./waiting.js").Clock} clock
 * @property {(happening: Happening) => void} say
 */

const RETRY_MS = 500;
const RETRY_AT_MOST_MS = 8000;

export class Listening {
  /** @param {Parts} parts @param {{wish: Wish, saveData: boolean}} choice */
  constructor({ watch, requests, decoder, output, clock, say }, { wish, saveData }) {
    this.#watch = watch;
    this.#output = output;
    this.#clock = clock;
    this.#say = say;
    this.wish = wish;
    this.#saveData = saveData;
    const scaled = (/** @type {number} */ samples) => decoder.scaled(samples);
    const schedule = (this.#schedule = new Schedule(output, scaled, (span) => say({ type: "segment", ...span }), () => {
      this.counters.underruns += 1;
      say({ type: "underrun" });
    }));
    this.#loader = new Loader({ requests, decoder, clock, schedule, holdBack_s: (entry) => this.#holdBack_s(entry) });
  }
  #watch;
  #output;
  #clock;
  #say;
  #saveData;
  #schedule;
  #loader;

  /** What the listener wants; holds from the next segment that is loaded. @type {Wish} */
  wish;
  counters = { segments: 0, underruns: 0, skipped: 0, damaged: 0, missing: 0, corrections: 0, givenUp: 0 };
  /** Why the last transfer failed; null when it did not. @type {unknown} */
  trouble = null;

  /** Loaded last. @type {import("./timeline.js").Heard | null} */
  #last = null;
  /** @type {number[]} */
  #leads_s = [];
  /** What this browser cannot decode at all. @type {Set<Quality>} */
  #unusable = new Set();

  /** What is known of the listener's line. */
  get line() {
    return this.#loader.line;
  }
  set line(line) {
    this.#loader.line = line;
  }

  /** Throughput that is counted on, bit/s; null before the first transfer. */
  get throughput_bit_s() {
    return throughput(this.line);
  }

  /** What sounds now; null in silence. */
  get sounding() {
    return this.#schedule.sounding;
  }

  /** Whether the silence now is one that the station reports. */
  get inGap() {
    return this.#schedule.inGap;
  }

  /** Seconds of sound in hand. */
  get left_s() {
    return this.#schedule.left_s;
  }

  /** How long ago what sounds now was captured, in seconds; null in silence. */
  get behind_s() {
    const { captured_ms } = this.#schedule;
    return captured_ms === null ? null : this.#watch.since_ms(captured_ms) / 1000;
  }

  /** Plays until the signal aborts. @param {AbortSignal} signal */
  async run(signal) {
    while (!signal.aborted) {
      await this.#output.running(signal);
      const next = this.#next();
      if (!next) {
        await this.#watch.answered.heard(signal);
        this.#noteLead();
      } else if (!this.#corrected(next, this.#segment_s)) {
        await this.#load(next, signal);
      }
    }
  }

  /** The segment to load now, or null: wait for the next manifest. @returns {Entry | null} */
  #next() {
    const { manifest, onAir } = this.#watch;
    if (!manifest) return null;
    this.#dropWhatIsOld(manifest);
    // Whoever starts does so from a manifest that is not older than what it promises.
    if (this.#last === null && this.#watch.age_ms > manifest.segment_s * 1000) return null;
    const found = nextSegment(manifest.segments, this.#last);
    if (!found || (found.lost_s !== null && !onAir)) return null;
    if (found.lost_s !== null && this.#last !== null) {
      if (found.lost_s > 0) this.#skipped("lost time", found.lost_s);
      this.#schedule.breakOff();
    }
    return found.entry;
  }

  /** After a sleep or a call the sound card still holds what nobody wants to hear any more. */
  #dropWhatIsOld(/** @type {import("./manifest.js").Manifest} */ { segments, segment_s }) {
    const { captured_ms } = this.#schedule;
    if (captured_ms === null || !leftBehind(captured_ms, segments, segment_s)) return;
    this.#schedule.clear();
    this.#leads_s = [];
    // what is dropped was not heard
    if (this.#last) this.#last = { index: this.#last.index, end_ms: captured_ms };
  }

  /** A manifest has come: how much sound is in hand when a segment is announced? */
  #noteLead() {
    const newest = this.#watch.manifest?.segments.at(-1);
    if (newest && this.#last !== null && newest.index === this.#last.index + 1) {
      const late_s = Math.max(0, this.#watch.sincePublished_ms) / 1000;
      this.#leads_s = [...this.#leads_s.slice(-19), this.left_s + late_s];
    }
  }

  /** How long the station's segments are; the last one before a restart may be shorter. */
  get #segment_s() {
    return this.#watch.manifest?.segment_s ?? 10;
  }

  /**
   * Moves when the sound card's clock has drifted away from the station's.
   * @param {Entry} entry @param {number} segment_s @returns {boolean} skipped
   */
  #corrected(entry, segment_s) {
    const what = this.#schedule.done > 0 ? null : correction(this.#leads_s, segment_s);
    if (!what) return false;
    this.#leads_s = [];
    this.counters.corrections += 1;
    if (what === "wait") {
      this.#schedule.pause(pause_s(segment_s));
      return false;
    }
    this.#skipped("clock drift", entry.samples / 48_000);
    this.#isHeard(entry);
    this.#schedule.breakOff();
    return true;
  }

  /** @param {Reason} reason @param {number} seconds */
  #skipped(reason, seconds) {
    this.counters.skipped += 1;
    this.#say({ type: "skip", reason, seconds });
  }

  /** @param {Entry} entry nothing more is wanted of it */
  #isHeard(entry) {
    this.#last = { index: entry.index, end_ms: end_ms(entry) };
  }

  /** Loads a segment in one quality or the other, or gives it up. @param {Entry} entry @param {AbortSignal} signal */
  async #load(entry, signal) {
    /** @type {Set<Quality>} */
    const useless = new Set(this.#unusable);
    for (let failures = 0; useless.size < 2; ) {
      const quality = this.#choose(entry, useless);
      const mayGiveUp = this.wish === "auto" && !useless.has("lq");
      const error = await this.#tried(entry, quality, mayGiveUp, signal);
      if (error === null) return;
      if (error instanceof GivenUp) {
        useless.add("hq");
      } else if (error instanceof Damaged || error instanceof Missing) {
        useless.add(quality);
        if (error instanceof Undecodable) this.#unusable.add(quality);
        if (useless.size === 2) await this.#withoutIt(entry, error, signal);
      } else {
        this.trouble = error;
        failures += 1;
        await this.#clock.wait(Math.min(RETRY_MS * 2 ** (failures - 1), RETRY_AT_MOST_MS), signal);
        if (this.#isGone(entry)) return;
      }
    }
  }

  /** Why a segment could not be had in this quality; null: it was. */
  async #tried(
    /** @type {Entry} */ entry,
    /** @type {Quality} */ quality,
    /** @type {boolean} */ mayGiveUp,
    /** @type {AbortSignal} */ signal,
  ) {
    try {
      await this.#loader.take(entry, quality, signal, { mayGiveUp });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof GivenUp) {
        this.counters.givenUp += 1;
        this.line = loaded(this.line, "hq given up");
      }
      return error;
    }
    this.line = loaded(this.line, quality);
    this.counters.segments += 1;
    this.trouble = null;
    this.#schedule.finish();
    this.#isHeard(entry);
    return null;
  }

  /** Neither quality can be had. @param {Entry} entry @param {Error} error @param {AbortSignal} signal */
  async #withoutIt(entry, error, signal) {
    if (error instanceof Missing) {
      // It has left the window, or we have: the newest manifest knows.
      this.#watch.askNow();
      await this.#watch.answered.heard(signal);
      if (this.#isGone(entry)) return;
    }
    const reason = error instanceof Missing ? "missing" : "damaged";
    this.counters[reason] += 1;
    this.#skipped(reason, entry.samples / 48_000);
    this.#schedule.leaveOut(entry);
    this.#isHeard(entry);
  }

  /** @param {Entry} entry @returns {boolean} the manifest does not name it any more */
  #isGone(entry) {
    const gone = !this.#watch.manifest?.segments.some(({ index }) => index === entry.index);
    if (gone) this.#schedule.finish();
    return gone;
  }

  /** @param {Entry} entry @param {Set<Quality>} useless @returns {Quality} */
  #choose(entry, useless) {
    if (useless.size === 1) return useless.has("hq") ? "lq" : "hq";
    // HQ from the first border on: the wait for a whole HQ file is worth it to nobody who has just pressed play.
    if (this.#last === null) return "lq";
    if (this.wish !== "auto") return this.wish;
    // Begun in LQ, finished in LQ: switches are at borders only.
    if (this.#schedule.done > 0) return "lq";
    return automaticQuality({
      line: this.line,
      last: this.#schedule.quality,
      left_s: this.left_s,
      segment_s: entry.samples / 48_000,
      hqBytes: entry.hq.bytes,
      lqBytes: entry.lq.bytes,
      saveData: this.#saveData,
    });
  }

  /** @param {Entry} entry @returns {number} */
  #holdBack_s(entry) {
    const { manifest, sincePublished_ms } = this.#watch;
    const newest = manifest?.segments.at(-1);
    return holdBack_s({
      segment_s: this.#segment_s,
      sincePublished_s: sincePublished_ms / 1000,
      more: newest !== undefined && newest.index > entry.index,
    });
  }
}
