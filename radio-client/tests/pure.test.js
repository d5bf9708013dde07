// The decisions of the player, one by one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FADE, fadeOver, fadedIn, silence } from "../player/fades.js";
import { ManifestError, parseManifest } from "../player/manifest.js";
import { wholePages, withPreSkip } from "../player/ogg.js";
import { isOnAir, nextPoll_ms } from "../player/prediction.js";
import { UNKNOWN_LINE, automaticQuality, loaded, measured, reserve_s, willArrive } from "../player/quality.js";
import { firstGuess, learned, toLocal } from "../player/server-clock.js";
import { Schedule } from "../player/schedule.js";
import { pressPauses, stateOf } from "../player/state.js";
import { correction, holdBack_s, leftBehind, nextSegment, placed, wantedFrom } from "../player/timeline.js";
import { behindText, codecText, duration, statusText } from "../player/words.js";
import { manifestOf, oggPage } from "./station.js";

const URL_ = "https://bucket.example/prefix/live/manifest.json";
/** A manifest of which no request before had found anything. */
const unseen = { notBefore_ms: -Infinity, tooEarly: false };
const doc = (/** @type {object} */ changes = {}) => ({ ...manifestOf([40, 41, 42]), ...changes });

test("a manifest is read with the addresses of its segments beside it, whatever the prefix", () => {
  const read = parseManifest(doc(), URL_);
  assert.equal(read.segments[2].hq.url, "https://bucket.example/prefix/live/hq/segment-00000042.flac");
  assert.equal(read.segments[2].lq.preroll, 15360);
  assert.equal(read.segments.length, 3);
});

test("what is not a manifest is refused in words", () => {
  for (const wrong of [null, [], {}, doc({ version: 2 }), doc({ segments: {} }), doc({ updated_at: "soon" })]) {
    assert.throws(() => parseManifest(wrong, URL_), ManifestError);
  }
  const [first] = doc().segments;
  assert.throws(() => parseManifest(doc({ segments: [first, first] }), URL_), /order/);
  const elsewhere = { ...first, hq: { ...first.hq, key: "live/../../secret" } };
  assert.throws(() => parseManifest(doc({ segments: [elsewhere] }), URL_), /outside/);
});

test("a station's clock is learned from its manifests, whatever the listener's own says", () => {
  const first = { asked_ms: 1000, updated_ms: 500_000, date_ms: null, local_ms: 504_000 };
  assert.equal(toLocal(firstGuess(first), 504_000), 1000);
  assert.equal(toLocal(firstGuess({ ...first, date_ms: 502_000 }), 502_500), 1000);
  assert.equal(toLocal(firstGuess({ ...first, local_ms: 0 }), 500_000), 1000, "a clock that is behind is not believed");
  const wrong = firstGuess({ ...first, local_ms: 9_999_000 });
  const right = learned(wrong, { ...unseen, asked_ms: 11_300, updated_ms: 510_000 });
  assert.equal(toLocal(right, 510_000), 11_300);
});

test("requests move earlier until one is too early, and then stay close", () => {
  let clock = learned(firstGuess({ asked_ms: 9000, updated_ms: 0, date_ms: null, local_ms: 0 }), {
    ...unseen, asked_ms: 19_000, updated_ms: 10_000,
  });
  let [asked, worst_ms, notBefore_ms] = [0, 0, 19_000];
  for (let i = 2; i < 200; i++) {
    // published at 10 s times i exactly; the next question comes 200 ms after the moment expected, then every 700 ms
    let [asked_ms, tooEarly] = [toLocal(clock, i * 10_000) + 200, false];
    for (asked += 1; asked_ms < i * 10_000; asked += 1) [notBefore_ms, asked_ms, tooEarly] = [asked_ms, asked_ms + 700, true];
    if (i > 20) worst_ms = Math.max(worst_ms, asked_ms - i * 10_000);
    clock = learned(clock, { asked_ms, updated_ms: i * 10_000, notBefore_ms, tooEarly });
    notBefore_ms = asked_ms;
  }
  assert.ok(worst_ms < 800, `${worst_ms} ms late`);
  assert.ok(asked < 1.3 * 200, `${asked} requests for 200 segments`);
});

test("a station's clock that was stepped back is learned anew, and one that is only seen late is not", () => {
  const clock = { lag_ms: -500_000, step_ms: 20, firm: true };
  const stepped = { asked_ms: 20_200, updated_ms: 460_000, notBefore_ms: 10_200, tooEarly: true };
  assert.equal(toLocal(learned(clock, stepped), 460_000), 20_200);
  const late = { asked_ms: 320_200, updated_ms: 815_000, notBefore_ms: 10_200, tooEarly: true };
  assert.ok(toLocal(learned(clock, late), 815_000) < 315_200);
});

test("the manifest is asked for when the next one is due, then soon again, then ever more rarely", () => {
  const known = { listening: true, onAir: true, segment_ms: 10_000, misses: 0, failures: 0, random: 0.5 };
  assert.equal(nextPoll_ms({ ...known, sincePublished_ms: 4000 }), 6200);
  const late = [0, 1, 2, 3, 9].map((misses) => nextPoll_ms({ ...known, sincePublished_ms: 10_500, misses }));
  assert.deepEqual(late, [700, 1400, 2800, 5600, 10_000]);
  assert.equal(nextPoll_ms({ ...known, listening: false, sincePublished_ms: 4000 }), 30_000);
  const failing = [1, 2, 3, 20].map((failures) => nextPoll_ms({ ...known, sincePublished_ms: 0, failures }));
  assert.deepEqual(failing, [750, 1500, 3000, 22_500]);
});

test("a station that says so, or says nothing any more, is off air", () => {
  const manifest = { live: true, sincePublished_ms: 12_000, segment_ms: 10_000 };
  assert.equal(isOnAir(manifest), true);
  assert.equal(isOnAir({ ...manifest, live: false }), false);
  assert.equal(isOnAir({ ...manifest, sincePublished_ms: 45_000 }), false);
  assert.equal(isOnAir({ ...manifest, sincePublished_ms: 45_000, segment_ms: 30_000 }), true);
});

const segment = { last: null, left_s: 14, segment_s: 10, hqBytes: 2_500_000, lqBytes: 170_000, saveData: false };
const lineOf = (/** @type {number} */ mbit_s) => measured(UNKNOWN_LINE, mbit_s * 125_000, 1);

test("the first segment is LQ, and HQ comes as soon as the line carries it", () => {
  assert.equal(automaticQuality({ ...segment, line: UNKNOWN_LINE, left_s: 0 }), "lq");
  assert.equal(automaticQuality({ ...segment, line: lineOf(5) }), "hq");
  assert.equal(automaticQuality({ ...segment, line: lineOf(1.5) }), "lq");
  assert.equal(automaticQuality({ ...segment, line: lineOf(20), saveData: true }), "lq");
  assert.equal(automaticQuality({ ...segment, line: lineOf(5), left_s: 3 }), "lq", "no time left for it");
});

test("a line at its limit does not flap", () => {
  assert.equal(automaticQuality({ ...segment, line: lineOf(2.4) }), "lq");
  assert.equal(automaticQuality({ ...segment, line: lineOf(2.4), last: "hq" }), "hq");
});

test("a drop is believed at once, a rise after some proof", () => {
  const dropped = measured(lineOf(20), 100_000, 1);
  assert.equal(automaticQuality({ ...segment, line: dropped, last: "hq" }), "hq");
  const gone = measured(measured(dropped, 100_000, 1), 100_000, 1);
  assert.equal(automaticQuality({ ...segment, line: measured(gone, 100_000, 1), last: "hq" }), "lq");
  assert.equal(automaticQuality({ ...segment, line: measured(lineOf(1), 4_000_000, 1) }), "hq");
});

test("a line that only looks slow is tried now and then, ever more rarely, and never when it is hopeless", () => {
  let line = lineOf(1.5);
  assert.equal(automaticQuality({ ...segment, line }), "lq");
  for (let i = 0; i < 3; i++) line = loaded(line, "lq");
  assert.equal(automaticQuality({ ...segment, line }), "hq");
  line = loaded(line, "hq given up");
  assert.equal(line.tryAfter, 6);
  assert.equal(loaded(line, "hq").tryAfter, 3);
  const hopeless = { ...lineOf(0.3), lqInARow: 100 };
  assert.equal(automaticQuality({ ...segment, line: hopeless }), "lq");
});

test("a transfer is given up when it cannot be in time, not before it can be told", () => {
  const transfer = { received: 0, total: 1000, elapsed_s: 1, allowed_s: 8 };
  assert.equal(willArrive(transfer), true);
  assert.equal(willArrive({ ...transfer, elapsed_s: 2 }), false);
  assert.equal(willArrive({ ...transfer, elapsed_s: 2, received: 300 }), true);
  assert.equal(willArrive({ ...transfer, elapsed_s: 2, received: 200 }), false);
  assert.equal(willArrive({ ...transfer, elapsed_s: 8, received: 999 }), false);
  assert.ok(reserve_s(lineOf(1.5), 170_000) > (170_000 * 8) / 1.5e6);
});

const entries = (/** @type {number[]} */ indices) => parseManifest(manifestOf(indices), URL_).segments;
const heard = (/** @type {number} */ index) => ({ index, end_ms: entries([index])[0].start_ms + 10_000 });

test("a listener starts with the second newest segment, then takes one after the other", () => {
  assert.equal(nextSegment(entries([40, 41, 42]), null)?.entry.index, 41);
  assert.equal(nextSegment(entries([42]), null)?.entry.index, 42);
  assert.deepEqual(nextSegment(entries([40, 41, 42]), heard(40)), { entry: entries([41])[0], lost_s: null });
  assert.equal(nextSegment(entries([40, 41, 42]), heard(42)), null);
  assert.equal(nextSegment([], null), null);
});

test("whoever lost segments goes on near live and is told how much was lost", () => {
  assert.deepEqual(nextSegment(entries([50, 51, 52]), heard(42)), { entry: entries([51])[0], lost_s: 80 });
  assert.equal(nextSegment(entries([3, 4, 5]), heard(42))?.entry.index, 4, "the station began anew");
});

test("numbers that a restart left out are not lost time", () => {
  const [after] = entries([49]);
  const restarted = [{ ...after, gap: 6 * 480_000 }];
  assert.deepEqual(nextSegment(restarted, heard(42)), { entry: restarted[0], lost_s: null });
  assert.equal(nextSegment([...entries([42]), after], heard(42))?.lost_s, null);
});

test("samples follow each other frame by frame; gaps are kept; what is late starts as soon as possible", () => {
  const at = { end: 480_000, gap: 0, now: 100_000, lead: 2400, atLeast: 0 };
  assert.deepEqual(placed(at), { frame: 480_000, late: false });
  assert.deepEqual(placed({ ...at, gap: 777 }), { frame: 480_777, late: false });
  assert.deepEqual(placed({ ...at, now: 480_001 }), { frame: 482_401, late: true });
  assert.deepEqual(placed({ ...at, now: 480_001, atLeast: 48_000 }), { frame: 528_001, late: true });
  assert.deepEqual(placed({ ...at, end: null }), { frame: 102_400, late: false });
});

test("a late start waits until the segment after it will be in time", () => {
  assert.equal(holdBack_s({ segment_s: 10, sincePublished_s: 1, more: false }), 4);
  assert.equal(holdBack_s({ segment_s: 10, sincePublished_s: 8, more: false }), 0);
  assert.equal(holdBack_s({ segment_s: 10, sincePublished_s: 1, more: true }), 0);
});

test("drift is corrected when every recent lead is outside the window, and not for one late upload", () => {
  assert.equal(correction([15, 15, 15, 15, 15, 15], 10), null);
  assert.equal(correction([26, 26, 26, 26, 26, 26], 10), "skip a segment");
  assert.equal(correction([26, 26, 24, 26, 26, 26], 10), null);
  assert.equal(correction([3, 3, 3, 3, 3, 3], 10), "wait");
  assert.equal(correction([3, 3, 3], 10), null);
});

test("sound whose successors have gone is left behind", () => {
  const { start_ms } = entries([40])[0];
  assert.equal(leftBehind(start_ms, entries([40, 41, 42]), 10), false);
  assert.equal(leftBehind(start_ms, entries([50, 51, 52]), 10), true);
  assert.equal(leftBehind(null, entries([50, 51, 52]), 10), false);
});

test("a segment's own samples are found in what any decoder hands out", () => {
  const want = { before: 15_360, frames: 446_400, after: 480 };
  assert.equal(wantedFrom(446_400, want), 0, "all trims honoured");
  assert.equal(wantedFrom(446_880, want), 0, "end-trim ignored");
  assert.equal(wantedFrom(446_880 + 15_360, want), 15_360, "both ignored");
  assert.equal(wantedFrom(446_400 + 15_360, want), 15_360, "pre-skip ignored");
  assert.equal(wantedFrom(446_399, want), -1, "a resampler lost one");
  assert.equal(wantedFrom(446_000, want), null, "damaged");
});

test("whole pages are found in a file that still arrives", () => {
  const file = Buffer.concat([oggPage(0, 19), oggPage(0, 62), oggPage(48_000, 2000), oggPage(96_000, 2000)]);
  const first = oggPage(0, 19).length + oggPage(0, 62).length;
  assert.deepEqual(wholePages(new Uint8Array(file)), { end: file.length, granule: 96_000 });
  assert.deepEqual(wholePages(new Uint8Array(file.subarray(0, file.length - 1))).granule, 48_000);
  assert.deepEqual(wholePages(new Uint8Array(file.subarray(0, first + 5))), { end: first, granule: 0 });
  assert.deepEqual(wholePages(new Uint8Array(0)), { end: 0, granule: 0 });
});

test("another pre-skip gets a right checksum", () => {
  // A page made by FFmpeg: OpusHead with pre-skip 312.
  const head = Buffer.from(
    "4f67675300020000000000000000000000000000000000001cd5c5f70113" + "4f7075734865616401023801" + "80bb0000000000",
    "hex",
  );
  const page = Buffer.concat([head.subarray(0, 14), Buffer.alloc(8), head.subarray(24, 28), head.subarray(28)]);
  const same = withPreSkip(new Uint8Array(page), 312);
  assert.equal(Buffer.from(same.subarray(22, 26)).toString("hex"), "1cd5c5f7");
  const other = withPreSkip(new Uint8Array(page), 14_976);
  assert.equal(new DataView(other.buffer).getUint16(38, true), 14_976);
  assert.notEqual(Buffer.from(other.subarray(22, 26)).toString("hex"), "1cd5c5f7");
});

test("an overlay turns one sound into the other, and a fade leaves everything after it alone", () => {
  const old = [new Float32Array(FADE).fill(0.5)];
  const fresh = [new Float32Array(FADE).fill(-0.25)];
  const mixed = fadeOver(old, fresh)[0].map((added, i) => added + old[0][i]);
  assert.ok(mixed[0] > 0.49 && mixed[FADE - 1] < -0.24);
  const long = [new Float32Array(1000).fill(0.7)];
  const faded = fadedIn(silence(long, FADE), long);
  assert.ok(faded[0][0] < 0.01);
  assert.deepEqual(faded[0].subarray(FADE), long[0].subarray(FADE));
});

test("a pause that is made for the clock's sake is faded into and out of", () => {
  const heard = new Float32Array(4 * 48_000);
  /** @type {import("../player/schedule.js").Sink} */
  const output = {
    rate: 48_000, now: 0, running: async () => {}, clear: () => {},
    play: ([channel], frame) => channel.forEach((sample, i) => (heard[frame + i] += sample)),
  };
  const schedule = new Schedule(output, (samples) => samples, () => {}, () => {});
  const lay = (/** @type {number} */ index) => {
    const [entry] = entries([index]);
    const channels = [new Float32Array(48_000).fill(0.5)];
    schedule.lay({ entry, quality: "hq", channels, ready: 48_000, holdBack_s: 0 });
    schedule.finish();
  };
  lay(40);
  schedule.pause(1);
  lay(41);
  const [first, second] = [2400, 2400 + 96_000];
  const steps = [...heard.keys()].filter((i) => i > first && i < second + 1000 && Math.abs(heard[i] - heard[i - 1]) > 0.002);
  assert.deepEqual(steps, []);
  assert.deepEqual([heard[first + 47_000], heard[first + 60_000], heard[second + 1000]], [0.5, 0, 0.5]);
});

test("listeners are told what is the matter in their own words", () => {
  const now = { state: /** @type {const} */ ("playing"), known: true, onAir: true, trouble: null, notice: "" };
  assert.equal(statusText(now), "Playing.");
  assert.match(statusText({ ...now, trouble: new Error() }), /interrupted/);
  assert.match(statusText({ ...now, state: "idle", onAir: false }), /off air/);
  const missing = Object.assign(new Error(), { name: "Missing" });
  assert.match(statusText({ ...now, state: "idle", known: false, trouble: missing }), /no station/);
  assert.equal(duration(1), "1 second");
  assert.equal(duration(300), "5 minutes");
  assert.equal(behindText(24.4), "24 seconds behind live");
  const manifest = parseManifest(doc(), URL_);
  assert.equal(codecText(manifest, "hq", 48_000), "FLAC, lossless, 24 bit, 48 kHz");
  assert.equal(codecText(manifest, "lq", 44_100), "Opus, 128 kbit/s, 48 kHz, played at 44.1 kHz");
});

test("the button says what a press does: who is told to press play once more finds play on it", () => {
  for (const state of /** @type {const} */ (["starting", "playing", "waiting", "off-air"])) assert.equal(pressPauses(state), true);
  for (const state of /** @type {const} */ (["idle", "blocked", "interrupted", "elsewhere", "error"])) {
    assert.equal(pressPauses(state), false);
  }
});

test("what the player is doing has one word, and the gravest comes first", () => {
  const playing = {
    failed: false, wanted: true, elsewhere: false, running: true, sounded: true, sounding: true, sinceTap_ms: 9000,
    known: true, onAir: true,
  };
  const silent = { ...playing, sounding: false };
  assert.equal(stateOf(playing), "playing");
  assert.equal(stateOf({ ...playing, failed: true }), "error");
  assert.equal(stateOf({ ...playing, wanted: false }), "idle");
  assert.equal(stateOf({ ...playing, wanted: false, elsewhere: true }), "elsewhere");
  assert.equal(stateOf({ ...playing, running: false }), "interrupted", "a call");
  assert.equal(stateOf({ ...silent, running: false, sounded: false }), "blocked", "no gesture, no sound");
  assert.equal(stateOf({ ...silent, running: false, sounded: false, sinceTap_ms: 100 }), "starting", "not yet to be told");
  assert.equal(stateOf({ ...silent, onAir: false }), "off-air");
  assert.equal(stateOf(silent), "waiting");
  assert.equal(stateOf({ ...silent, sounded: false, known: false, onAir: false }), "starting");
});
