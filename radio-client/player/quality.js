// Which quality to load next: from what the line has carried so far and how long the sound lasts. Pure.

/** @typedef {import("./manifest.js").Quality} Quality */

/**
 * @typedef {object} Line what is known of the listener's line
 * @property {number | null} fast_bit_s throughput, following quickly
 * @property {number | null} slow_bit_s throughput, following slowly
 * @property {number} lqInARow segments loaded in LQ since the last attempt at HQ
 * @property {number} tryAfter so many segments in LQ, then HQ is tried against the measurement
 */

const TRY_AFTER = 3;
const TRY_AFTER_AT_MOST = 48;

/** @type {Readonly<Line>} */
export const UNKNOWN_LINE = { fast_bit_s: null, slow_bit_s: null, lqInARow: 0, tryAfter: TRY_AFTER };

/**
 * The line after a transfer. Two averages, the smaller one counts: a drop is believed at once, a rise takes some proof.
 * @param {Readonly<Line>} line @param {number} bytes @param {number} took_s from the request to the last byte
 * @returns {Line}
 */
export function measured(line, bytes, took_s) {
  const bit_s = (bytes * 8) / Math.max(took_s, 0.001);
  return { ...line, fast_bit_s: blend(line.fast_bit_s, bit_s, 0.6), slow_bit_s: blend(line.slow_bit_s, bit_s, 0.25) };
}

/**
 * The line after a segment was loaded, or HQ had to be given up.
 * @param {Readonly<Line>} line @param {"hq" | "lq" | "hq given up"} what @returns {Line}
 */
export function loaded(line, what) {
  if (what === "hq") return { ...line, lqInARow: 0, tryAfter: TRY_AFTER };
  if (what === "lq") return { ...line, lqInARow: line.lqInARow + 1 };
  return { ...line, lqInARow: 0, tryAfter: Math.min(2 * line.tryAfter, TRY_AFTER_AT_MOST) };
}

/** @param {Readonly<Line>} line @returns {number | null} throughput that can be counted on, bit/s */
export function throughput(line) {
  if (line.fast_bit_s === null || line.slow_bit_s === null) return null;
  return Math.min(line.fast_bit_s, line.slow_bit_s);
}

/**
 * Seconds that must stay for loading LQ instead, should HQ not arrive.
 * @param {Readonly<Line>} line @param {number} lqBytes @returns {number}
 */
export function reserve_s(line, lqBytes) {
  const bit_s = throughput(line);
  return bit_s === null ? 3 : Math.min(5, 1 + (2 * lqBytes * 8) / bit_s);
}

/**
 * The quality of the next segment in automatic mode.
 * @param {object} known
 * @param {Readonly<Line>} known.line
 * @param {Quality | null} known.last quality of the segment before
 * @param {number} known.left_s until the sound that is scheduled ends
 * @param {number} known.segment_s
 * @param {number} known.hqBytes
 * @param {number} known.lqBytes
 * @param {boolean} known.saveData the listener asked the browser to spare data
 * @returns {Quality}
 */
export function automaticQuality({ line, last, left_s, segment_s, hqBytes, lqBytes, saveData }) {
  const bit_s = throughput(line);
  if (saveData || bit_s === null) return "lq";
  const takes_s = (hqBytes * 8) / bit_s;
  const spare_s = left_s - reserve_s(line, lqBytes);
  // Staying is easier than entering, so that a line at the limit does not flap.
  const load = last === "hq" ? 0.9 : 0.75;
  if (takes_s <= load * segment_s && 1.2 * takes_s <= spare_s) return "hq";
  // A small file on a line of high latency makes it look slow: only trying can tell. Not when it is hopeless.
  const worthTrying = line.lqInARow >= line.tryAfter && spare_s > 0.8 * segment_s && takes_s < 5 * segment_s;
  return worthTrying ? "hq" : "lq";
}

/** Before this a transfer tells nothing about how long it will take. */
const TELLING_S = 1.5;

/**
 * Whether a transfer under way will be done in time, as far as can be told.
 * @param {{received: number, total: number, elapsed_s: number, allowed_s: number}} transfer
 * @returns {boolean}
 */
export function willArrive({ received, total, elapsed_s, allowed_s }) {
  if (elapsed_s >= allowed_s) return false;
  if (elapsed_s < TELLING_S) return true;
  return received > 0 && (elapsed_s * total) / received <= allowed_s;
}

/** @param {number | null} average @param {number} value @param {number} weight @returns {number} */
function blend(average, value, weight) {
  return average === null ? value : average + weight * (value - average);
}
