// The worker's end of sources that stay on the page's side: it asks for ranges, and is sent them.
import { BitNetError } from "../errors.js";
import type { Command, Message } from "./protocol.js";

export class Pulls {
  readonly #post: (message: Message) => void;
  readonly #waiting = new Map<
    number,
    { done: (bytes: Uint8Array) => void; fail: (error: BitNetError) => void }
  >();
  #calls = 0;

  constructor(post: (message: Message) => void) {
    this.#post = post;
  }

  /** What asks for bytes in the name of a load. */
  of(id: number): (pull: number, offset: number, length: number) => Promise<Uint8Array> {
    return (pull, offset, length) =>
      new Promise((done, fail) => {
        const call = this.#calls++;
        this.#waiting.set(call, { done, fail });
        this.#post({ type: "pull", id, call, pull, offset, length });
      });
  }

  answer(command: Command & { name: "pulled" }): void {
    const waiting = this.#waiting.get(command.call);
    this.#waiting.delete(command.call);
    if ("error" in command) waiting?.fail(BitNetError.fromData(command.error));
    else waiting?.done(command.bytes);
  }
}
