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
  beginLoad(fileSize: number, settings: LoadSettings): L;
  finishLoad(loader: L, settings: LoadSettings): T;
  readonly hasher: MakeHasher;
}
type Ranges = Pick<Loader, "wanted" | "accept" | "delete">;

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
  reader: Reader,
  settings: LoadSettings,
  report: (progress: Progress) => void,
): Promise<T> {
  const total = reader.size;
  const loader = target.beginLoad(total, settings);
  const phase = reader.fetches ? "download" : "read";
  report({ phase, loaded: 0, total });
  try {
    for (;;) {
      const { offset, into } = loader.wanted();
      if (into.length === 0) break;
      await reader.read(offset, into.length, (piece, at) => {
        loader.wanted().into.set(piece, at); // asked again: the memory may have grown and moved
        report({ phase, loaded: offset + at + piece.length, total });
      });
      check(loader.accept());
    }
    await reader.finish(); // nothing is computed with bytes that are not the right ones
    const loaded = target.finishLoad(loader, settings);
    report({ phase: "done", loaded: total, total });
    return loaded;
  } finally {
    loader.delete();
  }
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
  source: Source,
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
    onProgress: (phase, loaded, total) => tell({ phase, loaded, total }),
    onHint: (hint) => tell({ phase: "download", loaded: 0, total: 0, hint }),
  };
  let wrongLength = false;
  let changed = false;
  for (;;) {
    let refused = false;
    let reader: Reader | undefined;
    try {
      reader = await openSource(source, opening, wrongLength);
      return await loadFrom(target, reader, settings, tell);
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
      await reader?.close(refused);
    }
  }
}
