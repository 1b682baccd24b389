// A loaded model in its worker. Its own chat() and generate() are those of its first session; session() opens more.
import { BitNetError } from "./errors.js";
import type { Generation } from "./generation.js";
import { readMessages, readPrompt } from "./options.js";
import { Session, type Shared } from "./session.js";
import type {
  ChatMessage,
  GenerateOptions,
  MemoryReport,
  ModelInfo,
  SessionOptions,
} from "./types.js";
import type { Client } from "./worker/client.js";

export class Model {
  readonly info: ModelInfo;
  readonly #client: Client;
  readonly #shared: Shared;
  readonly #main: Session;

  /** @internal Use BitNet.load(). */
  constructor(client: Client, info: ModelInfo) {
    this.#client = client;
    this.info = info;
    this.#shared = { client, info, next: 1 };
    this.#main = Session.main(this.#shared);
  }

  /** Session.chat() of the model's first session. */
  chat(messages: readonly ChatMessage[] | string, options?: GenerateOptions): Generation {
    return this.#main.chat(messages, options);
  }

  /** Session.generate() of the model's first session. */
  generate(prompt: string | readonly number[] | Int32Array, options?: GenerateOptions): Generation {
    return this.#main.generate(prompt, options);
  }

  /**
   * One more conversation on the same weights. Each takes memory for its KV cache (`memory()` tells), until it is disposed.
   * Generations of several sessions take turns, token by token.
   */
  async session(options?: SessionOptions): Promise<Session> {
    return Session.open(this.#shared, options);
  }

  /** Ids of plain text. `bos`: with the model's begin token first, as generate() has it. */
  async tokenize(text: string, { bos = false }: { bos?: boolean } = {}): Promise<Int32Array> {
    return this.#client.request("tokenize", { prompt: { text: String(text) }, bos }).result;
  }

  /** Ids of a conversation, up to where the assistant is to speak. */
  async tokenizeChat(messages: readonly ChatMessage[] | string): Promise<Int32Array> {
    return this.#client.request("tokenize", { prompt: readMessages(messages), bos: true }).result;
  }

  /** Text of ids. `special`: control tokens show too. */
  async detokenize(
    ids: readonly number[] | Int32Array,
    { special = false }: { special?: boolean } = {},
  ): Promise<string> {
    const prompt = readPrompt(ids);
    if (!("ids" in prompt)) throw new BitNetError("InvalidOption", "detokenize takes token ids");
    return this.#client.request("detokenize", { ids: prompt.ids, special }).result;
  }

  /** What the model takes, in bytes. */
  async memory(): Promise<MemoryReport> {
    const report = await this.#client.request("memory", {}).result;
    return { ...report, weightBytes: this.info.weightBytes };
  }

  /** End the worker and give all memory back. What is under way rejects with code "Disposed". */
  async dispose(): Promise<void> {
    await this.#client.end(new BitNetError("Disposed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
