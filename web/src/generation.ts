// One generation: an async iterator over pieces of text that also knows its numbers. It runs whether or not anyone reads.
import { BitNetError } from "./errors.js";
import type { GeneratedToken, GenerationResult, GenerationStats } from "./types.js";
import type { Call } from "./worker/client.js";
import type { Finished, GenerateSettings, Piece, Prompt } from "./worker/protocol.js";

/** @internal What is to be generated. */
export interface Asked {
  prompt: Prompt;
  settings: GenerateSettings;
  signal: AbortSignal | undefined;
}

/** @internal Who generates: a session. */
export interface Generator {
  begin(asked: Asked, onPiece: (piece: Piece) => void): Call<Finished>;
  abort(id: number): void;
}

/** A generation under way: iterate over its text, or await its `result`. */
export class Generation implements AsyncGenerator<string, GenerationResult, undefined> {
  /** The numbers so far. */
  stats: GenerationStats = {
    promptTokens: 0,
    prefilled: 0,
    cachedTokens: 0,
    contextTokens: 0,
    tokens: 0,
    tokensPerSecond: 0,
    prefillTokensPerSecond: 0,
    seed: 0n,
  };
  /** Settles when the generation ends, read or not; rejects as the iteration does. */
  readonly result: Promise<GenerationResult>;
  /** @internal Settles with the first step, or rejects when there is none. */
  readonly began: Promise<void>;

  #text = "";
  #unread = "";
  #tokens: GeneratedToken[] = [];
  #told = 0; // how many of them parts() has given
  #left = false;
  #logprobs = false;
  #wake = () => {};
  #settled: { value: GenerationResult } | { error: unknown } | undefined;
  #abort = () => {};
  #begin = () => {};

  private constructor(run: (generation: Generation) => Promise<GenerationResult>) {
    const first = new Promise<void>((begin) => (this.#begin = begin));
    this.result = run(this);
    this.began = Promise.race([first, this.result.then(() => {})]);
    this.began.catch(() => {}); // `result` tells it too
    this.result.then(
      (value) => {
        this.#settled = { value };
        this.#wake();
      },
      (error: unknown) => {
        this.#settled = { error };
        this.#wake();
      }, // also: nobody needs to await `result`
    );
  }

  /** @internal `make` may throw: that too is told by the iteration. */
  static start(generator: Generator, make: () => Asked): Generation {
    return new Generation(async (generation) => {
      const asked = make();
      const { signal } = asked;
      generation.#logprobs = asked.settings.logprobs === true;
      if (signal?.aborted) throw new BitNetError("Aborted");
      const call = generator.begin(asked, (piece) => generation.#take(piece));
      const abort = () => generator.abort(call.id);
      generation.#abort = abort;
      signal?.addEventListener("abort", abort);
      try {
        return generation.#finish(await call.result);
      } catch (error) {
        if (generation.#left && error instanceof BitNetError && error.code === "Aborted") {
          return generation.#finish({ finishReason: "aborted", stats: generation.stats });
        }
        throw error;
      } finally {
        signal?.removeEventListener("abort", abort);
      }
    });
  }

  async next(): Promise<IteratorResult<string, GenerationResult>> {
    while (this.#unread === "" && this.#settled === undefined) {
      await new Promise<void>((wake) => {
        const others = this.#wake; // two next() at once both wake
        this.#wake = () => {
          others();
          wake();
        };
      });
    }
    if (this.#left) return { done: true, value: await this.result };
    if (this.#settled && "error" in this.#settled) throw this.#settled.error;
    if (this.#unread !== "") {
      const value = this.#unread; // all that came since the last read, in one piece
      this.#unread = "";
      return { done: false, value };
    }
    return { done: true, value: await this.result };
  }

  /** @internal The same with what is known of each token; one reads either this or the iteration. */
  async *parts(): AsyncGenerator<{ text: string; tokens: GeneratedToken[] }, void, undefined> {
    const newTokens = () => this.#tokens.slice(this.#told, (this.#told = this.#tokens.length));
    for await (const text of this) yield { text, tokens: newTokens() };
    const rest = newTokens(); // of tokens whose text was held back, and cut off
    if (rest.length > 0) yield { text: "", tokens: rest };
  }

  /** What `break` calls: the generation stops, its result has the finish reason "aborted". */
  async return(): Promise<IteratorResult<string, GenerationResult>> {
    if (this.#settled === undefined) {
      this.#left = true;
      this.#abort();
    }
    return { done: true, value: await this.result };
  }

  async throw(error: unknown): Promise<IteratorResult<string, GenerationResult>> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return().catch(() => {}); // the iteration or `result` has told the error
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The whole text. */
  async text(): Promise<string> {
    return (await this.result).text;
  }

  #take({ text, token, stats }: Piece): void {
    this.stats = stats;
    if (token !== undefined) this.#tokens.push(token);
    this.#text += text;
    this.#unread += text;
    this.#begin();
    this.#wake();
    this.#wake = () => {};
  }

  #finish({ stats, ...finished }: Finished): GenerationResult {
    this.stats = stats;
    const logprobs = this.#logprobs ? { logprobs: this.#tokens } : {};
    return { ...stats, ...finished, ...logprobs, text: this.#text };
  }
}
