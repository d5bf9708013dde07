// From the bytes of a segment to exactly its own samples: the browser's decoder, or WebAssembly where it knows no Ogg Opus.

import { Damaged } from "./requests.js";
import { wantedFrom } from "./timeline.js";

/** @typedef {import("./fades.js").Channels} Channels */
/** @typedef {import("./manifest.js").Quality} Quality */
/** @typedef {{before: number, frames: number, after: number}} Want frames at `SAMPLE_RATE`; see `wantedFrom` */

export const SAMPLE_RATE = 48_000;

/**
 * Silence in three packets of Ogg Opus, a file without its last page: a browser that decodes it decodes the segments, also
 * while they arrive.
 */
const PROBE =
  "T2dnUwACAAAAAAAAAAAAAAAAAAAAABzVxfcBE09wdXNIZWFkAQI4AYC7AAAAAABPZ2dTAAAAAAAAAAAAAAAAAAABAAAASZW+VAEuT3B1" +
  "c1RhZ3MGAAAAZmZtcGVnAQAAABQAAABlbmNvZGVyPUxhdmMgbGlib3B1c09nZ1MAAEALAAAAAAAAAAAAAAIAAABqEn+cAw8REngL5ME2" +
  "7MWNjElGmaQmsHgHyXIn4UTqVfHwwNXd6VJgeAfJecjJV8CiEiP672fzZMDg";
/** With the pre-skip taken off, and with it left on. */
const PROBE_FRAMES = [2568, 2880];
/** The smallest WebAssembly module. */
const NOTHING = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** This browser has nothing to decode LQ with, whatever the file. */
export class Undecodable extends Damaged {}

export class Decoder {
  /**
   * @param {number} rate frames per second that are wanted; 48 000 unless the sound card refuses it
   * @param {string} fallbackUrl a script that brings the class OggOpusDecoder of the npm package ogg-opus-decoder
   */
  constructor(rate, fallbackUrl) {
    this.#context = new OfflineAudioContext(2, 1, rate);
    this.#scale = rate / SAMPLE_RATE;
    this.#fallbackUrl = fallbackUrl;
  }
  #context;
  #scale;
  #fallbackUrl;
  /** @type {Promise<boolean> | null} */
  #native = null;

  /**
   * The wanted part of a segment, at the wanted rate.
   * @param {Uint8Array} bytes @param {Quality} quality @param {Want} want
   * @returns {Promise<Channels>}
   * @throws {Undecodable} LQ cannot be decoded here at all
   * @throws {Damaged} nothing can be made of the bytes, or too little came out
   */
  async decode(bytes, quality, want) {
    const decoded = await this.#decoded(bytes, quality);
    const frames = this.scaled(want.frames);
    const from = wantedFrom(decoded.length, {
      before: this.scaled(want.before),
      frames,
      after: this.scaled(want.after),
    });
    if (from === null) throw new Damaged(`${decoded.length} frames came out of a segment of ${frames}`);
    return [0, 1].map((c) => taken(decoded.getChannelData(Math.min(c, decoded.numberOfChannels - 1)), from, frames));
  }

  /** Samples of the station as frames of the output. @param {number} samples @returns {number} */
  scaled(samples) {
    return Math.round(samples * this.#scale);
  }

  /** Finds out, ahead of its need, whether the browser decodes Ogg Opus. @returns {Promise<boolean>} */
  decodesOpus() {
    this.#native ??= this.#context.decodeAudioData(Uint8Array.from(atob(PROBE), (c) => c.charCodeAt(0)).buffer).then(
      ({ length }) => length >= this.scaled(PROBE_FRAMES[0]) - 1 && length <= this.scaled(PROBE_FRAMES[1]) + 1,
      () => false,
    );
    return this.#native;
  }

  /** @param {Uint8Array} bytes @param {Quality} quality @returns {Promise<AudioBuffer>} */
  async #decoded(bytes, quality) {
    try {
      if (quality === "lq" && !(await this.decodesOpus())) return await this.#byWebAssembly(bytes);
      // it takes the buffer away from us, and the rest of the transfer is still written into ours
      return await this.#context.decodeAudioData(new Uint8Array(bytes).buffer);
    } catch (error) {
      if (error instanceof Damaged) throw error;
      throw new Damaged(`not decodable: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** @param {Uint8Array} bytes @returns {Promise<AudioBuffer>} */
  async #byWebAssembly(bytes) {
    const OggOpusDecoder = await fallback(this.#fallbackUrl);
    const decoder = new OggOpusDecoder({ forceStereo: true });
    await decoder.ready;
    try {
      const { channelData, samplesDecoded } = await decoder.decodeFile(bytes);
      if (!(samplesDecoded > 0)) throw new Damaged("not decodable by WebAssembly");
      const whole = new AudioBuffer({ numberOfChannels: 2, length: samplesDecoded, sampleRate: SAMPLE_RATE });
      channelData.forEach((channel, c) => whole.copyToChannel(channel.subarray(0, samplesDecoded), c));
      return this.#scale === 1 ? whole : await resampled(whole, this.#context.sampleRate);
    } finally {
      decoder.free();
    }
  }
}

/**
 * @typedef {new (options: {forceStereo: boolean}) => {
 *   ready: Promise<void>, free(): void,
 *   decodeFile(bytes: Uint8Array): Promise<{channelData: Float32Array<ArrayBuffer>[], samplesDecoded: number}>
 * }} OggOpusDecoderClass
 */

/**
 * Loads the script once: it is written for `<script>`, and listeners who do not need it never fetch it.
 * @param {string} url @returns {Promise<OggOpusDecoderClass>}
 * @throws {Undecodable} WebAssembly is forbidden, or the script brings no decoder
 * @throws {Damaged} the script did not come
 */
async function fallback(url) {
  try {
    // Where a page's policy forbids WebAssembly, the decoder itself would wait for ever.
    await WebAssembly.compile(NOTHING);
  } catch (error) {
    throw new Undecodable(`this browser cannot decode Opus, and WebAssembly is refused: ${String(error)}`);
  }
  loading ??= loaded(url);
  await loading.catch((error) => {
    loading = null;
    throw error;
  });
  const { OggOpusDecoder } = /** @type {Record<string, any>} */ (globalThis)["ogg-opus-decoder"] ?? {};
  if (!OggOpusDecoder) throw new Undecodable(`this browser cannot decode Opus, and ${url} brings no decoder`);
  return OggOpusDecoder;
}
/** @type {Promise<void> | null} */
let loading = null;

/** @param {string} url @returns {Promise<void>} */
function loaded(url) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: url });
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => {
      script.remove();
      reject(new Damaged("this browser cannot decode Opus, and the decoder for it cannot be loaded"));
    });
    document.head.append(script);
  });
}

/** @param {AudioBuffer} whole @param {number} rate @returns {Promise<AudioBuffer>} */
function resampled(whole, rate) {
  const context = new OfflineAudioContext(2, Math.round(whole.duration * rate), rate);
  const source = new AudioBufferSourceNode(context, { buffer: whole });
  source.connect(context.destination);
  source.start();
  return context.startRendering();
}

/**
 * @param {Float32Array} decoded @param {number} from negative: a resampler lost so many frames at the end, the last one is held
 * @param {number} frames @returns {Float32Array<ArrayBuffer>}
 */
function taken(decoded, from, frames) {
  const own = new Float32Array(frames);
  own.set(decoded.subarray(Math.max(0, from), Math.max(0, from) + frames));
  if (from < 0) own.fill(decoded[decoded.length - 1], decoded.length);
  return own;
}
