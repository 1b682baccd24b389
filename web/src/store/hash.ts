// SHA-256 as this package uses it: of whole chunks by the engine's own, of what streams by core's; in hexadecimal. And
// what callers pin a file to.
import { BitNetError } from "../errors.js";

/** Of bytes that come in pieces: core's Sha256, or anything like it. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Ends the object. */
  digest(): string;
}
export type MakeHasher = () => Hasher;

export const toHex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const isSha256 = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/** Of bytes that are there as a whole. Pages without a secure context have no `crypto.subtle`. */
export async function sha256(bytes: Uint8Array, make: MakeHasher): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined) {
    return toHex(new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));
  }
  const hasher = make();
  hasher.update(bytes);
  return hasher.digest();
}

/** What a file must be: its hash, those of its chunks, or both. */
export interface Pin {
  sha256?: string;
  chunkBytes?: number;
  chunks?: string[];
}

export const smallestChunk = 64 << 10;
export const largestChunk = 64 << 20;
export const mostChunks = 1 << 20;

export const isChunkBytes = (value: unknown): value is number =>
  Number.isInteger(value) &&
  (value as number) >= smallestChunk &&
  (value as number) <= largestChunk;

/** "sha256-" and 64 hexadecimal digits or base64, with or without the prefix. */
function readSha256(given: unknown): string | undefined {
  if (typeof given !== "string") return undefined;
  const text = given.replace(/^sha256-/, "");
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/").slice(0, 43);
  return toHex(Uint8Array.from(atob(`${base64}=`), (letter) => letter.charCodeAt(0)));
}

/** The option `integrity`, or undefined when it is none. */
function tryIntegrity(given: unknown): Pin | undefined {
  const whole = readSha256(given);
  if (whole !== undefined) return { sha256: whole };
  if (typeof given !== "object" || given === null) return undefined;
  const { sha256: named, chunkBytes, chunks, ...rest } = given as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return undefined;
  const pin: Pin = {};
  if (named !== undefined) {
    const hash = readSha256(named);
    if (hash === undefined) return undefined;
    pin.sha256 = hash;
  }
  if (chunks !== undefined) {
    if (!Array.isArray(chunks) || chunks.length === 0 || chunks.length > mostChunks)
      return undefined;
    const hashes = chunks.map(readSha256);
    if (!isChunkBytes(chunkBytes) || hashes.includes(undefined)) return undefined;
    pin.chunkBytes = chunkBytes;
    pin.chunks = hashes as string[];
  }
  return pin.sha256 === undefined && pin.chunks === undefined ? undefined : pin;
}

export function readIntegrity(given: unknown): Pin | undefined {
  if (given === undefined) return undefined;
  const pin = tryIntegrity(given);
  if (pin !== undefined) return pin;
  throw new BitNetError(
    "InvalidOption",
    'integrity: it is "sha256-" and hexadecimal or base64 digits, or {sha256, chunkBytes, chunks}',
  );
}

/** Throws when a file has more chunks than anybody keeps count of: a server may claim any size. */
export function checkCount(size: number, chunkBytes: number): void {
  if (size <= mostChunks * chunkBytes) return;
  throw new BitNetError("LimitExceeded", `a file of ${size} bytes, in chunks of ${chunkBytes}`);
}

/** Throws when a file of this size cannot be the pinned one. */
export function checkPin(pin: Pin | undefined, size: number): void {
  if (pin?.chunks === undefined || pin.chunkBytes === undefined) return;
  const wanted = Math.ceil(size / pin.chunkBytes);
  if (wanted !== pin.chunks.length) {
    throw new BitNetError(
      "IntegrityFailed",
      `the file has ${size} bytes, which are ${wanted} chunks of ${pin.chunkBytes}: ${pin.chunks.length} are pinned`,
    );
  }
}
