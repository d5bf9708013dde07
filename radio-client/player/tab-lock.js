// One player at a time in a browser: the one that the listener pressed last.

const NAME = "radio-player";

/**
 * Takes the lock from whoever has it, and keeps it until the signal aborts.
 * @param {AbortSignal} signal @param {() => void} lost somebody else has taken it
 */
export function holdTabLock(signal, lost) {
  // Only secure pages have locks; elsewhere two tabs may sound at once.
  const { locks } = /** @type {{locks?: LockManager}} */ (navigator);
  if (!locks) return;
  const untilAborted = () =>
    new Promise((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener("abort", resolve, { once: true });
    });
  locks.request(NAME, { steal: true }, untilAborted).catch((/** @type {unknown} */ refusal) => {
    // In a sandboxed frame and with cookies blocked nobody gets a lock: a SecurityError, and no reason to be silent.
    const stolen = refusal instanceof DOMException && refusal.name === "AbortError";
    if (stolen && !signal.aborted) lost();
  });
}
