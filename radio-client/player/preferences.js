// What a listener chose last time, where the browser lets us remember it.

const KEY = "radio-player";

/** @returns {{volume?: number, quality?: string}} */
export function remembered() {
  try {
    return { ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return {};
  }
}

/** @param {{volume?: number, quality?: string}} chosen */
export function remember(chosen) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...remembered(), ...chosen }));
  } catch {
    // a private window, or a frame of another site
  }
}
