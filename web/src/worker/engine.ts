// The module's objects as this package uses them: replies become values or BitNetErrors, strings and ids go through
// blocks, views are copied before the next call can move them.
import type { Loader, MainModule, Model } from "../generated/module.js";
import { Blocks, check, take } from "./blocks.js";
import {
  mainSession,
  type CoreInfo,
  type LoadSettings,
  type Prompt,
  type SessionSettings,
  type SessionState,
} from "./protocol.js";

import { CoreSession, defined } from "./session.js";
import { Sessions } from "./sessions.js";

export { check };

/** Begin a load with any module's loader; the caller fills the ranges that it wants, then finishes it. */
export function beginLoad<L extends Pick<Loader, "begin" | "delete">>(
  module: { Loader: new () => L },
  fileSize: number,
  isa: string,
  floatActivations = false,
  head: LoadSettings["head"] = "file",
): L {
  const loader = new module.Loader();
  try {
    check(loader.begin(fileSize, isa, floatActivations, head));
    return loader;
  } catch (error) {
    loader.delete();
    throw error;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class Engine {
  readonly module: MainModule;
  readonly model: Model;
  readonly blocks: Blocks;
  readonly sessions = new Sessions();
  readonly #isa: string;
  #sessionDefaults: SessionSettings = {};

  /** `isa`: the kernels to use when nobody names any. */
  constructor(module: MainModule, isa: string) {
    this.module = module;
    this.#isa = isa;
    this.model = new module.Model();
    this.blocks = new Blocks(module);
  }

  beginLoad(fileSize: number, { isa = this.#isa, floatActivations, head }: LoadSettings): Loader {
    return beginLoad(this.module, fileSize, isa, floatActivations, head);
  }

  finishLoad(loader: Loader, { context, kvType, batch }: LoadSettings): CoreInfo {
    check(loader.finish(this.model));
    this.#sessionDefaults = defined<SessionSettings>({ context, kvType, batch });
    const { capacity } = this.openSession(mainSession, {});
    const info = take(this.model.info()) as Omit<CoreInfo, "sessionContext" | "version">;
    return { ...info, sessionContext: capacity, version: this.module.version() };
  }

  /** With the options of load() where none are given. */
  openSession(id: number, settings: SessionSettings): SessionState {
    const session = new CoreSession(this, { ...this.#sessionDefaults, ...defined(settings) });
    return this.sessions.open(id, session);
  }

  tokenize(prompt: Prompt, bos: boolean): Int32Array {
    if ("ids" in prompt) return prompt.ids;
    if ("text" in prompt) {
      this.blocks.writeText(prompt.text);
      return take(this.model.tokenize(this.blocks.text, bos)).slice();
    }
    this.blocks.writeList(prompt.messages.flatMap(({ role, content }) => [role, content]));
    return take(this.model.tokenizeChat(this.blocks.text, this.blocks.list, true)).slice();
  }

  detokenize(ids: Int32Array, special: boolean): string {
    this.blocks.writeIds(ids);
    // slice: TextDecoder refuses shared memory
    return decoder.decode(take(this.model.detokenize(this.blocks.ids, special)).slice());
  }

  memory(): { wasmBytes: number; sessionBytes: number } {
    return { wasmBytes: this.module.memoryBytes(), sessionBytes: this.sessions.bytes };
  }

  selfTest(): { kernelCases: number; tokens: number; logitsHash: string } {
    const { kernelCases, tokens, logitsHash } = take(this.module.selfTest(this.model));
    return { kernelCases, tokens, logitsHash: hex(logitsHash) };
  }
}

export const hex = (value: bigint) => value.toString(16).padStart(16, "0");
