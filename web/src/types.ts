// The plain shapes that callers give and get.
import type { Flavour } from "./features.js";

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Where a model comes from. Without one, the small story model that the package carries. */
export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface Progress {
  /** start: the engine; read: the file's bytes; done. */
  phase: "start" | "read" | "done";
  /** Bytes of the file that have been taken in. Never falls. */
  loaded: number;
  /** Bytes of the file; 0 while the server has not said. */
  total: number;
}

export interface LoadOptions {
  onProgress?: (progress: Progress) => void;
  /** Ends the worker and gives its memory back; load() rejects with code "Aborted". */
  signal?: AbortSignal;
  /** Threads, where the engine has them (browsers: on cross-origin isolated pages). Default: the cores, at most 4. */
  threads?: number;
  /** Build to use; default: the fastest this engine runs correctly. */
  flavour?: Flavour;
  /** Kernels by name; default: the flavour's best. */
  isa?: string;
  /** Ternary layers take float activations: slow, the reference. */
  floatActivations?: boolean;
  /**
   * What reads the output head for each token. The small ones are made at load, take memory and save time; they choose
   * candidates, which the file's own matrix scores, so greedy and top-k sampling give the same tokens but for weights made to
   * deceive; `logitsHash` differs. Default: "file".
   */
  head?: "file" | "int8" | "int4";
  /** Tokens a conversation can hold; 0: what the model was made for, at most 2048. */
  context?: number;
  /** Precision of the KV cache: f16 takes half the memory. */
  kvType?: "f32" | "f16";
  /** Prompt tokens evaluated together, 1 to 512. */
  batch?: number;
  /** Milliseconds a worker may take to start before it counts as failed. Default: 30000. */
  startTimeout?: number;
}

export interface GenerateOptions {
  /** 0: until the model ends its turn, a stop string, or the end of the context. */
  maxTokens?: number;
  /** 0: always the likeliest token. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  repetitionWindow?: number;
  /** The same seed gives the same text, on every engine. */
  seed?: number | bigint;
  /** The text ends before the first of these. */
  stop?: string | readonly string[];
  /** Go on through end-of-text tokens (benchmarks, parity tests). */
  ignoreEnd?: boolean;
  /** Report a fingerprint of every step's logits, to compare engines by. */
  logitsHash?: boolean;
  /** Ends the generation within one step: the iteration throws code "Aborted". The model stays usable. */
  signal?: AbortSignal;
}

export type FinishReason = "end" | "stop" | "length" | "context" | "aborted";

export interface GenerationStats {
  /** Tokens of the prompt, and how many of them are evaluated so far (those found in the cache included). */
  promptTokens: number;
  prefilled: number;
  cachedTokens: number;
  /** Tokens in the session's context. */
  contextTokens: number;
  /** Tokens generated so far. */
  tokens: number;
  tokensPerSecond: number;
  prefillTokensPerSecond: number;
  /** The seed in use. */
  seed: bigint;
}

export interface GenerationResult extends GenerationStats {
  finishReason: FinishReason;
  text: string;
  /** Hexadecimal; only with the option logitsHash. */
  logitsHash?: string;
}

/** A session beside the model's first one. What is missing is as BitNet.load() was told. */
export interface SessionOptions {
  /** Tokens it can hold; 0: what the model was made for, at most 2048. */
  context?: number;
  /** Precision of the KV cache: f16 takes half the memory. */
  kvType?: "f32" | "f16";
  /** Prompt tokens evaluated together, 1 to 512. */
  batch?: number;
}

export interface ModelInfo {
  name: string;
  architecture: string;
  /** Kernels in use. */
  isa: string;
  tokenizer: string;
  /** The file did not name its tokenizer's rules. */
  tokenizerGuessed: boolean;
  /** "none" or "unknown": chat() is refused, generate() works. */
  chatTemplate: string;
  weightType: string;
  parameters: number;
  ternaryParameters: number;
  fileBytes: number;
  weightBytes: number;
  layers: number;
  hidden: number;
  ffn: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  /** The model's own limit, in tokens. */
  context: number;
  bos: number;
  eos: number;
  /** Version of the runtime. */
  version: string;
  /** Tokens that the model's first session can hold. */
  sessionContext: number;
  /** Build in use, its threads, and why not a faster one (empty when there is none). */
  flavour: Flavour;
  threads: number;
  hint: string;
}

export interface MemoryReport {
  /** Memory of the WebAssembly module: everything below and some room. */
  wasmBytes: number;
  weightBytes: number;
  sessionBytes: number;
}

export interface SelfTestResult {
  flavour: Flavour;
  threads: number;
  isa: string;
  kernelCases: number;
  tokens: number;
  logitsHash: string;
}
