// BitNet.cache: what the store of this origin holds, for pages that show it and tidy up.
import { BitNetError } from "./errors.js";
import { reading } from "./options.js";
import { address } from "./sources.js";
import { isSha256 } from "./store/hash.js";
import { openPlaces } from "./store/opfs.js";
import { Store, type Entry } from "./store/store.js";
import type { CachedFile, CacheUsage } from "./types.js";

/** undefined where files cannot be stored. */
async function openStore(): Promise<Store | undefined> {
  const places = await openPlaces();
  const noHasher = () => {
    throw new BitNetError("NotSupported", "this engine cannot hash");
  };
  return typeof places === "string" ? undefined : new Store(places, noHasher);
}

const describe = ({ whole, journal, bytes, used }: Entry): CachedFile => ({
  urls: journal.sources.map(({ url }) => url),
  ...(whole && { sha256: journal.sha256! }),
  size: journal.size,
  stored: bytes,
  complete: whole,
  lastUsed: new Date(used),
});

const inUse = (what: string) => new BitNetError("InvalidState", `${what} is being loaded by a tab`);

/** `BitNet.cache`: the model files that the browser keeps for this origin. */
export const cache = {
  /** The files, the one that was used last first. */
  async list(): Promise<CachedFile[]> {
    const entries = (await (await openStore())?.entries()) ?? [];
    return entries.sort((a, b) => b.used - a.used).map(describe);
  },

  /**
   * Delete what came from an address, or the content with a sha256. false: there was none. InvalidState while a tab is
   * loading it.
   */
  async delete(urlOrSha256: string | URL): Promise<boolean> {
    const store = await openStore();
    const text = String(urlOrSha256);
    const name = text.replace(/^sha256-/, "").toLowerCase();
    const url = isSha256(name) ? undefined : reading("the address", () => address(text));
    const found = ((await store?.entries()) ?? []).filter(
      (entry) =>
        entry.journal.sha256 === name || entry.journal.sources.some((source) => source.url === url),
    );
    for (const entry of found) if (!(await store!.remove(entry))) throw inUse(text);
    return found.length > 0;
  },

  /** Delete everything that no tab is loading; InvalidState when something stayed. */
  async clear(): Promise<void> {
    if ((await (await openStore())?.clear()) === false) throw inUse("a file");
  },

  /** Bytes that our files take, that the origin uses in all, and may; zeros where files cannot be stored. */
  async usage(): Promise<CacheUsage> {
    return (await (await openStore())?.usage()) ?? { bytes: 0, usage: 0, quota: 0 };
  },
};
