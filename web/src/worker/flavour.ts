// One flavour of a module, made and tested.
import { BitNetError } from "../errors.js";
import { mayCompile, policyAdvice, relaxedDot, type Flavour } from "../features.js";
import type { MainModule } from "../generated/module.js";
import { builtin } from "../platform.js";

interface ModuleOptions {
  poolSize?: number;
  wasmMemory?: WebAssembly.Memory;
  /** The module's own, which it puts there at once where it has one (wasm/end_threads.js). */
  endThreads?(): void;
}
type Factory<M> = (options: ModuleOptions) => Promise<M>;

/** How each flavour is imported. Each import is a literal, so that bundlers see the four files. */
export type Imports = Record<Flavour, () => Promise<{ default: unknown }>>;
/** What every module has. */
type Common = Pick<MainModule, "startThreads" | "availableIsas" | "checkKernels">;

export const modelModules: Imports = {
  "simd-st": () => import("../wasm/bitnet-simd-st.mjs"),
  "relaxed-st": () => import("../wasm/bitnet-relaxed-st.mjs"),
  "simd-mt": () => import("../wasm/bitnet-simd-mt.mjs"),
  "relaxed-mt": () => import("../wasm/bitnet-relaxed-mt.mjs"),
};

// wasm/CMakeLists.txt: INITIAL_MEMORY and MAXIMUM_MEMORY, in pages of 64 KiB.
const initialPages = 256;
const maximumPages = 65536;

/** core/platform/threads_std.cpp: kMostThreads. More would be started and never used. */
const mostThreads = 256;

/**
 * After so many calls of an import V8 compiles a wrapper for it. In Node 24 it may free the old one while another thread
 * of the process is inside, and the process dies of it (on a busy machine one module with
 * threads in some hundred); the wrapper that all
 * share from the start is as good for the few calls we make.
 */
function keepFirstWrappers(): void {
  try {
    builtin("node:v8")?.setFlagsFromString("--wasm-wrapper-tiering-budget=1000000000");
  } catch {} // not V8, or one without the flag
}

/** Shared memory reserves its maximum of address space; systems that refuse 4 GiB may grant less. */
function sharedMemory(): WebAssembly.Memory {
  for (let maximum = maximumPages; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: initialPages, maximum, shared: true });
    } catch (error) {
      if (maximum <= 4 * initialPages)
        throw new BitNetError("OutOfMemory", `shared memory: ${String(error)}`);
    }
  }
}

/** The promise, or WorkerFailed when it takes longer than `timeout` milliseconds. */
async function within<T>(timeout: number, flavour: Flavour, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `${flavour} did not start within ${timeout} ms`;
    timer = setTimeout(() => reject(new BitNetError("WorkerFailed", message)), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The module, its threads, and the best of its kernels that give the right answers on this engine. Without `startTimeout`
 * it waits for threads that never start: whoever is outside ends the worker then.
 */
export async function makeModule<M extends Common>(
  modules: Imports,
  flavour: Flavour,
  threads: number,
  startTimeout?: number,
): Promise<{ module: M; threads: number; isa: string }> {
  const several = flavour.endsWith("-mt");
  if (!mayCompile()) throw new BitNetError("NotSupported", policyAdvice("the worker script's"));
  if (flavour.startsWith("relaxed") && relaxedDot() === "wrong") {
    throw new BitNetError("SelfTestFailed", "relaxed dot product");
  }
  const factory = (await modules[flavour]()).default as Factory<M>;
  const options: ModuleOptions = several
    ? { poolSize: Math.min(threads, mostThreads) - 1, wasmMemory: sharedMemory() }
    : {};
  if (several) keepFirstWrappers();
  const starting = factory(options);
  let module: M;
  try {
    module = await (startTimeout === undefined ? starting : within(startTimeout, flavour, starting));
  } catch (error) {
    options.endThreads?.();
    throw error;
  }
  const running = several ? module.startThreads(threads) : 1;
  const failures: string[] = [];
  for (const isa of module
    .availableIsas()
    .split(" ")
    .filter((name) => name !== "scalar")) {
    const { code, detail } = module.checkKernels(isa);
    if (code === 0) return { module, threads: running, isa };
    failures.push(String(detail));
  }
  throw new BitNetError("SelfTestFailed", failures.join("; ")); // scalar kernels are no reason to use a flavour
}
