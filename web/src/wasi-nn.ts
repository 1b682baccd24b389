// The entry "bitnet-edge/wasi-nn": WASI-NN for guests that run in this thread, under node:wasi or any other WASI that is
// called synchronously. Creating is asynchronous; then everything is synchronous, as guests expect, and stays here.
import { asBitNetError, BitNetError } from "./errors.js";
import { allFlavours, features, type Flavour } from "./features.js";
import type { Loader, Models, OutputRule } from "./generated/nn-module.js";
import { Guest, type Host, type MainModule, type WasiNNImports } from "./nn/guest.js";
import { writeSync } from "./nn/stdio.js";
import {
  callback,
  defaultStartTimeout,
  oneOf,
  fetchDefaults,
  positive,
  readOptions,
  type Check,
} from "./options.js";
import { readSources, type Pull } from "./sources.js";
import type { ModelSource } from "./types.js";
import { beginLoad, check } from "./worker/engine.js";
import { makeModule, type Imports } from "./worker/flavour.js";
import { coreHasher, load } from "./worker/loading.js";
import type { Source } from "./worker/protocol.js";

export { BitNetError, type BitNetErrorCode } from "./errors.js";
export type { Flavour } from "./features.js";
export type { OutputRule } from "./generated/nn-module.js";
export type { Guest, WasiNNImports } from "./nn/guest.js";
export type { ModelSource } from "./types.js";

/** What createWasiNN() takes. */
export interface WasiNNOptions {
  /** The models that guests may load by name; "builtin": the small story model of the package. */
  preload?: Record<string, ModelSource>;
  /** A preloaded file that does not exist: refuse to start (the default), or tell the guest that asks for it (103). */
  missing?: "refuse" | "tell";
  /** Takes the text of guests that ask for "stream-stdout"; to throw or to return false ends it. Default: standard output. */
  print?: (text: string) => unknown;
  /** Takes lines that say why a call failed, and what "enable-log" asks for. Default: standard error. */
  log?: (line: string) => void;
  /** What get_output does when the guest's buffer is too small; wasi/nn/README.md. Default: "probe". */
  outputRule?: OutputRule;
  /** What the contexts of one guest and the models that it brings may take together. Default: 2 GiB, of 4 there are. */
  maxBytes?: number;
  /** Default: all cores, where the engine has threads and this thread may wait for them. */
  threads?: number;
  /** Build to use; default: the fastest this engine runs correctly. */
  flavour?: Flavour;
  /** Milliseconds that threads may take to start before they count as failed. Default: 30000. */
  startTimeout?: number;
}

const checks: Record<keyof WasiNNOptions, Check> = {
  preload: (value) => typeof value === "object" && value !== null,
  missing: oneOf("refuse", "tell"),
  print: callback,
  log: callback,
  outputRule: oneOf("probe", "clamp", "llamaedge"),
  maxBytes: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  threads: positive,
  flavour: oneOf(...allFlavours),
  startTimeout: positive,
};

const modules: Imports = {
  "simd-st": () => import("./wasm/bitnet-nn-simd-st.mjs"),
  "relaxed-st": () => import("./wasm/bitnet-nn-relaxed-st.mjs"),
  "simd-mt": () => import("./wasm/bitnet-nn-simd-mt.mjs"),
  "relaxed-mt": () => import("./wasm/bitnet-nn-relaxed-mt.mjs"),
};

const builtinModel = () => new URL("./bitnet-tiny-stories.gguf", import.meta.url);

// slice: TextDecoder refuses shared memory
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes.slice());

/** A page may not wait for its threads; everything else may. */
const mayWait = globalThis.document === undefined;

/** Emscripten makes Node's Worker a global, which is not ours to make. */
const hadWorker = "Worker" in globalThis;

interface Running {
  module: MainModule;
  flavour: Flavour;
  threads: number;
  isa: string;
}

async function start({
  flavour,
  threads,
  startTimeout = defaultStartTimeout,
}: WasiNNOptions): Promise<Running> {
  const found = features();
  const wanted = threads ?? found.hardwareThreads;
  const several = mayWait && wanted > 1;
  let error = new BitNetError("NotSupported", found.hint);
  const list = found.flavours.filter((one) =>
    flavour === undefined ? several || one.endsWith("-st") : one === flavour,
  );
  for (const one of list) {
    if (error.code === "WorkerFailed" && one.endsWith("-mt")) continue; // it is the threads' fault
    try {
      const made = await makeModule<MainModule>(modules, one, wanted, startTimeout);
      return { flavour: one, ...made };
    } catch (thrown) {
      error = asBitNetError(thrown, "NotSupported");
    } finally {
      if (!hadWorker) delete (globalThis as { Worker?: unknown }).Worker;
    }
  }
  throw error;
}

async function preload(
  { module, isa }: Running,
  models: Models,
  name: string,
  sources: readonly Source[],
  pulls: Pull[],
  missing: "refuse" | "tell",
): Promise<void> {
  const model = new module.Model();
  try {
    const target = {
      beginLoad: (fileSizes: readonly number[]) => beginLoad(module, fileSizes, { isa }),
      finishLoad: (loader: Loader) => check(loader.finish(model)),
      hasher: () => coreHasher(module),
    };
    const pull = (index: number, offset: number, length: number) =>
      pulls[index]!.read(offset, length);
    await load(target, sources, {}, { ...fetchDefaults, cache: false }, pull, () => {});
    check(models.add(name, model));
  } catch (error) {
    const absent = error instanceof BitNetError && error.code === "NotFound";
    if (!absent || missing === "refuse") throw error;
    check(models.addMissing(name));
  } finally {
    model.delete(); // the list has its own hold on it
    for (const pull of pulls) pull.close();
  }
}

/** The host, and the functions of its first guest. */
export class WasiNN {
  readonly flavour: Flavour;
  readonly threads: number;
  readonly #host: Host;
  readonly #guests = new Set<Guest>();
  readonly #first: Guest;
  #disposed = false;

  /** @internal */
  constructor({ module, flavour, threads }: Running, models: Models, options: WasiNNOptions) {
    this.flavour = flavour;
    this.threads = threads;
    const { print, log, outputRule = "probe", maxBytes = 2 ** 31 } = options;
    this.#host = {
      core: { module, models },
      rule: outputRule,
      maxBytes,
      broken: false,
      print(bytes) {
        if (print === undefined) return writeSync(1, bytes);
        try {
          return print(text(bytes)) !== false;
        } catch (error) {
          this.log(new TextEncoder().encode(`print has thrown: ${String(error)}`));
          return false;
        }
      },
      log(line) {
        try {
          if (log === undefined) writeSync(2, new TextEncoder().encode(`${text(line)}\n`));
          else log(text(line));
        } catch {} // there is nobody left to tell
      },
    };
    this.#first = this.guest();
  }

  get imports(): WasiNNImports {
    return this.#first.imports;
  }
  /** See Guest. */
  bind(guest: WebAssembly.Instance | WebAssembly.Memory): void {
    this.#first.bind(guest);
  }

  /** Functions for one more guest, with handles and contexts of its own; all guests share the models. */
  guest(): Guest {
    if (this.#disposed) throw new BitNetError("Disposed");
    const guest: Guest = new Guest(this.#host, () => {
      this.#guests.delete(guest);
      this.#release();
    });
    this.#guests.add(guest);
    return guest;
  }

  /** Memory of the WebAssembly module: models, contexts and some room. */
  memoryBytes(): number {
    return this.#host.core?.module.memoryBytes() ?? 0;
  }

  /** Ends all guests, and gives the memory and the threads back. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const guest of [...this.#guests]) guest.dispose();
    this.#release();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** When the last guest has let go: one that is inside a call does so when the call returns. */
  #release(): void {
    if (!this.#disposed || this.#guests.size > 0) return;
    this.#host.core?.module.endThreads();
    this.#host.core = undefined;
  }
}

/** Starts the module in this thread and loads the models. */
export async function createWasiNN(given?: WasiNNOptions): Promise<WasiNN> {
  const options = readOptions<WasiNNOptions>(given, checks);
  const sources = Object.entries(options.preload ?? {}).map(([name, given]) => {
    const pulls: Pull[] = [];
    const files = readSources(given === "builtin" ? builtinModel() : given, pulls);
    return { name, files, pulls };
  });
  const running = await start(options);
  try {
    const models = new running.module.Models();
    for (const { name, files, pulls } of sources)
      await preload(running, models, name, files, pulls, options.missing ?? "refuse");
    return new WasiNN(running, models, options);
  } catch (error) {
    running.module.endThreads();
    throw asBitNetError(error, "NotSupported");
  }
}
