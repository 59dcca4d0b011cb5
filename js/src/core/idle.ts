// Work for when the browser has nothing better to do.

/** Calls back when the browser is idle; returns how to call it off. */
export function whenIdle(callback: () => void): () => void {
  if (typeof requestIdleCallback === "function") {
    const handle = requestIdleCallback(callback, { timeout: 1000 });
    return () => cancelIdleCallback(handle);
  }
  const timer = setTimeout(callback, 100);
  return () => clearTimeout(timer);
}
