// Draws the loudness of the last seconds as a moving waveform.

const BAR = 3;
const PITCH = 5;
/** One bar: at 60 frames per second the picture moves a bar every third frame. */
const BAR_MS = 50;
/** For whoever asked for less motion: a level that changes, not a picture that runs. */
const CALM_MS = 1000;
/** The quietest level that shows. */
const FLOOR_DB = -54;

export class Meter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }
  #canvas;
  /** @type {number[]} heights 0 to 1, newest last */
  #bars = [];
  /** What is followed. @type {AudioNode | null} */
  #node = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  #frame = 0;
  #drawn_ms = 0;

  /** Follows what goes through a node. @param {AudioNode} node */
  follow(node) {
    this.stop();
    this.#analyser = new AnalyserNode(node.context, { fftSize: 4096 });
    node.connect(this.#analyser);
    this.#node = node;
    const samples = new Float32Array(this.#analyser.fftSize);
    const bar_ms = matchMedia("(prefers-reduced-motion: reduce)").matches ? CALM_MS : BAR_MS;
    const step = (/** @type {number} */ now_ms) => {
      this.#frame = requestAnimationFrame(step);
      if (now_ms - this.#drawn_ms < bar_ms) return;
      this.#drawn_ms = now_ms;
      this.#analyser?.getFloatTimeDomainData(samples);
      this.#bars = [...this.#bars.slice(-400), height(peak(samples))];
      this.draw();
    };
    this.#frame = requestAnimationFrame(step);
  }

  /** Stands still. */
  stop() {
    cancelAnimationFrame(this.#frame);
    if (this.#analyser) this.#node?.disconnect(this.#analyser);
    [this.#node, this.#analyser] = [null, null];
    this.#bars = [];
    this.draw();
  }

  /** Paints the bars in the canvas's own text colour, so that themes reach it. */
  draw() {
    const { clientWidth, clientHeight } = this.#canvas;
    const scale = globalThis.devicePixelRatio || 1;
    this.#canvas.width = Math.round(clientWidth * scale);
    this.#canvas.height = Math.round(clientHeight * scale);
    const paint = this.#canvas.getContext("2d");
    if (!paint || clientWidth === 0) return;
    paint.scale(scale, scale);
    paint.fillStyle = getComputedStyle(this.#canvas).color;
    const count = Math.floor(clientWidth / PITCH);
    for (let i = 0; i < count; i++) {
      const tall = Math.max(2, (this.#bars.at(i - count) ?? 0) * clientHeight);
      paint.globalAlpha = this.#analyser ? 0.35 + (0.65 * i) / count : 0.35;
      paint.fillRect(i * PITCH, (clientHeight - tall) / 2, BAR, tall);
    }
  }
}

/** @param {Float32Array} samples @returns {number} */
function peak(samples) {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most;
}

/** @param {number} amplitude 0 to 1 @returns {number} 0 to 1, linear in decibels */
function height(amplitude) {
  return Math.max(0, 1 - (20 * Math.log10(Math.max(amplitude, 1e-6))) / FLOOR_DB);
}
