// The station's site for Deno Deploy: the player's page, its embeddable form and its files. Sound never passes through it.

import { Hono } from "hono";
import type { Context } from "hono";
import { html, raw } from "hono/html";

/** The station as the page shows it before any script runs. */
interface FirstLook {
  station: string;
  onAir: boolean | null;
}

interface Settings {
  /** Where listeners read the bucket, with the station's prefix if it has one. */
  publicUrl: string;
  stationName: string | null;
}

/** The page comes in any case; the bucket has this long to say what is on. */
const FIRST_LOOK_MS = 800;
const SILENT_AFTER_MS = 40_000;
/** Names of files below a folder. */
const NAME = /^(\w[\w-]*\/)*\w[\w.-]*$/;
const HERE = new URL("./", import.meta.url);
const TYPES: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
};

/** Reads the settings. Throws an error for people when one is missing or impossible. */
export function settingsFrom(env: { get(name: string): string | undefined }): Settings {
  const url = env.get("R2_PUBLIC_URL")?.trim() ?? "";
  if (!URL.canParse(url) || !["https:", "http:"].includes(new URL(url).protocol)) {
    throw new Error(`R2_PUBLIC_URL is "${url}": set it to the public address of the bucket, such as https://radio.example.org`);
  }
  return { publicUrl: url.replace(/\/+$/, ""), stationName: env.get("STATION_NAME")?.trim() || null };
}

/** Builds the site. `get` is the one request that it makes: for the manifest. */
export function site({ publicUrl, stationName }: Settings, get: typeof fetch = fetch): Hono {
  const manifestUrl = `${publicUrl}/live/manifest.json`;
  const app = new Hono();

  app.use(async (context, next) => {
    await next();
    const framed = context.req.path === "/embed";
    context.header("Content-Security-Policy", policy(new URL(publicUrl).origin, framed));
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Referrer-Policy", "no-referrer");
    context.header("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
  });

  app.get("/", async (context) => {
    const look = await firstLook(manifestUrl, stationName, get);
    return page(context, <Listen look={look} manifestUrl={manifestUrl} origin={new URL(context.req.url).origin} />);
  });

  app.get("/embed", async (context) => {
    const look = await firstLook(manifestUrl, stationName, get);
    return page(context, <Embed look={look} manifestUrl={manifestUrl} />);
  });

  app.get("/site.webmanifest", (context) => {
    const name = stationName ?? "Radio";
    context.header("Cache-Control", "public, max-age=3600");
    return context.body(JSON.stringify(webManifest(name)), 200, { "Content-Type": "application/manifest+json" });
  });

  app.get("/player/*", (context) => {
    // modules are fetched by CORS, and anybody's page may have the player
    context.header("Access-Control-Allow-Origin", "*");
    return file(context, "player/", context.req.path.slice("/player/".length));
  });
  for (const name of ["page.css", "icon.svg", "icon-192.png", "icon-512.png", "icon-maskable.png"]) {
    app.get(`/${name}`, (context) => file(context, "page/", name));
  }
  app.notFound((context) => context.text("There is nothing here. The programme is at /\n", 404));
  return app;
}

/** What the manifest says now; a bucket that is slow, down or empty costs the page nothing but this knowledge. */
async function firstLook(manifestUrl: string, stationName: string | null, get: typeof fetch): Promise<FirstLook> {
  try {
    const answer = await get(manifestUrl, { signal: AbortSignal.timeout(FIRST_LOOK_MS) });
    if (!answer.ok) throw new Error(String(answer.status));
    const manifest: unknown = await answer.json();
    const { station, live, updated_at } = manifest as { station: unknown; live: unknown; updated_at: unknown };
    const fresh = Date.now() - Date.parse(String(updated_at)) < SILENT_AFTER_MS;
    return { station: stationName ?? (typeof station === "string" ? station : "Radio"), onAir: live === true && fresh };
  } catch {
    return { station: stationName ?? "Radio", onAir: null };
  }
}

/** Only the bucket may be connected to; no script or style but our files. WebAssembly is the Opus decoder's fallback. */
function policy(bucket: string, framed: boolean): string {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self'",
    "manifest-src 'self'",
    "media-src blob:",
    `connect-src ${bucket}`,
    "base-uri 'none'",
    "form-action 'none'",
    framed ? "frame-ancestors *" : "frame-ancestors 'self'",
  ].join("; ");
}

function webManifest(name: string) {
  return {
    name,
    short_name: name.slice(0, 12),
    id: "/",
    start_url: "/",
    scope: "/",
    display: "standalone",
    background_color: "#100f0e",
    theme_color: "#b3361b",
    icons: [
      { src: "/icon.svg", type: "image/svg+xml", sizes: "any" },
      { src: "/icon-192.png", type: "image/png", sizes: "192x192" },
      { src: "/icon-512.png", type: "image/png", sizes: "512x512" },
      { src: "/icon-maskable.png", type: "image/png", sizes: "512x512", purpose: "maskable" },
    ],
  };
}

/** A file of one of our folders. No name has dots before a slash, a backslash or a percent sign: none leads out of it. */
async function file(context: Context, folder: string, name: string): Promise<Response> {
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
  if (!NAME.test(name) || !type) return context.notFound();
  const wanted = new URL(folder + name, HERE);
  try {
    const body = await Deno.readFile(wanted);
    return context.body(body, 200, { "Content-Type": type, "Cache-Control": "public, max-age=300" });
  } catch {
    return context.notFound();
  }
}

function page(context: Context, content: unknown): Response | Promise<Response> {
  context.header("Cache-Control", "no-cache");
  return context.html(html`<!doctype html>${raw(String(content))}`);
}

function Head({ look, children }: { look: FirstLook; children?: unknown }) {
  const what = look.onAir ? "On air now, lossless." : "Lossless internet radio.";
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="theme-color" content="#b3361b" />
      <title>{look.station}</title>
      <meta name="description" content={what} />
      <meta property="og:type" content="music.radio_station" />
      <meta property="og:title" content={look.station} />
      <meta property="og:description" content={what} />
      {children}
      <link rel="icon" href="/icon.svg" type="image/svg+xml" />
      <link rel="apple-touch-icon" href="/icon-maskable.png" />
      <link rel="manifest" href="/site.webmanifest" />
      <link rel="stylesheet" href="/page.css" />
      <script type="module" src="/player/radio-player.js"></script>
    </head>
  );
}

function Player({ look, manifestUrl }: { look: FirstLook; manifestUrl: string }) {
  const state = look.onAir === null ? "The player is loading." : look.onAir ? "On air." : "Off air.";
  // What stands inside the element shows until the player takes its place, and where there is no JavaScript.
  const attributes = { src: manifestUrl, station: look.station };
  return html`<radio-player src="${attributes.src}" station="${attributes.station}">${look.station}: ${state}</radio-player>`;
}

function Listen({ look, manifestUrl, origin }: { look: FirstLook; manifestUrl: string; origin: string }) {
  // What is copied is HTML itself: escaped once for whoever pastes it, and once more to be shown.
  const snippet = String(html`<script type="module" src="${origin}/player/radio-player.js"></script>
<radio-player src="${manifestUrl}"></radio-player>`);
  const frame = String(
    html`<iframe src="${origin}/embed" title="${look.station}" width="100%" height="330" allow="autoplay" style="border:0"></iframe>`,
  );
  return (
    <html lang="en">
      <Head look={look}>
        <meta property="og:url" content={`${origin}/`} />
        <meta property="og:image" content={`${origin}/icon-512.png`} />
      </Head>
      <body>
        <main>
          <h1>{look.station}</h1>
          <Player look={look} manifestUrl={manifestUrl} />
          <noscript><p>The player needs JavaScript.</p></noscript>
          <details>
            <summary>Put this player on your own page</summary>
            <p>In a frame:</p>
            <pre tabindex={0}>{frame}</pre>
            <p>As an element, styled by you:</p>
            <pre tabindex={0}>{snippet}</pre>
          </details>
        </main>
      </body>
    </html>
  );
}

function Embed({ look, manifestUrl }: { look: FirstLook; manifestUrl: string }) {
  return (
    <html lang="en">
      <Head look={look}><meta name="robots" content="noindex" /></Head>
      <body class="embed">
        <main>
          <h1>{look.station}</h1>
          <Player look={look} manifestUrl={manifestUrl} />
        </main>
      </body>
    </html>
  );
}

if (import.meta.main) {
  let settings: Settings;
  try {
    settings = settingsFrom(Deno.env);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
  Deno.serve(site(settings).fetch);
}
