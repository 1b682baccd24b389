export { BitNet } from "./bitnet.js";
export { BitNetError, type BitNetErrorCode } from "./errors.js";
export type { Features, Flavour } from "./features.js";
export { Generation } from "./generation.js";
export { Model } from "./model.js";
export type { ChatCompletions } from "./openai/chat.js";
export type { Completions } from "./openai/completions.js";
export type { Embeddings } from "./openai/embeddings.js";
export { createOpenAIFetch } from "./openai/fetch.js";
export { CompletionStream } from "./openai/stream.js";
export type * from "./openai/types.js";
export { chatDefaults, Session, type Chat } from "./session.js";
export type {
  CachedFile,
  CacheUsage,
  ChatMessage,
  EmbedOptions,
  Estimate,
  FileSource,
  FinishReason,
  GeneratedToken,
  GenerateOptions,
  GenerationResult,
  GenerationStats,
  Integrity,
  LoadOptions,
  MemoryReport,
  ModelInfo,
  ModelSource,
  Progress,
  RandomAccess,
  SelfTestResult,
  SessionOptions,
  TokenLogprob,
} from "./types.js";
