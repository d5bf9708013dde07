// Waiting: a clock that tests can replace, a bell for "something changed", signals that follow others.

/**
 * @typedef {object} Clock
 * @property {() => number} now_ms monotonic
 * @property {() => number} utc_ms the listener's own wall clock
 * @property {() => number} random in [0, 1)
 * @property {(ms: number, signal: AbortSignal) => Promise<void>} wait rejects when the signal aborts
 */

/** @type {Clock} */
export const systemClock = {
  now_ms: () => performance.now(),
  utc_ms: () => Date.now(),
  random: () => Math.random(),
  wait: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return void reject(signal.reason);
      const timer = setTimeout(() => (signal.removeEventListener("abort", stop), resolve()), ms);
      const stop = () => (clearTimeout(timer), reject(signal.reason));
      signal.addEventListener("abort", stop, { once: true });
    }),
};

/** Wakes everybody who waits for it. */
export class Bell {
  #ring = () => {};
  /** @type {Promise<void>} */
  #next = this.#renewed();

  ring() {
    const ring = this.#ring;
    this.#next = this.#renewed();
    ring();
  }

  /** Resolves at the next ring. @param {AbortSignal} signal @returns {Promise<void>} */
  heard(signal) {
    const next = this.#next;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return void reject(signal.reason);
      const stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      void next.then(() => (signal.removeEventListener("abort", stop), resolve()));
    });
  }

  /** @returns {Promise<void>} */
  #renewed() {
    return new Promise((resolve) => (this.#ring = () => resolve()));
  }
}

/**
 * Waits until a bell rings, but not longer than `ms`.
 * @param {Clock} clock @param {number} ms @param {Bell} bell @param {AbortSignal} signal
 */
export async function heardWithin(clock, ms, bell, signal) {
  const own = follower(signal);
  try {
    await Promise.race([clock.wait(ms, own.signal), bell.heard(own.signal)]);
  } finally {
    own.abort();
  }
}

/**
 * A controller that aborts with `signal`, and can abort by itself.
 * @param {AbortSignal} signal @returns {AbortController}
 */
export function follower(signal) {
  const own = new AbortController();
  const follow = () => own.abort(signal.reason);
  if (signal.aborted) follow();
  signal.addEventListener("abort", follow, { once: true });
  own.signal.addEventListener("abort", () => signal.removeEventListener("abort", follow), { once: true });
  return own;
}
