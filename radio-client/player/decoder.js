// From the bytes of a segment to exactly its own samples: the browser's decoder, or WebAssembly where it knows no Ogg Opus.

import { Damaged } from "./requests.js";
import { wantedFrom } from "./timeline.js";

/** @typedef {import("./fades.js").Channels} Channels */
/** @typedef {import("./manifest.js").Quality} Quality */
/** @typedef {{before: number, frames: number, after: number}} Want frames at `SAMPLE_RATE`; see `wantedFrom` */

export const SAMPLE_RATE = 48_000;

/** 40 ms of silence in three packets of Ogg Opus: a browser that decodes it decodes the segments. */
const PROBE =
  "T2dnUwACAAAAAAAAAAAAAAAAAAAAABzVxfcBE09wdXNIZWFkAQI4AYC7AAAAAABPZ2dTAAAAAAAAAAAAAAAAAAABAAAASZW+VAEu" +
  "T3B1c1RhZ3MGAAAAZmZtcGVnAQAAABQAAABlbmNvZGVyPUxhdmMgbGlib3B1c09nZ1MABLgIAAAAAAAAAAAAAAIAAABapGHCAw8R" +
  "EngL5ME27MWNjElGmaQmsHgHyXIn4UTqVfHwwNXd6VJgeAfJecjJV8CiEiP672fzZMDg";
/** With all trims honoured, and with none. */
const PROBE_FRAMES = [1920, 2880];

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
    if (quality === "lq" && !(await this.decodesOpus())) return this.#byWebAssembly(bytes);
    try {
      // it takes the buffer away from us, and the rest of the transfer is still written into ours
      return await this.#context.decodeAudioData(new Uint8Array(bytes).buffer);
    } catch (error) {
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

/** Loads the script once: it is written for `<script>`, and listeners who do not need it never fetch it. @param {string} url */
function fallback(url) {
  const name = "ogg-opus-decoder";
  const global = /** @type {Record<string, any>} */ (/** @type {unknown} */ (globalThis));
  if (!loading) {
    loading = new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: url });
      script.addEventListener("load", () => resolve(global[name].OggOpusDecoder));
      script.addEventListener("error", () => {
        loading = null;
        script.remove();
        reject(new Damaged("this browser cannot decode Opus, and the decoder for it cannot be loaded"));
      });
      document.head.append(script);
    });
  }
  return loading;
}
/** @type {Promise<OggOpusDecoderClass> | null} */
let loading = null;

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
