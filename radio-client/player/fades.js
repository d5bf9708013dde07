// Crossfades by arithmetic on samples: exact, and nothing outside the fade is touched. Pure.

/** @typedef {Float32Array<ArrayBuffer>[]} Channels one array of samples per channel */

/** Frames of a crossfade: 8 ms at 48 kHz. The two qualities are the same sound, so linear is right. */
export const FADE = 384;

/**
 * What to add on top of `old`, which is already scheduled, so that it fades into `fresh` over their whole length.
 * @param {Channels} old @param {Channels} fresh the same span of time @returns {Channels}
 */
export function fadeOver(old, fresh) {
  return fresh.map((channel, c) => channel.map((sample, i) => (sample - old[c][i]) * weight(i, channel.length)));
}

/**
 * `fresh`, whose first frames fade in from `old`.
 * @param {Channels} old the same span of time as the beginning of `fresh` @param {Channels} fresh @returns {Channels}
 */
export function fadedIn(old, fresh) {
  return fresh.map((channel, c) => {
    const faded = channel.slice();
    const length = Math.min(old[c].length, channel.length);
    for (let i = 0; i < length; i++) faded[i] = old[c][i] + (channel[i] - old[c][i]) * weight(i, length);
    return faded;
  });
}

/** @param {Channels} like @param {number} frames @returns {Channels} */
export function silence(like, frames) {
  return like.map(() => new Float32Array(frames));
}

/** @param {Channels} channels @param {number} from @param {number} [to] @returns {Channels} */
export function cut(channels, from, to) {
  return channels.map((channel) => channel.slice(from, to));
}

/** @param {number} i @param {number} length @returns {number} from 0 to 1, neither reached */
function weight(i, length) {
  return (i + 0.5) / length;
}
