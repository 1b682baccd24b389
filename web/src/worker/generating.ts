// Generations of one model, first come first served. Between two steps the worker's event loop turns, so that an abort
// is heard within one step.
import { BitNetError } from "../errors.js";
import type { GenerationStats } from "../types.js";
import { hex, type Engine } from "./engine.js";
import type { Finished, GenerateSettings, Piece, Prompt } from "./protocol.js";

/** One turn of the event loop, without the delay that timers have in browsers. */
const turn: () => Promise<void> = (() => {
  const { setImmediate } = globalThis as { setImmediate?: (done: () => void) => void };
  if (setImmediate !== undefined) return () => new Promise<void>((done) => setImmediate(done));
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise<void>((done) => {
      waiting.push(done);
      port2.postMessage(0);
    });
})();

const perSecond = (count: number, milliseconds: number) =>
  milliseconds > 0 ? (count * 1000) / milliseconds : 0;

export class Generations {
  readonly #engine: Engine;
  readonly #waiting = new Set<number>(); // ids that are queued or under way and not aborted
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  abort(id: number): void {
    this.#waiting.delete(id);
  }

  /** Rejects with Aborted when abort(id) came first. */
  add(
    id: number,
    prompt: Prompt,
    settings: GenerateSettings,
    emit: (piece: Piece) => void,
  ): Promise<Finished> {
    this.#waiting.add(id);
    const result = this.#last.then(() => this.#run(id, prompt, settings, emit));
    this.#last = result.catch(() => {}).finally(() => this.#waiting.delete(id));
    return result;
  }

  async #run(
    id: number,
    prompt: Prompt,
    settings: GenerateSettings,
    emit: (piece: Piece) => void,
  ): Promise<Finished> {
    const engine = this.#engine;
    this.#stopIfAborted(id);
    const ids = engine.tokenize(prompt, true);
    const seed = engine.start(ids, settings);
    const cachedTokens = engine.session.size();
    const stats: GenerationStats = {
      promptTokens: ids.length,
      prefilled: cachedTokens,
      cachedTokens,
      tokens: 0,
      tokensPerSecond: 0,
      prefillTokensPerSecond: 0,
      seed,
    };
    let hash = engine.module.hashStart();
    const begin = performance.now();
    let first = begin;
    for (;;) {
      await turn();
      this.#stopIfAborted(id);
      const step = engine.next();
      const now = performance.now();
      if (step.kind === "prefill") {
        stats.prefilled = step.prefilled;
        stats.prefillTokensPerSecond = perSecond(step.prefilled - cachedTokens, now - begin);
      } else if (step.kind === "token") {
        stats.prefilled = ids.length;
        if (++stats.tokens === 1) first = now; // the prompt's evaluation gave the first token
        stats.tokensPerSecond = perSecond(stats.tokens - 1, now - first);
        if (settings.logitsHash) hash = engine.session.hashLogits(hash);
      }
      const text = step.text as string;
      if (step.kind !== "end" || text !== "") emit({ text, stats: { ...stats } });
      if (step.kind === "end") {
        const finished: Finished = { finishReason: step.finish as Finished["finishReason"], stats };
        if (settings.logitsHash) finished.logitsHash = hex(hash);
        return finished;
      }
    }
  }

  #stopIfAborted(id: number): void {
    if (!this.#waiting.has(id)) throw new BitNetError("Aborted");
  }
}
