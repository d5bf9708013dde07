// One listener's ear: takes segments from the bucket and lays them on the audio clock, sample after sample.

import { FADE, cut, fadeOver, fadedIn, silence } from "./fades.js";
import { wholePages, withPreSkip } from "./ogg.js";
import { UNKNOWN_LINE, automaticQuality, loaded, measured, reserve_s, throughput, willArrive } from "./quality.js";
import { Damaged, Missing } from "./requests.js";
import { correction, end_ms, holdBack_s, leftBehind, nextSegment, pause_s, placed } from "./timeline.js";
import { follower } from "./waiting.js";

/** @typedef {import("./fades.js").Channels} Channels */
/** @typedef {import("./manifest.js").Entry} Entry */
/** @typedef {import("./manifest.js").Quality} Quality */
/** @typedef {import("./requests.js").Transfer} Transfer */
/** @typedef {Quality | "auto"} Wish */

/**
 * @typedef {object} Span samples of one segment on the audio clock
 * @property {number} index
 * @property {Quality} quality
 * @property {number} offset first sample within the segment
 * @property {number} samples
 * @property {number} frame of the audio clock
 * @property {number} frames
 * @property {number} start_ms wall-clock time of the segment's first sample
 * @property {number} gap frames of silence right before it that the station reports
 */

/**
 * @typedef {{type: "segment"} & Span
 *   | {type: "skip", reason: "damaged" | "missing" | "lost time" | "clock drift", seconds: number}
 *   | {type: "underrun"}} Happening
 */

/**
 * @typedef {object} Sink where samples go; Output is the real one
 * @property {number} rate
 * @property {number} now
 * @property {(signal: AbortSignal) => Promise<void>} running
 * @property {(channels: Channels, frame: number) => void} play
 * @property {() => void} clear
 */

/**
 * @typedef {object} Parts
 * @property {import("./watch.js").ManifestWatch} watch
 * @property {Pick<import("./requests.js").Requests, "segment">} requests
 * @property {Pick<import("./decoder.js").Decoder, "decode" | "scaled">} decoder
 * @property {Sink} output
 * @property {import("./waiting.js").Clock} clock
 * @property {(happening: Happening) => void} say
 */

/** Between a decision and its sound: a few blocks of the sound card. */
const LEAD_S = 0.05;
/** With less sound in hand LQ is decoded while it arrives. */
const HURRY_S = 2;
const FIRST_PIECE_S = 0.5;
/** A line that brings sound less than so many times faster than it sounds gets a bigger first piece. */
const QUICK = 1.5;
const BIG_PIECE_S = 4;
const GUARD_MS = 250;
const RETRY_MS = 500;
const RETRY_AT_MOST_MS = 8000;
/** Enough of an LQ file for a crossfade: the head, the pre-roll and the first samples. */
const HEAD_BYTES = 32_768;
const HEAD_WORTH_S = 3;

/** HQ would have come too late. */
class GivenUp extends Error {}

export class Listening {
  /** @param {Parts} parts @param {{wish: Wish, saveData: boolean}} choice */
  constructor({ watch, requests, decoder, output, clock, say }, { wish, saveData }) {
    this.#watch = watch;
    this.#requests = requests;
    this.#decoder = decoder;
    this.#output = output;
    this.#clock = clock;
    this.#say = say;
    this.wish = wish;
    this.#saveData = saveData;
  }
  #watch;
  #requests;
  #decoder;
  #output;
  #clock;
  #say;
  #saveData;

  /** What the listener wants; holds from the next segment that is loaded. @type {Wish} */
  wish;
  /** @type {import("./quality.js").Line} */
  line = UNKNOWN_LINE;
  counters = { segments: 0, underruns: 0, skipped: 0, damaged: 0, missing: 0, corrections: 0, givenUp: 0 };
  /** Why the last transfer failed; null when it did not. @type {unknown} */
  trouble = null;

  /** Of the run. @type {AbortSignal | null} */
  #signal = null;
  /** Loaded last. @type {import("./timeline.js").Heard | null} */
  #last = null;
  /** @type {number | null} frame after the last scheduled sample */
  #end = null;
  /** Of the segment being loaded: samples that are scheduled. */
  #done = 0;
  /** @type {{quality: Quality, channels: Channels} | null} the last samples that were scheduled */
  #tail = null;
  /** The next join is not one of neighbours: soften it. */
  #soft = false;
  /** @type {number[]} */
  #leads_s = [];
  /** @type {Span[]} */
  #spans = [];

  /** What sounds now; null in silence. @returns {Span | null} */
  get sounding() {
    const now = this.#output.now;
    return this.#spans.findLast((span) => span.frame <= now && now < span.frame + span.frames) ?? null;
  }

  /** Whether the silence now is one that the station reports. */
  get inGap() {
    const now = this.#output.now;
    return this.#spans.some(({ frame, gap }) => frame - gap <= now && now < frame);
  }

  /** Seconds of sound in hand. */
  get left_s() {
    return this.#end === null ? 0 : Math.max(0, (this.#end - this.#output.now) / this.#output.rate);
  }

  /** How long ago what sounds now was captured, in seconds; null in silence. */
  get behind_s() {
    const captured_ms = this.#captured_ms;
    return captured_ms === null ? null : this.#watch.since_ms(captured_ms) / 1000;
  }

  /** The station's time when what sounds now was captured; null in silence. */
  get #captured_ms() {
    const span = this.sounding;
    if (!span) return null;
    const into_s = (this.#output.now - span.frame) / this.#output.rate + span.offset / 48_000;
    return span.start_ms + into_s * 1000;
  }

  /** Plays until the signal aborts. @param {AbortSignal} signal */
  async run(signal) {
    this.#signal = signal;
    while (!signal.aborted) {
      await this.#output.running(signal);
      const next = this.#next();
      if (!next) {
        await this.#watch.answered.heard(signal);
        this.#noteLead();
      } else if (!this.#corrected(next)) {
        await this.#load(next, signal);
      }
    }
  }

  /** The segment to load now, or null: wait for the next manifest. @returns {Entry | null} */
  #next() {
    const { manifest, onAir } = this.#watch;
    if (!manifest) return null;
    if (leftBehind(this.#captured_ms, manifest.segments, manifest.segment_s)) this.#startAnew();
    // Whoever starts does so from a manifest that is not older than what it promises.
    if (this.#last === null && this.#watch.age_ms > manifest.segment_s * 1000) return null;
    const found = nextSegment(manifest.segments, this.#last);
    if (!found || (found.lost_s !== null && !onAir)) return null;
    if (found.lost_s !== null && this.#last !== null) {
      if (found.lost_s > 0) this.#skipped("lost time", found.lost_s);
      [this.#soft, this.#done] = [true, 0];
    }
    return found.entry;
  }

  #startAnew() {
    this.#output.clear();
    [this.#end, this.#tail, this.#spans, this.#leads_s, this.#done] = [null, null, [], [], 0];
  }

  /** A manifest has come: how much sound is in hand when a segment is announced? */
  #noteLead() {
    const newest = this.#watch.manifest?.segments.at(-1);
    if (newest && this.#last !== null && newest.index === this.#last.index + 1) {
      const late_s = Math.max(0, this.#watch.sincePublished_ms) / 1000;
      this.#leads_s = [...this.#leads_s.slice(-19), this.left_s + late_s];
    }
  }

  /** Moves when the sound card's clock has drifted away from the station's. @param {Entry} entry @returns {boolean} skipped */
  #corrected(entry) {
    const what = this.#done > 0 ? null : correction(this.#leads_s, entry.samples / 48_000);
    if (!what) return false;
    this.#leads_s = [];
    this.counters.corrections += 1;
    if (what === "wait") {
      if (this.#end !== null) this.#end += Math.round(pause_s(entry.samples / 48_000) * this.#output.rate);
      return false;
    }
    this.#skipped("clock drift", entry.samples / 48_000);
    this.#last = { index: entry.index, end_ms: end_ms(entry) };
    this.#soft = true;
    return true;
  }

  /** @param {"damaged" | "missing" | "lost time" | "clock drift"} reason @param {number} seconds */
  #skipped(reason, seconds) {
    this.counters.skipped += 1;
    this.#say({ type: "skip", reason, seconds });
  }

  /** Loads a segment in one quality or the other, or gives it up. @param {Entry} entry @param {AbortSignal} signal */
  async #load(entry, signal) {
    /** @type {Set<Quality>} */
    const useless = new Set();
    for (let failures = 0; ; ) {
      const quality = this.#choose(entry, useless);
      try {
        await this.#take(entry, quality, signal);
        this.line = loaded(this.line, quality);
        this.counters.segments += 1;
        this.#last = { index: entry.index, end_ms: end_ms(entry) };
        [this.#done, this.trouble] = [0, null];
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof GivenUp) {
          this.counters.givenUp += 1;
          this.line = loaded(this.line, "hq given up");
          useless.add("hq");
        } else if (error instanceof Damaged || error instanceof Missing) {
          useless.add(quality);
          if (useless.size === 2) return void (await this.#withoutIt(entry, error, signal));
        } else {
          this.trouble = error;
          failures += 1;
          await this.#clock.wait(Math.min(RETRY_MS * 2 ** (failures - 1), RETRY_AT_MOST_MS), signal);
          if (this.#gone(entry)) return;
        }
      }
    }
  }

  /** Neither quality can be had. @param {Entry} entry @param {Error} error @param {AbortSignal} signal */
  async #withoutIt(entry, error, signal) {
    if (error instanceof Missing) {
      // It has left the window, or we have: the newest manifest knows.
      this.#watch.askNow();
      await this.#watch.answered.heard(signal);
      if (this.#gone(entry)) return;
    }
    const reason = error instanceof Missing ? "missing" : "damaged";
    this.counters[reason] += 1;
    this.#skipped(reason, entry.samples / 48_000);
    // Its place stays empty, so that what follows sounds when it should.
    if (this.#end !== null) this.#end += this.#decoder.scaled(entry.gap + entry.samples - this.#done);
    this.#last = { index: entry.index, end_ms: end_ms(entry) };
    [this.#done, this.#tail] = [0, null];
  }

  /** @param {Entry} entry @returns {boolean} the manifest does not name it any more */
  #gone(entry) {
    const gone = !this.#watch.manifest?.segments.some(({ index }) => index === entry.index);
    if (gone) this.#done = 0;
    return gone;
  }

  /** @param {Entry} entry @param {Set<Quality>} useless @returns {Quality} */
  #choose(entry, useless) {
    if (useless.size === 1) return useless.has("hq") ? "lq" : "hq";
    if (this.wish !== "auto") return this.wish;
    // Begun in LQ, finished in LQ: switches are at borders only.
    if (this.#done > 0) return "lq";
    return automaticQuality({
      line: this.line,
      last: this.#tail?.quality ?? null,
      left_s: this.left_s,
      segment_s: entry.samples / 48_000,
      hqBytes: entry.hq.bytes,
      lqBytes: entry.lq.bytes,
      saveData: this.#saveData,
    });
  }

  /** Loads, decodes and schedules one segment. @param {Entry} entry @param {Quality} quality @param {AbortSignal} signal */
  async #take(entry, quality, signal) {
    const transfer = this.#requests.segment(entry[quality], signal);
    const own = follower(signal);
    try {
      if (quality === "lq" && this.left_s < HURRY_S) await this.#piecewise(entry, transfer);
      if (quality === "hq" && this.wish === "auto") void this.#guard(entry, transfer, own.signal);
      await transfer.done;
      await this.#whole(entry, quality, transfer, signal);
    } finally {
      own.abort();
      if (transfer.received > HEAD_BYTES) this.line = measured(this.line, transfer.received, transfer.took_s);
      transfer.cancel();
    }
  }

  /** Gives HQ up as soon as it cannot arrive before LQ would have to be asked for. */
  async #guard(/** @type {Entry} */ entry, /** @type {Transfer} */ transfer, /** @type {AbortSignal} */ signal) {
    const allowed_s = this.left_s - reserve_s(this.line, entry.lq.bytes);
    try {
      while (!transfer.complete) {
        await this.#clock.wait(GUARD_MS, signal);
        const { received, total, elapsed_s } = transfer;
        if (!willArrive({ received, total, elapsed_s, allowed_s })) transfer.cancel(new GivenUp());
      }
    } catch {
      // the transfer is over
    }
  }

  /** Schedules the beginning of an LQ file while the rest arrives. @param {Entry} entry @param {Transfer} transfer */
  async #piecewise(entry, transfer) {
    for (;;) {
      const quick = this.#playable_s(transfer.soFar, entry) > QUICK * transfer.elapsed_s;
      // The first piece is small even when all is here: decoding takes time too.
      const looked = quick && this.#done === 0 ? transfer.soFar.subarray(0, HEAD_BYTES) : transfer.soFar;
      const ready_s = this.#playable_s(looked, entry);
      // Each piece as long as all before it: every sample is decoded twice at most.
      const enough_s = Math.max(quick ? FIRST_PIECE_S : BIG_PIECE_S, (2 * this.#done) / 48_000);
      if (ready_s >= enough_s && ready_s * 48_000 < entry.samples) {
        const { end, granule } = wholePages(looked);
        const ready = granule - entry.lq.preroll;
        const want = { before: entry.lq.preroll, frames: ready, after: 0 };
        this.#put(entry, "lq", await this.#decoder.decode(looked.slice(0, end), "lq", want), ready);
      } else if (transfer.complete) {
        return;
      } else {
        await transfer.more();
      }
    }
  }

  /** @param {Uint8Array} bytes the beginning of an LQ file @param {Entry} entry @returns {number} */
  #playable_s(bytes, entry) {
    return (wholePages(bytes).granule - entry.lq.preroll) / 48_000;
  }

  /** @param {Entry} entry @param {Quality} quality @param {Transfer} transfer @param {AbortSignal} signal */
  async #whole(entry, quality, transfer, signal) {
    const switching = this.#done === 0 && entry.gap === 0 && !this.#soft && this.#tail && this.#tail.quality !== quality;
    if (quality === "hq") {
      const old = switching && this.left_s > HEAD_WORTH_S ? await this.#lqHead(entry, signal) : null;
      const channels = await this.#decoder.decode(transfer.bytes, "hq", { before: 0, frames: entry.samples, after: 0 });
      this.#put(entry, "hq", old ? fadedIn(old, channels) : channels, entry.samples);
      return;
    }
    const { preroll } = entry.lq;
    const after = (960 - (entry.samples % 960)) % 960;
    if (switching && preroll > FADE) {
      const bytes = withPreSkip(transfer.bytes, preroll - FADE);
      const want = { before: preroll - FADE, frames: entry.samples + FADE, after };
      const channels = await this.#decoder.decode(bytes, "lq", want);
      const border = this.#decoder.scaled(FADE);
      this.#put(entry, "lq", cut(channels, border), entry.samples, cut(channels, 0, border));
    } else {
      const want = { before: preroll, frames: entry.samples, after };
      this.#put(entry, "lq", await this.#decoder.decode(transfer.bytes, "lq", want), entry.samples);
    }
  }

  /** The first samples of a segment in LQ, to fade from; null when they cannot be had. */
  async #lqHead(/** @type {Entry} */ entry, /** @type {AbortSignal} */ signal) {
    const transfer = this.#requests.segment(entry.lq, signal, { first: HEAD_BYTES });
    try {
      await transfer.done;
      const { end, granule } = wholePages(transfer.bytes);
      const want = { before: entry.lq.preroll, frames: granule - entry.lq.preroll, after: 0 };
      if (want.frames < FADE) return null;
      const channels = await this.#decoder.decode(transfer.bytes.slice(0, end), "lq", want);
      return cut(channels, 0, this.#decoder.scaled(FADE));
    } catch {
      signal.throwIfAborted();
      return null;
    } finally {
      transfer.cancel();
    }
  }

  /**
   * Schedules a segment's samples up to `ready`, less those that are scheduled already.
   * @param {Entry} entry @param {Quality} quality @param {Channels} channels from the segment's first sample on
   * @param {number} ready @param {Channels} [before] the samples before the segment, to fade into
   */
  #put(entry, quality, channels, ready, before) {
    // Paused while it was being decoded: it must not sound after that.
    this.#signal?.throwIfAborted();
    const { rate, now } = this.#output;
    const offset = this.#done;
    const fresh = cut(channels, this.#decoder.scaled(offset));
    this.#done = ready;
    if (fresh[0].length === 0) return;
    const lead = Math.round(LEAD_S * rate);
    const gap = offset === 0 && !this.#soft ? this.#decoder.scaled(entry.gap) : 0;
    const atLeast = offset === 0 ? Math.round(this.#holdBack_s(entry) * rate) : 0;
    const { frame, late } = placed({ end: this.#end, gap, now, lead, atLeast });
    if (late && gap === 0) {
      this.counters.underruns += 1;
      this.#say({ type: "underrun" });
    }
    const joined = !late && gap === 0 ? this.#joined(fresh, frame, before) : fresh;
    this.#output.play(joined, frame);
    const { index, start_ms } = entry;
    const frames = fresh[0].length;
    const span = { index, quality, offset, samples: ready - offset, frame, frames, start_ms, gap: late ? 0 : gap };
    this.#spans = [...this.#spans.filter((old) => old.frame + old.frames > now), span];
    this.#end = frame + frames;
    this.#tail = frames >= FADE ? { quality, channels: cut(fresh, -FADE) } : null;
    this.#soft = false;
    this.#say({ type: "segment", ...span });
  }

  /** Softens the join with what is scheduled before, where it is not one of neighbours in the same quality. */
  #joined(/** @type {Channels} */ fresh, /** @type {number} */ frame, /** @type {Channels | undefined} */ before) {
    const tail = this.#tail?.channels;
    const into = before ?? (this.#soft && tail ? silence(tail, FADE) : undefined);
    if (!tail || !into) return fresh;
    // The overlay lies on samples that are about to sound: too late for it is too late for nothing else.
    if (frame - FADE > this.#output.now + (LEAD_S / 2) * this.#output.rate) {
      this.#output.play(fadeOver(tail.map((channel) => channel.slice(-into[0].length)), into), frame - into[0].length);
    }
    return before ? fresh : fadedIn(silence(fresh, FADE), fresh);
  }

  /** @param {Entry} entry @returns {number} */
  #holdBack_s(entry) {
    const { manifest, sincePublished_ms } = this.#watch;
    const newest = manifest?.segments.at(-1);
    return holdBack_s({
      segment_s: entry.samples / 48_000,
      sincePublished_s: sincePublished_ms / 1000,
      more: newest !== undefined && newest.index > entry.index,
    });
  }

  /** Throughput that is counted on, bit/s; null before the first transfer. */
  get throughput_bit_s() {
    return throughput(this.line);
  }
}

