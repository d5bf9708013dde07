// What time it is at the station, learned from its manifests alone: listeners' clocks are often wrong. Pure.

/**
 * @typedef {object} ServerClock
 * @property {number[]} lags_ms local monotonic time minus `updated_at`, of manifests seen to change, newest last
 * @property {number} guess_ms the same, guessed from the first answer; used until a change was seen
 */

/** Changes that are remembered: five minutes of ten-second segments, over which no quartz drifts noticeably. */
const REMEMBERED = 30;

/**
 * The clock after the first manifest. It may have lain there for a while: how long is told by the answer's `Date`
 * header, if the bucket lets us read it, else by the listener's own clock.
 * @param {{seen_ms: number, updated_ms: number, date_ms: number | null, local_ms: number}} first
 * @returns {ServerClock}
 */
export function firstGuess({ seen_ms, updated_ms, date_ms, local_ms }) {
  // the header counts whole seconds: on average half of one is missing
  const now_ms = date_ms === null ? local_ms : date_ms + 500;
  return { lags_ms: [], guess_ms: seen_ms - Math.max(now_ms, updated_ms) };
}

/**
 * The clock after a manifest was seen to change: it had been written a moment before.
 * @param {ServerClock} clock @param {number} seen_ms @param {number} updated_ms @returns {ServerClock}
 */
export function learned(clock, seen_ms, updated_ms) {
  return { ...clock, lags_ms: [...clock.lags_ms, seen_ms - updated_ms].slice(-REMEMBERED) };
}

/**
 * Local monotonic time of a moment at the station. The smallest lag is the least delayed answer, so the nearest one.
 * @param {ServerClock} clock @param {number} server_ms @returns {number}
 */
export function toLocal(clock, server_ms) {
  return server_ms + (clock.lags_ms.length > 0 ? Math.min(...clock.lags_ms) : clock.guess_ms);
}
