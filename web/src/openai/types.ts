// OpenAI's shapes, as far as they are done here. Variables of the types of the `openai` package fit what create() takes, and
// what it gives fits theirs; web/test/types holds the proof. What is not done is refused by name when it is asked for.

/** Text, or a part that only some models of theirs understand (which is refused). */
export interface ContentPart {
  type: string;
  text?: string | undefined;
  refusal?: string | undefined;
}
/** What a message says. */
export type Content = string | readonly ContentPart[];

/** A call that the assistant made: `arguments` is JSON text. */
export interface FunctionCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}
/** The same as it may stand in a history. */
export interface ToolCallParam {
  id: string;
  type: string;
  function?: { name: string; arguments: string } | undefined;
}

/** What the assistant is to be. */
export interface SystemMessageParam {
  role: "system" | "developer";
  content: Content;
}
/** What the user says. */
export interface UserMessageParam {
  role: "user";
  content: Content;
}
/** What the assistant said, and the calls that it made. */
export interface AssistantMessageParam {
  role: "assistant";
  content?: Content | null | undefined;
  refusal?: string | null | undefined;
  tool_calls?: readonly ToolCallParam[] | undefined;
}
/** The answer to a call that the assistant made before. */
export interface ToolMessageParam {
  role: "tool";
  content: Content;
  tool_call_id: string;
}
/** Given up by OpenAI, and refused here. */
export interface FunctionMessageParam {
  role: "function";
  content: string | null;
  name: string;
}
/** A message of a history. */
export type ChatCompletionMessageParam =
  | SystemMessageParam
  | UserMessageParam
  | AssistantMessageParam
  | ToolMessageParam
  | FunctionMessageParam;

/** A function that the model may call; `parameters` is a JSON schema. */
export interface FunctionDefinition {
  name: string;
  description?: string | undefined;
  parameters?: Record<string, unknown> | undefined;
  strict?: boolean | null | undefined;
}
/** A tool: only functions are known. */
export interface ChatCompletionTool {
  type: string;
  function?: FunctionDefinition | undefined;
}
/** Whether the model may, must not or must call a tool, or which. */
export type ToolChoice =
  | "none"
  | "auto"
  | "required"
  | { type: string; function?: { name: string } | undefined };

/** What the answer must look like. */
export type ResponseFormat =
  | { type: "text" }
  | { type: "json_object" }
  | {
      type: "json_schema";
      json_schema: {
        name: string;
        description?: string | undefined;
        schema?: Record<string, unknown> | undefined;
        strict?: boolean | null | undefined;
      };
    };

/** What both kinds of completion take. */
export interface SamplingParams {
  /** Any name: the model that is loaded answers, and its name stands in the answer. */
  model?: string | undefined;
  /** As OpenAI's. Default: that of chatDefaults. */
  temperature?: number | null | undefined;
  /** Sample among the likeliest tokens that make up so much of the probability. */
  top_p?: number | null | undefined;
  /** Ours: sample among so many of the likeliest tokens; 0: all. */
  top_k?: number | null | undefined;
  /** Ours: drop tokens below min_p times the likeliest. */
  min_p?: number | null | undefined;
  /** Ours: what a repeated token's logit is divided by. */
  repetition_penalty?: number | null | undefined;
  /** Taken from the logit of a token that occurred among the recent ones. */
  presence_penalty?: number | null | undefined;
  /** Taken from it once for each time it occurred. */
  frequency_penalty?: number | null | undefined;
  /** Ours: what the text must be, in GBNF. */
  grammar?: string | null | undefined;
  /** Ours: what happens when the context is full. Default: "stop", with the reason "length". */
  context_policy?: "stop" | "error" | "shift" | null | undefined;
  /** Ours: guess up to so many tokens from what was said before; the same text, sooner. */
  draft?: number | null | undefined;
  /** Ours: tokens at the front that a shift of the context never forgets. */
  keep?: number | null | undefined;
  /** The text ends before the first of these: at most 16. */
  stop?: string | readonly string[] | null | undefined;
  /** The same seed gives the same text; choice i takes seed + i. Default: a new one. */
  seed?: number | null | undefined;
  /** Choices, one after the other; the prompt is evaluated once. At most 128. */
  n?: number | null | undefined;
  /** `include_usage`: a last chunk with the numbers of tokens. */
  stream_options?:
    | { include_usage?: boolean | undefined; include_obfuscation?: boolean | undefined }
    | null
    | undefined;
  /** Taken and told nobody. */
  user?: string | undefined;
}

/** What chat.completions.create() takes. */
export interface ChatCompletionParams extends SamplingParams {
  /** The conversation so far. */
  messages: readonly ChatCompletionMessageParam[];
  /** Chunks instead of one answer. */
  stream?: boolean | null | undefined;
  /** Most tokens to generate. Default: until the model ends its turn or the context is full. */
  max_completion_tokens?: number | null | undefined;
  /** The older name of the same. */
  max_tokens?: number | null | undefined;
  /** Tell the log-probability of each token, by the model's own logits. */
  logprobs?: boolean | null | undefined;
  /** And of so many of the likeliest tokens in its place, at most 20. */
  top_logprobs?: number | null | undefined;
  /** Functions that the model may call: at most 128. */
  tools?: readonly ChatCompletionTool[] | undefined;
  /**
   * Default: "auto" with tools, else "none". "required", or one function by its name, is enforced: the answer is one call
   * whose arguments fit its schema.
   */
  tool_choice?: ToolChoice | undefined;
  /** false: at most one call in an answer. */
  parallel_tool_calls?: boolean | undefined;
  /** The answer is JSON, or JSON of a schema, whatever the model would like: its tokens are masked. */
  response_format?: ResponseFormat | undefined;
}

/** What completions.create() takes. */
export interface CompletionParams extends SamplingParams {
  /** Text or token ids, or a list of such prompts, each with `n` choices. */
  prompt: string | readonly string[] | readonly number[] | readonly (readonly number[])[] | null;
  /** Chunks instead of one answer. */
  stream?: boolean | null | undefined;
  /** Most tokens to generate. Default: 16, as OpenAI's. */
  max_tokens?: number | null | undefined;
  /** Tell the log-probability of each token and of so many of the likeliest in its place, at most 5. */
  logprobs?: number | null | undefined;
  /** The text begins with the prompt; not together with logprobs. */
  echo?: boolean | null | undefined;
}

/** What embeddings.create() takes. */
export interface EmbeddingParams {
  /** Text or token ids, or a list of such inputs. */
  input: string | readonly string[] | readonly number[] | readonly (readonly number[])[];
  /** Any name: the model that is loaded answers. */
  model?: string | undefined;
  /** Numbers, or the bytes of float32 in base64. */
  encoding_format?: "float" | "base64" | undefined;
  /** Taken and told nobody. */
  user?: string | undefined;
}
/** A vector of embeddings.create(). */
export interface Embedding {
  object: "embedding";
  index: number;
  embedding: number[];
}
/** What embeddings.create() gives. */
export interface CreateEmbeddingResponse {
  object: "list";
  data: Embedding[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
}
/** The same with `encoding_format: "base64"`. */
export interface Base64EmbeddingResponse extends Omit<CreateEmbeddingResponse, "data"> {
  data: (Omit<Embedding, "embedding"> & { embedding: string })[];
}

/** `stream` decides which overload of create() is meant. */
export type Streaming<P> = P & { stream: true };
/** The answer is wanted whole. */
export type NotStreaming<P> = P & { stream?: false | null | undefined };

/** The second argument of every create(). */
export interface RequestOptions {
  /** Ends the generation within one step: the call rejects, or the iteration throws, with code "Aborted". */
  signal?: AbortSignal | null | undefined;
}

/** Numbers of tokens. */
export interface CompletionUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Tokens of the prompt that the KV cache held already. */
  prompt_tokens_details: { cached_tokens: number };
}

/** A token, its bytes and the natural logarithm of its probability. */
export interface TopLogprob {
  token: string;
  bytes: number[] | null;
  logprob: number;
}
/** A token that was generated, and the likeliest ones in its place. */
export interface ChatCompletionTokenLogprob extends TopLogprob {
  top_logprobs: TopLogprob[];
}
/** Log-probabilities of the tokens of an answer. */
export interface ChatLogprobs {
  content: ChatCompletionTokenLogprob[] | null;
  refusal: null;
}

/** What the assistant says; it can stand in the next history as it is. */
export interface ChatCompletionMessage {
  role: "assistant";
  content: string | null;
  refusal: null;
  tool_calls?: FunctionCall[];
}
/** One of `n` answers. */
export interface ChatCompletionChoice {
  index: number;
  message: ChatCompletionMessage;
  finish_reason: "stop" | "length" | "tool_calls";
  logprobs: ChatLogprobs | null;
}
/** What chat.completions.create() gives. */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  /** Seconds since 1970. */
  created: number;
  model: string;
  /** The runtime's version. It names no machine: the same seed gives the same text on all. */
  system_fingerprint: string;
  choices: ChatCompletionChoice[];
  usage: CompletionUsage;
}

/** A part of a call: its name first, then its arguments. */
export interface ToolCallDelta {
  index: number;
  id?: string;
  type?: "function";
  function: { name?: string; arguments?: string };
}
/** What a chunk adds to an answer. */
export interface ChatCompletionDelta {
  role?: "assistant";
  content?: string | null;
  refusal?: null;
  tool_calls?: ToolCallDelta[];
}
/** A chunk of one of `n` answers. */
export interface ChatCompletionChunkChoice {
  index: number;
  delta: ChatCompletionDelta;
  finish_reason: "stop" | "length" | "tool_calls" | null;
  logprobs: ChatLogprobs | null;
}
/** What chat.completions.create() gives with `stream`. */
export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  system_fingerprint: string;
  choices: ChatCompletionChunkChoice[];
  /** With `include_usage`: null, and the numbers in the last chunk, which has no choices. */
  usage?: CompletionUsage | null;
}

/** Log-probabilities of the tokens of a continuation, in lists of one length. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: number[];
  top_logprobs: Record<string, number>[];
  /** Where each token begins in the text. */
  text_offset: number[];
}
/** One of `n` continuations. */
export interface CompletionChoice {
  index: number;
  text: string;
  finish_reason: "stop" | "length";
  logprobs: CompletionLogprobs | null;
}
/** What a stream gives: a choice whose reason is null goes on. */
export interface CompletionChunkChoice extends Omit<CompletionChoice, "finish_reason"> {
  finish_reason: "stop" | "length" | null;
}
/** What completions.create() gives. */
export interface Completion {
  id: string;
  object: "text_completion";
  created: number;
  model: string;
  system_fingerprint: string;
  choices: CompletionChoice[];
  usage: CompletionUsage;
}
/** What completions.create() gives with `stream`. */
export interface CompletionChunk extends Omit<Completion, "choices" | "usage"> {
  choices: CompletionChunkChoice[];
  usage?: CompletionUsage | null;
}
