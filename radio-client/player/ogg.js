// Ogg pages: how much of a file that is still arriving can be decoded, and with which pre-skip. Pure.

/**
 * The whole pages at the start of `bytes`.
 * @param {Uint8Array} bytes
 * @returns {{end: number, granule: number}} where the last whole page ends, and the samples (pre-roll included) to there
 */
export function wholePages(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [end, granule] = [0, 0];
  for (;;) {
    const size = pageSize(bytes, end);
    if (size === 0 || end + size > bytes.length) return { end, granule };
    const position = view.getBigInt64(end + 6, true);
    // -1: no packet ends on this page
    if (position >= 0n) granule = Number(position);
    end += size;
  }
}

/**
 * The same file with another pre-skip: so a decoder hands out some of the pre-roll that it would have taken off.
 * @param {Uint8Array} bytes a file that begins with an OpusHead page
 * @param {number} preSkip samples at 48 kHz
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function withPreSkip(bytes, preSkip) {
  const changed = new Uint8Array(bytes);
  const view = new DataView(changed.buffer);
  const body = 27 + changed[26];
  view.setUint16(body + 10, preSkip, true);
  view.setUint32(22, 0, true);
  view.setUint32(22, crc(changed.subarray(0, pageSize(changed, 0))), true);
  return changed;
}

/** @param {Uint8Array} bytes @param {number} at @returns {number} bytes of the page there; 0 while its head is not whole */
function pageSize(bytes, at) {
  if (at + 27 > bytes.length || at + 27 + bytes[at + 26] > bytes.length) return 0;
  const lacing = bytes.subarray(at + 27, at + 27 + bytes[at + 26]);
  return 27 + lacing.length + lacing.reduce((sum, value) => sum + value, 0);
}

/** Ogg's CRC-32: polynomial 04c11db7, not reflected, from 0. @param {Uint8Array} bytes @returns {number} */
function crc(bytes) {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum < 0 ? 0x04c11db7 : 0);
  }
  return sum >>> 0;
}
