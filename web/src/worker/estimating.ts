// What a model would take, from its files' headers and nothing else.
import { BitNetError } from "../errors.js";
import { openNetwork } from "../store/fetched.js";
import { openPlaces } from "../store/opfs.js";
import type { Reader } from "../store/reader.js";
import { Remote } from "../store/remote.js";
import { Store } from "../store/store.js";
import { openCopy } from "../store/stored.js";
import type { Engine } from "./engine.js";
import { fill } from "./loading.js";
import type { LoadSettings, Requests, Source } from "./protocol.js";
import { fetchOptions, openSource, type Opening } from "./readers.js";

const allocate = (bytes: number) => new Uint8Array(bytes);
/** What core asks for first; gguf/limits.h. */
const firstBytes = 64 << 10;

interface Header extends Pick<Reader, "size" | "read" | "close"> {
  /** Bytes that load() would fetch, and that the store has. */
  download: number;
  cached: number;
}

/** Ranges of the header; of a server that knows no ranges the stream, which ends with the header. */
async function remoteHeader(url: string, opening: Opening, cached: number): Promise<Header> {
  const { retries, stallTimeout } = opening.fetching;
  const net = openNetwork({ retries, stallTimeout }, "default");
  try {
    const remote = await Remote.open(url, net, 0, firstBytes);
    const { size } = remote;
    if (size === undefined)
      throw new BitNetError("NotSupported", `${url}: the server does not say how long the file is`);
    return {
      size,
      cached,
      download: Math.max(0, size - cached),
      read: async (offset, length, sink) =>
        sink(await remote.fetch(offset, offset + length, () => {}, allocate), 0),
      close: async () => {
        remote.close();
        net.end();
      },
    };
  } catch (error) {
    net.end();
    throw error;
  }
}

async function openHeader(source: Source, opening: Opening): Promise<Header> {
  const remote = source.kind === "url" && /^https?:/i.test(source.url);
  if (remote) {
    const places = opening.fetching.cache === false ? "not asked" : await openPlaces();
    if (typeof places === "string") return remoteHeader(source.url, opening, 0);
    const store = new Store(places, opening.hasher);
    // The copy or the header: nothing is downloaded to tell what a download would take.
    const copy = await openCopy(source.url, undefined, store, fetchOptions(opening));
    if (copy !== undefined) return headerOf(copy, copy.size);
    const part = await store.entry(await store.nameOf(source.url));
    return remoteHeader(source.url, opening, part?.bytes ?? 0);
  }
  return headerOf(await openSource(source, opening), 0);
}

function headerOf(reader: Reader, cached: number): Header {
  return {
    size: reader.size,
    cached,
    download: 0,
    read: (offset, length, sink) => reader.read(offset, length, sink),
    close: () => reader.close(),
  };
}

export async function estimate(
  engine: Engine,
  sources: readonly Source[],
  settings: LoadSettings,
  opening: Opening,
): Promise<Requests["estimate"]["result"]> {
  const headers: Header[] = [];
  try {
    for (const source of sources) headers.push(await openHeader(source, opening));
    const sizes = headers.map(({ size }) => size);
    const loader = engine.beginLoad(sizes, settings, true);
    try {
      await fill(loader, headers);
      const sum = (of: (header: Header) => number) =>
        headers.reduce((total, header) => total + of(header), 0);
      return {
        fileBytes: sum(({ size }) => size),
        cachedBytes: sum(({ cached }) => cached),
        downloadBytes: sum(({ download }) => download),
        ...engine.estimate(loader, settings),
      };
    } finally {
      loader.delete();
    }
  } finally {
    await Promise.allSettled(headers.map((header) => header.close()));
  }
}
