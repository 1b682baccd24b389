// What the page's side and the worker say to each other. Every request is answered by exactly one result or failure;
// events may come before.
import type { ErrorData } from "../errors.js";
import type { Flavour } from "../features.js";
import type { Pin } from "../store/hash.js";
import type {
  ChatMessage,
  Estimate,
  FinishReason,
  GeneratedToken,
  GenerationStats,
  ModelInfo,
  Progress,
} from "../types.js";

export type Source =
  | { kind: "url"; url: string }
  | { kind: "blob"; blob: Blob }
  | { kind: "bytes"; bytes: Uint8Array }
  /** Stays on the page's side, which sends what it is asked for: number `pull` of its list. */
  | { kind: "pull"; pull: number; size: number }
  | { kind: "stream"; pull: number };

/** How the bytes are got, and what they must be. */
export interface FetchSettings {
  cache: boolean | "revalidate";
  retries: number;
  stallTimeout: number;
  pin?: Pin | undefined;
}

/** Load options that reach core; what is missing takes core's default. */
export interface LoadSettings {
  isa?: string;
  floatActivations?: boolean;
  head?: "file" | "int8" | "int4";
  context?: number;
  kvType?: "f32" | "f16";
  batch?: number;
  memoryLimit?: number;
}

/** Session options that reach core; what is missing takes core's default. */
export type SessionSettings = Pick<LoadSettings, "context" | "kvType" | "batch">;

/** The session that a model has from the start. */
export const mainSession = 0;

export interface SessionState {
  /** Tokens in the context, and how many it can hold. */
  tokens: number;
  capacity: number;
}

export type Prompt = { text: string } | { ids: Int32Array } | { messages: ChatMessage[] };

/** Generate options that reach core; what is missing takes core's default. */
export interface GenerateSettings {
  sampler: {
    temperature?: number;
    topK?: number;
    topP?: number;
    minP?: number;
    repetitionPenalty?: number;
    repetitionWindow?: number;
    presencePenalty?: number;
    frequencyPenalty?: number;
    seed?: bigint;
  };
  maxTokens?: number;
  ignoreEnd?: boolean;
  grammar?: string;
  /** JSON text. */
  jsonSchema?: string;
  logprobs?: boolean;
  topLogprobs?: number;
  contextPolicy?: "stop" | "error" | "shift";
  keep?: number;
  draft?: number;
  stop: string[];
  logitsHash: boolean;
}

export interface Requests {
  /** Instantiate a flavour and test its kernels. */
  start: {
    request: { flavour: Flavour; threads: number };
    result: { threads: number };
    event: never;
  };
  load: {
    request: { sources: Source[]; settings: LoadSettings; fetching: FetchSettings };
    result: CoreInfo;
    event: Progress;
  };
  estimate: {
    request: { sources: Source[]; settings: LoadSettings; fetching: FetchSettings };
    result: Omit<Estimate, "fits">;
    event: Progress;
  };
  generate: {
    request: { session: number; prompt: Prompt; settings: GenerateSettings };
    result: Finished;
    event: Piece;
  };
  /** mainSession is there after a load; the page numbers the others. */
  openSession: {
    request: { session: number; settings: SessionSettings };
    result: SessionState;
    event: never;
  };
  /** Session `into` becomes a copy. */
  forkSession: { request: { session: number; into: number }; result: SessionState; event: never };
  saveSession: { request: { session: number }; result: Blob; event: never };
  restoreSession: {
    request: { session: number; settings: SessionSettings; saved: Blob };
    result: SessionState;
    event: never;
  };
  embed: {
    request: { session: number; prompt: Prompt; pooling: "last" | "mean"; normalize: boolean };
    result: { vector: Float32Array; tokens: number };
    event: never;
  };
  resetSession: { request: { session: number }; result: SessionState; event: never };
  closeSession: { request: { session: number }; result: void; event: never };
  tokenize: { request: { prompt: Prompt; bos: boolean }; result: Int32Array; event: never };
  detokenize: { request: { ids: Int32Array; special: boolean }; result: string; event: never };
  memory: { request: object; result: { wasmBytes: number; sessionBytes: number }; event: never };
  selfTest: {
    request: object;
    result: { kernelCases: number; tokens: number; logitsHash: string };
    event: never;
  };
}
export type RequestName = keyof Requests;

/** What the module knows; the page's side adds flavour, threads and hint. */
export type CoreInfo = Omit<ModelInfo, "flavour" | "threads" | "hint">;

export interface Piece {
  text: string;
  /** With log-probabilities: the token that this step gave. */
  token?: GeneratedToken;
  stats: GenerationStats;
}

export interface Finished {
  finishReason: FinishReason;
  stats: GenerationStats;
  logitsHash?: string;
}

export type Command =
  | { [N in RequestName]: { id: number; name: N } & Requests[N]["request"] }[RequestName]
  /** Stop the generation with that id. */
  | { id: number; name: "abort" }
  /** What a pull of that load was answered with. */
  | { id: number; name: "pulled"; call: number; bytes: Uint8Array }
  | { id: number; name: "pulled"; call: number; error: ErrorData };

export type Message =
  /** The worker listens. It holds the lock for as long as it lives. */
  | { type: "hello"; lock: string | undefined }
  /** Sent all the time while a module starts: silence means that the worker is stuck. */
  | { type: "alive" }
  /** Asks the page's side for bytes of a source that it keeps. */
  | { type: "pull"; id: number; call: number; pull: number; offset: number; length: number }
  | { type: "event"; id: number; event: Progress | Piece }
  | { type: "result"; id: number; value: unknown }
  | {
      type: "failure";
      id: number;
      error: ErrorData;
      /** the module is broken: end the worker */ fatal?: true;
    };
