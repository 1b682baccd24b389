// Drives core's loader over a reader: it names a range, the range is filled, until it wants no more.
import { BitNetError } from "../errors.js";
import type { Loader } from "../generated/module.js";
import type { Progress } from "../types.js";
import { check } from "./blocks.js";
import type { LoadSettings, Source } from "./protocol.js";
import { openSource, type Reader } from "./readers.js";

/** Progress is worth a message this often, in milliseconds. */
const progressEvery = 50;

/** Who loads: the engine, or the WASI-NN host. */
interface Target<L, T> {
  beginLoad(fileSize: number, settings: LoadSettings): L;
  finishLoad(loader: L, settings: LoadSettings): T;
}
type Ranges = Pick<Loader, "wanted" | "accept" | "delete">;

async function loadFrom<L extends Ranges, T>(
  target: Target<L, T>,
  reader: Reader,
  settings: LoadSettings,
  report: (progress: Progress) => void,
): Promise<T> {
  const total = reader.size;
  const loader = target.beginLoad(total, settings);
  let reported = 0;
  report({ phase: "read", loaded: 0, total });
  try {
    for (;;) {
      const { offset, into } = loader.wanted();
      if (into.length === 0) break;
      await reader.read(offset, into.length, (piece, at) => {
        loader.wanted().into.set(piece, at); // asked again: the memory may have grown and moved
        if (performance.now() - reported < progressEvery) return;
        reported = performance.now();
        report({ phase: "read", loaded: offset + at + piece.length, total });
      });
      check(loader.accept());
    }
    const loaded = target.finishLoad(loader, settings);
    report({ phase: "done", loaded: total, total });
    return loaded;
  } finally {
    loader.delete();
  }
}

export async function load<L extends Ranges, T>(
  target: Target<L, T>,
  source: Source,
  settings: LoadSettings,
  report: (progress: Progress) => void,
): Promise<T> {
  let loaded = 0;
  const monotone = (progress: Progress) => {
    loaded = Math.max(loaded, progress.loaded);
    report({ ...progress, loaded });
  };
  for (const whole of [false, true]) {
    const reader = await openSource(source, whole);
    try {
      return await loadFrom(target, reader, settings, monotone);
    } catch (error) {
      // A server that compressed the file announces too few bytes, and another origin need not say that it did.
      const again =
        !whole && reader.doubtful && error instanceof BitNetError && error.code === "Truncated";
      if (!again) throw error;
    } finally {
      await reader.close();
    }
  }
  throw new BitNetError("Io", "the source was read twice"); // never reached: the second round returns or throws
}
