// Lays samples on the audio clock, one segment after the other, joins them, and knows what sounds now.

import { FADE, cut, fadeOver, fadedIn, silence } from "./fades.js";
import { placed } from "./timeline.js";

/** @typedef {import("./fades.js").Channels} Channels */
/** @typedef {import("./manifest.js").Entry} Entry */
/** @typedef {import("./manifest.js").Quality} Quality */

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
 * @typedef {object} Sink where samples go; Output is the real one
 * @property {number} rate
 * @property {number} now
 * @property {(signal: AbortSignal) => Promise<void>} running
 * @property {(channels: Channels, frame: number) => void} play
 * @property {() => void} clear
 */

/**
 * @typedef {object} Piece decoded samples of a segment
 * @property {Entry} entry
 * @property {Quality} quality
 * @property {Channels} channels from the segment's first sample on
 * @property {number} ready samples of the segment that `channels` reach to
 * @property {number} holdBack_s seconds to hold a late start back
 * @property {Channels} [before] the samples before the segment in this quality, to fade into
 */

/** Between a decision and its sound: a few blocks of the sound card. */
const LEAD_S = 0.05;

export class Schedule {
  /**
   * @param {Sink} output
   * @param {(samples: number) => number} scaled samples of the station as frames of the output
   * @param {(span: Span) => void} laid told of everything that is laid
   * @param {() => void} ranOut told when the sound has run out before its continuation came
   */
  constructor(output, scaled, laid, ranOut) {
    this.#output = output;
    this.#scaled = scaled;
    this.#laid = laid;
    this.#ranOut = ranOut;
  }
  #output;
  #scaled;
  #laid;
  #ranOut;

  /** Samples of the segment under way that are laid. */
  done = 0;
  /** @type {number | null} frame after the last sample */
  #end = null;
  /** @type {{quality: Quality, channels: Channels} | null} the last samples, if the next ones may join them */
  #tail = null;
  /** What comes next is not what followed: soften the join. */
  #soft = false;
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

  /** The station's time when what sounds now was captured; null in silence. */
  get captured_ms() {
    const span = this.sounding;
    if (!span) return null;
    const into_s = (this.#output.now - span.frame) / this.#output.rate + span.offset / 48_000;
    return span.start_ms + into_s * 1000;
  }

  /** Quality of the last samples; null when there are none to join. @returns {Quality | null} */
  get quality() {
    return this.#tail?.quality ?? null;
  }

  /** Whether a segment in this quality begins with a switch between neighbours. @param {Entry} entry @param {Quality} quality */
  switches(entry, quality) {
    return this.done === 0 && entry.gap === 0 && !this.#soft && this.#tail !== null && this.#tail.quality !== quality;
  }

  /** The segment under way ends here; what comes next is its neighbour. */
  finish() {
    this.done = 0;
  }

  /** The segment under way ends here; what comes next is from another time. */
  breakOff() {
    [this.done, this.#soft] = [0, true];
  }

  /** Silence for what cannot be had of a segment, so that what follows sounds when it should. @param {Entry} entry */
  leaveOut(entry) {
    this.#silence(this.#scaled(entry.gap + entry.samples - this.done));
    this.done = 0;
  }

  /** Silence, faded into and out of. @param {number} seconds */
  pause(seconds) {
    if (this.#tail) this.#fadeTail(silence(this.#tail.channels, FADE));
    this.#soft = true;
    this.#silence(Math.round(seconds * this.#output.rate));
  }

  /** Takes away everything that sounds or will. */
  clear() {
    this.#output.clear();
    [this.#end, this.#tail, this.#spans, this.done] = [null, null, [], 0];
  }

  /** Lays the samples of a piece that are not laid yet. @param {Piece} piece */
  lay({ entry, quality, channels, ready, holdBack_s, before }) {
    const { rate, now } = this.#output;
    const offset = this.done;
    const fresh = cut(channels, this.#scaled(offset));
    this.done = ready;
    const frames = fresh[0].length;
    if (frames === 0) return;
    const gap = offset === 0 && !this.#soft ? this.#scaled(entry.gap) : 0;
    const atLeast = offset === 0 ? Math.round(holdBack_s * rate) : 0;
    const { frame, late } = placed({ end: this.#end, gap, now, lead: Math.round(LEAD_S * rate), atLeast });
    if (late && gap === 0) this.#ranOut();
    this.#output.play(late || gap > 0 ? fresh : this.#joined(fresh, before), frame);
    const { index, start_ms } = entry;
    const span = { index, quality, offset, samples: ready - offset, frame, frames, start_ms, gap: late ? 0 : gap };
    this.#spans = [...this.#spans.filter((old) => old.frame + old.frames > now), span];
    this.#end = frame + frames;
    this.#tail = frames >= FADE ? { quality, channels: cut(fresh, -FADE) } : null;
    this.#soft = false;
    this.#laid(span);
  }

  /** @param {number} frames */
  #silence(frames) {
    if (this.#end !== null) this.#end += frames;
    this.#tail = null;
  }

  /**
   * Softens the join with what lies before, where it is not one of neighbours in the same quality.
   * @param {Channels} fresh @param {Channels | undefined} before @returns {Channels}
   */
  #joined(fresh, before) {
    if (before) this.#fadeTail(before);
    if (before || !this.#soft) return fresh;
    this.#fadeTail(silence(fresh, FADE));
    return fadedIn(silence(fresh, FADE), fresh);
  }

  /** Fades the last samples into others. @param {Channels} into */
  #fadeTail(into) {
    const length = into[0].length;
    const frame = (this.#end ?? 0) - length;
    // The overlay lies on samples that are about to sound: too late for it is too late for nothing else.
    if (!this.#tail || frame <= this.#output.now + (LEAD_S / 2) * this.#output.rate) return;
    this.#output.play(fadeOver(cut(this.#tail.channels, -length), into), frame);
  }
}
