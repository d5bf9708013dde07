// The demo's page: plays the segments of live/manifest.json one after another, without a gap between them.

const MANIFEST = "live/manifest.json";
const AHEAD_S = 15;   // decoded ahead of what sounds: more than one segment of 10 s
const LEAD_S = 0.1;   // between the decision to start and the first sample

const element = (id) => document.getElementById(id);

/** @type {AudioContext | null} */
let context = null;
let nextIndex = -1;
let nextFrame = 0;
let etag = "";
let manifest = null;

async function refresh() {
  const answer = await fetch(MANIFEST, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
  if (answer.ok) {
    manifest = await answer.json();
    etag = answer.headers.get("ETag") ?? "";
    show();
  }
}

function show() {
  const newest = manifest.segments.at(-1);
  element("station").textContent = manifest.station;
  if (!newest) return;
  element("segment").textContent = `${newest.index}, ${newest.samples / manifest.sample_rate} s`;
  element("start").textContent = newest.start;
  element("size").textContent = `${newest.hq.bytes} bytes FLAC, ${newest.lq.bytes} bytes Opus`;
  if (!context) element("state").textContent = manifest.live ? "On air." : "Off air.";
}

/** The last `samples` frames of a decoded segment: not every browser takes the pre-roll off by itself. */
function own(decoded, samples) {
  const cut = new AudioBuffer({ numberOfChannels: 2, length: samples, sampleRate: decoded.sampleRate });
  for (const channel of [0, 1]) {
    cut.copyToChannel(decoded.getChannelData(channel).subarray(decoded.length - samples), channel);
  }
  return cut;
}

async function schedule(segment) {
  const answer = await fetch(segment[element("quality").value].key);
  if (!answer.ok) return;
  const buffer = own(await context.decodeAudioData(await answer.arrayBuffer()), segment.samples);
  const earliest = Math.ceil((context.currentTime + LEAD_S) * context.sampleRate);
  if (nextFrame < earliest) nextFrame = earliest;
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start(nextFrame / context.sampleRate);
  nextFrame += buffer.length;
  element("state").textContent = `Playing ${element("quality").selectedOptions[0].textContent}.`;
}

async function fill() {
  if (!context || !manifest) return;
  for (const segment of manifest.segments) {
    const bufferedS = nextFrame / context.sampleRate - context.currentTime;
    if (segment.index < nextIndex || bufferedS > AHEAD_S) continue;
    nextIndex = segment.index + 1;
    await schedule(segment);
  }
}

async function run() {
  for (;;) {
    try {
      await refresh();
      await fill();
    } catch (error) {
      element("state").textContent = `The programme cannot be read: ${error.message}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

element("play").addEventListener("click", async () => {
  if (context) {
    await context.close();
    context = null;
    nextFrame = 0;
    nextIndex = -1;
    element("play").textContent = "Play";
    show();
    return;
  }
  context = new AudioContext({ sampleRate: 48000 });
  nextIndex = manifest?.segments.at(-1)?.index ?? -1;
  element("play").textContent = "Stop";
  await fill();
});

run();
