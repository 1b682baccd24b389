// A file in chunks: several fetched at a time, kept in a depot where there is one, in a small window of memory otherwise.
// A chunk that the depot finds damaged is fetched again, alone.
import { asBitNetError, BitNetError } from "../errors.js";
import { sha256, type MakeHasher } from "./hash.js";
import type { Reader, Sink } from "./reader.js";

/** Where chunks are kept. */
export interface Depot {
  has(index: number): boolean;
  /** Checked against its hash; undefined when it is damaged, and then the depot no longer has it. */
  get(index: number, allocate: Allocate): Promise<Uint8Array | undefined>;
  /** Rejects when there is no room, or when it cannot be written. A copy that cannot be mended now resolves, and has() tells. */
  put(index: number, bytes: Uint8Array, sha256: string): Promise<void>;
  /** The hash that a chunk must have, where that is known. */
  expected(index: number): string | undefined;
}

/** Memory for a chunk, which is used again when the chunk has been. */
export type Allocate = (length: number) => Uint8Array;

/** Where chunks come from. */
export interface Origin {
  fetch(
    start: number,
    end: number,
    onBytes: (count: number) => void,
    allocate: Allocate,
  ): Promise<Uint8Array>;
  /** Several ranges at a time. */
  readonly ranged: boolean;
}

export interface Chunking {
  size: number;
  chunkBytes: number;
  /** Requests at a time. */
  parallel: number;
  hasher: MakeHasher;
  /** Hashes that callers pin the chunks to. */
  pins?: readonly string[] | undefined;
  /** Called with the bytes that are in hand, whenever they grow. */
  onProgress?: (bytes: number) => void;
  /** The depot takes no more: the rest passes through memory. */
  onFull?: (reason: BitNetError) => void;
}

export const defaultChunkBytes = 4 << 20;
export const defaultParallel = 4;

interface Chunk {
  index: number;
  bytes: Uint8Array;
}

export class ChunkedReader implements Reader {
  readonly size: number;
  readonly #options: Chunking;
  readonly #count: number;
  readonly #depot: Depot | undefined;
  readonly #open: (start: number, end: number) => Promise<Origin>;
  readonly #memory = new Map<number, Uint8Array>();
  /** Engines collect large buffers late: what is free is used again instead. */
  readonly #spare: ArrayBuffer[] = [];
  readonly #allocate: Allocate;
  readonly #active = new Set<number>();
  readonly #damaged = new Set<number>();
  #origin: Origin | undefined;
  #full = false;
  #wanted = 0;
  #current: Chunk | undefined;
  #ahead: { index: number; bytes: Promise<Uint8Array | undefined> } | undefined;
  #failure: unknown;
  #closed = false;
  #wake = () => {};
  #inHand = 0;

  /** `open` is called once, when a chunk is wanted that the depot has not, and with its range. */
  constructor(
    options: Chunking,
    depot: Depot | undefined,
    open: (start: number, end: number) => Promise<Origin>,
  ) {
    this.size = options.size;
    this.#options = options;
    this.#count = Math.ceil(options.size / options.chunkBytes);
    this.#depot = depot;
    this.#open = open;
    this.#allocate = (length) =>
      new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(options.chunkBytes), 0, length);
    if (depot === undefined) return;
    for (let i = 0; i < this.#count; ++i) if (depot.has(i)) this.#inHand += this.#length(i);
  }

  /** Chunks that went past the depot, or that nobody has asked for. */
  get isWhole(): boolean {
    for (let i = 0; i < this.#count; ++i) if (!this.#depot?.has(i)) return false;
    return true;
  }

  async read(offset: number, length: number, sink: Sink): Promise<void> {
    const { chunkBytes } = this.#options;
    for (let at = 0; at < length;) {
      const index = Math.floor((offset + at) / chunkBytes);
      const from = offset + at - index * chunkBytes;
      const piece = (await this.#chunk(index)).subarray(from, from + length - at);
      if (piece.length === 0) throw new BitNetError("Truncated", `at byte ${offset + at}`);
      sink(piece, at);
      at += piece.length;
    }
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#spare.length = 0;
    this.#memory.clear();
    this.#current = undefined;
    this.#ahead = undefined;
  }

  #length(index: number): number {
    const { size, chunkBytes } = this.#options;
    return Math.max(0, Math.min(chunkBytes, size - index * chunkBytes));
  }

  async #chunk(index: number): Promise<Uint8Array> {
    if (this.#current?.index === index) return this.#current.bytes;
    if (this.#current !== undefined) this.#free(this.#current.bytes);
    this.#current = undefined;
    const bytes = await this.#obtain(index);
    this.#current = { index, bytes };
    if (this.#depot?.has(index + 1) && !this.#memory.has(index + 1)) {
      const ahead = this.#fromDepot(index + 1);
      ahead.catch(() => {}); // told when it is wanted
      this.#ahead = { index: index + 1, bytes: ahead };
    }
    return bytes;
  }

  async #obtain(index: number): Promise<Uint8Array> {
    if (index >= this.#count) return new Uint8Array();
    this.#wanted = index;
    for (const [held, bytes] of this.#memory) {
      if (held >= index) continue;
      this.#memory.delete(held);
      this.#free(bytes);
    }
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed) throw new BitNetError("Aborted");
      this.#pump();
      const held = this.#memory.get(index);
      if (held !== undefined) {
        this.#memory.delete(index);
        return held;
      }
      if (this.#depot?.has(index)) {
        const stored = await this.#stored(index);
        if (stored !== undefined) return stored;
        continue;
      }
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  #stored(index: number): Promise<Uint8Array | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.index === index ? ahead.bytes : this.#fromDepot(index);
  }

  async #fromDepot(index: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#depot!.get(index, this.#allocate);
    if (bytes === undefined) {
      this.#damaged.add(index);
      this.#inHand -= this.#length(index);
    }
    return bytes;
  }

  /** Nobody looks at these bytes any more. */
  #free(bytes: Uint8Array): void {
    const { chunkBytes, parallel } = this.#options;
    if (bytes.buffer.byteLength === chunkBytes && this.#spare.length < parallel)
      this.#spare.push(bytes.buffer as ArrayBuffer);
  }

  /** The next chunk worth fetching, at or after the one that is wanted. */
  #next(): number | undefined {
    const stores = this.#depot !== undefined && !this.#full;
    // Past a full depot, and without one, no more than what is soon wanted.
    const window = stores ? Infinity : this.#options.parallel + 1;
    const end = Math.min(this.#count, this.#wanted + window);
    for (let i = this.#wanted; i < end; ++i) {
      if (i === this.#current?.index || this.#active.has(i) || this.#memory.has(i)) continue;
      if (!this.#depot?.has(i)) return i;
    }
    return undefined;
  }

  #pump(): void {
    if (this.#failure !== undefined || this.#closed) return;
    const most = this.#origin?.ranged ? this.#options.parallel : 1;
    while (this.#active.size < most) {
      const index = this.#next();
      if (index === undefined) return;
      this.#active.add(index);
      this.#download(index)
        .catch((error: unknown) => {
          this.#failure ??= this.#told(error, index);
        })
        .finally(() => {
          this.#active.delete(index);
          this.#pump();
          this.#wake();
        });
    }
  }

  /** A damaged chunk that cannot be had again is damage, not a question of networks. */
  #told(error: unknown, index: number): unknown {
    const network = error instanceof BitNetError && ["Io", "Http", "Stalled"].includes(error.code);
    if (!network || !this.#damaged.has(index)) return error;
    return new BitNetError(
      "IntegrityFailed",
      `chunk ${index} of the stored copy is damaged and cannot be fetched again (${error.message})`,
    );
  }

  async #download(index: number): Promise<void> {
    const { chunkBytes, hasher, pins } = this.#options;
    const start = index * chunkBytes;
    const end = start + this.#length(index);
    this.#origin ??= await this.#open(start, end);
    this.#pump(); // now that it is known how many at a time
    const pin = pins?.[index];
    const expected = pin ?? this.#depot?.expected(index);
    for (let tries = 1; ; ++tries) {
      const bytes = await this.#origin.fetch(
        start,
        end,
        (count) => this.#received(count),
        this.#allocate,
      );
      if (this.#closed) return;
      const needed = expected !== undefined || (this.#depot !== undefined && !this.#full);
      const hash = needed ? await sha256(bytes, hasher) : "";
      if (expected === undefined || hash === expected) return this.#keep(index, bytes, hash);
      this.#received(-bytes.length);
      if (tries === 2) {
        throw new BitNetError(
          pin === undefined ? "SourceChanged" : "IntegrityFailed",
          `chunk ${index} (from byte ${start}) has sha256 ${hash}, expected ${expected}`,
        );
      }
    }
  }

  async #keep(index: number, bytes: Uint8Array, hash: string): Promise<void> {
    if (this.#closed) return;
    if (this.#depot !== undefined && !this.#full && hash !== "") {
      try {
        await this.#depot.put(index, bytes, hash);
        // A copy that others read may not have taken it.
        if (index !== this.#wanted && this.#depot.has(index)) return this.#free(bytes);
      } catch (error) {
        if (this.#closed) return;
        // A full disk or a broken one: the bytes are here, so the load goes on without it.
        this.#full = true;
        this.#options.onFull?.(asBitNetError(error, "Io"));
      }
    }
    this.#memory.set(index, bytes);
  }

  #received(count: number): void {
    this.#inHand += count;
    if (count > 0) this.#options.onProgress?.(this.#inHand);
  }
}
