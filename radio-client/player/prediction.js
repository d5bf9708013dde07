// When to ask for the manifest again, and whether what it says still holds. Pure.

/** After the predicted moment: what upload times and clocks vary by. */
const MARGIN_MS = 200;
/** Between questions when the new segment is late: doubles each time. */
const LATE_MS = 700;
/** Nobody is listening: the badge may be this old. */
const IDLE_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

/**
 * How long to wait before the next request for the manifest.
 * @param {object} known
 * @param {boolean} known.listening somebody has pressed play
 * @param {boolean} known.onAir
 * @param {number} known.sincePublished_ms since the newest manifest was written
 * @param {number} known.segment_ms
 * @param {number} known.misses requests since then that found nothing new, after it was due
 * @param {number} known.failures requests in a row without an answer
 * @param {number} known.random in [0, 1): spreads listeners who all lost the same connection
 * @returns {number} milliseconds
 */
export function nextPoll_ms({ listening, onAir, sincePublished_ms, segment_ms, misses, failures, random }) {
  if (failures > 0) {
    const longest_ms = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    return longest_ms * (0.5 + random / 2);
  }
  if (!listening) return Math.max(IDLE_MS, segment_ms);
  if (!onAir) return Math.max(segment_ms, 5_000) * (0.75 + random / 2);
  const due_ms = segment_ms + MARGIN_MS - sincePublished_ms;
  if (due_ms > 0) return due_ms;
  return Math.min(LATE_MS * 2 ** misses, Math.max(segment_ms, LATE_MS));
}

/** Longer than the supervisor takes to write `live: false` itself. */
export const SILENT_AFTER_MS = 40_000;

/**
 * Whether the station is on air. A supervisor that lost its power cannot say so: its manifest just stops changing.
 * @param {{live: boolean, sincePublished_ms: number, segment_ms: number}} manifest
 * @returns {boolean}
 */
export function isOnAir({ live, sincePublished_ms, segment_ms }) {
  return live && sincePublished_ms < Math.max(SILENT_AFTER_MS, 4 * segment_ms);
}
