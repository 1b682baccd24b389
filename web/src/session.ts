// A conversation with a model: a KV cache of its own, whose calls are served one after the other, in their order.
import { BitNetError } from "./errors.js";
import { Generation, type Asked } from "./generation.js";
import { ChatCompletions } from "./openai/chat.js";
import { Completions } from "./openai/completions.js";
import {
  readGenerateOptions,
  reading,
  readMessages,
  readPrompt,
  readSaved,
  readSessionOptions,
} from "./options.js";
import type {
  ChatMessage,
  EmbedOptions,
  GenerateOptions,
  ModelInfo,
  SessionOptions,
} from "./types.js";
import type { Client } from "./worker/client.js";
import { mainSession, type Prompt, type Requests, type SessionState } from "./worker/protocol.js";

/** Sampling that chats well. generate() keeps core's defaults: greedy, so that it repeats exactly. */
export const chatDefaults = {
  temperature: 0.7,
  topP: 0.95,
  topK: 40,
  repetitionPenalty: 1.05,
} as const;

const randomSeed = () => crypto.getRandomValues(new BigUint64Array(1))[0]!;

/** @internal What the sessions of one model share. */
export interface Shared {
  client: Client;
  info: ModelInfo;
  /** Sessions are numbered from here. */
  next: number;
}

/** A chat: call it, or use it as OpenAI's client. */
export interface Chat {
  /**
   * Answer a conversation, framed by the model's chat template. Samples (see chatDefaults) with a new seed unless one is
   * given; the result tells the seed. What the KV cache holds of the conversation is not evaluated again.
   */
  (messages: readonly ChatMessage[] | string, options?: GenerateOptions): Generation;
  /** `chat.completions.create()`, in OpenAI's shape. */
  readonly completions: ChatCompletions;
}

/** A conversation on a loaded model. */
export class Session {
  /** Tokens that the context can hold. */
  readonly capacity: number;
  /** Answer a conversation: the short form, and OpenAI's as `chat.completions.create()`. */
  readonly chat: Chat;
  /** `completions.create()`, in OpenAI's shape: continue a text. */
  readonly completions: Completions;

  readonly #shared: Shared;
  readonly #id: number;
  readonly #calls = new Set<number>();
  #tokens: number;
  #disposed: BitNetError | undefined;

  /** @internal Use model.session(). */
  constructor(shared: Shared, id: number, { tokens, capacity }: SessionState) {
    this.#shared = shared;
    this.#id = id;
    this.#tokens = tokens;
    this.capacity = capacity;
    const sampled = (prompt: Prompt, options: GenerateOptions | undefined) => ({
      prompt,
      ...readGenerateOptions(options, { ...chatDefaults, seed: randomSeed() }),
    });
    const host = {
      info: shared.info,
      start: (prompt: Prompt, options: GenerateOptions) =>
        this.#start(() => sampled(prompt, options)),
      detokenize: (ids: Int32Array) =>
        shared.client.request("detokenize", { ids, special: false }).result,
    };
    this.completions = new Completions(host);
    this.chat = Object.assign(
      (messages: readonly ChatMessage[] | string, options?: GenerateOptions) =>
        this.#start(() => sampled(readMessages(messages), options)),
      { completions: new ChatCompletions(host) },
    );
  }

  /** @internal The session that the model has from the start. */
  static main(shared: Shared): Session {
    return new Session(shared, mainSession, { tokens: 0, capacity: shared.info.sessionContext });
  }

  /** @internal */
  static async open(shared: Shared, options?: SessionOptions): Promise<Session> {
    const settings = reading("an option", () => readSessionOptions(options));
    const session = shared.next++;
    const state = await shared.client.request("openSession", { session, settings }).result;
    return new Session(shared, session, state);
  }

  /** @internal */
  static async restore(
    shared: Shared,
    saved: Blob | ArrayBuffer | Uint8Array,
    options?: SessionOptions,
  ): Promise<Session> {
    const settings = reading("an option", () => readSessionOptions(options));
    const session = shared.next++;
    const request = { session, settings, saved: readSaved(saved) };
    const state = await shared.client.request("restoreSession", request).result;
    return new Session(shared, session, state);
  }

  /** Tokens in the context, as of the last step that was heard of. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Continue a text or a list of token ids. Greedy unless told otherwise. */
  generate(prompt: string | readonly number[] | Int32Array, options?: GenerateOptions): Generation {
    return this.#start(() => ({
      prompt: readPrompt(prompt),
      ...readGenerateOptions(options, {}),
    }));
  }

  /** Another session that holds the same tokens, when the calls before this one have ended. */
  async fork(): Promise<Session> {
    const into = this.#shared.next++;
    const forked = this.#request("forkSession", { into }).catch((error: unknown) => {
      // The worker may have made it before it heard that nobody waits for it.
      this.#shared.client.request("closeSession", { session: into }).result.catch(() => {});
      throw error;
    });
    return new Session(this.#shared, into, await forked);
  }

  /**
   * The context as bytes, for model.restore(), in this place or another, with any flavour and any number of threads: a
   * conversation goes on there as if it had never been away.
   */
  async save(): Promise<Blob> {
    return this.#request("saveSession", {});
  }

  /** Forget the conversation, when the calls before this one have ended. */
  async reset(): Promise<void> {
    this.#tokens = (await this.#request("resetSession", {})).tokens;
  }

  /** Give the session's memory back. What is under way in it rejects with code "Disposed"; the model stays usable. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = new BitNetError("Disposed", "session");
    const { client } = this.#shared;
    for (const id of [...this.#calls]) client.abort(id, this.#disposed);
    await client.request("closeSession", { session: this.#id }).result.catch((error: unknown) => {
      if ((error as BitNetError).code !== "Disposed") throw error; // the whole model has gone
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** @internal The vector of each text. */
  async embed(
    prompts: readonly Prompt[],
    { pooling = "last", normalize = true, signal }: EmbedOptions,
  ): Promise<{ vector: Float32Array; tokens: number }[]> {
    if (signal?.aborted) throw new BitNetError("Aborted");
    const { client } = this.#shared;
    const calls = prompts.map((prompt) => {
      this.#check();
      const session = this.#id;
      const call = client.request("embed", { session, prompt, pooling, normalize });
      return { id: call.id, result: this.#track(call) };
    });
    const abort = () => calls.forEach(({ id }) => client.abort(id));
    signal?.addEventListener("abort", abort);
    try {
      return await Promise.all(calls.map(({ result }) => result));
    } catch (error) {
      abort(); // the others: nobody will hear of them
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #check(): void {
    if (this.#disposed) throw this.#disposed;
  }

  /** A call that nobody aborts; dispose() settles it. */
  async #request<N extends "resetSession" | "saveSession" | "forkSession">(
    name: N,
    request: Omit<Requests[N]["request"], "session">,
  ): Promise<Requests[N]["result"]> {
    this.#check();
    const asked = { ...request, session: this.#id } as Requests[N]["request"];
    return this.#track(this.#shared.client.request(name, asked));
  }

  /** The result of a call that dispose() must settle. */
  #track<T>({ id, result }: { id: number; result: Promise<T> }): Promise<T> {
    this.#calls.add(id);
    return result.finally(() => this.#calls.delete(id));
  }

  #start(read: () => Asked): Generation {
    const { client } = this.#shared;
    const make = () => reading("an option", read);
    return Generation.start(
      {
        begin: ({ prompt, settings }, onPiece) => {
          this.#check();
          const session = this.#id;
          const call = client.request("generate", { session, prompt, settings }, (piece) => {
            this.#tokens = piece.stats.contextTokens;
            onPiece(piece);
          });
          return { id: call.id, result: this.#track(call) };
        },
        abort: (id) => client.abort(id),
      },
      make,
    );
  }
}
