// Drives core's loader over a reader: it names a range, the range is filled, until it wants no more.
import { BitNetError } from "../errors.js";
import type { Progress } from "../types.js";
import { check, type Engine } from "./engine.js";
import type { CoreInfo, LoadSettings, Source } from "./protocol.js";
import { openSource, type Reader } from "./readers.js";

/** Progress is worth a message this often, in milliseconds. */
const progressEvery = 50;

async function loadFrom(
  engine: Engine,
  reader: Reader,
  settings: LoadSettings,
  report: (progress: Progress) => void,
): Promise<CoreInfo> {
  const total = reader.size;
  const loader = engine.beginLoad(total, settings);
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
    const info = engine.finishLoad(loader, settings);
    report({ phase: "done", loaded: total, total });
    return info;
  } finally {
    loader.delete();
  }
}

export async function load(
  engine: Engine,
  source: Source,
  settings: LoadSettings,
  report: (progress: Progress) => void,
): Promise<CoreInfo> {
  let loaded = 0;
  const monotone = (progress: Progress) => {
    loaded = Math.max(loaded, progress.loaded);
    report({ ...progress, loaded });
  };
  for (const whole of [false, true]) {
    const reader = await openSource(source, whole);
    try {
      return await loadFrom(engine, reader, settings, monotone);
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
