// What this engine can run: WebAssembly features by validating tiny modules, and the flavours worth trying, best first.
// Whether a flavour computes right is tested later, in its worker.

/** A build of the module: its SIMD level, and one thread (st) or several (mt). */
export type Flavour = "relaxed-mt" | "simd-mt" | "relaxed-st" | "simd-st";
export const allFlavours: readonly Flavour[] = ["relaxed-mt", "simd-mt", "relaxed-st", "simd-st"];

/** What this engine can run. */
export interface Features {
  simd: boolean;
  /** Relaxed SIMD is there and its dot product gives the right answer. */
  relaxedSimd: boolean;
  threads: boolean;
  hardwareThreads: number;
  /** Flavours that this engine can run, best first. */
  flavours: Flavour[];
  /** What would make it faster, as a sentence; empty when nothing would. */
  hint: string;
}

const header = [0, 97, 115, 109, 1, 0, 0, 0];
// (func (result v128) (i8x16.popcnt (i8x16.splat (i32.const 0))))
const simdModule = [
  1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
// (func (export "a") (result i32) lane 0 of (i32x4.relaxed_dot_i8x16_i7x16_add_s splat(2) splat(3) splat(5)))
const relaxedModule = [
  1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 97, 0, 0, 10, 22, 1, 20, 0, 65, 2, 253, 15, 65, 3,
  253, 15, 65, 5, 253, 17, 253, 147, 2, 253, 27, 0, 11,
];
// (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0))))
const threadsModule = [
  1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11,
];

const bytes = (module: number[]) => new Uint8Array([...header, ...module]);

function validates(module: number[]): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(bytes(module));
}

/** Whether the policy that this script runs under lets it compile WebAssembly. */
export function mayCompile(): boolean {
  try {
    return new WebAssembly.Module(bytes([])) !== undefined;
  } catch {
    return false;
  }
}
export const policyAdvice = (whose: string) =>
  `${whose} Content-Security-Policy must allow 'wasm-unsafe-eval' in script-src`;

/** The known answer of the one relaxed instruction we use: 4 * 2 * 3 + 5. Node 20's baseline compiler says 48. */
export function relaxedDot(): "right" | "wrong" | "blocked" {
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes(relaxedModule)));
    return (instance.exports["a"] as () => number)() === 29 ? "right" : "wrong";
  } catch {
    return "blocked"; // by the page's Content-Security-Policy
  }
}

function sharedMemory(): boolean {
  try {
    return (
      new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer instanceof
      SharedArrayBuffer
    );
  } catch {
    return false;
  }
}

export function features(): Features {
  const simd = validates(simdModule);
  const dot = simd && validates(relaxedModule) ? relaxedDot() : "missing";
  // Blocked says nothing yet: the worker has a policy of its own, and tests again.
  const relaxedSimd = dot === "right" || dot === "blocked";
  const isBun = "Bun" in globalThis; // its pthread workers never start (Bun 1.4)
  const isolated = globalThis.crossOriginIsolated !== false; // undefined outside browsers, which have no such rule
  const threads = !isBun && isolated && validates(threadsModule) && sharedMemory();
  const flavours = allFlavours.filter(
    (flavour) =>
      simd && (relaxedSimd || flavour.startsWith("simd")) && (threads || flavour.endsWith("st")),
  );

  const hints: string[] = [];
  if (!simd) hints.push("this engine has no WebAssembly SIMD, which this package needs");
  else if (dot === "blocked") hints.push(policyAdvice("the page's"));
  else if (dot === "wrong")
    hints.push("this engine's relaxed SIMD computes wrong results and is not used");
  else if (dot === "missing") hints.push("this engine has no relaxed SIMD");
  if (!isolated) {
    hints.push(
      "the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp for threads",
    );
  } else if (!threads) hints.push("this engine has no WebAssembly threads");
  const hardwareThreads = globalThis.navigator?.hardwareConcurrency ?? 1;
  return { simd, relaxedSimd, threads, hardwareThreads, flavours, hint: hints.join("; ") };
}
