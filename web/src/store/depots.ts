// The two states of a stored file as depots of chunks: a part, which one worker writes, and a whole copy, which any number
// read. Both give out nothing that has not been hashed just now.
import { asBitNetError, BitNetError } from "../errors.js";
import type { Allocate, Depot } from "./chunks.js";
import type { Files, Handle } from "./files.js";
import { sha256, type MakeHasher } from "./hash.js";
import { lines, type Journal, type Source } from "./journal.js";

const encoder = new TextEncoder();
const newline = 10;

/** A full disk has several names. */
function writeError(error: unknown): BitNetError {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  const full = name === "QuotaExceededError" || code === "ENOSPC" || code === "EDQUOT";
  return full ? new BitNetError("QuotaExceeded", String(error)) : asBitNetError(error, "Io");
}

export function writeAll(handle: Handle, bytes: Uint8Array, at: number): void {
  try {
    for (let done = 0; done < bytes.length;) {
      const count = handle.write(bytes.subarray(done), at + done);
      if (!(count > 0)) throw new BitNetError("QuotaExceeded", "a write wrote nothing");
      done += count;
    }
  } catch (error) {
    throw writeError(error);
  }
}

const chunkLength = ({ size, chunkBytes }: Journal, index: number) =>
  Math.min(chunkBytes, size - index * chunkBytes);

/** Milliseconds between two orders to bring what was written to the disk: a power cut costs no more. */
const flushEvery = 1000;

/**
 * Under the part's lock. Data is written first, then the line that speaks of it; should a power cut keep the second and not
 * the first, the hash tells.
 */
export class Part implements Depot {
  readonly journal: Journal;
  readonly #data: Handle;
  readonly #lines: Handle;
  readonly #hasher: MakeHasher;
  #end: number;
  #flushed = performance.now();
  #closed = false;

  constructor(journal: Journal, data: Handle, lineFile: Handle, hasher: MakeHasher) {
    this.journal = journal;
    this.#data = data;
    this.#lines = lineFile;
    this.#hasher = hasher;
    this.#end = lineFile.size();
    const last = new Uint8Array(1);
    if (this.#end > 0 && lineFile.read(last, this.#end - 1) === 1 && last[0] !== newline)
      this.#add("\n"); // a line that was torn stays alone
  }

  has(index: number): boolean {
    return this.journal.chunks[index] !== undefined;
  }
  expected(): undefined {
    return undefined; // a chunk may come anew: the hash of the whole decides
  }

  async get(index: number, allocate: Allocate): Promise<Uint8Array | undefined> {
    if (this.#closed) throw new BitNetError("Aborted");
    const bytes = allocate(chunkLength(this.journal, index));
    const known = this.journal.chunks[index];
    const count = this.#data.read(bytes, index * this.journal.chunkBytes);
    if (count === bytes.length && (await sha256(bytes, this.#hasher)) === known) return bytes;
    this.journal.chunks[index] = undefined;
    return undefined;
  }

  async put(index: number, bytes: Uint8Array, hash: string): Promise<void> {
    if (this.#closed) throw new BitNetError("Aborted");
    writeAll(this.#data, bytes, index * this.journal.chunkBytes);
    this.#add(lines.chunk(index, hash));
    this.journal.chunks[index] = hash;
    if (performance.now() - this.#flushed > flushEvery) this.#flush();
  }

  begin(source: Source): void {
    this.#add(lines.head(this.journal.size, this.journal.chunkBytes));
    this.#add(lines.source(source));
  }

  /** The whole has been hashed. The part is closed then. */
  finish(hash: string): void {
    this.#flush();
    this.#add(lines.whole(hash));
    this.#flush();
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#data.close();
    this.#lines.close();
  }

  #add(text: string): void {
    const bytes = encoder.encode(text);
    writeAll(this.#lines, bytes, this.#end);
    this.#end += bytes.length;
  }
  #flush(): void {
    try {
      this.#data.flush();
      this.#lines.flush();
      this.#flushed = performance.now();
    } catch (error) {
      throw writeError(error);
    }
  }
}

/** Milliseconds: to mend a copy now is worth no longer wait for other readers to end, and no second one. */
const mendPatience = 200;

/**
 * A file that was whole once. What is damaged is replaced, in place where nobody else reads. It is read through a handle
 * where one can be had: engines free what they read of a blob late, so that a load would hold much of the file twice.
 */
export class Copy implements Depot {
  readonly journal: Journal;
  readonly #files: Files;
  readonly #name: string;
  readonly #hasher: MakeHasher;
  readonly #damaged = new Set<number>();
  #file: File;
  #handle: Handle | undefined;
  #mends = true;
  #mending: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(
    journal: Journal,
    files: Files,
    name: string,
    file: File,
    hasher: MakeHasher,
    handle: Handle | undefined,
  ) {
    this.journal = journal;
    this.#files = files;
    this.#name = name;
    this.#file = file;
    this.#hasher = hasher;
    this.#handle = handle;
  }

  /** `file`: what is called `name` now. */
  static async open(
    journal: Journal,
    files: Files,
    name: string,
    file: File,
    hasher: MakeHasher,
  ): Promise<Copy> {
    return new Copy(journal, files, name, file, hasher, await files.openToRead(name));
  }

  has(index: number): boolean {
    return !this.#damaged.has(index);
  }
  expected(index: number): string | undefined {
    return this.journal.chunks[index];
  }

  async get(index: number, allocate: Allocate): Promise<Uint8Array | undefined> {
    const length = chunkLength(this.journal, index);
    for (const again of [true, false]) {
      try {
        const bytes = await this.#read(index * this.journal.chunkBytes, length, allocate);
        if (bytes.length === length && (await sha256(bytes, this.#hasher)) === this.expected(index))
          return bytes;
        break;
      } catch {
        this.#letGo();
        // Engines refuse a snapshot of a file that another tab has mended meanwhile.
        const fresh = again
          ? await this.#files.read(this.#name).catch(() => undefined)
          : undefined;
        if (fresh === undefined) break;
        this.#file = fresh;
      }
    }
    this.#damaged.add(index);
    return undefined;
  }

  put(index: number, bytes: Uint8Array): Promise<void> {
    return (this.#mending = this.#mending.then(() => this.#mend(index, bytes)));
  }

  /** One after the other: a file is open for writing once. */
  async #mend(index: number, bytes: Uint8Array): Promise<void> {
    if (!this.#mends || this.#closed) return;
    this.#letGo(); // nobody writes where somebody reads, this one included
    try {
      const handle = await this.#files.open(this.#name, mendPatience);
      try {
        if (this.#closed) return; // whoever has the lock now may be reading
        writeAll(handle, bytes, index * this.journal.chunkBytes);
        handle.flush();
      } finally {
        handle.close();
      }
      this.#file = (await this.#files.read(this.#name)) ?? this.#file;
      this.#damaged.delete(index);
    } catch {
      this.#mends = false; // this load has the chunk; the next one mends it again
    }
    const handle = await this.#files.openToRead(this.#name);
    if (this.#closed) handle?.close();
    else this.#handle = handle;
  }

  close(): void {
    this.#closed = true;
    this.#letGo();
  }

  #letGo(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }

  async #read(at: number, length: number, allocate: Allocate): Promise<Uint8Array> {
    if (this.#handle === undefined)
      return new Uint8Array(await this.#file.slice(at, at + length).arrayBuffer());
    const bytes = allocate(length);
    return bytes.subarray(0, this.#handle.read(bytes, at));
  }
}
