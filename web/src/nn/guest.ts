// One guest of the WASI-NN host: the functions it imports, and the host's way into its memory.
//
// Nothing is ever thrown into the guest, and nothing through the module: what goes wrong is an errno.
import { BitNetError } from "../errors.js";
import type * as nn from "../generated/nn-module.js";

/** wasi-nn.witx, nn_errno; the other numbers come from the module. */
const invalidArgument = 1;
const missingMemory = 3;
const runtimeError = 5;

/** What is bound, and wasm/end_threads.js. */
export type MainModule = nn.MainModule & { endThreads(): void };

/** What all guests of one host share. */
export interface Host {
  /** Not there any more when all has been disposed of, so that its memory can be collected whoever holds a guest. */
  core: { readonly module: MainModule; readonly models: nn.Models } | undefined;
  readonly rule: nn.OutputRule;
  readonly maxBytes: number;
  /** Text of a guest that streams; false: nobody reads. Neither throws, and the views are good for the call only. */
  print(text: Uint8Array): boolean;
  log(line: Uint8Array): void;
  /** The module has trapped: nobody knows its state, and no call enters it again. */
  broken: boolean;
}

export type WasiNNImports = {
  wasi_ephemeral_nn: Record<string, (...args: number[]) => number>;
};

/** One guest of the host. */
export class Guest {
  /** To be spread into the imports that the guest's module is instantiated with. */
  readonly imports: WasiNNImports;
  readonly #host: Host;
  #guest: nn.Guest | undefined;
  readonly #released: () => void;
  #memory: WebAssembly.Memory | undefined;
  #copyFailed = false;
  #inside = 0;
  #disposed = false;

  /** @internal `released` is called once, when the guest has let go of the module. */
  constructor(host: Host, released: () => void) {
    const { module, models } = host.core!;
    this.#host = host;
    this.#released = released;
    // wasm/nn_objects.h says what each of these is for.
    this.#guest = new module.Guest(models, host.rule, host.maxBytes, {
      size: () => {
        let size = 0;
        this.#copy(() => (size = this.#memory!.buffer.byteLength));
        return size;
      },
      read: (offset: number, into: Uint8Array) =>
        this.#copy(() => into.set(this.#range(offset, into.length))),
      write: (offset: number, from: Uint8Array) =>
        this.#copy(() => this.#range(offset, from.length).set(from)),
      print: (text: Uint8Array) => host.print(text),
      log: (line: Uint8Array) => host.log(line),
    });
    const names = module.functions().split(" ");
    this.imports = {
      wasi_ephemeral_nn: Object.fromEntries(
        names.map((name, row) => [name, (...args: number[]) => this.#call(row, args)]),
      ),
    };
  }

  /**
   * Says where the guest's memory is: its instance, which exports it as "memory", or the memory itself. To be called
   * before the guest runs; until then every function answers MissingMemory (3).
   */
  bind(guest: WebAssembly.Instance | WebAssembly.Memory): void {
    if (this.#disposed) throw new BitNetError("Disposed");
    const memory = guest instanceof WebAssembly.Memory ? guest : guest?.exports?.["memory"];
    this.#memory = memory instanceof WebAssembly.Memory ? memory : undefined;
  }

  /** Ends the guest's graphs and contexts. From then on every function answers RuntimeError (5). */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#memory = undefined;
    if (!this.#host.broken) this.#guest?.cancel(); // its own print may have called: the generation ends when that returns
    this.#release();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #release(): void {
    if (!this.#disposed || this.#inside > 0) return;
    if (!this.#host.broken) this.#guest?.delete();
    this.#guest = undefined;
    this.#released();
  }

  #call(row: number, args: number[]): number {
    if (this.#disposed || this.#guest === undefined || this.#host.broken) return runtimeError;
    if (this.#memory === undefined) return missingMemory;
    if (!args.every((value) => typeof value === "number")) return invalidArgument; // imported with other types
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = args.map((value) => value >>> 0);
    if (this.#inside++ === 0) this.#copyFailed = false;
    try {
      const errno = this.#guest.call(row, a, b, c, d, e);
      return this.#copyFailed ? runtimeError : errno;
    } catch (error) {
      this.#host.broken = true;
      this.#host.log(new TextEncoder().encode(`the WASI-NN host has failed: ${String(error)}`));
      return runtimeError;
    } finally {
      --this.#inside;
      this.#release();
    }
  }

  /** A view of the guest's memory, good until the guest runs again: the memory may grow, and then moves. */
  #range(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory!.buffer, offset, length);
  }

  #copy(copy: () => void): void {
    try {
      copy();
    } catch {
      this.#copyFailed = true; // a memory that is not what it said
    }
  }
}
