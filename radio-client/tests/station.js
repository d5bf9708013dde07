// A station for tests: manifests, Ogg pages.

const BEGIN_MS = Date.parse("2026-11-23T12:00:00Z");

/** The manifest of a station whose segment i begins i segments after noon. @param {number[]} indices @param {number} [segment_s] */
export function manifestOf(indices, segment_s = 10) {
  const at = (/** @type {number} */ index) => new Date(BEGIN_MS + index * segment_s * 1000).toISOString();
  return {
    version: 1, station: "test", live: true, latest: indices.at(-1) ?? null, segment_s, writer: "w", sample_rate: 48_000,
    updated_at: at((indices.at(-1) ?? 0) + 1),
    qualities: {
      hq: { type: "audio/flac", bits: 24, channels: 2 },
      lq: { type: "audio/ogg; codecs=opus", bitrate: 128_000, channels: 2 },
    },
    segments: indices.map((index) => ({
      index, start: at(index), samples: segment_s * 48_000, gap: 0,
      hq: { key: `prefix/live/hq/segment-${String(index).padStart(8, "0")}.flac`, bytes: 2_500_000, md5: "0" },
      lq: { key: `prefix/live/lq/segment-${String(index).padStart(8, "0")}.opus`, bytes: 170_000, preroll: 15_360 },
    })),
  };
}

/** A page with a body of `size` bytes. @param {number} granule @param {number} size */
export function oggPage(granule, size) {
  const lacing = [...Array(Math.floor(size / 255)).fill(255), size % 255];
  const page = Buffer.alloc(27 + lacing.length + size);
  page.write("OggS");
  page.writeBigInt64LE(BigInt(granule), 6);
  page[26] = lacing.length;
  page.set(lacing, 27);
  return page;
}
