// A loaded model in its worker. Its own chat() and generate() are those of its first session; session() opens more.
import { BitNetError } from "./errors.js";
import type { Generation } from "./generation.js";
import type { Completions } from "./openai/completions.js";
import { Embeddings, type Embedded } from "./openai/embeddings.js";
import {
  copyList,
  readDetokenizeOptions,
  readEmbedOptions,
  reading,
  readMessages,
  readPrompt,
  readTokenizeOptions,
} from "./options.js";
import { Session, type Chat, type Shared } from "./session.js";
import type {
  ChatMessage,
  EmbedOptions,
  GenerateOptions,
  MemoryReport,
  ModelInfo,
  SessionOptions,
} from "./types.js";
import type { Client } from "./worker/client.js";
import type { Prompt } from "./worker/protocol.js";

/** A loaded model. */
export class Model {
  readonly info: ModelInfo;
  /** Answer a conversation in the model's first session: the short form, and `chat.completions.create()`. */
  readonly chat: Chat;
  /** `completions.create()` in the model's first session. */
  readonly completions: Completions;
  /** `embeddings.create()`, in OpenAI's shape. */
  readonly embeddings: Embeddings;
  readonly #client: Client;
  readonly #shared: Shared;
  readonly #main: Session;
  #embedder: Promise<Session> | undefined;

  /** @internal Use BitNet.load(). */
  constructor(client: Client, info: ModelInfo) {
    this.#client = client;
    this.info = info;
    this.#shared = { client, info, next: 1 };
    this.#main = Session.main(this.#shared);
    this.chat = this.#main.chat;
    this.completions = this.#main.completions;
    this.embeddings = new Embeddings(info, (prompts, options) => this.#embed(prompts, options));
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

  /**
   * A session that holds what Session.save() gave, of the same model and the same kvType. Bytes of anything else are refused
   * with code "BadSession".
   */
  async restore(
    saved: Blob | ArrayBuffer | Uint8Array,
    options?: SessionOptions,
  ): Promise<Session> {
    return Session.restore(this.#shared, saved, options);
  }

  /**
   * The vector of a text, or of each of several: the model's last hidden state, `info.hidden` numbers. The first call opens a
   * session for it, so that no conversation is disturbed.
   */
  async embed(text: string, options?: EmbedOptions): Promise<Float32Array>;
  async embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embed(
    given: string | readonly string[],
    options?: EmbedOptions,
  ): Promise<Float32Array | Float32Array[]> {
    const { prompts, read } = reading("an option", () => ({
      prompts: (typeof given === "string" ? [given] : copyList("the texts", given)).map(readPrompt),
      read: readEmbedOptions(options),
    }));
    const vectors = (await this.#embed(prompts, read)).map(({ vector }) => vector);
    return typeof given === "string" ? vectors[0]! : vectors;
  }

  /** Ids of plain text. `bos`: with the model's begin token first, as generate() has it. */
  async tokenize(text: string, options?: { bos?: boolean }): Promise<Int32Array> {
    const { bos = false } = reading("an option", () => readTokenizeOptions(options));
    const prompt = reading("the text", () => ({ text: String(text) }));
    return this.#client.request("tokenize", { prompt, bos }).result;
  }

  /** Ids of a conversation, up to where the assistant is to speak. */
  async tokenizeChat(messages: readonly ChatMessage[] | string): Promise<Int32Array> {
    const prompt = reading("the messages", () => readMessages(messages));
    return this.#client.request("tokenize", { prompt, bos: true }).result;
  }

  /** Text of ids. `special`: control tokens show too. */
  async detokenize(
    ids: readonly number[] | Int32Array,
    options?: { special?: boolean },
  ): Promise<string> {
    const { special = false } = reading("an option", () => readDetokenizeOptions(options));
    const prompt = reading("the ids", () => readPrompt(ids));
    if (!("ids" in prompt)) throw new BitNetError("InvalidOption", "detokenize takes token ids");
    return this.#client.request("detokenize", { ids: prompt.ids, special }).result;
  }

  /** What the model takes, in bytes. */
  async memory(): Promise<MemoryReport> {
    const report = await this.#client.request("memory", {}).result;
    return { ...report, weightBytes: this.info.weightBytes };
  }

  async #embed(prompts: Prompt[], options: EmbedOptions): Promise<Embedded[]> {
    if (this.#embedder === undefined) {
      this.#embedder = Session.open(this.#shared);
      this.#embedder.catch(() => (this.#embedder = undefined)); // another time there may be room
    }
    return (await this.#embedder).embed(prompts, options);
  }

  /** End the worker and give all memory back. What is under way rejects with code "Disposed". */
  async dispose(): Promise<void> {
    await this.#client.end(new BitNetError("Disposed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
