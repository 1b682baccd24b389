// A file at an address without a store: its chunks pass through a window of memory. And what the store's way shares.
import { ChunkedReader, defaultChunkBytes, defaultParallel, type Origin } from "./chunks.js";
import { checkCount, checkPin, type MakeHasher, type Pin } from "./hash.js";
import { expectSha256, HashedReader, type Reader } from "./reader.js";
import { Remote, type Network } from "./remote.js";

export interface FetchOptions {
  retries: number;
  stallTimeout: number;
  hasher: MakeHasher;
  pin?: Pin | undefined;
  /** Of new downloads; default: 4 MiB. */
  chunkBytes?: number;
  /** Ask the server whether a stored copy is still what it has. */
  revalidate: boolean;
  /** Take the file as a stream of unknown size: what a server announced turned out wrong. */
  spool: boolean;
  onProgress: (phase: "wait" | "download", loaded: number, total: number) => void;
  onHint: (hint: string) => void;
}

export const chunkBytesOf = ({ pin, chunkBytes }: FetchOptions) =>
  pin?.chunkBytes ?? chunkBytes ?? defaultChunkBytes;

export interface OpenNetwork extends Network {
  /** Ends every request there is, and any later one. */
  end: () => void;
}

export function openNetwork(
  { retries, stallTimeout }: Pick<FetchOptions, "retries" | "stallTimeout">,
  cache: Network["cache"],
): OpenNetwork {
  const controller = new AbortController();
  return { retries, stallTimeout, cache, signal: controller.signal, end: () => controller.abort() };
}

/** A remote file, or the Blob that a stream of unknown size was spooled to. */
export async function originOf(remote: Remote, options: FetchOptions): Promise<Sized> {
  const { size, ranged } = remote;
  if (size !== undefined && !options.spool) {
    return { size, ranged, fetch: remote.fetch.bind(remote) };
  }
  let loaded = 0;
  const blob = await remote.spool((count) => {
    loaded += count;
    options.onProgress("download", loaded, 0);
  });
  return {
    size: blob.size,
    ranged: true,
    fetch: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
  };
}

/** The hash of the whole is compared, and then given to `whole`. */
export function checked(
  reader: Reader,
  { hasher, pin }: Pick<FetchOptions, "hasher" | "pin">,
  told: string | undefined,
  whole: (sha256: string) => Promise<void> = async () => {},
  otherwise: "IntegrityFailed" | "SourceChanged" = "IntegrityFailed",
): Reader {
  const expected = pin?.sha256 ?? told;
  return new HashedReader(reader, hasher(), async (sha256) => {
    if (expected !== undefined) expectSha256(expected, sha256, otherwise);
    await whole(sha256);
  });
}

export type Sized = Origin & { size: number };

/** From an address, past any store. `asked`: the file has been asked for already. */
export async function openStreaming(
  url: string,
  options: FetchOptions,
  net = openNetwork(options, "default"),
  asked?: { remote: Remote | undefined; origin: Sized | undefined },
): Promise<Reader> {
  const { hasher, pin } = options;
  const chunkBytes = chunkBytesOf(options);
  try {
    const remote = asked?.remote ?? (await Remote.open(url, net, 0, chunkBytes));
    const origin = asked?.origin ?? (await originOf(remote, options));
    checkPin(pin, origin.size);
    checkCount(origin.size, chunkBytes);
    const chunks = new ChunkedReader(
      {
        size: origin.size,
        chunkBytes,
        parallel: defaultParallel,
        hasher,
        pins: pin?.chunks,
        onProgress: (bytes) => options.onProgress("download", bytes, origin.size),
      },
      undefined,
      async () => origin,
    );
    const needed = pin?.sha256 !== undefined || remote.sha256 !== undefined;
    const reader = needed ? checked(chunks, options, remote.sha256) : chunks;
    return {
      size: reader.size,
      fetches: true,
      read: (offset, length, sink) => reader.read(offset, length, sink),
      finish: () => reader.finish(),
      close: async () => {
        net.end();
        await reader.close();
      },
    };
  } catch (error) {
    net.end();
    throw error;
  }
}
