// Where every sample goes: which segment is next, at which frame of the audio clock, and when to move. Pure.

/** @typedef {import("./manifest.js").Entry} Entry */

/** @typedef {{index: number, end_ms: number}} Heard a segment that was loaded, and the wall-clock time of its end */

/** Wall-clock times of segments are measured; they are this close to each other where samples are contiguous. */
const NEIGHBOURS_MS = 250;

/**
 * The segment to load after `last`. Whoever starts, or has lost so much that the next segment is gone, starts with the
 * second newest: a whole segment of sound is then in hand while the next one is made.
 * @param {Entry[]} segments of the newest manifest, oldest first
 * @param {Heard | null} last loaded last; null at the start
 * @returns {{entry: Entry, lost_s: number | null} | null} null: it is not there yet. `lost_s`: seconds that were on air
 *   between the two and are not to be had any more; null when the one follows the other
 */
export function nextSegment(segments, last) {
  const newest = segments.at(-1);
  if (!newest || newest.index === last?.index) return null;
  if (last === null || last.index > newest.index) return { entry: segments.at(-2) ?? newest, lost_s: 0 };
  const unheard = segments.filter((entry) => entry.index > last.index);
  const [next] = unheard;
  if (segments.some(({ index }) => index === last.index) || lost_s(next, last) === 0) return { entry: next, lost_s: null };
  const entry = unheard.at(-2) ?? next;
  return { entry, lost_s: lost_s(entry, last) };
}

/** A restarted station may leave numbers out; the gap that it reports then leads back to what was heard last. */
function lost_s(/** @type {Entry} */ next, /** @type {Heard} */ last) {
  const between_ms = next.start_ms - (next.gap / 48_000) * 1000 - last.end_ms;
  return next.index === last.index + 1 || Math.abs(between_ms) < NEIGHBOURS_MS ? 0 : Math.max(0, between_ms) / 1000;
}

/** @param {Entry} entry @returns {number} wall-clock time of its end */
export function end_ms(entry) {
  return entry.start_ms + (entry.samples / 48_000) * 1000;
}

/**
 * The frame at which the next samples start. On time: exactly where the ones before ended, plus the gap that the station
 * reports. Late: as soon as possible.
 * @param {object} at
 * @param {number | null} at.end frame after the last scheduled sample; null when nothing was
 * @param {number} at.gap frames that the station lost before these samples
 * @param {number} at.now frame that sounds now
 * @param {number} at.lead frames between a decision and its sound
 * @param {number} at.atLeast frames of silence to keep before a late start
 * @returns {{frame: number, late: boolean}}
 */
export function placed({ end, gap, now, lead, atLeast }) {
  // On time needs less than the lead: only the hardware's next blocks must not be missed.
  if (end !== null && end + gap >= now + lead / 2) return { frame: end + gap, late: false };
  return { frame: now + Math.max(lead, atLeast), late: end !== null };
}

/**
 * How long to hold a late start back, so that the segment after it arrives in time.
 * @param {{segment_s: number, sincePublished_s: number, more: boolean}} at `more`: later segments are there already
 * @returns {number} seconds
 */
export function holdBack_s({ segment_s, sincePublished_s, more }) {
  return more ? 0 : Math.max(0, 0.5 * segment_s - Math.max(0, sincePublished_s));
}

/** Leads over which drift shows, and not the jitter of one upload. */
const LEADS = 6;

/**
 * The sound card's clock and the station's differ by up to some 200 ppm, 0.7 s an hour. The lead (seconds of sound in hand
 * when a new segment is announced) drifts with it; when all recent leads are outside the window, what to do about it.
 * @param {number[]} leads_s newest last
 * @param {number} segment_s
 * @returns {"skip a segment" | "wait" | null}
 */
export function correction(leads_s, segment_s) {
  const recent = leads_s.slice(-LEADS);
  if (recent.length < LEADS) return null;
  if (Math.min(...recent) > 2.5 * segment_s) return "skip a segment";
  if (Math.max(...recent) < 0.4 * segment_s) return "wait";
  return null;
}

/** Seconds of silence that "wait" puts in. @param {number} segment_s @returns {number} */
export function pause_s(segment_s) {
  return 0.6 * segment_s;
}

/**
 * Whether the sound is so old that its successors are leaving the bucket: after a sleep, a call, a long tunnel.
 * Told by the station's times alone, as the listener's clock may be wrong.
 * @param {number | null} sounding_ms when what sounds was captured; null in silence
 * @param {Entry[]} segments
 * @param {number} segment_s
 * @returns {boolean}
 */
export function leftBehind(sounding_ms, segments, segment_s) {
  const newest = segments.at(-1);
  return sounding_ms !== null && newest !== undefined && end_ms(newest) - sounding_ms > 5 * segment_s * 1000;
}

/**
 * The part of a decoded buffer that is wanted. Decoders differ: some leave the pre-skip on, some ignore the end-trim,
 * some resample and lose a frame; the last frames are right in all but one case.
 * @param {number} decoded frames that came out
 * @param {object} want
 * @param {number} want.before frames in front that the decoder should have taken off
 * @param {number} want.frames
 * @param {number} want.after frames at the end that the decoder should have taken off
 * @returns {number | null} where the wanted part begins (negative: so many frames are missing); null: damaged
 */
export function wantedFrom(decoded, { before, frames, after }) {
  const extra = decoded - frames;
  if (extra === after || extra === 0) return 0;
  if (extra === before + after) return before;
  return extra >= -1 ? extra : null;
}
