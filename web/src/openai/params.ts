// Parameters as OpenAI names them: checked by name and kind, null is "not given", and what nothing here does is refused.
import { BitNetError } from "../errors.js";
import { describe, oneOf, reading, readStop, type Check } from "../options.js";
import type { GenerateOptions } from "../types.js";
import type { RequestOptions, SamplingParams } from "./types.js";

export const number: Check = (value) => typeof value === "number" && Number.isFinite(value);
export const boolean: Check = (value) => typeof value === "boolean";
export const string: Check = (value) => typeof value === "string";
export const list: Check = (value) => Array.isArray(value);
export const object: Check = (value) => typeof value === "object" && !Array.isArray(value);
export const whole = (from: number, to: number): Check => {
  return (value) => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to;
};
export const tokens = whole(1, 0xffffffff);
const never: Check = () => false;
const noKeys: Check = (value) => object(value) && Object.keys(value as object).length === 0;

/** Parameters that we know and do not do, and the values of them that ask for nothing. */
const refused: Record<string, Check> = {
  allowed_tools: never,
  audio: never,
  best_of: oneOf(1),
  custom: never,
  dimensions: never,
  function_call: oneOf("none"),
  functions: (value) => list(value) && (value as unknown[]).length === 0,
  logit_bias: noKeys,
  metadata: noKeys,
  modalities: (value) => list(value) && String(value) === "text",
  moderation: never,
  prediction: never,
  prompt_cache_key: never,
  prompt_cache_options: never,
  prompt_cache_retention: never,
  reasoning_effort: never,
  safety_identifier: never,
  service_tier: oneOf("auto", "default"),
  store: oneOf(false),
  suffix: oneOf(""),
  verbosity: never,
  web_search_options: never,
};

export const samplingChecks: Record<keyof SamplingParams, Check> = {
  model: string,
  temperature: number,
  top_p: number,
  top_k: whole(0, 0xffffffff),
  min_p: number,
  repetition_penalty: number,
  presence_penalty: number,
  frequency_penalty: number,
  grammar: string,
  context_policy: oneOf("stop", "error", "shift"),
  keep: whole(0, 0xffffffff),
  draft: whole(0, 16),
  stop: (value) => string(value) || list(value), // its items: readStop
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  n: whole(1, 128),
  stream_options: object,
  user: string,
};

/** The object's own properties, each read once, without those that are null or undefined. */
export function readParams<T extends object>(
  what: string,
  given: unknown,
  checks: Record<keyof T, Check>,
): { [K in keyof T]?: NonNullable<T[K]> } {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new BitNetError("InvalidOption", `${what} must be an object`);
  const result = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    const value = (given as Record<string, unknown>)[name];
    if (Object.hasOwn(checks, name)) {
      if (value === undefined || value === null) continue;
      if (!checks[name as keyof T](value))
        throw new BitNetError("InvalidOption", `${what}.${name}: ${describe(value)}`);
      result[name] = value;
    } else if (Object.hasOwn(refused, name)) {
      if (value !== undefined && value !== null && !refused[name]!(value))
        throw new BitNetError("UnsupportedParameter", `${what}.${name}`);
    } else {
      const names = Object.keys(checks).join(", ");
      throw new BitNetError("UnknownOption", `${what}.${name.slice(0, 100)} (there are ${names})`);
    }
  }
  return result as { [K in keyof T]?: NonNullable<T[K]> };
}

/** The short form's names of the same. */
export function samplingOptions(params: {
  [K in keyof SamplingParams]?: NonNullable<SamplingParams[K]>;
}): GenerateOptions {
  const { temperature, top_p, top_k, min_p, repetition_penalty, stop } = params;
  const { presence_penalty, frequency_penalty, context_policy, keep, draft, grammar } = params;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(top_k !== undefined && { topK: top_k }),
    ...(min_p !== undefined && { minP: min_p }),
    ...(repetition_penalty !== undefined && { repetitionPenalty: repetition_penalty }),
    ...(presence_penalty !== undefined && { presencePenalty: presence_penalty }),
    ...(frequency_penalty !== undefined && { frequencyPenalty: frequency_penalty }),
    ...(context_policy !== undefined && { contextPolicy: context_policy }),
    ...(keep !== undefined && { keep }),
    ...(draft !== undefined && { draft }),
    ...(grammar !== undefined && { grammar }),
    ...(stop !== undefined && { stop: readStop(stop, 16) }),
  };
}

export function readStreamOptions(given: unknown): boolean {
  if (given === undefined) return false;
  const { include_usage = false } = readParams<{
    include_usage: boolean;
    include_obfuscation: boolean;
  }>("stream_options", given, { include_usage: boolean, include_obfuscation: oneOf(false) });
  return include_usage;
}

export function readRequestOptions(given: unknown): AbortSignal | undefined {
  const checks = { signal: (value: unknown) => value instanceof AbortSignal };
  return reading("options", () => readParams<RequestOptions>("options", given ?? {}, checks)).signal;
}
