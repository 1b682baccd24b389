// One session of core: a KV cache, and at most one generation under way.
import { asBitNetError } from "../errors.js";
import type { MainModule, Model, Session, SessionOptions, Step } from "../generated/module.js";
import { check, take, type Blocks, type Outcome } from "./blocks.js";
import type { GenerateSettings, SessionSettings, SessionState } from "./protocol.js";
import type { NextTurn } from "./sessions.js";

/** Without the properties that are undefined. */
export const defined = <T extends object>(values: { [K in keyof T]: T[K] | undefined }) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;

/** What a session needs of its engine. */
export interface Home {
  module: MainModule;
  model: Model;
  blocks: Blocks;
}

export class CoreSession {
  readonly #home: Home;
  readonly #session: Session;
  readonly #options: SessionOptions;

  private constructor(home: Home, options: SessionOptions, fill: (empty: Session) => Outcome) {
    this.#home = home;
    this.#options = options;
    this.#session = new home.module.Session();
    try {
      check(fill(this.#session));
    } catch (error) {
      this.#session.delete();
      throw error;
    }
  }

  static make(home: Home, settings: SessionSettings): CoreSession {
    const options = Object.assign(home.module.sessionDefaults(), defined(settings));
    return new CoreSession(home, options, (empty) => empty.make(home.model, options));
  }

  /** Another session that holds the same. */
  fork(): CoreSession {
    return new CoreSession(this.#home, this.#options, (empty) => this.#session.fork(empty));
  }

  /** Begin a generation; what the cache holds of the ids is kept. Returns the seed in use. */
  start(ids: Int32Array, settings: GenerateSettings): bigint {
    const { module, blocks } = this.#home;
    const { maxTokens, ignoreEnd, logprobs, topLogprobs, contextPolicy, keep, draft } = settings;
    const options = module.generateDefaults();
    Object.assign(options.sampler, defined(settings.sampler));
    Object.assign(
      options,
      defined({ maxTokens, ignoreEnd, logprobs, topLogprobs, contextPolicy, keep, draft }),
    );
    // Always both: a constraint of a call that failed before its start must not be this one's.
    for (const [text, isSchema] of [
      [settings.grammar ?? "", false],
      [settings.jsonSchema ?? "", true],
    ] as const) {
      blocks.writeText(text);
      check(this.#session.constrain(blocks.text, isSchema));
    }
    blocks.writeIds(ids);
    blocks.writeList(settings.stop);
    check(this.#session.start(blocks.ids, options, blocks.text, blocks.list));
    return options.sampler.seed;
  }

  next(): Step {
    return take(this.#session.next());
  }

  /** The fingerprint `hash`, continued by the last step's logits. */
  hashLogits(hash: bigint): bigint {
    return this.#session.hashLogits(hash);
  }

  /** Tokens in the context. */
  get tokens(): number {
    return this.#session.size();
  }

  get state(): SessionState {
    return { tokens: this.#session.size(), capacity: this.#session.capacity() };
  }

  /** Bytes of memory. */
  get bytes(): number {
    return take(this.#home.model.sessionBytes(this.#options));
  }

  /** The context as bytes. Each piece leaves JavaScript's memory for the blob's. */
  async save(nextTurn: NextTurn): Promise<Blob> {
    const pieces: Blob[] = [];
    take(this.#session.saveBegin());
    for (;;) {
      const piece = take(this.#session.savePiece());
      if (piece.length === 0) return new Blob(pieces);
      pieces.push(new Blob([piece.slice()])); // slice: a blob takes no shared memory
      await nextTurn();
    }
  }

  /** What save() gave, in place of all that the context holds. */
  async restore(saved: Blob): Promise<void> {
    check(this.#session.restoreBegin(saved.size));
    for (let at = 0; ; ) {
      const { length } = this.#session.restoreWanted();
      if (length === 0) return;
      const read = saved.slice(at, at + length).arrayBuffer();
      const piece = await read.catch((error: unknown) => {
        throw asBitNetError(error, "Io"); // of a file that changed or went, say
      });
      this.#session.restoreWanted().set(new Uint8Array(piece)); // asked again: memory may have moved
      check(this.#session.restoreAccept());
      at += length;
    }
  }

  /** The vector of a text; the context holds only that text afterwards. */
  embed(ids: Int32Array, pooling: "last" | "mean", normalize: boolean): Float32Array {
    this.#home.blocks.writeIds(ids);
    return take(this.#session.embed(this.#home.blocks.ids, pooling, normalize)).slice();
  }

  /** Forget everything. */
  reset(): void {
    this.#session.truncate(0);
  }

  delete(): void {
    this.#session.delete();
  }
}
