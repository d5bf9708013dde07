// What phones want to know: the title on the lock screen, its buttons, and that this is music and not a notification.

/**
 * Tells the system that a station plays.
 * @param {string} station @param {{play: () => void, pause: () => void}} controls
 */
export function announce(station, { play, pause }) {
  // Safari 16.4 and newer: without it Web Audio is silent behind the lock screen and under the mute switch.
  const { audioSession } = /** @type {{audioSession?: {type: string}}} */ (/** @type {unknown} */ (navigator));
  if (audioSession) audioSession.type = "playback";
  const { mediaSession } = navigator;
  if (!mediaSession) return;
  mediaSession.metadata = new MediaMetadata({ title: station, artist: "Live" });
  mediaSession.playbackState = "playing";
  mediaSession.setActionHandler("play", play);
  mediaSession.setActionHandler("pause", pause);
  mediaSession.setActionHandler("stop", pause);
}

/** Tells the system that it is paused; its play button starts it again. */
export function announcePause() {
  if (navigator.mediaSession) navigator.mediaSession.playbackState = "paused";
}

/**
 * Android shows the controls of a page only while a media element plays. This one plays silence beside the Web Audio graph,
 * which keeps every sample of the programme out of its hands.
 */
export class SilentCompanion {
  /** @type {HTMLAudioElement | null} */
  #audio = null;

  /** Must be called in the listener's tap. */
  play() {
    if (!/Android/.test(navigator.userAgent)) return;
    this.#audio ??= silentAudio();
    void this.#audio.play().catch(() => {});
  }

  pause() {
    this.#audio?.pause();
  }
}

/** Chromium ignores sounds shorter than 5 s. */
const SILENCE_S = 10;

/** @returns {HTMLAudioElement} 8-bit silence, looped */
function silentAudio() {
  const rate = 8000;
  const size = rate * SILENCE_S;
  const wav = new DataView(new ArrayBuffer(44 + size));
  const put = (/** @type {number} */ at, /** @type {string} */ text) =>
    [...text].forEach((c, i) => wav.setUint8(at + i, c.charCodeAt(0)));
  put(0, "RIFF");
  wav.setUint32(4, 36 + size, true);
  put(8, "WAVEfmt ");
  wav.setUint32(16, 16, true);
  wav.setUint16(20, 1, true);
  wav.setUint16(22, 1, true);
  wav.setUint32(24, rate, true);
  wav.setUint32(28, rate, true);
  wav.setUint16(32, 1, true);
  wav.setUint16(34, 8, true);
  put(36, "data");
  wav.setUint32(40, size, true);
  new Uint8Array(wav.buffer, 44).fill(128);
  const audio = new Audio(URL.createObjectURL(new Blob([wav.buffer], { type: "audio/wav" })));
  audio.loop = true;
  return audio;
}
