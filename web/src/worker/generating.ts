// One generation, from its prompt to its end, a step at a time.
import type { Step } from "../generated/module.js";
import type { GeneratedToken, GenerationStats } from "../types.js";
import { hex, type Engine } from "./engine.js";
import type { Finished, GenerateSettings, Piece } from "./protocol.js";
import type { CoreSession } from "./session.js";
import type { NextTurn } from "./sessions.js";

const perSecond = (count: number, milliseconds: number) =>
  milliseconds > 0 ? (count * 1000) / milliseconds : 0;

/** The token of a step and the likeliest ones in its place. */
function tokenOf(engine: Engine, { id, logprob, topIds, topLogprobs }: Step): GeneratedToken {
  const top = Array.from(topIds, (one, i) => [one, topLogprobs[i]!] as const); // before a call moves them
  return {
    ...engine.tokenLogprob(id, logprob),
    top: top.map(([one, itsLogprob]) => engine.tokenLogprob(one, itsLogprob)),
  };
}

export async function generate(
  engine: Engine,
  session: CoreSession,
  ids: Int32Array,
  settings: GenerateSettings,
  nextTurn: NextTurn,
  emit: (piece: Piece) => void,
): Promise<Finished> {
  let hash = engine.module.hashStart();
  const seed = session.start(ids, settings);
  const cachedTokens = session.tokens;
  const stats: GenerationStats = {
    promptTokens: ids.length,
    prefilled: cachedTokens,
    cachedTokens,
    contextTokens: cachedTokens,
    tokens: 0,
    tokensPerSecond: 0,
    prefillTokensPerSecond: 0,
    seed,
  };
  const begin = performance.now();
  let first = begin;
  for (;;) {
    await nextTurn();
    const step = session.next();
    const told = settings.logprobs && step.kind === "token" ? { token: tokenOf(engine, step) } : {};
    const now = performance.now();
    stats.contextTokens = session.tokens;
    if (step.kind === "prefill" && stats.tokens === 0) {
      stats.prefilled = step.prefilled;
      stats.prefillTokensPerSecond = perSecond(step.prefilled - cachedTokens, now - begin);
    } else if (step.kind === "token") {
      stats.prefilled = ids.length;
      if (++stats.tokens === 1) first = now; // the prompt's evaluation gave the first token
      stats.tokensPerSecond = perSecond(stats.tokens - 1, now - first);
      if (settings.logitsHash) hash = session.hashLogits(hash);
    }
    const text = step.text as string;
    if (step.kind !== "end" || text !== "") emit({ text, ...told, stats: { ...stats } });
    if (step.kind === "end") {
      const finished: Finished = { finishReason: step.finish as Finished["finishReason"], stats };
      if (settings.logitsHash) finished.logitsHash = hex(hash);
      return finished;
    }
  }
}
