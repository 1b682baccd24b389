// What the bytes of a model are read through, wherever they are. Core asks for ascending ranges; what answers hands them
// on in pieces, so that the file is never in JavaScript's memory as a whole.
import { BitNetError, asBitNetError } from "../errors.js";
import type { Hasher } from "./hash.js";

/** Takes a piece of a range: `at` counts from the range's begin. The piece is the reader's again when this returns. */
export type Sink = (piece: Uint8Array, at: number) => void;

export interface Reader {
  readonly size: number;
  /** The bytes come over a network while they are read. */
  readonly fetches?: boolean;
  /** Of a file in pieces several ranges may be asked for in any order; ascending ones are the fastest. One at a time. */
  read(offset: number, length: number, sink: Sink): Promise<void>;
  /** Core has read what it wants: checks the whole, where there is something to check it by. */
  finish(): Promise<void>;
  /** `refused`: core says that these bytes are no model, so nobody should keep them. */
  close(refused?: boolean): Promise<void>;
}

export const pieceBytes = 4 << 20;

export function piecewise(
  size: number,
  piece: (offset: number, length: number) => Promise<Uint8Array>,
  close = async () => {},
): Reader {
  return {
    size,
    close,
    async finish() {},
    async read(offset, length, sink) {
      for (let at = 0; at < length;) {
        const part = await piece(offset + at, Math.min(pieceBytes, length - at)).catch(
          (error: unknown) => {
            throw asBitNetError(error, "Io");
          },
        );
        if (part.length === 0) throw new BitNetError("Truncated", `at byte ${offset + at}`);
        sink(part, at);
        at += part.length;
      }
    },
  };
}

export const bytesReader = (bytes: Uint8Array) =>
  piecewise(bytes.length, async (offset, length) => bytes.subarray(offset, offset + length));

export const blobReader = (blob: Blob, close?: () => Promise<void>) =>
  piecewise(
    blob.size,
    async (offset, length) =>
      new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    close,
  );

/** Hashes every byte once, in order, as it passes; what core leaves out is read for the hash alone. */
export class HashedReader implements Reader {
  readonly size: number;
  readonly #inner: Reader;
  readonly #hasher: Hasher;
  readonly #whole: (sha256: string) => Promise<void>;
  #hashed = 0;

  /** `whole` gets the hash of the file, and throws when it is not the right one. */
  constructor(inner: Reader, hasher: Hasher, whole: (sha256: string) => Promise<void>) {
    this.size = inner.size;
    this.#inner = inner;
    this.#hasher = hasher;
    this.#whole = whole;
  }

  async read(offset: number, length: number, sink: Sink): Promise<void> {
    await this.#hashUpTo(offset);
    await this.#inner.read(offset, length, (piece, at) => {
      const known = this.#hashed - (offset + at); // bytes of this piece that have been hashed before
      if (known < piece.length) this.#hash(known > 0 ? piece.subarray(known) : piece);
      sink(piece, at);
    });
  }

  async finish(): Promise<void> {
    await this.#hashUpTo(this.size);
    await this.#whole(this.#hasher.digest());
    await this.#inner.finish();
  }

  close(refused?: boolean): Promise<void> {
    return this.#inner.close(refused);
  }

  async #hashUpTo(offset: number): Promise<void> {
    if (offset <= this.#hashed) return;
    await this.#inner.read(this.#hashed, offset - this.#hashed, (piece) => this.#hash(piece));
  }

  #hash(piece: Uint8Array): void {
    this.#hasher.update(piece);
    this.#hashed += piece.length;
  }
}

/** Throws unless the hash is the expected one. */
export function expectSha256(
  expected: string,
  found: string,
  otherwise: "IntegrityFailed" | "SourceChanged",
): void {
  if (found === expected) return;
  throw new BitNetError(otherwise, `sha256 is ${found}, expected ${expected}`);
}
