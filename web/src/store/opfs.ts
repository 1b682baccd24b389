// The store's file system in browsers: a folder of the origin private file system, the Web Locks, the storage estimate.
import { asBitNetError, BitNetError } from "../errors.js";
import type { Files, Handle, Locks, Release, Room } from "./files.js";

const folderName = "bitnet-edge";

// Not in TypeScript's library for pages.
interface SyncAccessHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type FileHandle = FileSystemFileHandle & {
  createSyncAccessHandle?(options?: { mode: "read-only" }): Promise<SyncAccessHandle>;
  move?(name: string): Promise<void>;
};

/** A worker that was ended may hold its files for a moment longer. */
const busyFor = 3000;
const busyPause = 50;
/** To read there is another way: as long as the last worker of this tab needs to go. */
const readPatience = 150;

const nameOf = (error: unknown) => (error as { name?: unknown } | null)?.name;
const isMissing = (error: unknown) => nameOf(error) === "NotFoundError";

function asHandle(access: SyncAccessHandle): Handle {
  return {
    size: () => access.getSize(),
    read: (into, at) => access.read(into, { at }),
    write: (bytes, at) => access.write(bytes, { at }),
    flush: () => access.flush(),
    close: () => access.close(),
  };
}

async function patiently<T>(patience: number, action: () => Promise<T>): Promise<T> {
  for (const begun = performance.now(); ;) {
    try {
      return await action();
    } catch (error) {
      const busy = ["NoModificationAllowedError", "InvalidStateError"].includes(
        String(nameOf(error)),
      );
      if (!busy || performance.now() - begun > patience) throw error;
      await new Promise((done) => setTimeout(done, busyPause));
    }
  }
}

class OriginFiles implements Files {
  readonly #folder: FileSystemDirectoryHandle;
  #readPatience = readPatience;
  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async list(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#folder.keys()) names.push(name);
    return names;
  }

  async read(name: string): Promise<File | undefined> {
    const handle = await this.#find(name);
    return handle?.getFile().catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
  }

  async open(name: string, patience = busyFor): Promise<Handle> {
    const handle: FileHandle = await this.#folder.getFileHandle(name, { create: true });
    if (handle.createSyncAccessHandle === undefined)
      throw new BitNetError("NotSupported", "files can be written in a worker only");
    try {
      return asHandle(await patiently(patience, () => handle.createSyncAccessHandle!()));
    } catch (error) {
      throw asBitNetError(error, "Io");
    }
  }

  async openToRead(name: string): Promise<Handle | undefined> {
    try {
      const handle: FileHandle | undefined = await this.#find(name);
      if (handle?.createSyncAccessHandle === undefined) return undefined;
      // Where there are no modes, whoever comes first has it alone.
      const open = () => handle.createSyncAccessHandle!({ mode: "read-only" });
      return asHandle(await patiently(this.#readPatience, open));
    } catch {
      this.#readPatience = 0; // a model has many files, and who reads this one will read the others
      return undefined;
    }
  }

  async move(from: string, to: string): Promise<void> {
    const handle: FileHandle | undefined = await this.#find(from);
    if (handle === undefined) throw new BitNetError("NotFound", from);
    await handle.move!(to);
  }

  async remove(name: string): Promise<void> {
    await patiently(busyFor, () => this.#folder.removeEntry(name)).catch((error: unknown) => {
      if (!isMissing(error)) throw asBitNetError(error, "Io");
    });
  }

  async #find(name: string): Promise<FileSystemFileHandle | undefined> {
    return this.#folder.getFileHandle(name).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw asBitNetError(error, "Io");
    });
  }
}

const webLocks: Locks = {
  hold: (name, { shared = false, now = false, signal }) =>
    new Promise((held, fail) => {
      const options: LockOptions = { mode: shared ? "shared" : "exclusive" };
      if (now) options.ifAvailable = true;
      else if (signal !== undefined) options.signal = signal;
      navigator.locks
        .request(
          name,
          options,
          (lock) =>
            new Promise<void>((release) => {
              held(lock === null ? undefined : (release as Release));
              if (lock === null) release();
            }),
        )
        .catch(fail);
    }),
};

async function room(): Promise<Room> {
  const { usage = 0, quota = Infinity } = await navigator.storage.estimate();
  return { usage, quota };
}

export interface Places {
  files: Files;
  locks: Locks;
  room: () => Promise<Room>;
}

/** What this engine has, or the reason why files cannot be kept here. */
export async function openPlaces(): Promise<Places | string> {
  const { storage, locks } = (globalThis.navigator ?? {}) as Partial<Navigator>;
  if (storage?.getDirectory === undefined || locks === undefined) {
    return globalThis.isSecureContext === false
      ? "the page is not a secure context (https or localhost)"
      : "this engine has no origin private file system";
  }
  if (typeof FileSystemFileHandle !== "function" || !("move" in FileSystemFileHandle.prototype))
    return "this engine's private file system cannot rename files";
  try {
    const root = await storage.getDirectory();
    const folder = await root.getDirectoryHandle(folderName, { create: true });
    return { files: new OriginFiles(folder), locks: webLocks, room };
  } catch (error) {
    return `the origin private file system is closed (a private window?): ${String(error)}`;
  }
}
