// What the player is doing, in one word. Pure.

/** @typedef {import("./words.js").State} State */

/** A browser that allows sound has begun by then. */
const BLOCKED_MS = 1500;

/**
 * Whether a press on the button pauses. Where a browser or a device holds the sound back, it asks for the sound again.
 * @param {State} state @returns {boolean}
 */
export function pressPauses(state) {
  return ["starting", "playing", "waiting", "off-air"].includes(state);
}

/**
 * @param {object} now
 * @param {boolean} now.failed by a fault of the player itself
 * @param {boolean} now.wanted somebody wants to hear
 * @param {boolean} now.elsewhere another tab took the sound
 * @param {boolean} now.running the sound card's clock runs
 * @param {boolean} now.sounded there was sound since the tap
 * @param {boolean} now.sounding samples sound, or a silence that the station reports
 * @param {number} now.sinceTap_ms
 * @param {boolean} now.known whether it is on air can be told
 * @param {boolean} now.onAir
 * @returns {State}
 */
export function stateOf({ failed, wanted, elsewhere, running, sounded, sounding, sinceTap_ms, known, onAir }) {
  if (failed) return "error";
  if (!wanted) return elsewhere ? "elsewhere" : "idle";
  if (!running && sounded) return "interrupted";
  if (!running && sinceTap_ms > BLOCKED_MS) return "blocked";
  if (sounding) return "playing";
  if (known && !onAir) return "off-air";
  return sounded ? "waiting" : "starting";
}
