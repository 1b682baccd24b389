// A loaded model in its worker: one conversation's KV cache, generations one after the other (first come, first served).
import { BitNetError } from "./errors.js";
import { Generation } from "./generation.js";
import { readGenerateOptions, readMessages, readPrompt } from "./options.js";
import type { ChatMessage, GenerateOptions, MemoryReport, ModelInfo } from "./types.js";
import type { Client } from "./worker/client.js";

/** Sampling that chats well. generate() keeps core's defaults: greedy, so that it repeats exactly. */
export const chatDefaults = {
  temperature: 0.7,
  topP: 0.95,
  topK: 40,
  repetitionPenalty: 1.05,
} as const;

const randomSeed = () => crypto.getRandomValues(new BigUint64Array(1))[0]!;

export class Model {
  readonly info: ModelInfo;
  readonly #client: Client;

  /** @internal Use BitNet.load(). */
  constructor(client: Client, info: ModelInfo) {
    this.#client = client;
    this.info = info;
  }

  /**
   * Answer a conversation, framed by the model's chat template. Samples (see chatDefaults) with a new seed unless one is
   * given; the result tells the seed. What the KV cache holds of the conversation is not evaluated again.
   */
  chat(messages: readonly ChatMessage[] | string, options?: GenerateOptions): Generation {
    return Generation.start(this.#client, () => ({
      prompt: readMessages(messages),
      ...readGenerateOptions(options, { ...chatDefaults, seed: randomSeed() }),
    }));
  }

  /** Continue a text or a list of token ids. Greedy unless told otherwise. */
  generate(prompt: string | readonly number[] | Int32Array, options?: GenerateOptions): Generation {
    return Generation.start(this.#client, () => ({
      prompt: readPrompt(prompt),
      ...readGenerateOptions(options, {}),
    }));
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
