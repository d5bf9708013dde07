// The sound card: buffers that start on a given frame, volume, and a place to look at what sounds.

import { SAMPLE_RATE } from "./decoder.js";
import { Bell } from "./waiting.js";

/** @typedef {import("./fades.js").Channels} Channels */

const FADE_OUT_S = 0.02;

export class Output {
  constructor() {
    this.context = newContext();
    this.rate = this.context.sampleRate;
    /** Everything that sounds, before the volume: for meters and for anybody's own analysis. */
    this.mix = new GainNode(this.context);
    this.#volume = new GainNode(this.context);
    this.mix.connect(this.#volume).connect(this.context.destination);
    this.context.addEventListener("statechange", () => this.#changed.ring());
  }
  #volume;
  #changed = new Bell();
  /** @type {Set<{source: AudioBufferSourceNode, gate: GainNode}>} */
  #sources = new Set();

  /** The frame that the sound card asks for next. */
  get now() {
    return Math.round(this.context.currentTime * this.rate);
  }

  get isRunning() {
    return this.context.state === "running";
  }

  /** Resolves when sound can be heard: not before a tap, not during a call. @param {AbortSignal} signal */
  async running(signal) {
    while (!this.isRunning) await this.#changed.heard(signal);
  }

  /** Asks for sound again; what refuses it will be asked again at the next occasion. */
  async resume() {
    await this.context.resume().catch(() => {});
  }

  /** Stops the clock of the sound card, so that a paused player costs nothing. */
  async suspend() {
    await this.context.suspend().catch(() => {});
  }

  /**
   * Plays samples from a frame on. Between two frames the browser interpolates, and `frame / rate` in binary is as a rule
   * not quite a frame. So every buffer starts on a frame whose time is exact, with zeros in front.
   * @param {Channels} channels @param {number} frame
   */
  play(channels, frame) {
    const zeros = frame % exactEvery(this.rate);
    const buffer = new AudioBuffer({
      numberOfChannels: channels.length,
      length: zeros + channels[0].length,
      sampleRate: this.rate,
    });
    channels.forEach((channel, c) => buffer.copyToChannel(channel, c, zeros));
    const source = new AudioBufferSourceNode(this.context, { buffer });
    const gate = this.#gate ?? this.#newGate();
    source.connect(gate);
    source.start((frame - zeros) / this.rate);
    const playing = { source, gate };
    this.#sources.add(playing);
    source.addEventListener("ended", () => (source.disconnect(), this.#sources.delete(playing)));
  }

  /** Takes away everything that sounds or will. */
  clear() {
    const now_s = this.context.currentTime;
    if (this.#gate) {
      this.#gate.gain.setValueAtTime(1, now_s);
      this.#gate.gain.linearRampToValueAtTime(0, now_s + FADE_OUT_S);
      this.#gate = null;
    }
    for (const { source, gate } of this.#sources) {
      source.stop(now_s + FADE_OUT_S);
      source.addEventListener("ended", () => gate.disconnect());
    }
    this.#sources.clear();
  }

  /** @param {number} gain 0 to 1 */
  set volume(gain) {
    // a step would click; a time constant of 15 ms follows a finger
    this.#volume.gain.setTargetAtTime(gain, this.context.currentTime, 0.015);
  }

  /** Gives the sound card back. */
  async close() {
    await this.context.close().catch(() => {});
  }

  /** What plays goes through one gate until it is cleared. @type {GainNode | null} */
  #gate = null;
  #newGate() {
    this.#gate = new GainNode(this.context);
    this.#gate.connect(this.mix);
    return this.#gate;
  }
}

/**
 * Frames between times that a binary number holds exactly: every 1/128 s at 48 kHz, at other rates with a common divisor.
 * @param {number} rate @returns {number}
 */
function exactEvery(rate) {
  return rate % 128 === 0 ? rate / 128 : 1;
}

/** @returns {AudioContext} at the station's rate, or at the sound card's own where that is refused */
function newContext() {
  try {
    return new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "playback" });
  } catch {
    return new AudioContext({ latencyHint: "playback" });
  }
}
