// The site in real Deno: what it serves, and that it needs the bucket for nothing.

import { strict as assert } from "node:assert";
import { settingsFrom, site } from "./main.tsx";

const settings = { publicUrl: "https://bucket.example", stationName: null };
const manifest = (changes = {}) => ({ station: "Night & Day", live: true, updated_at: new Date().toISOString(), ...changes });
const bucket = (answer: () => Response | Promise<Response>) => (() => Promise.resolve(answer())) as typeof fetch;

Deno.test("the page is rendered with the station's name and state, escaped", async () => {
  const asked: string[] = [];
  const get = ((url: string) => (asked.push(url), Promise.resolve(Response.json(manifest())))) as typeof fetch;
  const answer = await site(settings, get).request("https://radio.example/");
  const text = await answer.text();
  assert.equal(answer.status, 200);
  assert.match(text, /^<!doctype html><html lang="en">/);
  assert.match(text, /<title>Night &amp; Day<\/title>/);
  assert.match(text, /<radio-player src="https:\/\/bucket\.example\/live\/manifest\.json" station="Night &amp; Day">Night &amp; Day: On air\./);
  assert.match(text, /property="og:title" content="Night &amp; Day"/);
  assert.match(text, /&lt;iframe src=&quot;https:\/\/radio\.example\/embed&quot;/);
  assert.deepEqual(asked, ["https://bucket.example/live/manifest.json"]);
});

Deno.test("a name from the settings wins, and a hostile one stays text", async () => {
  const app = site({ ...settings, stationName: `"><script>alert(1)</script>` }, bucket(() => Response.json(manifest())));
  const text = await (await app.request("https://radio.example/")).text();
  assert.ok(!text.includes("<script>alert"));
});

Deno.test("what is copied and pasted is HTML in which a hostile name stays text, too", async () => {
  const app = site({ ...settings, stationName: `"><script>alert(1)</script>` }, bucket(() => Response.json(manifest())));
  const text = await (await app.request("https://radio.example/")).text();
  const [frame, snippet] = [...text.matchAll(/<pre[^>]*>(.*?)<\/pre>/gs)].map(([, shown]) => asPasted(shown));
  assert.equal(
    frame,
    `<iframe src="https://radio.example/embed" title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" width="100%" ` +
      `height="330" allow="autoplay" style="border:0"></iframe>`,
  );
  assert.equal(
    snippet,
    `<script type="module" src="https://radio.example/player/radio-player.js"></script>\n` +
      `<radio-player src="https://bucket.example/live/manifest.json"></radio-player>`,
  );
});

/** The text that a browser shows for this HTML, which is what somebody copies. */
function asPasted(shown: string): string {
  const marks: Record<string, string> = { quot: '"', "#39": "'", lt: "<", gt: ">", amp: "&" };
  return shown.replace(/&(quot|#39|lt|gt|amp);/g, (_, name) => marks[name]);
}

Deno.test("a bucket that is down, empty, slow or confused costs the page nothing", async () => {
  const never = (_url: unknown, init?: RequestInit) =>
    new Promise<Response>((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
  const troubles = [
    bucket(() => Promise.reject(new TypeError("refused"))),
    bucket(() => new Response(null, { status: 404 })),
    bucket(() => new Response("<html>")),
    bucket(() => Response.json(null)),
    never as typeof fetch,
  ];
  for (const get of troubles) {
    const begun = performance.now();
    const answer = await site({ ...settings, stationName: "Mine" }, get).request("https://radio.example/");
    assert.match(await answer.text(), /Mine: The player is loading\./);
    assert.ok(performance.now() - begun < 2000);
  }
});

Deno.test("off air is said when the manifest says so, or has grown old", async () => {
  for (const changes of [{ live: false }, { updated_at: "2026-01-01T00:00:00Z" }]) {
    const app = site(settings, bucket(() => Response.json(manifest(changes))));
    assert.match(await (await app.request("https://radio.example/")).text(), /Off air\./);
  }
});

Deno.test("the policy lets the page connect to the bucket alone, and only /embed be framed by others", async () => {
  const app = site(settings, bucket(() => Response.json(manifest())));
  const policy = async (path: string) =>
    (await app.request(`https://radio.example${path}`)).headers.get("Content-Security-Policy") ?? "";
  assert.match(await policy("/"), /default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'/);
  assert.match(await policy("/"), /connect-src https:\/\/bucket\.example;/);
  assert.match(await policy("/"), /frame-ancestors 'self'/);
  assert.match(await policy("/embed"), /frame-ancestors \*/);
});

Deno.test("the player's files are served with their types, and nothing else of the folder is", async () => {
  const app = site(settings, bucket(() => Response.json(manifest())));
  const player = await app.request("https://radio.example/player/radio-player.js");
  assert.equal(player.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  assert.match(await player.text(), /customElements\.define/);
  assert.equal(player.headers.get("Access-Control-Allow-Origin"), "*", "modules on anybody's page are fetched by CORS");
  for (const path of ["/icon.svg", "/icon-192.png", "/icon-512.png", "/icon-maskable.png", "/page.css", "/player/vendor/ogg-opus-decoder.min.js"]) {
    assert.equal((await app.request(`https://radio.example${path}`)).status, 200, path);
  }
  const others = ["/player/../main.tsx", "/player/%2e%2e/main.tsx", "/main.tsx", "/player/", "/live/hq/segment-00000001.flac"];
  // served from the tests' folder if a path that is decoded late could leave its own
  const escapes = [
    ..."\\ %5c %2f %255c".split(" ").map((slash) => `/player/..${slash}tests${slash}station.js`),
    "/player/https:%2f%2fother.example%2fscript.js",
  ];
  for (const path of [...others, ...escapes]) {
    assert.equal((await app.request(`https://radio.example${path}`)).status, 404, path);
  }
});

Deno.test("it can be installed: the web manifest names icons that are there", async () => {
  const app = site({ ...settings, stationName: "Mine" }, bucket(() => Response.json(manifest())));
  const answer = await app.request("https://radio.example/site.webmanifest");
  assert.equal(answer.headers.get("Content-Type"), "application/manifest+json");
  const { name, icons } = await answer.json();
  assert.equal(name, "Mine");
  for (const { src } of icons) assert.equal((await app.request(`https://radio.example${src}`)).status, 200);
});

Deno.test("a missing or impossible address of the bucket is refused in words", () => {
  for (const url of [undefined, "", "bucket.example", "ftp://bucket.example"]) {
    assert.throws(() => settingsFrom({ get: () => url }), /R2_PUBLIC_URL/);
  }
  const env = new Map([["R2_PUBLIC_URL", "https://bucket.example/a/"], ["STATION_NAME", " "]]);
  assert.deepEqual(settingsFrom(env), { publicUrl: "https://bucket.example/a", stationName: null });
});
