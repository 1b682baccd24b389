// The module's objects as this package uses them: replies become values or BitNetErrors, strings and ids go through
// blocks, views are copied before the next call can move them.
import type { Loader, MainModule, Model, SessionOptions } from "../generated/module.js";
import type { Estimate, TokenLogprob } from "../types.js";
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

type CoreEstimate = Pick<Estimate, "model" | "weightBytes" | "sessionBytes" | "peakBytes">;

/** Begin a load with any module's loader; the caller fills the ranges that it wants, then finishes it. */
export function beginLoad<
  L extends Pick<Loader, "addFile" | "begin" | "beginEstimate" | "delete">,
>(
  module: { Loader: new () => L; sessionDefaults(): SessionOptions },
  fileSizes: readonly number[],
  { isa = "", floatActivations = false, head = "file", memoryLimit = 0, ...more }: LoadSettings,
  onlyEstimate = false,
): L {
  const loader = new module.Loader();
  try {
    for (const size of fileSizes) check(loader.addFile(size));
    check(
      onlyEstimate
        ? loader.beginEstimate(isa, floatActivations, head)
        : loader.begin(isa, floatActivations, head, memoryLimit, sessionOptions(module, more)),
    );
    return loader;
  } catch (error) {
    loader.delete();
    throw error;
  }
}

/** Core's defaults, and what is given instead. */
export const sessionOptions = (
  module: { sessionDefaults(): SessionOptions },
  { context, kvType, batch }: SessionSettings,
): SessionOptions => ({
  ...module.sessionDefaults(),
  ...defined<SessionSettings>({ context, kvType, batch }),
});

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

  beginLoad(fileSizes: readonly number[], settings: LoadSettings, onlyEstimate = false): Loader {
    const named = { ...settings, isa: settings.isa ?? this.#isa };
    return beginLoad(this.module, fileSizes, named, onlyEstimate);
  }

  /** What the header that a loader has read announces. */
  estimate(loader: Loader, settings: LoadSettings): CoreEstimate {
    return take(loader.estimate(sessionOptions(this.module, settings))) as CoreEstimate;
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
    const session = CoreSession.make(this, { ...this.#sessionDefaults, ...defined(settings) });
    return this.sessions.open(id, session);
  }

  /** A session that holds what another one saved. */
  async restoreSession(id: number, settings: SessionSettings, saved: Blob): Promise<SessionState> {
    const session = CoreSession.make(this, { ...this.#sessionDefaults, ...defined(settings) });
    try {
      await session.restore(saved);
    } catch (error) {
      session.delete();
      throw error;
    }
    return this.sessions.open(id, session);
  }

  /** The token and its log-probability, as people read them. */
  tokenLogprob(id: number, logprob: number): TokenLogprob {
    this.blocks.writeIds(Int32Array.of(id));
    const bytes = take(this.model.detokenize(this.blocks.ids, true)).slice();
    return { id, token: decoder.decode(bytes), bytes: [...bytes], logprob };
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
