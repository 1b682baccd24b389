// Whether a browser's worker still lives. A worker that is ended from outside (for memory, by a browser's task manager)
// tells nobody: no event comes. But the locks that it holds fall free, and whoever waits for one is then called.

interface Locks {
  request(name: string, callback: () => unknown): Promise<unknown>;
  request(name: string, options: { signal: AbortSignal }, callback: () => unknown): Promise<unknown>;
}
/** Missing in engines without them, and on pages that are no secure context. */
const locks = () => (globalThis.navigator as { locks?: Locks } | undefined)?.locks;

/** In the worker: holds a lock for as long as it lives. Its name, or undefined where there are no locks. */
export async function holdLock(): Promise<string | undefined> {
  const found = locks();
  if (found === undefined) return undefined;
  const name = `bitnet-worker-${crypto.randomUUID()}`;
  return new Promise((resolve) => {
    const forever = () => {
      resolve(name);
      return new Promise(() => {});
    };
    found.request(name, forever).catch(() => resolve(undefined)); // an origin that may have none
  });
}

/** In the page: calls `onEnd` when the holder of the lock has ended. Returns what ends the watch. */
export function watchLock(name: string, onEnd: () => void): () => void {
  const watch = new AbortController();
  locks()
    ?.request(name, { signal: watch.signal }, onEnd)
    .catch(() => {}); // the watch has ended first
  return () => watch.abort();
}
