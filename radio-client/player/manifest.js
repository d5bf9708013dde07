// The manifest as the player sees it: parsed, checked, its keys turned into addresses. Pure.

/**
 * @typedef {"hq" | "lq"} Quality
 * @typedef {{url: string, bytes: number}} Stored
 * @typedef {object} Entry one segment: when it was captured, how many samples it has and how many are missing before it
 * @property {number} index
 * @property {number} start_ms wall-clock time of the first sample, milliseconds since 1970
 * @property {number} samples
 * @property {number} gap samples missing right before this segment
 * @property {Stored} hq
 * @property {Stored & {preroll: number}} lq
 * @typedef {object} Manifest
 * @property {string} station
 * @property {boolean} live
 * @property {number} segment_s
 * @property {number} updated_ms wall-clock time of writing, milliseconds since 1970
 * @property {number} sampleRate
 * @property {{hq: {type: string, bits: number}, lq: {type: string, bitrate: number}}} qualities
 * @property {Entry[]} segments oldest first
 */

/** The document is not a manifest that this player can read. */
export class ManifestError extends Error {
  name = "ManifestError";
}

/**
 * Reads version 1 of `manifest.json`; fields that it does not know are left alone.
 * @param {unknown} json
 * @param {string} url where it came from; the segments lie in the folder beside it
 * @returns {Manifest}
 * @throws {ManifestError} something that the player needs is missing or impossible
 */
export function parseManifest(json, url) {
  const top = object(json, "the manifest");
  if (top.version !== 1) throw new ManifestError(`version ${String(top.version)} is not 1`);
  const { hq, lq } = object(top.qualities, "qualities");
  const segments = array(top.segments, "segments").map((entry) => parseEntry(entry, url));
  for (let i = 1; i < segments.length; i++) {
    if (segments[i].index <= segments[i - 1].index) throw new ManifestError("segments are not in order");
  }
  return {
    station: text(top.station, "station"),
    live: top.live === true,
    segment_s: number(top.segment_s, "segment_s", 0.1),
    updated_ms: time(top.updated_at, "updated_at"),
    sampleRate: number(top.sample_rate, "sample_rate", 8000),
    qualities: {
      hq: { type: text(object(hq, "hq").type, "type"), bits: number(object(hq, "hq").bits, "bits", 1) },
      lq: { type: text(object(lq, "lq").type, "type"), bitrate: number(object(lq, "lq").bitrate, "bitrate", 1) },
    },
    segments,
  };
}

/** @param {unknown} json @param {string} url @returns {Entry} */
function parseEntry(json, url) {
  const entry = object(json, "a segment");
  const [hq, lq] = [object(entry.hq, "hq"), object(entry.lq, "lq")];
  return {
    index: number(entry.index, "index", 0),
    start_ms: time(entry.start, "start"),
    samples: number(entry.samples, "samples", 1),
    gap: number(entry.gap, "gap", 0),
    hq: { url: address(hq.key, url), bytes: number(hq.bytes, "bytes", 1) },
    lq: {
      url: address(lq.key, url),
      bytes: number(lq.bytes, "bytes", 1),
      preroll: number(lq.preroll, "preroll", 0),
    },
  };
}

/**
 * Keys name the whole bucket's path, the manifest lies in `live/`: what follows `live/` is relative to the manifest.
 * So a prefix, a custom domain or a copy in another folder needs no setting.
 * @param {unknown} key @param {string} url @returns {string}
 */
function address(key, url) {
  const path = text(key, "key");
  const inside = path.slice(path.lastIndexOf("live/") + "live/".length);
  const found = new URL(inside.split("/").map(encodeURIComponent).join("/"), url);
  const folder = new URL(".", url);
  if (!path.includes("live/") || found.origin !== folder.origin || !found.pathname.startsWith(folder.pathname)) {
    throw new ManifestError(`the key ${path} lies outside the station's folder`);
  }
  return found.href;
}

/** @param {unknown} value @param {string} what @returns {Record<string, unknown>} */
function object(value, what) {
  if (typeof value !== "object" || value === null) throw new ManifestError(`${what} is not an object`);
  return /** @type {Record<string, unknown>} */ (value);
}

/** @param {unknown} value @param {string} what @returns {unknown[]} */
function array(value, what) {
  if (!Array.isArray(value)) throw new ManifestError(`${what} is not a list`);
  return value;
}

/** @param {unknown} value @param {string} what @returns {string} */
function text(value, what) {
  if (typeof value !== "string") throw new ManifestError(`${what} is not text`);
  return value;
}

/** @param {unknown} value @param {string} what @param {number} least @returns {number} */
function number(value, what, least) {
  if (typeof value !== "number" || !(value >= least)) throw new ManifestError(`${what} is ${String(value)}`);
  return value;
}

/** @param {unknown} value @param {string} what @returns {number} */
function time(value, what) {
  return number(Date.parse(text(value, what)), what, 0);
}
