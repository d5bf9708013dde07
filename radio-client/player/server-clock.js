// What time it is at the station, learned from its manifests alone: listeners' clocks are often wrong. Pure.

/**
 * @typedef {object} ServerClock
 * @property {number} lag_ms local monotonic time minus the station's
 * @property {number} step_ms by how much earlier the next manifest is asked for than the last one was found
 * @property {boolean} firm a manifest was seen to change
 */

/** A first guess may be seconds off: look for the right moment in big steps, until one is too early. */
const SEARCH_MS = 1000;
/** Then in small ones: always asking at the moment that worked last would drift ever later. */
const CREEP_MS = 20;
/** Back after a request that was too early: five small steps, so that about one request in six is. */
const BACK_MS = 100;
/** A guess that is further off was no guess. */
const PLAUSIBLE_MS = 2000;

/**
 * The clock after the first manifest. It may have lain there for a while: how long is told by the answer's `Date`
 * header, if the bucket lets us read it, else by the listener's own clock.
 * @param {{asked_ms: number, updated_ms: number, date_ms: number | null, local_ms: number}} first
 * @returns {ServerClock}
 */
export function firstGuess({ asked_ms, updated_ms, date_ms, local_ms }) {
  // the header counts whole seconds: on average half of one is missing
  const now_ms = date_ms === null ? local_ms : date_ms + 500;
  return { lag_ms: asked_ms - Math.max(now_ms, updated_ms), step_ms: SEARCH_MS, firm: false };
}

/**
 * The clock after a manifest was seen to change: it had been written a moment before.
 * @param {ServerClock} clock
 * @param {{asked_ms: number, updated_ms: number, notBefore_ms: number, tooEarly: boolean}} seen `notBefore_ms`: when a
 *   request did not find it yet; `tooEarly`: that was after it was expected
 * @returns {ServerClock}
 */
export function learned({ lag_ms, step_ms, firm }, { asked_ms, updated_ms, notBefore_ms, tooEarly }) {
  const measured_ms = asked_ms - updated_ms;
  // Written after a moment that it calls later: the station's clock was stepped back. One that is only seen late was not.
  if (notBefore_ms - updated_ms > lag_ms + PLAUSIBLE_MS) return { lag_ms: measured_ms, step_ms: SEARCH_MS, firm: true };
  if (!firm && Math.abs(measured_ms - lag_ms) > PLAUSIBLE_MS) return { lag_ms: measured_ms, step_ms, firm: true };
  if (tooEarly) return { lag_ms: Math.min(measured_ms, lag_ms + step_ms + BACK_MS), step_ms: CREEP_MS, firm: true };
  return { lag_ms: Math.min(measured_ms, lag_ms) - step_ms, step_ms, firm: true };
}

/** Local monotonic time of a moment at the station. @param {ServerClock} clock @param {number} server_ms @returns {number} */
export function toLocal(clock, server_ms) {
  return server_ms + clock.lag_ms;
}
