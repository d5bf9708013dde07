// What is asked of the bucket: the manifest, and segments as they arrive. Failures come as one of three errors.

import { Bell, follower } from "./waiting.js";

/** @typedef {import("./waiting.js").Clock} Clock */
/** @typedef {import("./manifest.js").Stored} Stored */

/** The bucket answered that it does not have it: asking again will not help. */
export class Missing extends Error {
  name = "Missing";
}
/** No answer, or not a whole one: asking again may help. */
export class Unreachable extends Error {
  name = "Unreachable";
}
/** It arrived and is not what it should be. */
export class Damaged extends Error {
  name = "Damaged";
}

/** Without a single byte for so long a connection is dead: phones keep them open through a tunnel. */
const SILENT_MS = 6_000;

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */

export class Requests {
  /** @param {Fetch} fetch @param {Clock} clock */
  constructor(fetch, clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }
  #fetch;
  #clock;

  /**
   * The manifest. The browser's own cache sends If-None-Match: a header of ours would cost a CORS preflight each time.
   * @param {string} url @param {AbortSignal} signal
   * @returns {Promise<{json: unknown, date_ms: number | null}>}
   */
  async manifest(url, signal) {
    const own = follower(signal);
    const late = () => own.abort(new Unreachable("the manifest does not come"));
    this.#clock.wait(SILENT_MS, own.signal).then(late, () => {});
    try {
      const answer = checked(await this.#fetch(url, { cache: "no-cache", credentials: "omit", signal: own.signal }));
      const date_ms = Date.parse(answer.headers.get("Date") ?? "");
      return { json: await answer.json(), date_ms: Number.isNaN(date_ms) ? null : date_ms };
    } catch (error) {
      throw own.signal.aborted ? own.signal.reason : asOurs(error);
    } finally {
      own.abort();
    }
  }

  /**
   * Begins to load an object.
   * @param {Stored} stored @param {AbortSignal} signal
   * @param {{first?: number}} [only] `first`: so many bytes are enough
   * @returns {Transfer}
   */
  segment(stored, signal, { first } = {}) {
    return new Transfer(stored, signal, this.#fetch, this.#clock, first);
  }
}

/** One object on its way. */
export class Transfer {
  /**
   * @param {Stored} stored @param {AbortSignal} signal @param {Fetch} fetch @param {Clock} clock
   * @param {number | undefined} first
   */
  constructor(stored, signal, fetch, clock, first) {
    this.total = Math.min(first ?? stored.bytes, stored.bytes);
    this.bytes = new Uint8Array(this.total);
    this.received = 0;
    this.#own = follower(signal);
    this.#clock = clock;
    this.#started_ms = this.#heard_ms = clock.now_ms();
    const range = this.total < stored.bytes ? { Range: `bytes=0-${this.total - 1}` } : undefined;
    /** Resolves when every byte is there. @type {Promise<void>} */
    this.done = this.#load(stored, fetch, range);
    this.done.catch(() => {}).finally(() => this.#progress.ring());
    void this.#notSilent();
  }
  #own;
  #clock;
  #started_ms;
  #heard_ms;
  #progress = new Bell();

  /** @returns {number} seconds since it began */
  get elapsed_s() {
    return (this.#clock.now_ms() - this.#started_ms) / 1000;
  }

  /** @returns {number} seconds from its beginning to its newest byte */
  get took_s() {
    return (this.#heard_ms - this.#started_ms) / 1000;
  }

  get complete() {
    return this.received === this.total;
  }

  /** What is here by now. */
  get soFar() {
    return this.bytes.subarray(0, this.received);
  }

  /** Resolves when more is here; rejects when the transfer failed. @returns {Promise<void>} */
  async more() {
    await Promise.race([this.#progress.heard(this.#own.signal), this.done]);
  }

  /** Ends it. @param {Error} [reason] */
  cancel(reason = new Unreachable("cancelled")) {
    this.#own.abort(reason);
  }

  /** @param {Stored} stored @param {Fetch} fetch @param {Record<string, string> | undefined} headers */
  async #load(stored, fetch, headers) {
    const { signal } = this.#own;
    try {
      const answer = checked(await fetch(stored.url, { credentials: "omit", signal, ...(headers && { headers }) }));
      const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
      while (!this.complete) {
        const { value, done } = await reader.read();
        if (done) throw new Unreachable(`only ${this.received} of ${this.total} bytes came`);
        const fits = value.subarray(0, this.total - this.received);
        this.bytes.set(fits, this.received);
        this.received += fits.length;
        this.#heard_ms = this.#clock.now_ms();
        this.#progress.ring();
      }
      // Read to the end, or the connection is closed instead of kept; a longer answer than wanted is cut off.
      if (this.total < stored.bytes) await reader.cancel();
      else if (!(await reader.read()).done) throw new Damaged("more bytes came than the manifest says");
    } catch (error) {
      const why = signal.aborted ? signal.reason : asOurs(error);
      // whoever waits for more learns why there is none
      this.#own.abort(why);
      throw why;
    } finally {
      this.#own.abort(new Unreachable("over"));
    }
  }

  async #notSilent() {
    const { signal } = this.#own;
    try {
      for (;;) {
        await this.#clock.wait(1000, signal);
        if (this.#clock.now_ms() - this.#heard_ms > SILENT_MS) this.cancel(new Unreachable("the segment does not come"));
      }
    } catch {
      // the transfer is over
    }
  }
}

/** @param {Response} answer @returns {Response} */
function checked(answer) {
  if (answer.ok) return answer;
  if ([403, 404, 410].includes(answer.status)) throw new Missing(`${answer.status} for ${answer.url}`);
  throw new Unreachable(`${answer.status} for ${answer.url}`);
}

/** @param {unknown} error @returns {unknown} */
function asOurs(error) {
  if (error instanceof Missing || error instanceof Unreachable || error instanceof Damaged) return error;
  return new Unreachable(error instanceof Error ? error.message : String(error));
}
