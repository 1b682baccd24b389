// How text, ids and lists enter the module: written into its memory, where a call reads them.
import { BitNetError } from "../errors.js";
import type { Block, MainModule } from "../generated/module.js";

export interface Outcome {
  code: number;
  detail: unknown;
}

export function check(outcome: Outcome): void {
  if (outcome.code !== 0) throw BitNetError.fromCore(outcome.code, String(outcome.detail));
}
export function take<T>(reply: Outcome & { value: T }): T {
  check(reply);
  return reply.value;
}

// TextEncoder turns lone surrogates into U+FFFD; what reaches core is UTF-8.
const encoder = new TextEncoder();

function write(block: Block, from: Uint8Array | Int32Array | Uint32Array): void {
  const { buffer, byteOffset, byteLength } = from;
  take(block.resize(byteLength)).set(new Uint8Array(buffer, byteOffset, byteLength));
}

/** Written, used at once by one call, and written again: all sessions share them. */
export class Blocks {
  readonly text: Block;
  readonly list: Block;
  readonly ids: Block;

  constructor(module: MainModule) {
    this.text = new module.Block();
    this.list = new module.Block();
    this.ids = new module.Block();
  }

  writeText(text: string): void {
    write(this.text, encoder.encode(text));
  }

  writeIds(ids: Int32Array): void {
    write(this.ids, ids);
  }

  /** Their lengths into `list`, their bytes one after the other into `text`. */
  writeList(strings: string[]): void {
    const parts = strings.map((string) => encoder.encode(string));
    write(
      this.list,
      Uint32Array.from(parts, (part) => part.length),
    );
    const into = take(this.text.resize(parts.reduce((sum, part) => sum + part.length, 0)));
    let at = 0;
    for (const part of parts) {
      into.set(part, at);
      at += part.length;
    }
  }
}
