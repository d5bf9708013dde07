// Everything that the player says to a listener, in one place. Pure.

/**
 * @typedef {"idle" | "elsewhere" | "blocked" | "interrupted" | "starting" | "playing" | "waiting" | "off-air" | "error"} State
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {import("./manifest.js").Quality} Quality
 */

/** @type {Record<State, string>} */
const STATES = {
  idle: "Press play to listen.",
  elsewhere: "Playing in another tab or window. Press play to listen here.",
  blocked: "Your browser is holding the sound back. Press play once more.",
  interrupted: "Paused by your device. It goes on by itself, or when you press play.",
  starting: "Tuning in…",
  playing: "Playing.",
  waiting: "Waiting for the next piece of sound…",
  "off-air": "The station is off air. It starts by itself when the programme does.",
  error: "",
};

export const GAP_TEXT = "A moment of silence: the station lost some sound here.";

/**
 * The one sentence under the controls.
 * @param {object} now
 * @param {State} now.state
 * @param {boolean} now.known whether the station is on air can be told
 * @param {boolean} now.onAir
 * @param {unknown} now.trouble why the bucket could not be read last; null when it could
 * @param {string} now.notice something that just happened
 * @returns {string}
 */
export function statusText({ state, known, onAir, trouble, notice }) {
  const silent = state === "waiting" || state === "starting" || state === "error";
  if (trouble !== null && (silent || !known)) return troubleText(trouble);
  if (notice) return notice;
  if (state === "playing" && trouble !== null) return "The connection is interrupted. What is loaded plays on.";
  if (state === "idle" && known && !onAir) return "The station is off air.";
  return STATES[state];
}

/** What stands there without a station. @param {string} src @returns {string} */
export function noStationText(src) {
  return src ? "The address of the station is not one." : "No station is chosen.";
}

/** @param {unknown} trouble @returns {string} */
export function troubleText(trouble) {
  const name = trouble instanceof Error ? trouble.name : "";
  if (name === "Missing") return "There is no station at this address yet. We keep looking.";
  if (name === "ManifestError") return "The station sends something that this player does not understand. A reload may help.";
  if (name === "Damaged") return "The sound arrives damaged. We keep trying.";
  if (name === "Unreachable") return "The station cannot be reached. Check your connection; we keep trying.";
  return "The sound has stopped because of a fault in the player. Press play to try again.";
}

/** @param {{reason: "damaged" | "missing" | "lost time" | "clock drift", seconds: number}} skip @returns {string} */
export function skipText({ reason, seconds }) {
  if (reason === "lost time") return `Back at the live programme: ${duration(seconds)} were missed.`;
  if (reason === "clock drift") return `Moved ${duration(seconds)} closer to live.`;
  if (reason === "damaged") return `${duration(seconds)} arrived damaged and are silent.`;
  return `${duration(seconds)} could not be found and are silent.`;
}

/** @param {number} seconds @returns {string} */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 120) return whole === 1 ? "1 second" : `${whole} seconds`;
  const minutes = Math.round(whole / 60);
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}

/** @param {number | null} behind_s @returns {string} */
export function behindText(behind_s) {
  return behind_s === null || !Number.isFinite(behind_s) ? "" : `${duration(Math.max(0, behind_s))} behind live`;
}

/**
 * Codec, depth and rate of what sounds.
 * @param {Manifest} manifest @param {Quality} quality @param {number} rate of the sound card @returns {string}
 */
export function codecText(manifest, quality, rate) {
  const { hq, lq } = manifest.qualities;
  const what = quality === "hq" ? `FLAC, lossless, ${hq.bits} bit` : `Opus, ${Math.round(lq.bitrate / 1000)} kbit/s`;
  const resampled = rate === manifest.sampleRate ? "" : `, played at ${rate / 1000} kHz`;
  return `${what}, ${manifest.sampleRate / 1000} kHz${resampled}`;
}
