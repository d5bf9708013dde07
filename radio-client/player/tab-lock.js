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
  const untilAborted = () => new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  locks.request(NAME, { steal: true }, untilAborted).catch(() => {
    if (!signal.aborted) lost();
  });
}
