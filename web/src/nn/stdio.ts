// Text out of this process while a guest runs: nothing may wait for the event loop, which stands still until the guest
// returns.
import { builtin } from "../platform.js";

/** A terminal would act on control characters, whoever made a model say them. */
function harmless(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.slice()); // slice: it refuses shared memory
  return new TextEncoder().encode(text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, "?"));
}

/** All of it, to a file descriptor; false when nobody reads. Where there are no files (browsers), to the console. */
export function writeSync(descriptor: 1 | 2, text: Uint8Array): boolean {
  const fs = builtin("node:fs");
  if (fs === undefined) {
    console[descriptor === 1 ? "log" : "error"](new TextDecoder().decode(text.slice()));
    return true;
  }
  const bytes = builtin("node:tty")?.isatty(descriptor) ? harmless(text) : text;
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(descriptor, bytes, at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") return false;
      // A pipe that is full, of a reader that is slow: try again in a millisecond.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  return true;
}
