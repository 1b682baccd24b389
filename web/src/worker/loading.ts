// Drives core's loader over a reader: it names a range, the range is filled, until it wants no more.
import { BitNetError } from "../errors.js";
import type { Loader, Sha256 } from "../generated/module.js";
import type { Hasher, MakeHasher } from "../store/hash.js";
import type { Progress } from "../types.js";
import { check } from "./blocks.js";
import type { FetchSettings, LoadSettings, Source } from "./protocol.js";
import { openSource, WrongLength, type Opening, type Reader } from "./readers.js";

/** Progress is worth a message this often, in milliseconds. */
const progressEvery = 50;

/** Who loads: the engine, or the WASI-NN host. */
interface Target<L, T> {
  beginLoad(fileSizes: readonly number[], settings: LoadSettings): L;
  finishLoad(loader: L, settings: LoadSettings): T;
  readonly hasher: MakeHasher;
}
type Ranges = Pick<Loader, "wanted" | "accept" | "delete">;

/** Fill what the loader wants until it wants nothing. `taken`: bytes of a file that have been taken in. */
export async function fill(
  loader: Ranges,
  readers: readonly Pick<Reader, "read">[],
  taken: (file: number, bytes: number) => void = () => {},
): Promise<void> {
  for (;;) {
    const { offset, into, file } = loader.wanted();
    if (into.length === 0) return;
    await readers[file]!.read(offset, into.length, (piece, at) => {
      loader.wanted().into.set(piece, at); // asked again: the memory may have grown and moved
      taken(file, offset + at + piece.length);
    });
    check(loader.accept());
  }
}

/** Core's SHA-256. */
export function coreHasher(module: { Sha256: new () => Sha256 }): Hasher {
  const sha = new module.Sha256();
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length;) {
        const into = sha.input(); // asked again: the memory may have moved
        const piece = bytes.subarray(at, at + into.length);
        into.set(piece);
        sha.update(piece.length);
        at += piece.length;
      }
    },
    digest() {
      const digest = sha.digest();
      sha.delete();
      return digest;
    },
  };
}

/** Progress that never falls, and not more often than somebody can see. */
function reporter(report: (progress: Progress) => void) {
  let loaded = 0;
  let total = 0;
  let last = -Infinity;
  let phase: Progress["phase"] | undefined;
  return (event: Progress) => {
    total = Math.max(total, event.total);
    loaded = Math.max(loaded, total > 0 ? Math.min(event.loaded, total) : event.loaded);
    const now = performance.now();
    const soon = now - last < progressEvery && phase === event.phase && event.hint === undefined;
    if (soon && event.phase !== "done") return;
    last = now;
    phase = event.phase;
    report({ ...event, loaded, total });
  };
}

async function loadFrom<L extends Ranges, T>(
  target: Target<L, T>,
  readers: readonly Reader[],
  settings: LoadSettings,
  report: (progress: Progress) => void,
): Promise<T> {
  const sizes = readers.map(({ size }) => size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const loaded = sizes.map(() => 0);
  const loader = target.beginLoad(sizes, settings);
  const phase = readers.some(({ fetches }) => fetches) ? "download" : "read";
  report({ phase, loaded: 0, total });
  try {
    await fill(loader, readers, (file, bytes) => {
      loaded[file] = Math.max(loaded[file]!, bytes);
      report({ phase, loaded: loaded.reduce((sum, count) => sum + count, 0), total });
    });
    // Nothing is computed with bytes that are not the right ones.
    for (const reader of readers) await reader.finish();
    const model = target.finishLoad(loader, settings);
    report({ phase: "done", loaded: total, total });
    return model;
  } finally {
    loader.delete();
  }
}

/** Who loads some of the same files waits for none while holding one that the other waits for: all go in one order. */
function inOneOrder(sources: readonly Source[]): number[] {
  const key = (index: number) => {
    const source = sources[index]!;
    return source.kind === "url" ? source.url : "";
  };
  const order = [...sources.keys()];
  return order.sort((a, b) => (key(a) === key(b) ? a - b : key(a) < key(b) ? -1 : 1));
}

const codeOf = (error: unknown) => (error instanceof BitNetError ? error.code : undefined);
/** What core says of bytes that are no model, whatever the options, and of ones that were damaged on the way: any may be. */
const refusals = [
  "NotGguf",
  "UnsupportedVersion",
  "Truncated",
  "Malformed",
  "LimitExceeded",
  "UnsupportedType",
  "UnsupportedArchitecture",
  "MissingKey",
  "WrongType",
  "MissingTensor",
  "WrongShape",
  "BadWeights",
  "UnsupportedTokenizer",
];

export async function load<L extends Ranges, T>(
  target: Target<L, T>,
  sources: readonly Source[],
  settings: LoadSettings,
  fetching: FetchSettings,
  pull: Opening["pull"],
  report: (progress: Progress) => void,
): Promise<T> {
  const tell = reporter(report);
  const opening: Opening = {
    fetching,
    hasher: target.hasher,
    pull,
    onProgress: (phase, loaded, total) => {
      // Of one file among several nobody can say what it is of the whole.
      if (sources.length === 1 || phase === "wait") tell({ phase, loaded, total });
    },
    onHint: (hint) => tell({ phase: "download", loaded: 0, total: 0, hint }),
  };
  let wrongLength = false;
  let changed = false;
  for (;;) {
    let refused = false;
    const opened: Reader[] = [];
    try {
      const readers = new Array<Reader>(sources.length);
      for (const i of inOneOrder(sources)) {
        readers[i] = await openSource(sources[i]!, opening, wrongLength);
        opened.push(readers[i]!);
      }
      return await loadFrom(target, readers, settings, tell);
    } catch (error) {
      refused = refusals.includes(codeOf(error) ?? "");
      // Each is worth one more beginning: another file than before, or another length than was announced.
      if (codeOf(error) === "SourceChanged" && !changed) changed = true;
      else if (error instanceof WrongLength && !wrongLength) wrongLength = true;
      else
        throw error instanceof WrongLength
          ? new BitNetError("Io", "the server sent another length twice")
          : error;
    } finally {
      // Each gives back its locks, and what could not be tidied up does not undo a load.
      await Promise.allSettled(opened.map((reader) => reader.close(refused)));
    }
  }
}
