// The module's objects as this package uses them: replies become values or BitNetErrors, strings and ids go through
// blocks, views are copied before the next call can move them.
import { BitNetError } from "../errors.js";
import type {
  Block,
  Loader,
  MainModule,
  Model,
  Session,
  SessionOptions,
  Step,
} from "../generated/module.js";
import type { CoreInfo, GenerateSettings, LoadSettings, Prompt } from "./protocol.js";

interface Outcome {
  code: number;
  detail: unknown;
}

export function check(outcome: Outcome): void {
  if (outcome.code !== 0) throw BitNetError.fromCore(outcome.code, String(outcome.detail));
}
function take<T>(reply: Outcome & { value: T }): T {
  check(reply);
  return reply.value;
}

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

const defined = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;

// TextEncoder turns lone surrogates into U+FFFD; what reaches core is UTF-8.
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class Engine {
  readonly module: MainModule;
  readonly model: Model;
  readonly session: Session;
  readonly #isa: string;
  readonly #text: Block;
  readonly #list: Block;
  readonly #sessionOptions: SessionOptions;

  /** `isa`: the kernels to use when nobody names any. */
  constructor(module: MainModule, isa: string) {
    this.module = module;
    this.#isa = isa;
    this.model = new module.Model();
    this.session = new module.Session();
    this.#text = new module.Block();
    this.#list = new module.Block();
    this.#sessionOptions = module.sessionDefaults();
  }

  beginLoad(fileSize: number, { isa = this.#isa, floatActivations, head }: LoadSettings): Loader {
    return beginLoad(this.module, fileSize, isa, floatActivations, head);
  }

  finishLoad(loader: Loader, { context, kvType, batch }: LoadSettings): CoreInfo {
    check(loader.finish(this.model));
    Object.assign(this.#sessionOptions, defined({ context, kvType, batch }));
    check(this.session.make(this.model, this.#sessionOptions));
    const info = take(this.model.info()) as Omit<CoreInfo, "sessionContext">;
    return { ...info, sessionContext: this.session.capacity() };
  }

  tokenize(prompt: Prompt, bos: boolean): Int32Array {
    if ("ids" in prompt) return prompt.ids;
    if ("text" in prompt) {
      this.#write(this.#text, encoder.encode(prompt.text));
      return take(this.model.tokenize(this.#text, bos)).slice();
    }
    this.#writeList(prompt.messages.flatMap(({ role, content }) => [role, content]));
    return take(this.model.tokenizeChat(this.#text, this.#list, true)).slice();
  }

  detokenize(ids: Int32Array, special: boolean): string {
    this.#write(this.#list, ids);
    // slice: TextDecoder refuses shared memory
    return decoder.decode(take(this.model.detokenize(this.#list, special)).slice());
  }

  start(ids: Int32Array, settings: GenerateSettings): bigint {
    const options = this.module.generateDefaults();
    Object.assign(options.sampler, defined(settings.sampler));
    Object.assign(
      options,
      defined({ maxTokens: settings.maxTokens, ignoreEnd: settings.ignoreEnd }),
    );
    const prompt = new this.module.Block();
    try {
      this.#write(prompt, ids);
      this.#writeList(settings.stop);
      check(this.session.start(prompt, options, this.#text, this.#list));
    } finally {
      prompt.delete();
    }
    return options.sampler.seed;
  }

  next(): Step {
    return take(this.session.next());
  }

  memory(): { wasmBytes: number; sessionBytes: number } {
    return {
      wasmBytes: this.module.memoryBytes(),
      sessionBytes: take(this.model.sessionBytes(this.#sessionOptions)),
    };
  }

  selfTest(): { kernelCases: number; tokens: number; logitsHash: string } {
    const { kernelCases, tokens, logitsHash } = take(this.module.selfTest(this.model));
    return { kernelCases, tokens, logitsHash: hex(logitsHash) };
  }

  #writeList(strings: string[]): void {
    const parts = strings.map((string) => encoder.encode(string));
    this.#write(
      this.#list,
      Uint32Array.from(parts, (part) => part.length),
    );
    const into = take(this.#text.resize(parts.reduce((sum, part) => sum + part.length, 0)));
    let at = 0;
    for (const part of parts) {
      into.set(part, at);
      at += part.length;
    }
  }

  #write(
    block: Block,
    { buffer, byteOffset, byteLength }: Uint8Array | Int32Array | Uint32Array,
  ): void {
    take(block.resize(byteLength)).set(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

export const hex = (value: bigint) => value.toString(16).padStart(16, "0");
