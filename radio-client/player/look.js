// The player's elements and their style. Colours, font and radius can be set from outside; see docs/player.md.

/** @type {string} */
export const TEMPLATE = `
<section part="player" aria-label="Radio player">
  <header>
    <span part="station"></span>
    <span part="badge" hidden></span>
  </header>
  <canvas part="meter" aria-hidden="true"></canvas>
  <div class="controls">
    <button part="play" type="button" aria-label="Play">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path class="start" d="M8 5v14l11-7z"/><path class="stop" d="M7 5h3.5v14H7zM13.5 5H17v14h-3.5z"/></svg>
    </button>
    <div class="volume" part="volume">
      <button part="mute" type="button" aria-label="Mute" aria-pressed="false">
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 9v6h4l5 4V5L8 9z"/><path class="loud" d="M15.5 8.5a5 5 0 0 1 0 7M18 6a8.5 8.5 0 0 1 0 12" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/><path class="quiet" d="M16 9.5l5 5m0-5l-5 5" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></svg>
      </button>
      <input type="range" min="0" max="100" step="1" aria-label="Volume">
    </div>
    <fieldset part="quality">
      <legend>Quality</legend>
      <label><input type="radio" name="quality" value="auto"><span>Auto</span></label>
      <label><input type="radio" name="quality" value="hq"><span>HQ</span></label>
      <label><input type="radio" name="quality" value="lq"><span>LQ</span></label>
    </fieldset>
  </div>
  <p part="status" role="status"></p>
  <p part="facts"><span class="codec"></span><span class="behind"></span></p>
</section>`;

const STYLE = `
:host {
  display: block;
  color-scheme: light dark;
  --accent: var(--radio-accent, #b3361b);
  --on-accent: var(--radio-on-accent, #fff);
  --background: var(--radio-background, #fff);
  --text: var(--radio-text, #1d1a18);
  --muted: var(--radio-muted, #625b56);
  --border: var(--radio-border, #d9d3ce);
  font: var(--radio-font, 1rem/1.4 system-ui, sans-serif);
  container-type: inline-size;
}
@media (prefers-color-scheme: dark) {
  :host(:not([theme="light"])) {
    --accent: var(--radio-accent, #ff8d6b);
    --on-accent: var(--radio-on-accent, #24100a);
    --background: var(--radio-background, #1b1917);
    --text: var(--radio-text, #f3efec);
    --muted: var(--radio-muted, #b4aca6);
    --border: var(--radio-border, #403b37);
  }
}
:host([theme="dark"]) {
  color-scheme: dark;
  --accent: var(--radio-accent, #ff8d6b);
  --on-accent: var(--radio-on-accent, #24100a);
  --background: var(--radio-background, #1b1917);
  --text: var(--radio-text, #f3efec);
  --muted: var(--radio-muted, #b4aca6);
  --border: var(--radio-border, #403b37);
}
:host([theme="light"]) { color-scheme: light; }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
section {
  display: grid; gap: .75rem; padding: 1.1rem;
  color: var(--text); background: var(--background);
  border: 1px solid var(--border); border-radius: var(--radio-radius, 14px);
}
header { display: flex; align-items: center; gap: .75rem; min-width: 0; }
[part=station] { flex: 1; min-width: 0; font-size: 1.15em; font-weight: 650; overflow-wrap: anywhere; }
[part=badge] {
  display: inline-flex; align-items: center; gap: .4em; padding: .15em .7em; white-space: nowrap;
  font-size: .8em; font-weight: 600; border: 1px solid var(--border); border-radius: 99px; color: var(--muted);
}
[part=badge][hidden] { display: none; }
[part=badge]::before { content: ""; width: .6em; height: .6em; border-radius: 50%; border: 1.5px solid currentColor; }
[part=badge].on { color: var(--accent); border-color: currentColor; }
[part=badge].on::before { background: currentColor; }
canvas { display: block; width: 100%; height: 56px; color: var(--accent); }
.controls { display: grid; grid-template-columns: auto 1fr; align-items: center; gap: .75rem 1rem; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; border-radius: 50%; }
svg { display: block; width: 60%; height: 60%; margin: auto; fill: currentColor; }
[part=play] { width: 3.5rem; height: 3.5rem; color: var(--on-accent); background: var(--accent); }
[part=play]:hover { filter: brightness(1.08); }
[part=play] .stop, [part=play].pauses .start { display: none; }
[part=play].pauses .stop { display: inline; }
.volume { display: flex; align-items: center; gap: .4rem; min-width: 0; }
[part=mute] { flex: none; width: 2.75rem; height: 2.75rem; }
[part=mute] .quiet, [part=mute][aria-pressed=true] .loud { display: none; }
[part=mute][aria-pressed=true] .quiet { display: inline; }
input[type=range] { flex: 1; min-width: 0; height: 2.75rem; margin: 0; accent-color: var(--accent); cursor: pointer; }
fieldset {
  grid-column: 1 / -1; display: grid; grid-template-columns: repeat(3, 1fr);
  margin: 0; padding: 3px; border: 1px solid var(--border); border-radius: 99px; min-width: 0;
}
legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
fieldset label { position: relative; display: block; text-align: center; cursor: pointer; }
fieldset input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer; }
fieldset span { display: block; padding: .55rem .9rem; border-radius: 99px; color: var(--muted); font-weight: 550; }
fieldset input:checked + span { color: var(--on-accent); background: var(--accent); }
:focus-visible, fieldset input:focus-visible + span { outline: 2px solid var(--text); outline-offset: 2px; }
p { margin: 0; }
[part=status] { min-height: 1.4em; }
[part=status]:empty::before { content: "\\200b"; }
[part=facts] {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: .1rem 1rem; min-height: 1.4em;
  margin-top: -.6rem; font-size: .875em; color: var(--muted); font-variant-numeric: tabular-nums;
}
@container (min-width: 34rem) {
  section { padding: 1.4rem; }
  canvas { height: 72px; }
  .controls { grid-template-columns: auto 1fr auto; }
  fieldset { grid-column: auto; }
}
@media (forced-colors: active) {
  [part=play], fieldset input:checked + span { forced-color-adjust: none; color: HighlightText; background: Highlight; }
}`;

/** One sheet for all players; made by script, so that a strict Content-Security-Policy allows it. */
export const SHEET = new CSSStyleSheet();
SHEET.replaceSync(STYLE);
