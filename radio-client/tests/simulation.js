// A station, a line, a sound card and the time of day, all simulated: hours of listening in a second of testing.

import { Undecodable } from "../player/decoder.js";
import { Listening } from "../player/listening.js";
import { Requests } from "../player/requests.js";
import { stateOf } from "../player/state.js";
import { Bell } from "../player/waiting.js";
import { ManifestWatch } from "../player/watch.js";
import { statusText } from "../player/words.js";
import { manifestOf, oggPage } from "./station.js";

const MANIFEST_URL = "https://bucket.example/prefix/live/manifest.json";
/** Long enough for every promise that is ready to run to the end of its chain. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Time that stands still until it is told to pass. */
export class FakeClock {
  #now_ms = 0;
  /** @type {{at_ms: number, wake: () => void}[]} */
  #timers = [];
  utc_offset_ms = Date.parse("2026-11-23T12:00:00Z") + 45_000;
  now_ms = () => this.#now_ms;
  utc_ms = () => this.#now_ms + this.utc_offset_ms;
  random = () => 0.5;
  /** @type {import("../player/waiting.js").Clock["wait"]} */
  wait = (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return void reject(signal.reason);
      const timer = { at_ms: this.#now_ms + ms, wake: () => (signal.removeEventListener("abort", stop), resolve()) };
      this.#timers.push(timer);
      const stop = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
    });

  /** Lets time pass, timer by timer. @param {number} ms */
  async pass(ms) {
    const end_ms = this.#now_ms + ms;
    for (;;) {
      await settled();
      const next = this.#timers.reduce((a, b) => (b.at_ms < a.at_ms ? b : a), { at_ms: Infinity, wake: () => {} });
      if (next.at_ms > end_ms) break;
      this.#now_ms = Math.max(this.#now_ms, next.at_ms);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.wake();
    }
    this.#now_ms = end_ms;
    await settled();
  }
}

/** Everything between a microphone and an ear. */
export class World {
  clock = new FakeClock();
  /** The station's index at the beginning; one segment every ten seconds. */
  begin = 4;
  segment_s = 10;
  /** Sound card against the true time, parts per million. */
  ppm = 0;
  line = { up: true, mbit_s: 20, latency_ms: 40 };
  live = true;
  /** Seconds at which the station stopped publishing; null: it did not. @type {number | null} */
  stopped_s = null;
  /** For so long the browser stood still while the station went on. */
  away_ms = 0;
  /** For so long the sound card stood still while the page went on. */
  #interrupted_ms = 0;
  /** @type {number | null} when the call began that goes on now */
  #call_ms = null;
  #callOver = new Bell();
  /** Told of every segment that is asked for. @type {(key: string) => void} */
  onAsked = () => {};
  /** What decoders wait for. @type {Promise<void>} */
  decoding = Promise.resolve();
  /** What the browser cannot decode. @type {import("../player/manifest.js").Quality | null} */
  undecodable = null;
  /** @type {Set<string>} ends of addresses that come out damaged */
  damaged = new Set();
  /** @type {Set<string>} ends of addresses that are not there */
  missing = new Set();
  /** @type {Record<number, number>} samples missing before a segment */
  gaps = {};
  /** From this segment on the station's wall clock is so much ahead. */
  stepped = { from: Infinity, ms: 0 };
  /** @type {Record<number, number>} samples of a segment that is not as long as the others */
  lengths = {};
  hqBytes = 2_500_000;
  /** Manifest requests, segments asked for that no manifest had named, everything asked for. */
  manifests = 0;
  unnamed = 0;
  /** @type {string[]} */
  asked = [];
  /** @type {import("../player/listening.js").Happening[]} */
  said = [];
  /** @type {{frame: number, frames: number}[]} */
  played = [];
  #end = new AbortController();
  #named = new Set();

  constructor() {
    const requests = new Requests((url, init) => this.#fetch(url, /** @type {AbortSignal} */ (init.signal)), this.clock);
    this.watch = new ManifestWatch(MANIFEST_URL, requests, this.clock);
    this.listening = this.#listener(requests);
    this.#run = () => {
      this.watch.run(this.#end.signal).catch(() => {});
      this.watch.pace = "listening";
      this.listening.run(this.#end.signal).catch((error) => {
        if (!this.#end.signal.aborted) throw error;
      });
    };
  }
  #run;

  /** @param {number} seconds */
  async listen(seconds) {
    this.#run();
    this.#run = () => {};
    await this.clock.pass(seconds * 1000);
  }

  stop() {
    this.#end.abort(new Error("the test is over"));
  }

  /** A call: the sound card stands still, the page does not. @param {number} ms */
  async call(ms) {
    this.#call_ms = this.clock.now_ms();
    await this.clock.pass(ms);
    this.#interrupted_ms += ms;
    this.#call_ms = null;
    this.#callOver.ring();
  }

  /** The lid is closed: the page and even its monotonic clock stand still. @param {number} ms */
  sleep(ms) {
    this.away_ms += ms;
    this.clock.utc_offset_ms += ms;
  }

  /** The station's time. */
  get now_s() {
    return (this.clock.now_ms() + this.away_ms) / 1000;
  }

  /** @returns {number} frames that the sound card has played */
  get frame() {
    const played_ms = (this.#call_ms ?? this.clock.now_ms()) - this.#interrupted_ms;
    return Math.round((played_ms / 1000) * 48_000 * (1 + this.ppm * 1e-6));
  }

  /** Seconds of silence between what was scheduled, after the first sound. */
  get silence_s() {
    let [end, silent] = [this.played[0]?.frame ?? 0, 0];
    for (const { frame, frames } of this.played) {
      silent += Math.max(0, frame - end);
      end = Math.max(end, frame + frames);
    }
    return (silent + Math.max(0, this.frame - end)) / 48_000;
  }

  /** @param {string} type @returns {number} */
  count(type) {
    return this.said.filter((happening) => happening.type === type).length;
  }

  /** Seconds that the listener was told to have missed. */
  get lost_s() {
    return this.said.reduce((sum, said) => sum + (said.type === "skip" ? said.seconds : 0), 0);
  }

  /** What a player would be said to do, a good while after the tap. */
  get state() {
    const { known, onAir } = this.watch;
    const sounding = this.listening.sounding !== null;
    const page = { failed: false, wanted: true, elsewhere: false, running: this.#call_ms === null };
    return stateOf({ ...page, sounded: this.played.length > 0, sounding, sinceTap_ms: 60_000, known, onAir });
  }

  /** The sentence that a listener would read. */
  get words() {
    const { known, onAir } = this.watch;
    const trouble = this.watch.trouble ?? this.listening.trouble;
    return statusText({ state: this.state, known, onAir, trouble, notice: "" });
  }

  #listener(/** @type {Requests} */ requests) {
    const world = this;
    return new Listening(
      {
        watch: this.watch,
        requests,
        clock: this.clock,
        say: (happening) => this.said.push(happening),
        decoder: {
          scaled: (samples) => samples,
          decode: async (bytes, quality, { frames }) => {
            await this.decoding;
            if (quality === this.undecodable) throw new Undecodable("no");
            if (bytes.length > 100 && bytes[99] === 0xee) throw new (await import("../player/requests.js")).Damaged("no");
            return [new Float32Array(frames)];
          },
        },
        output: {
          rate: 48_000,
          get now() {
            return world.frame;
          },
          running: async (signal) => {
            while (this.#call_ms !== null) await this.#callOver.heard(signal);
          },
          play: (channels, frame) => {
            if (channels[0].length > 1000) this.played.push({ frame, frames: channels[0].length });
          },
          clear: () => {
            this.played = this.played.map(({ frame, frames }) => ({
              frame,
              frames: Math.max(0, Math.min(frames, world.frame - frame)),
            }));
          },
        },
      },
      { wish: "auto", saveData: false },
    );
  }

  /** The manifest as it is now. */
  manifest() {
    const on_s = Math.min(this.now_s, this.stopped_s ?? Infinity);
    const latest = this.begin + Math.floor(on_s / this.segment_s);
    const manifest = manifestOf([latest - 2, latest - 1, latest], this.segment_s);
    manifest.live = this.live;
    if (latest >= this.stepped.from) manifest.updated_at = later(manifest.updated_at, this.stepped.ms);
    for (const entry of manifest.segments) {
      if (entry.index >= this.stepped.from) entry.start = later(entry.start, this.stepped.ms);
      entry.gap = this.gaps[entry.index] ?? 0;
      entry.samples = this.lengths[entry.index] ?? entry.samples;
      entry.hq.bytes = this.hqBytes;
    }
    return manifest;
  }

  /** @param {string} url @param {AbortSignal} signal @returns {Promise<Response>} */
  async #fetch(url, signal) {
    await this.#line(this.line.latency_ms, signal);
    if (url === MANIFEST_URL) {
      const manifest = this.manifest();
      this.manifests += 1;
      for (const { hq, lq } of manifest.segments) this.#named.add(hq.key).add(lq.key);
      return Response.json(manifest);
    }
    this.asked.push(url);
    const key = url.slice("https://bucket.example/".length);
    if (!this.#named.has(key)) this.unnamed += 1;
    this.onAsked(key);
    const stored = this.manifest().segments.flatMap(({ hq, lq }) => [hq, lq]).find((object) => object.key === key);
    if (!stored || [...this.missing].some((end) => key.endsWith(end))) return new Response(null, { status: 404 });
    const body = key.endsWith(".opus") ? opus(stored.bytes) : new Uint8Array(stored.bytes);
    if ([...this.damaged].some((end) => key.endsWith(end))) body[99] = 0xee;
    return new Response(this.#stream(body, signal));
  }

  /** @param {Uint8Array} body @param {AbortSignal} signal @returns {ReadableStream<Uint8Array>} */
  #stream(body, signal) {
    let at = 0;
    return new ReadableStream({
      pull: async (controller) => {
        if (at >= body.length) return controller.close();
        const chunk = body.subarray(at, at + 16_384);
        try {
          await this.#line((chunk.length * 8) / (this.line.mbit_s * 1000), signal);
        } catch (error) {
          return controller.error(error);
        }
        at += chunk.length;
        controller.enqueue(chunk);
      },
    });
  }

  /** Waits as the line makes one wait; in a tunnel, until the one who asked gives up. */
  async #line(/** @type {number} */ ms, /** @type {AbortSignal} */ signal) {
    await this.clock.wait(ms, signal);
    while (!this.line.up) await this.clock.wait(100, signal);
  }
}

/** @param {Partial<World>} changes @returns {World} */
export const world = (changes = {}) => Object.assign(new World(), changes);

/** @param {string} time @param {number} ms @returns {string} */
function later(time, ms) {
  return new Date(Date.parse(time) + ms).toISOString();
}

/** @type {Map<number, Uint8Array>} */
const made = new Map();

/** A file of ten one-second pages after the pre-roll. @param {number} size */
function opus(size) {
  let file = made.get(size);
  if (!file) {
    const pages = [oggPage(0, 19), oggPage(0, 62)];
    const each = Math.floor((size - 3000) / 11);
    for (let second = 1; second <= 10; second++) pages.push(oggPage(second * 48_000, each));
    const rest = size - pages.reduce((sum, page) => sum + page.length, 0);
    pages.push(oggPage(480_000 + 15_360, rest - 27 - Math.ceil(rest / 256)));
    file = new Uint8Array(size);
    file.set(Buffer.concat(pages).subarray(0, size));
    made.set(size, file);
  }
  return file.slice();
}
