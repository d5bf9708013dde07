// Brings one segment from the bucket onto the schedule: in pieces while it arrives, or whole, with what a switch needs.

import { FADE, cut, fadedIn } from "./fades.js";
import { wholePages, withPreSkip } from "./ogg.js";
import { UNKNOWN_LINE, measured, reserve_s, willArrive } from "./quality.js";
import { follower } from "./waiting.js";

/** @typedef {import("./fades.js").Channels} Channels */
/** @typedef {import("./manifest.js").Entry} Entry */
/** @typedef {import("./manifest.js").Quality} Quality */
/** @typedef {import("./requests.js").Transfer} Transfer */

/**
 * @typedef {object} LoaderParts
 * @property {Pick<import("./requests.js").Requests, "segment">} requests
 * @property {Pick<import("./decoder.js").Decoder, "decode" | "scaled">} decoder
 * @property {import("./waiting.js").Clock} clock
 * @property {import("./schedule.js").Schedule} schedule
 * @property {(entry: Entry) => number} holdBack_s how long to hold a late start back
 */

/** With less sound in hand LQ is decoded while it arrives. */
const HURRY_S = 2;
const FIRST_PIECE_S = 0.5;
/** A line that brings sound less than so many times faster than it sounds gets a bigger first piece. */
const QUICK = 1.5;
const BIG_PIECE_S = 4;
const GUARD_MS = 250;
/** Enough of an LQ file for a crossfade: the head, the pre-roll and the first samples. */
const HEAD_BYTES = 32_768;
/** With less sound in hand HQ goes without its crossfade: the head is not waited for. */
const HEAD_LATEST_S = 1;
/** Samples of an Opus packet. */
const PACKET = 960;

/** HQ would have come too late. */
export class GivenUp extends Error {}

export class Loader {
  /** @param {LoaderParts} parts */
  constructor({ requests, decoder, clock, schedule, holdBack_s }) {
    this.#requests = requests;
    this.#decoder = decoder;
    this.#clock = clock;
    this.#schedule = schedule;
    this.#holdBack_s = holdBack_s;
  }
  #requests;
  #decoder;
  #clock;
  #schedule;
  #holdBack_s;

  /** What the transfers have told. @type {import("./quality.js").Line} */
  line = UNKNOWN_LINE;

  /**
   * Loads, decodes and lays a segment.
   * @param {Entry} entry @param {Quality} quality @param {AbortSignal} signal what is decoded after it aborts does not sound
   * @param {{mayGiveUp: boolean}} options `mayGiveUp`: HQ may be left for LQ
   * @throws {GivenUp | import("./requests.js").Damaged | import("./requests.js").Missing | import("./requests.js").Unreachable}
   */
  async take(entry, quality, signal, { mayGiveUp }) {
    const transfer = this.#requests.segment(entry[quality], signal);
    const own = follower(signal);
    try {
      if (quality === "lq" && (await this.#isHurried(transfer, own.signal))) await this.#piecewise(entry, transfer, signal);
      if (quality === "hq" && mayGiveUp) void this.#guard(entry, transfer, own.signal);
      await transfer.done;
      await (quality === "hq" ? this.#wholeHq(entry, transfer, signal) : this.#wholeLq(entry, transfer, signal));
    } finally {
      own.abort();
      if (transfer.received > HEAD_BYTES) this.line = measured(this.line, transfer.received, transfer.took_s);
      transfer.cancel();
    }
  }

  /** Gives HQ up as soon as it cannot arrive before LQ would have to be asked for. */
  async #guard(/** @type {Entry} */ entry, /** @type {Transfer} */ transfer, /** @type {AbortSignal} */ signal) {
    const allowed_s = this.#schedule.left_s - reserve_s(this.line, entry.lq.bytes);
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

  /** Whether so little sound is in hand, now or before the transfer is over, that the whole cannot be waited for. */
  async #isHurried(/** @type {Transfer} */ transfer, /** @type {AbortSignal} */ signal) {
    while (this.#schedule.left_s >= HURRY_S) {
      if (transfer.complete) return false;
      await Promise.race([transfer.done, this.#clock.wait(GUARD_MS, signal)]);
    }
    return true;
  }

  /** Lays the beginning of an LQ file while the rest arrives. */
  async #piecewise(/** @type {Entry} */ entry, /** @type {Transfer} */ transfer, /** @type {AbortSignal} */ signal) {
    for (;;) {
      const piece = this.#nextPiece(entry, transfer);
      if (piece) await this.#layLq(entry, piece.bytes, piece.samples, signal);
      else if (transfer.complete) return;
      else await transfer.more();
    }
  }

  /** @param {Entry} entry @param {Transfer} transfer @returns {{bytes: Uint8Array, samples: number} | null} null: wait for more */
  #nextPiece(entry, transfer) {
    const { done } = this.#schedule;
    const quick = beginning(transfer.soFar, entry).samples > QUICK * transfer.elapsed_s * 48_000;
    // The first piece is small even when all is here: decoding takes time too.
    const looked = quick && done === 0 ? transfer.soFar.subarray(0, HEAD_BYTES) : transfer.soFar;
    const { end, samples } = beginning(looked, entry);
    // Each piece as long as all before it: every sample is decoded twice at most.
    const enough = Math.max((quick ? FIRST_PIECE_S : BIG_PIECE_S) * 48_000, 2 * done);
    return samples >= enough && samples < entry.samples ? { bytes: looked.slice(0, end), samples } : null;
  }

  /** Lays the first `samples` of an LQ file; after HQ, with the end of the pre-roll to fade into. */
  async #layLq(
    /** @type {Entry} */ entry,
    /** @type {Uint8Array} */ bytes,
    /** @type {number} */ samples,
    /** @type {AbortSignal} */ signal,
    after = 0,
  ) {
    const { preroll } = entry.lq;
    const fade = this.#schedule.switches(entry, "lq") && preroll > FADE ? FADE : 0;
    const file = fade > 0 ? withPreSkip(bytes, preroll - fade) : bytes;
    const want = { before: preroll - fade, frames: samples + fade, after };
    const channels = await this.#decoder.decode(file, "lq", want);
    const border = this.#decoder.scaled(fade);
    const before = fade > 0 ? cut(channels, 0, border) : undefined;
    this.#lay(entry, "lq", cut(channels, border), samples, signal, before);
  }

  /** @param {Entry} entry @param {Transfer} transfer @param {AbortSignal} signal */
  async #wholeLq(entry, transfer, signal) {
    await this.#layLq(entry, transfer.bytes, entry.samples, signal, (PACKET - (entry.samples % PACKET)) % PACKET);
  }

  /** @param {Entry} entry @param {Transfer} transfer @param {AbortSignal} signal */
  async #wholeHq(entry, transfer, signal) {
    const old = this.#schedule.switches(entry, "hq") ? await this.#lqHead(entry, signal) : null;
    const channels = await this.#decoder.decode(transfer.bytes, "hq", { before: 0, frames: entry.samples, after: 0 });
    this.#lay(entry, "hq", old ? fadedIn(old, channels) : channels, entry.samples, signal);
  }

  /** The first samples of a segment in LQ, to fade from; null when they cannot be had in time. */
  async #lqHead(/** @type {Entry} */ entry, /** @type {AbortSignal} */ signal) {
    const spare_s = this.#schedule.left_s - HEAD_LATEST_S;
    if (spare_s <= 0) return null;
    const transfer = this.#requests.segment(entry.lq, signal, { first: HEAD_BYTES });
    const own = follower(signal);
    this.#clock.wait(1000 * spare_s, own.signal).then(() => transfer.cancel(), () => {});
    try {
      await transfer.done;
      const { end, samples } = beginning(transfer.bytes, entry);
      if (samples < FADE) return null;
      const want = { before: entry.lq.preroll, frames: samples, after: 0 };
      const channels = await this.#decoder.decode(transfer.bytes.slice(0, end), "lq", want);
      return cut(channels, 0, this.#decoder.scaled(FADE));
    } catch {
      signal.throwIfAborted();
      return null;
    } finally {
      own.abort();
      transfer.cancel();
    }
  }

  #lay(
    /** @type {Entry} */ entry,
    /** @type {Quality} */ quality,
    /** @type {Channels} */ channels,
    /** @type {number} */ ready,
    /** @type {AbortSignal} */ signal,
    /** @type {Channels | undefined} */ before = undefined,
  ) {
    // Paused while it was being decoded: it must not sound after that.
    signal.throwIfAborted();
    this.#schedule.lay({ entry, quality, channels, ready, before, holdBack_s: this.#holdBack_s(entry) });
  }
}

/**
 * What the beginning of an LQ file holds of its segment.
 * @param {Uint8Array} bytes @param {Entry} entry @returns {{end: number, samples: number}} negative: not even the pre-roll
 */
function beginning(bytes, entry) {
  const { end, granule } = wholePages(bytes);
  return { end, samples: granule - entry.lq.preroll };
}
