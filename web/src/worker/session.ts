// One session of core: a KV cache, and at most one generation under way.
import type { MainModule, Model, Session, SessionOptions, Step } from "../generated/module.js";
import { check, take, type Blocks } from "./blocks.js";
import type { GenerateSettings, SessionSettings, SessionState } from "./protocol.js";

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

  constructor(home: Home, settings: SessionSettings) {
    this.#home = home;
    this.#options = Object.assign(home.module.sessionDefaults(), defined(settings));
    this.#session = new home.module.Session();
    try {
      check(this.#session.make(home.model, this.#options));
    } catch (error) {
      this.#session.delete();
      throw error;
    }
  }

  /** Begin a generation; what the cache holds of the ids is kept. Returns the seed in use. */
  start(ids: Int32Array, settings: GenerateSettings): bigint {
    const { module, blocks } = this.#home;
    const options = module.generateDefaults();
    Object.assign(options.sampler, defined(settings.sampler));
    Object.assign(
      options,
      defined({ maxTokens: settings.maxTokens, ignoreEnd: settings.ignoreEnd }),
    );
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

  /** Forget everything. */
  reset(): void {
    this.#session.truncate(0);
  }

  delete(): void {
    this.#session.delete();
  }
}
