// What callers pass, checked once and by name: an option that nobody knows is refused, not ignored. Ranges are core's to
// check. Every property is read exactly once, and only the object's own.
import { BitNetError } from "./errors.js";
import { allFlavours } from "./features.js";
import { readIntegrity } from "./store/hash.js";
import type { ChatMessage, EmbedOptions, GenerateOptions, LoadOptions, SessionOptions } from "./types.js";
import type {
  FetchSettings,
  GenerateSettings,
  LoadSettings,
  Prompt,
  SessionSettings,
} from "./worker/protocol.js";

export type Check = (value: unknown) => boolean;
const number: Check = (value) => typeof value === "number" && Number.isFinite(value);
const count: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff;
const boolean: Check = (value) => typeof value === "boolean";
const string: Check = (value) => typeof value === "string";
export const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const seed: Check = (value) =>
  typeof value === "bigint"
    ? value >= 0n && value < 1n << 64n
    : Number.isSafeInteger(value) && (value as number) >= 0;
const signal: Check = (value) => value instanceof AbortSignal;
export const callback: Check = (value) => typeof value === "function";
export const positive: Check = (value) => count(value) && value !== 0;

/** Milliseconds; types.ts tells users. */
export const defaultStartTimeout = 30_000;

const sessionChecks: Record<keyof SessionOptions, Check> = {
  context: count,
  kvType: oneOf("f32", "f16"),
  batch: count,
};
const loadChecks: Record<keyof LoadOptions, Check> = {
  onProgress: callback,
  signal,
  threads: positive,
  flavour: oneOf(...allFlavours),
  isa: string,
  floatActivations: boolean,
  head: oneOf("file", "int8", "int4"),
  ...sessionChecks,
  memoryLimit: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  startTimeout: positive,
  cache: (value) => boolean(value) || value === "revalidate",
  integrity: (value) => string(value) || typeof value === "object",
  retries: count,
  stallTimeout: positive,
  worker: (value) => value instanceof URL || string(value) || callback(value),
};
const generateChecks: Record<keyof GenerateOptions, Check> = {
  maxTokens: count,
  temperature: number,
  topK: count,
  topP: number,
  minP: number,
  repetitionPenalty: number,
  repetitionWindow: count,
  presencePenalty: number,
  frequencyPenalty: number,
  seed,
  stop: (value) => string(value) || Array.isArray(value), // its items: readStop
  ignoreEnd: boolean,
  grammar: string,
  jsonSchema: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  logprobs: boolean,
  topLogprobs: count,
  contextPolicy: oneOf("stop", "error", "shift"),
  keep: count,
  draft: count,
  logitsHash: boolean,
  signal,
};
const embedChecks: Record<keyof EmbedOptions, Check> = {
  pooling: oneOf("last", "mean"),
  normalize: boolean,
  signal,
};

/** What `read` gives. It runs code of the caller's (getters, proxies): what that throws is an error of ours too. */
export function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BitNetError) throw error;
    throw new BitNetError("InvalidOption", `${what} cannot be read: ${describe(error)}`);
  }
}

/** A value in a message: short, whatever it is. */
export function describe(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

/** The value as JSON text; what is none (a cycle, a bigint, a function) is refused. */
export function toJson(what: string, value: unknown): string {
  const text = reading(what, () => JSON.stringify(value) as string | undefined);
  if (text === undefined) throw new BitNetError("InvalidOption", `${what} is not JSON`);
  return text;
}

/** A list's own copy. Nobody needs more items than `most`; a list may claim billions. */
export function copyList(what: string, given: unknown, most = 1 << 20): unknown[] {
  if (!Array.isArray(given)) throw new BitNetError("InvalidOption", `${what}: not a list`);
  const { length } = given;
  if (!(length <= most)) throw new BitNetError("InvalidOption", `${what}: more than ${most} items`);
  return Array.from({ length }, (_, i) => given[i] as unknown);
}

export function readOptions<T extends object>(given: unknown, checks: Record<keyof T, Check>): T {
  if (given === undefined) return {} as T;
  if (typeof given !== "object" || given === null)
    throw new BitNetError("InvalidOption", "options must be an object");
  const result = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(checks, name)) {
      const names = Object.keys(checks).join(", ");
      throw new BitNetError("UnknownOption", `${name.slice(0, 100)} (there are ${names})`);
    }
    const value = (given as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (!checks[name as keyof T](value))
      throw new BitNetError("InvalidOption", `${name}: ${describe(value)}`);
    result[name] = value;
  }
  return result as T;
}

export const readTokenizeOptions = (given: unknown) =>
  readOptions<{ bos?: boolean }>(given, { bos: boolean });
export const readDetokenizeOptions = (given: unknown) =>
  readOptions<{ special?: boolean }>(given, { special: boolean });

export function readEmbedOptions(given: unknown): EmbedOptions {
  return readOptions<EmbedOptions>(given, embedChecks);
}

/** What save() gave, or its bytes. */
export function readSaved(given: unknown): Blob {
  if (given instanceof Blob) return given;
  if (given instanceof ArrayBuffer || given instanceof Uint8Array)
    return new Blob([given as BlobPart]);
  throw new BitNetError("InvalidOption", "a saved session is a Blob, an ArrayBuffer or a Uint8Array");
}

export function readSessionOptions(given: unknown): SessionSettings {
  return { ...readOptions<SessionOptions>(given, sessionChecks) };
}

/** How a file is fetched unless the caller says otherwise; types.ts tells users. */
export const fetchDefaults: FetchSettings = { cache: true, retries: 4, stallTimeout: 10_000 };

const readPin = (given: unknown) => reading("integrity", () => readIntegrity(given));

export function readLoadOptions(given: unknown): {
  options: LoadOptions;
  settings: LoadSettings;
  fetching: FetchSettings;
} {
  const options = reading("an option", () => readOptions<LoadOptions>(given, loadChecks));
  const { isa, floatActivations, head, context, kvType, batch, memoryLimit } = options;
  const { cache, retries, stallTimeout } = { ...fetchDefaults, ...options };
  return {
    options,
    settings: {
      isa,
      floatActivations,
      head,
      context,
      kvType,
      batch,
      memoryLimit,
    } as LoadSettings,
    fetching: { cache, retries, stallTimeout, pin: readPin(options.integrity) },
  };
}

/** Texts that end a generation, each read once. */
export function readStop(given: string | readonly string[], most?: number): string[] {
  const texts = typeof given === "string" ? [given] : copyList("stop", given, most);
  const wrong = texts.find((text) => typeof text !== "string");
  if (texts.every(string)) return texts as string[];
  throw new BitNetError("InvalidOption", `stop: ${describe(wrong)} is not a text`);
}

export function readGenerateOptions(
  given: unknown,
  defaults: GenerateOptions,
): { settings: GenerateSettings; signal: AbortSignal | undefined } {
  const options = { ...defaults, ...readOptions<GenerateOptions>(given, generateChecks) };
  const { stop = [], logitsHash = false, signal, seed, ...others } = options;
  const { grammar, jsonSchema, ...plain } = others;
  const { maxTokens, ignoreEnd, logprobs, topLogprobs, contextPolicy, keep, draft, ...sampler } =
    plain;
  const settings = {
    sampler: { ...sampler, seed: seed === undefined ? undefined : BigInt(seed) },
    maxTokens,
    ignoreEnd,
    logprobs,
    topLogprobs,
    contextPolicy,
    keep,
    draft,
    grammar,
    jsonSchema: jsonSchema && toJson("jsonSchema", jsonSchema),
    stop: readStop(stop),
    logitsHash,
  } as GenerateSettings;
  return { settings, signal };
}

export function readPrompt(given: unknown): Prompt {
  if (typeof given === "string") return { text: given };
  if (given instanceof Int32Array) return { ids: given.slice() };
  const ids = Array.isArray(given) ? copyList("the prompt", given, 1 << 24) : [undefined];
  if (!ids.every((id) => Number.isInteger(id) && Math.abs(id as number) < 2 ** 31)) {
    throw new BitNetError("InvalidOption", "a prompt is a string or a list of token ids");
  }
  return { ids: Int32Array.from(ids as number[]) };
}

export function readMessages(given: unknown): Prompt {
  if (typeof given === "string") return { messages: [{ role: "user", content: given }] };
  if (!Array.isArray(given))
    throw new BitNetError("InvalidOption", "a chat is a list of messages or a string");
  const messages = copyList("messages", given).map((message) => {
    const { role, content } = (message ?? {}) as Partial<ChatMessage>;
    if (!oneOf("system", "user", "assistant")(role) || !string(content)) {
      throw new BitNetError(
        "InvalidOption",
        'a message is {role: "system", "user" or "assistant", content: text}',
      );
    }
    return { role, content } as ChatMessage;
  });
  return { messages };
}
