// A file at an address by way of the store: from there when it is there, into it while it comes. One tab downloads, the
// others wait; when it dies, the next one goes on from its journal.
import { asBitNetError, BitNetError } from "../errors.js";
import { ChunkedReader, defaultParallel, type Chunking } from "./chunks.js";
import type { Part } from "./depots.js";
import {
  checked,
  chunkBytesOf,
  openNetwork,
  openStreaming,
  originOf,
  type FetchOptions,
  type OpenNetwork,
  type Sized,
} from "./fetched.js";
import type { Release } from "./files.js";
import { checkCount, checkPin, type Pin } from "./hash.js";
import type { Journal, Source } from "./journal.js";
import { announcer, overhear } from "./news.js";
import type { Reader } from "./reader.js";
import { isOtherVersion, isSameVersion, Remote, type Validator, WrongLength } from "./remote.js";
import { partLock, type Entry, type Store } from "./store.js";

export async function openStored(
  url: string,
  store: Store,
  options: FetchOptions,
): Promise<Reader> {
  const version = options.revalidate ? await versionOf(url, options) : undefined;
  const name = await store.nameOf(url);
  const there = await openCopy(url, version, store, options);
  if (there !== undefined) return there;
  const release = await turn(name, store, options);
  try {
    const entry = await store.entry(name);
    if (entry?.journal.sha256 !== undefined) await store.settle(name, entry.journal.sha256);
    const come = await openCopy(url, version, store, options); // from the tab that was waited for
    if (come === undefined) return await new Download(url, name, store, options, release).open();
    release();
    return come;
  } catch (error) {
    release();
    throw error;
  }
}

/** The part's lock, at once or when the tab that has it is done. */
async function turn(name: string, store: Store, { onProgress }: FetchOptions): Promise<Release> {
  const now = await store.locks.hold(partLock(name), { now: true });
  if (now !== undefined) return now;
  onProgress("wait", 0, 0);
  const quiet = overhear(name, (loaded, total) => onProgress("wait", loaded, total));
  return (await store.locks.hold(partLock(name), {}).finally(quiet))!;
}

/** What the server has now; undefined: it cannot be asked, so what is stored must do. */
async function versionOf(url: string, options: FetchOptions): Promise<Validator | undefined> {
  const net = openNetwork(options, "no-store");
  try {
    return (await Remote.open(url, net, 0, 64)).validator;
  } catch (error) {
    const gone = error instanceof BitNetError && ["Io", "Stalled", "Http"].includes(error.code);
    if (!gone) throw error;
    return undefined;
  } finally {
    net.end();
  }
}

const sourceOf = (journal: Journal, url: string): Source | undefined =>
  journal.sources.find((source) => source.url === url);

/** Whether checking the journal's hashes is checking the pinned ones. */
function isPinned(journal: Journal, pin: Pin | undefined): boolean {
  if (pin?.sha256 !== undefined && journal.sha256 !== pin.sha256) return false;
  if (pin?.chunks === undefined) return true;
  // Of chunks of another length the hash of the whole says as much, where it is pinned too.
  if (journal.chunkBytes !== pin.chunkBytes) return pin.sha256 !== undefined;
  if (journal.chunks.length !== pin.chunks.length) return false;
  return pin.chunks.every((hash, i) => hash === journal.chunks[i]);
}

/** A reader of the store's whole copy, if there is one that is wanted. No request to the network, but to mend it. */
export async function openCopy(
  url: string,
  version: Validator | undefined,
  store: Store,
  options: FetchOptions,
): Promise<Reader | undefined> {
  const found = await store.find(url, options.pin?.sha256);
  if (found === undefined || !isPinned(found.journal, options.pin)) return undefined;
  const source = sourceOf(found.journal, url);
  if (version !== undefined && !(source && isSameVersion(source, version))) return undefined;
  const opened = await store.openCopy(found.name);
  if (opened === undefined) return undefined;
  const { copy, release } = opened;
  const { size, chunkBytes } = copy.journal;
  const net = openNetwork(options, "no-store");
  const { hasher } = options;
  const chunking: Chunking = { size, chunkBytes, parallel: defaultParallel, hasher };
  const chunks = new ChunkedReader(chunking, copy, async (start, end) => {
    const remote = await Remote.open(url, net, start, end);
    if (remote.size === size) return remote;
    throw new BitNetError("SourceChanged", `${url} has another size than the stored copy`);
  });
  await store.touch(found.name);
  let closed = false;
  const close = async (drop: boolean) => {
    if (closed) return;
    closed = true;
    net.end();
    await chunks.close();
    release();
    if (drop) await store.remove(found);
  };
  const reader = guarded(chunks, close, ["SourceChanged"], false);
  // It was whole and right before this load: when core refuses a model, another of its files may be to blame.
  return { ...reader, close: () => close(false) };
}

/** `close(true)` after errors of these codes, and when core refuses the bytes. */
function guarded(
  reader: Reader,
  close: (drop: boolean) => Promise<void>,
  codes: readonly string[],
  fetches: boolean,
): Reader {
  const guard = async (action: Promise<void>) => {
    try {
      await action;
    } catch (error) {
      const wrong =
        error instanceof WrongLength ||
        (error instanceof BitNetError && codes.includes(error.code));
      if (wrong) await close(true).catch(() => {}); // what went wrong first is what is told
      throw error;
    }
  };
  return {
    size: reader.size,
    fetches,
    read: (offset, length, sink) => guard(reader.read(offset, length, sink)),
    finish: () => guard(reader.finish()),
    close: (refused = false) => close(refused),
  };
}

/** Under the part's lock, until it is closed. */
class Download {
  readonly #url: string;
  readonly #name: string;
  readonly #store: Store;
  readonly #options: FetchOptions;
  readonly #release: () => void;
  readonly #net: OpenNetwork;

  constructor(url: string, name: string, store: Store, options: FetchOptions, release: () => void) {
    this.#url = url;
    this.#name = name;
    this.#store = store;
    this.#options = options;
    this.#release = release;
    this.#net = openNetwork(options, "no-store");
  }

  async open(): Promise<Reader> {
    try {
      const entry = await this.#usable();
      return entry === undefined ? await this.#begin() : await this.#resume(entry);
    } catch (error) {
      this.#net.end();
      throw error;
    }
  }

  /** A part that is worth going on with. */
  async #usable(): Promise<Entry | undefined> {
    const { pin, spool } = this.#options;
    const entry = await this.#store.entry(this.#name);
    if (entry === undefined || entry.whole || spool) return undefined;
    const { journal } = entry;
    if (sourceOf(journal, this.#url) === undefined) return undefined;
    if (pin?.chunkBytes !== undefined && pin.chunkBytes !== journal.chunkBytes) return undefined;
    if (pin?.chunks?.some((hash, i) => ![undefined, hash].includes(journal.chunks[i])))
      return undefined;
    return journal.chunks.some((hash) => hash !== undefined) ? entry : undefined;
  }

  async #resume(entry: Entry): Promise<Reader> {
    const { journal } = entry;
    const missing = journal.chunks.indexOf(undefined);
    if (missing < 0) return this.#goOn(entry, undefined, 0); // it only was not checked yet
    const start = missing * journal.chunkBytes;
    const remote = await this.#ask(start, Math.min(start + journal.chunkBytes, journal.size));
    const source = sourceOf(journal, this.#url)!;
    const fits = remote?.size === journal.size && remote.ranged;
    if (remote === undefined || !fits || !this.#mayFit(source, remote)) {
      remote?.close();
      return this.#begin();
    }
    const left = journal.chunks.filter((hash) => hash === undefined).length * journal.chunkBytes;
    await this.#store.makeRoom(left, this.#name); // without it, what is there serves all the same
    return this.#goOn(entry, remote, left);
  }

  /** Without a word of the server on versions only a hash can tell whether the rest fits to what is there. */
  #mayFit(source: Source, remote: Remote): boolean {
    const told = this.#options.pin?.sha256 ?? remote.sha256;
    if (isSameVersion(source, remote.validator)) return true;
    return told !== undefined && !isOtherVersion(source, remote.validator);
  }

  async #goOn(entry: Entry, remote: Remote | undefined, left: number): Promise<Reader> {
    try {
      return this.#read(await this.#store.resumePart(entry), remote, undefined, true);
    } catch (error) {
      if (!(error instanceof BitNetError) || error.code !== "QuotaExceeded") throw error;
      return this.#pass(remote, undefined, left);
    }
  }

  /** undefined: the file is another one now. */
  async #ask(start: number, end: number): Promise<Remote | undefined> {
    try {
      return await Remote.open(this.#url, this.#net, start, end);
    } catch (error) {
      if (error instanceof BitNetError && error.code === "SourceChanged") return undefined;
      throw error;
    }
  }

  async #begin(): Promise<Reader> {
    const { pin, spool } = this.#options;
    const chunkBytes = chunkBytesOf(this.#options);
    const remote = await Remote.open(this.#url, this.#net, 0, chunkBytes);
    const source = { url: this.#url, ...remote.validator };
    if (remote.sha256 !== undefined && (await this.#isThere(remote.sha256, source))) {
      const copy = await openCopy(this.#url, undefined, this.#store, this.#options);
      if (copy !== undefined) {
        this.#close();
        return copy;
      }
    }
    const unknown = remote.size === undefined || spool;
    const origin = unknown ? await originOf(remote, this.#options) : undefined;
    const size = origin?.size ?? remote.size!;
    checkPin(pin, size);
    checkCount(size, chunkBytes);
    if (size === 0) throw new BitNetError("NotGguf", `${this.#url} is empty`);
    await this.#store.dropPart(this.#name);
    if (!(await this.#store.makeRoom(size, this.#name))) return this.#pass(remote, origin, size);
    try {
      const part = await this.#store.beginPart(this.#name, size, chunkBytes, source);
      return this.#read(part, remote, origin);
    } catch (error) {
      if (!(error instanceof BitNetError) || error.code !== "QuotaExceeded") throw error;
      return this.#pass(remote, origin, size);
    }
  }

  /** Another address gave this content before. */
  async #isThere(content: string, source: Source): Promise<boolean> {
    if ((await this.#store.find(this.#url, content)) === undefined) return false;
    await this.#store.dropPart(this.#name);
    await this.#store.note(content, source);
    return true;
  }

  /** There is no room: past the store. */
  #pass(remote: Remote | undefined, origin: Sized | undefined, bytes: number): Promise<Reader> {
    this.#options.onHint(
      `not stored: there is no room for ${bytes} more bytes, so the next visit downloads again`,
    );
    this.#release();
    return openStreaming(this.#url, this.#options, this.#net, { remote, origin });
  }

  #close(): void {
    this.#net.end();
    this.#release();
  }

  /** `resumed`: another load began the part. */
  #read(part: Part, asked: Remote | undefined, origin?: Sized, resumed = false): Reader {
    const { pin, hasher, onHint, onProgress } = this.#options;
    const { size, chunkBytes } = part.journal;
    const source = sourceOf(part.journal, this.#url)!;
    const news = announcer(this.#name);
    const chunks = new ChunkedReader(
      {
        size,
        chunkBytes,
        parallel: defaultParallel,
        hasher,
        pins: pin?.chunks,
        onProgress: (bytes) => {
          news.tell(bytes, size);
          onProgress("download", bytes, size);
        },
        onFull: (reason) =>
          onHint(`not stored: ${reason.message}; the next visit goes on from what is`),
      },
      part,
      async (start, end) => origin ?? asked ?? this.#askAgain(source, size, start, end),
    );
    const keep = async (sha256: string) => {
      if (!chunks.isWhole) return; // the rest has passed through memory
      try {
        part.finish(sha256);
        await this.#store.settle(this.#name, sha256, pin?.chunkBytes);
        await this.#store.note(sha256, source);
        kept = sha256;
      } catch (error) {
        // All of it is here and checked: the next visit may have more luck with the disk.
        onHint(`not stored: ${asBitNetError(error, "Io").message}`);
      }
    };
    // When the whole is wrong, what was there may have been of another version: that is worth another beginning.
    const wrong = resumed ? "SourceChanged" : "IntegrityFailed";
    const reader = checked(chunks, this.#options, asked?.sha256, keep, wrong);
    let kept: string | undefined;
    let closed = false;
    const close = async (drop: boolean) => {
      if (closed) return;
      closed = true;
      this.#net.end();
      news.end();
      try {
        await reader.close();
        part.close();
        if (drop) await this.#drop(kept);
      } finally {
        this.#release();
      }
    };
    return guarded(reader, close, ["SourceChanged", "IntegrityFailed"], asked !== undefined);
  }

  async #askAgain(source: Source, size: number, start: number, end: number): Promise<Remote> {
    const remote = await Remote.open(this.#url, this.#net, start, end);
    if (remote.size === size && isSameVersion(source, remote.validator)) return remote;
    throw new BitNetError("SourceChanged", this.#url);
  }

  async #drop(content: string | undefined): Promise<void> {
    if (content === undefined) return this.#store.dropPart(this.#name);
    const entry = await this.#store.entry(content);
    if (entry !== undefined) await this.#store.remove(entry);
  }
}
