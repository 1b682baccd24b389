// Text out of this process while a guest runs: nothing may wait for the event loop, which stands still until the guest
// returns.
import { builtin } from "../platform.js";

/** All of it, to a file descriptor; false when nobody reads. Where there are no files (browsers), to the console. */
export function writeSync(descriptor: 1 | 2, bytes: Uint8Array): boolean {
  const fs = builtin("node:fs");
  if (fs === undefined) {
    console[descriptor === 1 ? "log" : "error"](new TextDecoder().decode(bytes));
    return true;
  }
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
