// What the tests of faults bring into a page before anything else runs there, and into the package's worker. Each function
// is sent as text: it sees nothing of this file.

/** `lab` in a page: watches for what nobody caught, starts the package's worker with faults, and sums up how calls end. */
export function inPage() {
  const failures = [];
  addEventListener("unhandledrejection", ({ reason }) => failures.push(`unhandled: ${reason}`));
  addEventListener("error", ({ message }) => failures.push(`uncaught: ${message}`));
  const EngineWorker = globalThis.Worker;

  const now = performance.now.bind(performance);

  const lab = {
    failures,
    /** What befalls the next workers of the package: see inWorker. */
    faults: undefined,
    workers: [],
    /** A stopwatch, in milliseconds of the clock on the wall: whatever stands still, it does not. */
    watch() {
      const begin = now();
      return () => Math.round(now() - begin);
    },
    /** How the promise ends: {outcome: "ok" or the error's code, value, message, ms}. An error without a type says so. */
    async settle(promise) {
      const watch = lab.watch();
      const ended = (rest) => ({ ms: watch(), ...rest });
      try {
        return ended({ outcome: "ok", value: await promise });
      } catch (error) {
        const outcome = error?.name === "BitNetError" ? error.code : `not typed: ${error}`;
        return ended({ outcome, message: String(error?.message) });
      }
    },
    async load(source, options = {}) {
      const { BitNet } = await import("/index.js");
      return BitNet.load(source, { threads: 1, context: 64, ...options });
    },
    /** Load, generate four tokens, dispose: the text. */
    tries: (source, options) =>
      lab.settle(
        (async () => {
          const model = await lab.load(source, options);
          const text = await model.generate("Once upon", { maxTokens: 4 }).text();
          await model.dispose();
          return text;
        })(),
      ),
    /** No file of the origin's private file system stays. */
    async clear() {
      const folder = await navigator.storage?.getDirectory?.().catch(() => undefined);
      for await (const name of folder?.keys() ?? [])
        await folder.removeEntry(name, { recursive: true }).catch(() => {});
    },
    /** Every file there, as paths with sizes. */
    async stored(folder, path = "") {
      folder ??= await navigator.storage.getDirectory();
      const found = {};
      for await (const [name, entry] of folder.entries()) {
        if (entry.kind === "directory")
          Object.assign(found, await lab.stored(entry, `${path}${name}/`));
        else found[path + name] = (await entry.getFile()).size;
      }
      return found;
    },
  };

  globalThis.Worker = class extends EngineWorker {
    constructor(url, options) {
      const own = lab.faults !== undefined && String(url).endsWith("/worker/worker.js");
      super(own ? `/lab-worker.js?${encodeURIComponent(JSON.stringify(lab.faults))}` : url, options);
      lab.workers.push(this);
    }
  };
  globalThis.lab = lab;
}

/** The script of a worker that fails in the ways that `faults` names, and is the package's worker otherwise. */
export async function inWorker() {
  const faults = JSON.parse(decodeURIComponent(location.search.slice(1)));
  const without = (object, name) => Object.defineProperty(object, name, { value: undefined });
  const { prototype: memory } = WebAssembly.Memory;
  const { prototype: table } = WebAssembly.Table;

  if (faults.noStorage) without(WorkerNavigator.prototype, "storage");
  if (faults.noLocks) without(WorkerNavigator.prototype, "locks");
  // Threads: a worker of a worker that cannot be made, that finds no script, or that never says a word.
  if (faults.threads === "refused") {
    globalThis.Worker = function () {
      throw new DOMException("no more workers", "QuotaExceededError");
    };
  } else if (faults.threads) {
    const EngineWorker = globalThis.Worker;
    globalThis.Worker = class extends EngineWorker {
      constructor(_, options) {
        super(faults.threads === "missing" ? "/no-such-worker.js" : "/silent-worker.js", options);
      }
    };
  }
  if (faults.mostGrowths !== undefined) {
    const { grow } = memory;
    let left = faults.mostGrowths;
    memory.grow = function (pages) {
      if (left-- <= 0) throw new RangeError("no more memory");
      return grow.call(this, pages);
    };
  }
  if (faults.writes) {
    const { prototype: handle } = FileSystemSyncAccessHandle;
    const { write } = handle;
    let writes = 0;
    handle.write = function (bytes, options) {
      if (++writes <= 3) return write.call(this, bytes, options);
      if (faults.writes === "throws") throw new DOMException("the disk is full", "QuotaExceededError");
      return write.call(this, bytes.subarray(0, bytes.length >> 1), options);
    };
  }
  if (faults.clock) {
    // An hour forth or back at every look; the monotonic clock only forth, as after a sleep.
    const [date, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)];
    let looks = 0;
    Date.now = () => date() + (++looks % 2 ? 3_600_000 : -3_600_000);
    performance.now = () => monotonic() + 3_600_000 * ++looks;
  }
  if (faults.trap) {
    // (func (export "a") unreachable): the trap is the engine's own.
    const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 97, 0, 0, 10, 5, 1, 3, 0, 0, 11];
    const { a: trap } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(code))).exports;
    const { get } = table;
    let left = Infinity;
    table.get = function (index) {
      const found = get.call(this, index);
      return found && ((...values) => (--left < 0 ? trap() : found(...values)));
    };
    addEventListener("message", (event) => {
      if (event.data.trapAfter === undefined) return;
      event.stopImmediatePropagation();
      left = event.data.trapAfter;
    });
  }
  await import("/worker/worker.js");
}
