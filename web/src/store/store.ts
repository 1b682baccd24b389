// Model files that stay: NAME.part while they come, SHA256.gguf when they are whole and checked, beside each its journal,
// NAME.json. NAME is the sha256 of the address. Every function may find that another tab was faster, or that one died in the
// middle: names change in an order from which the next one to look goes on.
import { asBitNetError } from "../errors.js";
import { Copy, Part } from "./depots.js";
import type { Files, Handle, Locks, Release, Room } from "./files.js";
import { sha256, type MakeHasher } from "./hash.js";
import { lines, longestJournal, parseJournal, type Journal, type Source } from "./journal.js";

export interface Entry {
  /** Of the content when it is whole, of the address until then. */
  name: string;
  whole: boolean;
  journal: Journal;
  /** Bytes in the store. */
  bytes: number;
  /** When it was last written or loaded, in milliseconds since 1970. */
  used: number;
}

const partOf = (name: string) => `${name}.part`;
const wholeOf = (name: string) => `${name}.gguf`;
const journalOf = (name: string) => `${name}.json`;
const storeLock = "bitnet-edge/store";
export const partLock = (name: string) => `bitnet-edge/part/${name}`;
export const wholeLock = (name: string) => `bitnet-edge/file/${name}`;
const lockOf = ({ name, whole }: Entry) => (whole ? wholeLock(name) : partLock(name));

/** Bytes of the chunks that are there: a part may have holes, which its file's size counts. */
const bytesOf = ({ size, chunkBytes, chunks }: Journal) =>
  chunks.reduce<number>(
    (sum, hash, i) => (hash === undefined ? sum : sum + Math.min(chunkBytes, size - i * chunkBytes)),
    0,
  );

/** Left free, for the journals and the page itself. */
const spare = 16 << 20;
const encoder = new TextEncoder();

export class Store {
  readonly files: Files;
  readonly locks: Locks;
  readonly #room: () => Promise<Room>;
  readonly #hasher: MakeHasher;

  constructor(
    { files, locks, room }: { files: Files; locks: Locks; room: () => Promise<Room> },
    hasher: MakeHasher,
  ) {
    this.files = files;
    this.locks = locks;
    this.#room = room;
    this.#hasher = hasher;
  }

  /** The name of what comes from an address. */
  nameOf(url: string): Promise<string> {
    return sha256(encoder.encode(url), this.#hasher);
  }

  async entries(): Promise<Entry[]> {
    const names = new Set(await this.files.list());
    const entries: Entry[] = [];
    for (const file of names) {
      const name = /^([0-9a-f]{64})\.json$/.exec(file)?.[1];
      const entry = name === undefined ? undefined : await this.entry(name);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  async entry(name: string): Promise<Entry | undefined> {
    const found = await this.#journal(name);
    if (found === undefined) return undefined;
    const { journal, used } = found;
    const all = journal.chunks.every((hash) => hash !== undefined);
    const copy = journal.sha256 === name && all ? await this.files.read(wholeOf(name)) : undefined;
    const whole = copy?.size === journal.size;
    const part = whole ? undefined : await this.files.read(partOf(name));
    const bytes = whole ? copy.size : Math.min(part?.size ?? 0, bytesOf(journal));
    return { name, whole, journal, bytes, used };
  }

  /** A whole copy of what an address gave, or of a content; the newest. */
  async find(url: string, content: string | undefined): Promise<Entry | undefined> {
    if (content !== undefined) {
      const entry = await this.entry(content);
      return entry?.whole ? entry : undefined;
    }
    return (await this.entries())
      .filter(({ whole, journal }) => whole && journal.sources.some((source) => source.url === url))
      .sort((a, b) => b.used - a.used)[0];
  }

  /** A whole copy for reading; it stays until `release`. undefined: it has gone meanwhile. */
  async openCopy(name: string): Promise<{ copy: Copy; release: Release } | undefined> {
    const release = (await this.locks.hold(wholeLock(name), { shared: true }))!;
    try {
      const entry = await this.entry(name);
      const file = entry?.whole ? await this.files.read(wholeOf(name)) : undefined;
      if (entry === undefined || file === undefined) {
        release();
        return undefined;
      }
      const { journal } = entry;
      const copy = await Copy.open(journal, this.files, wholeOf(name), file, this.#hasher);
      const end = () => {
        copy.close();
        release();
      };
      return { copy, release: end };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Under the part's lock: go on with the part that is there. */
  async resumePart(entry: Entry): Promise<Part> {
    return this.#openPart(entry.name, entry.journal);
  }

  /** Under the part's lock: a new part, in the place of any that was there. */
  async beginPart(name: string, size: number, chunkBytes: number, source: Source): Promise<Part> {
    await this.dropPart(name);
    const chunks = new Array<undefined>(Math.ceil(size / chunkBytes)).fill(undefined);
    const part = await this.#openPart(name, { size, chunkBytes, sources: [source], chunks });
    try {
      part.begin(source);
      return part;
    } catch (error) {
      part.close();
      await this.dropPart(name);
      throw error;
    }
  }

  async dropPart(name: string): Promise<void> {
    await this.files.remove(partOf(name));
    await this.files.remove(journalOf(name));
  }

  /**
   * Under the part's lock: its journal says that it is whole, so it gets its content's name. A copy that is there stays,
   * unless `chunkBytes` is given and its chunks have another length: whoever pins such chunks could never use it.
   */
  async settle(name: string, content: string, chunkBytes?: number): Promise<void> {
    const release = await this.locks.hold(storeLock, {});
    try {
      const there = await this.entry(content);
      const stays = chunkBytes === undefined || there?.journal.chunkBytes === chunkBytes;
      if (there?.whole && (stays || !(await this.remove(there)))) {
        await this.dropPart(name); // the same content from another address
        return;
      }
      if ((await this.files.read(partOf(name))) !== undefined) {
        await this.files.remove(wholeOf(content));
        await this.files.move(partOf(name), wholeOf(content));
      }
      await this.files.remove(journalOf(content));
      await this.files.move(journalOf(name), journalOf(content));
      if (there?.whole)
        for (const source of there.journal.sources)
          await this.#append(content, lines.source(source));
    } finally {
      release?.();
    }
  }

  /** Note that an address gave this content, and that it is in use; other content from that address is out of date. */
  async note(content: string, source: Source): Promise<void> {
    await this.#append(content, lines.source(source));
    for (const entry of await this.entries()) {
      const only = entry.journal.sources.every(({ url }) => url === source.url);
      if (entry.whole && entry.name !== content && only) await this.remove(entry);
    }
  }

  /** Note that a copy is in use: what was used longest ago goes first when room is needed. */
  async touch(content: string): Promise<void> {
    await this.#append(content, "");
  }

  /** false: a tab is using it. */
  async remove(entry: Entry): Promise<boolean> {
    const release = await this.locks.hold(lockOf(entry), { now: true });
    if (release === undefined) return false;
    try {
      await this.#delete(entry);
      return true;
    } finally {
      release();
    }
  }

  /** Under its lock. */
  async #delete(entry: Entry): Promise<void> {
    await this.files.remove((entry.whole ? wholeOf : partOf)(entry.name));
    await this.files.remove(journalOf(entry.name));
  }

  /** Room for so many bytes more, if need be for what was used longest ago. false: there is none. */
  async makeRoom(bytes: number, keep: string): Promise<boolean> {
    const { usage, quota } = await this.#room().catch(() => ({ usage: 0, quota: Infinity })); // writing will tell
    let missing = usage + bytes + spare - quota;
    if (!(missing > 0)) return true;
    const others = (await this.entries()).filter(({ name }) => name !== keep);
    const held: { entry: Entry; release: Release }[] = [];
    try {
      for (const entry of others.sort((a, b) => a.used - b.used)) {
        const release = await this.locks.hold(lockOf(entry), { now: true });
        if (release === undefined) continue;
        held.push({ entry, release });
        missing -= entry.bytes;
        if (missing <= 0) break;
      }
      if (missing > 0) return false; // nothing goes in vain
      for (const { entry } of held) await this.#delete(entry);
      return true;
    } catch {
      return false; // a tab that has ended may hold its files for a while
    } finally {
      for (const { release } of held) release();
    }
  }

  /** Remove everything that no tab is using, and files of ours that nothing speaks of. false: something stayed. */
  async clear(): Promise<boolean> {
    const stayed = new Set<string>(); // in use, or a tab that has ended still holds the file
    for (const entry of await this.entries())
      if (!(await this.remove(entry).catch(() => false))) stayed.add(entry.name);
    for (const file of await this.files.list()) {
      const name = /^([0-9a-f]{64})\.(part|gguf|json)$/.exec(file)?.[1];
      if (name === undefined || stayed.has(name)) continue;
      const held: (Release | undefined)[] = [];
      try {
        for (const lock of [partLock(name), wholeLock(name)])
          held.push(await this.locks.hold(lock, { now: true }));
        if (held.includes(undefined)) stayed.add(name);
        else await this.files.remove(file);
      } catch {
        stayed.add(name);
      } finally {
        for (const release of held) release?.();
      }
    }
    return stayed.size === 0;
  }

  async usage(): Promise<Room & { bytes: number }> {
    const bytes = (await this.entries()).reduce((sum, entry) => sum + entry.bytes, 0);
    return { bytes, ...(await this.#room()) };
  }

  async #journal(name: string): Promise<{ journal: Journal; used: number } | undefined> {
    for (let tries = 1; ; ++tries) {
      const file = await this.files.read(journalOf(name));
      if (file === undefined || file.size > longestJournal) return undefined;
      try {
        const journal = parseJournal(await file.text());
        return journal && { journal, used: file.lastModified };
      } catch (error) {
        // Engines refuse a snapshot of a file that another tab has written to meanwhile.
        if (tries === 5) throw asBitNetError(error, "Io");
      }
    }
  }

  async #openPart(name: string, journal: Journal): Promise<Part> {
    const data = await this.files.open(partOf(name));
    let journalFile: Handle | undefined;
    try {
      journalFile = await this.files.open(journalOf(name));
      return new Part(journal, data, journalFile, this.#hasher);
    } catch (error) {
      data.close();
      journalFile?.close();
      throw error;
    }
  }

  /** Best effort: two tabs at once note the same. */
  async #append(content: string, text: string): Promise<void> {
    try {
      const handle = await this.files.open(journalOf(content));
      try {
        // Without news the first byte is written as it is: that alone sets the time.
        if (text === "") handle.write(encoder.encode("{"), 0);
        else handle.write(encoder.encode(text), handle.size());
      } finally {
        handle.close();
      }
    } catch {} // another tab has it open, or the disk is full
  }
}
