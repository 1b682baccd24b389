// The plain shapes that callers give and get.
import type { Flavour } from "./features.js";

/** A message of a conversation. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Bytes that a function gets; it is called on the side of the caller, one call at a time. */
export interface RandomAccess {
  /** Bytes of the file. */
  size: number;
  /** Up to `length` bytes at `offset`, at least one. They are copied. */
  read(
    offset: number,
    length: number,
  ): Promise<Uint8Array | ArrayBuffer> | Uint8Array | ArrayBuffer;
}

/**
 * Where a file comes from. Text is an address, "owner/repository/path/file.gguf" (with "@revision" after the repository, with
 * or without "hf:" before it) for Hugging Face, or outside browsers a path. A relative address in two folders or more begins with "./";
 * outside browsers it is a path also whenever there is a folder of its first name.
 */
export type FileSource =
  string | URL | Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array> | RandomAccess;

/**
 * Where a model comes from: a file, or the list of the files that gguf-split made of one, in order. An address that ends in
 * -00001-of-00003.gguf stands for the three of them. Without a source, the small story model that the package carries.
 */
export type ModelSource = FileSource | readonly FileSource[];

/** What the file must be: "sha256-" and its hash, hexadecimal or base64; or that of each chunk of it, or both. */
export type Integrity =
  string | { sha256?: string; chunkBytes: number; chunks: readonly string[] } | { sha256: string };

/** How far a load is. */
export interface Progress {
  /** start: the engine; wait: another tab downloads the same file; download; read: what is here already; done. */
  phase: "start" | "wait" | "download" | "read" | "done";
  /** Bytes of the file that are in hand. Never falls. */
  loaded: number;
  /** Bytes of the file; 0 while the server has not said. */
  total: number;
  /** Why the file is not stored, or what else one might want to know. Told once. */
  hint?: string;
}

/** A model file in the store of this origin. */
export interface CachedFile {
  /** The addresses that gave it. */
  urls: string[];
  /** Missing while parts of it are. */
  sha256?: string;
  /** Bytes of the file, and of it in the store. */
  size: number;
  stored: number;
  /** All of it is there and has been checked. */
  complete: boolean;
  /** When it was last loaded or written. */
  lastUsed: Date;
}

/** What BitNet.cache.usage() tells. */
export interface CacheUsage {
  /** Bytes that our files take. */
  bytes: number;
  /** Bytes that the origin uses in all, and how many the browser allows it. */
  usage: number;
  quota: number;
}

/** What BitNet.load() takes beside the source. */
export interface LoadOptions {
  /** Told now and then how far the load is. What it throws fails the load. */
  onProgress?: (progress: Progress) => void;
  /**
   * Whether files from http(s) addresses are stored in the origin private file system, where the engine has one. A stored file
   * is used without a request to the network; "revalidate" asks the server first whether it is still the same. Default: true,
   * but for the package's own model.
   */
  cache?: boolean | "revalidate";
  /** Bytes that are others are refused with code "IntegrityFailed", from every source. */
  integrity?: Integrity;
  /** How often in a row a request may fail with nothing gained before load() rejects. Default: 4, in about four seconds. */
  retries?: number;
  /** Milliseconds without a byte after which a request is given up and made again. Default: 10000. */
  stallTimeout?: number;
  /** The script of the worker, where a page hosts a copy of the package's dist/worker/worker.js, or what starts it. */
  worker?: URL | string | (() => Worker);
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
  /**
   * Bytes that the model and its first session may take together: more is refused with code "MemoryLimit" when the header is
   * known, before the weights are asked for. Default: the 4 GiB of a WebAssembly memory are the limit.
   */
  memoryLimit?: number;
  /** Milliseconds a worker may take to start before it counts as failed. Default: 30000. */
  startTimeout?: number;
}

/** What loading a model would take, told by its header alone. All in bytes. */
export interface Estimate {
  /** Of the model's files; of them, what the store of this origin has already; and what load() would fetch. */
  fileBytes: number;
  cachedBytes: number;
  downloadBytes: number;
  /** Memory of the packed weights and of a session with these options. */
  weightBytes: number;
  sessionBytes: number;
  /** The most memory at a time, while loading and with the session. */
  peakBytes: number;
  /** Whether that is within memoryLimit, and within what a WebAssembly memory can be. */
  fits: boolean;
  model: Omit<ModelInfo, "sessionContext" | "version" | "flavour" | "threads" | "hint">;
}

/** What chat() and generate() take. */
export interface GenerateOptions {
  /** 0: until the model ends its turn, a stop string, or the end of the context. */
  maxTokens?: number;
  /** 0: always the likeliest token. */
  temperature?: number;
  /** Sample among so many of the likeliest tokens; 0: all. */
  topK?: number;
  /** Sample among the likeliest tokens that make up so much of the probability; 1: all. */
  topP?: number;
  /** Drop tokens below this times the likeliest; 0: none. */
  minP?: number;
  /** What the logit of a token that occurred is divided by; 1: off. */
  repetitionPenalty?: number;
  /** How many recent tokens the penalties look at. */
  repetitionWindow?: number;
  /** Taken from the logit of a token that occurred; 0: off. */
  presencePenalty?: number;
  /** Taken from the logit of a token once for each time it occurred; 0: off. */
  frequencyPenalty?: number;
  /** The same seed gives the same text, on every engine. */
  seed?: number | bigint;
  /** The text ends before the first of these. */
  stop?: string | readonly string[];
  /** Go on through end-of-text tokens (benchmarks, parity tests). */
  ignoreEnd?: boolean;
  /** What the text must be, in GBNF; docs/grammars.md. */
  grammar?: string;
  /** The text must be a JSON document of this schema; docs/grammars.md says which keywords there are. */
  jsonSchema?: object;
  /** Tell each token's log-probability, in the result's `logprobs`. Every logit is read then: a small head saves no time. */
  logprobs?: boolean;
  /** And those of so many of the likeliest tokens in its place, at most 20. */
  topLogprobs?: number;
  /**
   * What happens when the context is full: "stop" ends the generation with the reason "context", "error" rejects with code
   * "ContextFull", "shift" forgets the older half of what follows the first `keep` tokens and goes on. Default: "stop".
   */
  contextPolicy?: "stop" | "error" | "shift";
  /** Tokens at the front that a shift never forgets. */
  keep?: number;
  /**
   * Guess up to so many tokens (at most 16) from what followed the same words before, and evaluate them together: the same
   * text, sooner where it repeats itself or the prompt. 0: off.
   */
  draft?: number;
  /** Report a fingerprint of every step's logits, to compare engines by. */
  logitsHash?: boolean;
  /** Ends the generation within one step: the iteration throws code "Aborted". The model stays usable. */
  signal?: AbortSignal;
}

/** Why a generation ended: by the model, a stop string, maxTokens, a full context, a reader that left. */
export type FinishReason = "end" | "stop" | "length" | "context" | "aborted";

/** Numbers of a generation. */
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

/** A token and the natural logarithm of its probability, by the model's own logits: before penalties and temperature. */
export interface TokenLogprob {
  id: number;
  /** Its text; U+FFFD where it is part of a character only. */
  token: string;
  /** Its bytes in UTF-8. */
  bytes: number[];
  logprob: number;
}

/** A token that was generated, and the likeliest ones in its place, best first. */
export interface GeneratedToken extends TokenLogprob {
  top: TokenLogprob[];
}

/** What model.embed() takes beside the text. */
export interface EmbedOptions {
  /** The last position's hidden state, or the mean over all. Default: "last". */
  pooling?: "last" | "mean";
  /** Divide by the Euclidean length. Default: true. */
  normalize?: boolean;
  /** Ends the call with code "Aborted". */
  signal?: AbortSignal;
}

/** A generation that has ended. */
export interface GenerationResult extends GenerationStats {
  finishReason: FinishReason;
  text: string;
  /** One for each token; only with the option logprobs. */
  logprobs?: GeneratedToken[];
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

/** What a loaded model is, and how it runs here. */
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

/** What a model takes, in bytes. */
export interface MemoryReport {
  /** Memory of the WebAssembly module: everything below and some room. */
  wasmBytes: number;
  weightBytes: number;
  sessionBytes: number;
}

/** What BitNet.selfTest() compared. */
export interface SelfTestResult {
  flavour: Flavour;
  threads: number;
  isa: string;
  kernelCases: number;
  tokens: number;
  logitsHash: string;
}
