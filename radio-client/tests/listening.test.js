// Hours, tunnels, sleeps and faults, in simulated time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./simulation.js";

test("an hour on a good line: not one hole, HQ after the first segment, about two manifest requests per segment", async () => {
  const w = world();
  await w.listen(3600);
  assert.equal(w.silence_s, 0);
  assert.equal(w.asked.filter((url) => url.endsWith(".opus")).length, 2, "the first segment, and the head for its crossfade");
  assert.equal(w.count("underrun") + w.count("skip"), 0);
  assert.ok(w.manifests <= 2 * 360, `${w.manifests} manifest requests`);
  assert.equal(w.unnamed, 0);
  w.stop();
});

test("a tunnel of 45 s: what is in hand plays on, then the listener is back near live and is told so", async () => {
  const w = world();
  await w.listen(60);
  w.line.up = false;
  await w.clock.pass(45_000);
  assert.ok(w.watch.trouble instanceof Error);
  w.line.up = true;
  await w.clock.pass(40_000);
  assert.ok(w.silence_s > 10 && w.silence_s < 45, `${w.silence_s} s of silence`);
  assert.equal(w.watch.trouble, null);
  assert.ok((w.listening.behind_s ?? 99) < 35, `${w.listening.behind_s} s behind`);
  assert.ok(w.said.some((said) => said.type === "skip" && said.reason === "lost time"));
  w.stop();
});

test("a tunnel of five minutes: at the live edge again within seconds, with the truth about what was missed", async () => {
  const w = world();
  await w.listen(60);
  w.line.up = false;
  for (let minute = 1; minute <= 5; minute++) {
    await w.clock.pass(60_000);
    assert.equal(w.state, "waiting");
    assert.match(w.words, /cannot be reached/, "the listener's line is down, and not the station");
  }
  assert.equal(w.watch.known, false, "nobody knows whether it is on air");
  w.line.up = true;
  await w.clock.pass(25_000);
  assert.equal(w.state, "playing");
  assert.notEqual(w.listening.sounding, null);
  assert.ok((w.listening.behind_s ?? 99) < 40, `${w.listening.behind_s} s behind`);
  const skip = w.said.find((said) => said.type === "skip");
  assert.ok(skip?.type === "skip" && skip.seconds > 200 && skip.seconds <= 300, JSON.stringify(skip));
  const before = w.count("underrun");
  await w.clock.pass(300_000);
  assert.equal(w.count("underrun"), before, "it goes on without a hole");
  w.stop();
});

test("asleep for an hour: what the sound card still holds is dropped for what is live, and the truth is told", async () => {
  const w = world();
  await w.listen(60);
  w.sleep(3_600_000);
  w.watch.askNow();
  await w.clock.pass(40_000);
  assert.notEqual(w.listening.sounding, null);
  assert.ok((w.listening.behind_s ?? 1e9) < 40, `${w.listening.behind_s} s behind`);
  assert.ok(Math.abs(w.lost_s - 3600) < 15, `${w.lost_s} s are said to be lost`);
  const before = w.count("underrun");
  await w.clock.pass(300_000);
  assert.equal(w.count("underrun"), before, "it goes on without a hole");
  w.stop();
});

test("a call of 20 s: it goes on where it was, and comes back near live in time", async () => {
  const w = world();
  await w.listen(60);
  const before_s = w.listening.behind_s ?? 0;
  await w.call(20_000);
  await w.clock.pass(1000);
  assert.ok(Math.abs((w.listening.behind_s ?? 0) - before_s - 20) < 0.1, `${w.listening.behind_s} s behind`);
  assert.equal(w.count("underrun") + w.count("skip"), 0);
  await w.clock.pass(600_000);
  assert.equal(w.silence_s, 0);
  assert.ok((w.listening.behind_s ?? 1e9) < 40, `${w.listening.behind_s} s behind`);
  w.stop();
});

test("a call of ten minutes: at the live edge again, with the truth about what was missed", async () => {
  const w = world();
  await w.listen(60);
  await w.call(600_000);
  await w.clock.pass(40_000);
  assert.ok((w.listening.behind_s ?? 1e9) < 40, `${w.listening.behind_s} s behind`);
  assert.ok(Math.abs(w.lost_s - 600) < 15, `${w.lost_s} s are said to be lost`);
  w.stop();
});

test("a segment that expired between the manifest and the question is lost time, and not counted as missing", async () => {
  const w = world();
  w.onAsked = (key) => {
    if (key.endsWith("12.flac") && w.away_ms === 0) w.sleep(35_000);
  };
  await w.listen(200);
  assert.equal(w.listening.counters.missing, 0);
  assert.ok(w.said.some((said) => said.type === "skip" && said.reason === "lost time"), JSON.stringify(w.said.at(-1)));
  assert.notEqual(w.listening.sounding, null);
  assert.ok((w.listening.behind_s ?? 1e9) < 40, `${w.listening.behind_s} s behind`);
  assert.equal(w.unnamed, 0);
  w.stop();
});

test("off air, and on again by itself", async () => {
  const w = world();
  await w.listen(60);
  [w.live, w.stopped_s] = [false, 60];
  await w.clock.pass(60_000);
  assert.equal(w.watch.onAir, false);
  assert.equal(w.listening.sounding, null, "what was published was played to its end");
  const manifests = w.manifests;
  await w.clock.pass(600_000);
  assert.ok(w.manifests - manifests < 90, "it looks now and then");
  [w.live, w.stopped_s] = [true, null];
  await w.clock.pass(40_000);
  assert.notEqual(w.listening.sounding, null);
  w.stop();
});

test("a manifest that stops changing is off air, whatever it says", async () => {
  const w = world();
  await w.listen(60);
  w.stopped_s = 60;
  await w.clock.pass(60_000);
  assert.equal(w.watch.onAir, false);
  w.stop();
});

test("a station whose clock is stepped back goes on without a hole, and stays on air", async () => {
  const w = world({ stepped: { from: 15, ms: -60_000 } });
  await w.listen(100);
  for (let minute = 0; minute < 5; minute++) {
    await w.clock.pass(60_000);
    assert.equal(w.state, "playing");
    assert.equal(w.watch.onAir, true);
  }
  assert.equal(w.silence_s, 0);
  assert.equal(w.count("skip"), 0);
  assert.ok(Math.abs((w.listening.behind_s ?? 1e9) - 20) < 5, `${w.listening.behind_s} s behind`);
  assert.ok(w.manifests < 2 * 40, `${w.manifests} manifest requests`);
  w.stop();
});

test("a listener's clock that is wrong by an hour hides no station", async () => {
  for (const wrong_ms of [3_600_000, -3_600_000]) {
    const w = world();
    w.clock.utc_offset_ms += wrong_ms;
    await w.listen(40);
    assert.notEqual(w.listening.sounding, null);
    assert.equal(w.watch.onAir, true);
    assert.ok((w.listening.behind_s ?? 1e9) < 45, `${w.listening.behind_s} s behind`);
    w.stop();
  }
});

test("a damaged HQ file is heard in LQ; a segment damaged in both is silent for its own length and counted", async () => {
  const w = world();
  w.damaged = new Set(["10.flac", "14.flac", "14.opus"]);
  await w.listen(200);
  assert.ok(w.asked.some((url) => url.endsWith("10.opus")));
  assert.equal(w.listening.counters.damaged, 1);
  assert.ok(Math.abs(w.silence_s - 10) < 0.001, `${w.silence_s} s of silence`);
  assert.equal(w.count("underrun"), 0);
  w.stop();
});

test("a segment that is named but not there is silent for its own length and counted", async () => {
  const w = world();
  w.missing = new Set(["12.flac", "12.opus"]);
  await w.listen(200);
  assert.equal(w.listening.counters.missing, 1);
  assert.ok(Math.abs(w.silence_s - 10) < 0.001, `${w.silence_s} s of silence`);
  w.stop();
});

test("a station without its LQ files is heard in HQ, also by whoever starts with nothing in hand", async () => {
  const w = world();
  w.missing = new Set([".opus"]);
  await w.listen(60);
  assert.equal(w.listening.sounding?.quality, "hq");
  assert.ok(w.asked.every((url, i) => w.asked.indexOf(url) === i), "no dead key is asked for twice");
  assert.equal(w.silence_s, 0);
  w.stop();
});

test("a browser without any decoder for Opus finds out once, and plays HQ", async () => {
  const w = world({ undecodable: "lq" });
  w.listening.wish = "lq";
  await w.listen(120);
  assert.equal(w.listening.sounding?.quality, "hq");
  assert.equal(w.asked.filter((url) => url.endsWith(".opus")).length, 1);
  assert.equal(w.silence_s, 0);
  w.stop();
});

test("a first segment that is not there is asked for once in each quality, and counted", async () => {
  const w = world();
  w.missing = new Set(["03.flac", "03.opus"]);
  await w.listen(60);
  assert.equal(w.asked.filter((url) => /03\.(flac|opus)$/.test(url)).length, 2);
  assert.equal(w.listening.counters.missing, 1);
  assert.notEqual(w.listening.sounding, null);
  w.stop();
});

test("a gap that the station reports is as long in the ear", async () => {
  const w = world();
  w.gaps = { 12: 12_345 };
  await w.listen(150);
  assert.equal(Math.round(w.silence_s * 48_000), 12_345);
  assert.equal(w.count("underrun"), 0);
  w.stop();
});

test("a short segment before a restart is heard, and is no sign of a drift", async () => {
  const w = world();
  w.lengths = { 14: 24_000 };
  w.gaps = { 15: 456_000 };
  await w.listen(200);
  assert.deepEqual(w.said.filter((said) => said.type !== "segment"), []);
  assert.ok(w.said.some((said) => said.type === "segment" && said.index === 14 && said.samples === 24_000));
  assert.equal(w.silence_s, 9.5);
  w.stop();
});

for (const [mbit_s, latency_ms, quality] of /** @type {const} */ ([[1.5, 150, "lq"], [5, 60, "hq"], [20, 40, "hq"]])) {
  test(`at ${mbit_s} Mbit/s and ${latency_ms} ms: ${quality}, and no starvation in ten minutes`, async () => {
    const w = world({ line: { up: true, mbit_s, latency_ms } });
    await w.listen(600);
    assert.equal(w.silence_s, 0);
    assert.equal(w.listening.sounding?.quality, quality);
    w.stop();
  });
}

test("a line that gets worse under way falls back before it starves, and comes back when it is better", async () => {
  const w = world();
  await w.listen(100);
  w.line.mbit_s = 1;
  await w.clock.pass(200_000);
  assert.equal(w.listening.sounding?.quality, "lq");
  assert.ok(w.listening.counters.givenUp >= 1);
  w.line.mbit_s = 20;
  await w.clock.pass(100_000);
  assert.equal(w.listening.sounding?.quality, "hq");
  assert.equal(w.silence_s, 0);
  w.stop();
});

test("who has chosen HQ hears the first segment in LQ, at once, and HQ from the first border on", async () => {
  const w = world({ line: { up: true, mbit_s: 5, latency_ms: 60 } });
  w.listening.wish = "hq";
  await w.listen(60);
  assert.ok(w.played[0].frame < 48_000, `first sound after ${w.played[0].frame / 48_000} s`);
  const laid = w.said.flatMap((said) => (said.type === "segment" ? [said] : []));
  const [first] = laid;
  assert.ok(laid.every(({ index, quality }) => quality === (index === first.index ? "lq" : "hq")));
  assert.equal(w.silence_s, 0);
  w.stop();
});

test("HQ does not wait for the head of LQ until it starves", async () => {
  const w = world({ line: { up: true, mbit_s: 4, latency_ms: 60 } });
  w.onAsked = (key) => {
    if (key.endsWith("04.opus")) w.line.up = false;
  };
  w.listening.wish = "hq";
  await w.listen(12);
  assert.ok(w.said.some((said) => said.type === "segment" && said.index === 4 && said.quality === "hq"));
  assert.equal(w.silence_s, 0);
  w.stop();
});

test("LQ that is begun with little in hand is heard while it arrives, as soon as it must be", async () => {
  for (const [before_mbit_s, mbit_s] of [[3.5, 0.25], [4, 0.3], [5, 0.25]]) {
    for (let drop_s = 30; drop_s < 40; drop_s += 0.5) {
      const w = world({ line: { up: true, mbit_s: before_mbit_s, latency_ms: 60 } });
      await w.listen(drop_s);
      w.line.mbit_s = mbit_s;
      await w.clock.pass(60_000);
      assert.equal(w.silence_s, 0, `from ${before_mbit_s} to ${mbit_s} Mbit/s after ${drop_s} s`);
      w.stop();
    }
  }
});

test("what was being decoded when the listener paused does not sound", async () => {
  const w = world();
  let finish = () => {};
  w.decoding = new Promise((resolve) => (finish = () => resolve()));
  await w.listen(5);
  w.stop();
  finish();
  await w.clock.pass(5000);
  assert.equal(w.played.length, 0);
});
