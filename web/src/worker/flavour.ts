// One flavour of a module, made and tested.
import { BitNetError } from "../errors.js";
import { relaxedDot, type Flavour } from "../features.js";
import type { MainModule } from "../generated/module.js";

type Factory<M> = (options: { poolSize?: number; wasmMemory?: WebAssembly.Memory }) => Promise<M>;

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

/** The module, its threads, and the best of its kernels that give the right answers on this engine. */
export async function makeModule<M extends Common>(
  modules: Imports,
  flavour: Flavour,
  threads: number,
): Promise<{ module: M; threads: number; isa: string }> {
  const several = flavour.endsWith("-mt");
  if (flavour.startsWith("relaxed") && relaxedDot() === "wrong") {
    throw new BitNetError("SelfTestFailed", "relaxed dot product");
  }
  const factory = (await modules[flavour]()).default as Factory<M>;
  const module = await factory(
    several ? { poolSize: Math.min(threads, mostThreads) - 1, wasmMemory: sharedMemory() } : {},
  );
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
