// A reader for every kind of source.
import { asBitNetError, BitNetError } from "../errors.js";
import { builtin } from "../platform.js";
import { ChunkedReader, defaultChunkBytes, defaultParallel } from "../store/chunks.js";
import { checked, openStreaming, type FetchOptions } from "../store/fetched.js";
import { checkPin, type MakeHasher, type Pin } from "../store/hash.js";
import { openPlaces } from "../store/opfs.js";
import { blobReader, bytesReader, piecewise, pieceBytes, type Reader } from "../store/reader.js";
import { spool, WrongLength } from "../store/remote.js";
import { Store } from "../store/store.js";
import { openStored } from "../store/stored.js";
import type { FetchSettings, Source } from "./protocol.js";

export interface Opening {
  fetching: FetchSettings;
  hasher: MakeHasher;
  /** Bytes of a source that the page's side keeps. */
  pull: (pull: number, offset: number, length: number) => Promise<Uint8Array>;
  onProgress: FetchOptions["onProgress"];
  onHint: FetchOptions["onHint"];
}

async function fileReader(url: URL): Promise<Reader> {
  const fs = builtin("node:fs/promises");
  const path = builtin("node:url")?.fileURLToPath(url);
  if (fs === undefined || path === undefined)
    throw new BitNetError("Io", `this engine cannot read ${url.href}`);
  const file = await fs.open(path).catch((error: unknown) => {
    const missing = (error as { code?: string }).code === "ENOENT";
    throw missing ? new BitNetError("NotFound", path) : asBitNetError(error, "Io");
  });
  const status = await file.stat();
  if (!status.isFile()) {
    await file.close();
    throw new BitNetError("Io", `${path} is not a file`);
  }
  const buffer = new Uint8Array(pieceBytes);
  const piece = async (offset: number, length: number) =>
    buffer.subarray(0, (await file.read(buffer, 0, length, offset)).bytesRead);
  return piecewise(status.size, piece, () => file.close());
}

/** blob: and data: addresses, whose bytes are here. */
async function hereReader(url: string): Promise<Reader> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new BitNetError("Io", `${url.slice(0, 100)}: ${String(error)}`);
  });
  return blobReader(await response.blob());
}

export function fetchOptions(opening: Opening, wrongLength = false): FetchOptions {
  const { fetching, hasher, onProgress, onHint } = opening;
  const { cache, retries, stallTimeout, pin } = fetching;
  const revalidate = cache === "revalidate";
  return {
    retries,
    stallTimeout,
    hasher,
    pin,
    revalidate,
    spool: wrongLength,
    onProgress,
    onHint,
  };
}

async function webReader(url: string, opening: Opening, wrongLength: boolean): Promise<Reader> {
  const { fetching, hasher, onHint } = opening;
  const { cache } = fetching;
  const options = fetchOptions(opening, wrongLength);
  if (cache === false) return openStreaming(url, options);
  const places = await openPlaces();
  if (typeof places !== "string") return openStored(url, new Store(places, hasher), options);
  if (globalThis.navigator?.storage !== undefined) onHint(`not stored: ${places}`);
  return openStreaming(url, options);
}

/** A source that has no hashes of its own, read against what the caller pinned. */
function pinned(reader: Reader, pin: Pin | undefined, hasher: MakeHasher): Reader {
  if (pin === undefined) return reader;
  checkPin(pin, reader.size);
  const chunks = new ChunkedReader(
    {
      size: reader.size,
      chunkBytes: pin.chunkBytes ?? defaultChunkBytes,
      parallel: defaultParallel,
      hasher,
      pins: pin.chunks,
    },
    undefined,
    async () => ({
      ranged: false, // one read at a time
      async fetch(start, end, _, allocate) {
        const bytes = allocate(end - start);
        await reader.read(start, end - start, (piece, at) => bytes.set(piece, at));
        return bytes;
      },
    }),
  );
  const read = pin.sha256 === undefined ? chunks : checked(chunks, { hasher, pin }, undefined);
  return {
    size: reader.size,
    read: (offset, length, sink) => read.read(offset, length, sink),
    finish: () => read.finish(),
    close: async (refused) => {
      await chunks.close();
      await reader.close(refused);
    },
  };
}

async function localReader(
  source: Exclude<Source, { kind: "url" }>,
  opening: Opening,
): Promise<Reader> {
  const { pull } = opening;
  switch (source.kind) {
    case "bytes":
      return bytesReader(source.bytes);
    case "blob":
      return blobReader(source.blob);
    case "pull":
      return piecewise(source.size, (offset, length) => pull(source.pull, offset, length));
    case "stream": {
      let loaded = 0;
      const next = async () => {
        const piece = await pull(source.pull, loaded, pieceBytes);
        return piece.length > 0 ? piece : undefined;
      };
      const blob = await spool(next, (count) => {
        loaded += count;
        opening.onProgress("download", loaded, 0);
      });
      return blobReader(blob);
    }
  }
}

/** `wrongLength`: a reader of this source has found that a server announced another number of bytes than it sent. */
export async function openSource(
  source: Source,
  opening: Opening,
  wrongLength = false,
): Promise<Reader> {
  const { pin } = opening.fetching;
  if (source.kind !== "url") return pinned(await localReader(source, opening), pin, opening.hasher);
  const url = new URL(source.url);
  if (url.protocol === "http:" || url.protocol === "https:")
    return webReader(url.href, opening, wrongLength);
  const reader = url.protocol === "file:" ? await fileReader(url) : await hereReader(url.href);
  try {
    return pinned(reader, pin, opening.hasher);
  } catch (error) {
    await reader.close();
    throw error;
  }
}

export { WrongLength, type Reader };
