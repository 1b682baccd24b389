// What chat and text completions share: the numbers and names of an answer, and the stream of its chunks.
import { BitNetError } from "../errors.js";
import type { Generation } from "../generation.js";
import type { GenerateOptions, GenerationResult, ModelInfo } from "../types.js";
import type { Prompt } from "../worker/protocol.js";
import type { CompletionUsage } from "./types.js";

/** The session that generates. */
export interface Host {
  readonly info: ModelInfo;
  /** With the sampling of chatDefaults where nothing is given. */
  start(prompt: Prompt, options: GenerateOptions): Generation;
  detokenize(ids: Int32Array): Promise<string>;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** `prefix` and 24 letters that nobody had before. */
export function newId(prefix: string): string {
  const random = crypto.getRandomValues(new Uint8Array(24));
  return prefix + Array.from(random, (byte) => alphabet[byte % alphabet.length]).join("");
}

/** What every part of one answer says about it. */
export interface Head {
  id: string;
  created: number;
  model: string;
  system_fingerprint: string;
}
export function newHead(prefix: string, { name, version }: ModelInfo): Head {
  return {
    id: newId(prefix),
    created: Math.floor(Date.now() / 1000),
    model: name === "" ? "bitnet" : name,
    system_fingerprint: `bitnet-edge-${version}`,
  };
}

export const finishReason = ({ finishReason: reason }: GenerationResult) =>
  reason === "length" || reason === "context" ? "length" : "stop";

/** `perPrompt`: so many results are of one prompt, which counts once. */
export function usageOf(results: readonly GenerationResult[], perPrompt: number): CompletionUsage {
  let prompt = 0;
  let cached = 0;
  let completion = 0;
  results.forEach((result, i) => {
    completion += result.tokens;
    if (i % perPrompt !== 0) return;
    prompt += result.promptTokens;
    cached += result.cachedTokens;
  });
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

/** Seeds of `n` choices: `first`, or one that nobody knows, and those after it. */
export function seeds(first: number | undefined, n: number): bigint[] {
  const from =
    first === undefined ? crypto.getRandomValues(new BigUint64Array(1))[0]! : BigInt(first);
  return Array.from({ length: n }, (_, i) => BigInt.asUintN(64, from + BigInt(i)));
}

/** The generations of one answer, under way. */
export interface Run {
  generations: readonly Generation[];
  controller: AbortController;
}

/** Begin them all, one after the other in their session's queue; rejects when the first cannot begin. */
export async function begin(
  host: Host,
  asked: readonly { prompt: Prompt; options: GenerateOptions }[],
  signal: AbortSignal | undefined,
): Promise<Run> {
  if (signal?.aborted) throw new BitNetError("Aborted");
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal?.addEventListener("abort", abort);
  const generations = asked.map(({ prompt, options }) =>
    host.start(prompt, { ...options, signal: controller.signal }),
  );
  void Promise.allSettled(generations.map(({ result }) => result)).then(() =>
    signal?.removeEventListener("abort", abort),
  );
  try {
    await generations[0]?.began;
  } catch (error) {
    controller.abort();
    throw error;
  }
  return { generations, controller };
}

/** All results; when one generation fails, the others end, and the first failure is told. */
export async function allResults({ generations, controller }: Run): Promise<GenerationResult[]> {
  try {
    return await Promise.all(generations.map(({ result }) => result));
  } finally {
    controller.abort(); // after the end it changes nothing
  }
}

/** The chunks of an answer, to be read once. Leaving the loop ends the generation, as aborting `controller` does. */
export class CompletionStream<T> implements AsyncIterableIterator<T> {
  readonly controller: AbortController;
  readonly #chunks: AsyncGenerator<T, void, undefined>;

  /** @internal */
  constructor({ controller }: Run, chunks: AsyncGenerator<T, void, undefined>) {
    this.controller = controller;
    this.#chunks = chunks;
  }

  async next(): Promise<IteratorResult<T>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      this.controller.abort(); // the other choices
      throw error;
    }
  }

  async return(): Promise<IteratorResult<T>> {
    this.controller.abort();
    return this.#chunks.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
