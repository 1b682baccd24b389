// chat.completions.create: OpenAI's chat on this model.
import { BitNetError } from "../errors.js";
import { oneOf, reading } from "../options.js";
import type { GenerateOptions, GeneratedToken, GenerationResult, TokenLogprob } from "../types.js";
import type { Prompt } from "../worker/protocol.js";
import { frameMessages } from "./messages.js";
import {
  boolean,
  list,
  object,
  readParams,
  readRequestOptions,
  readStreamOptions,
  samplingChecks,
  samplingOptions,
  tokens,
  whole,
} from "./params.js";
import {
  allResults,
  begin,
  CompletionStream,
  finishReason,
  newHead,
  seeds,
  usageOf,
  type Head,
  type Host,
  type Run,
} from "./stream.js";
import { chooseTools, constraintOf, readTools } from "./choice.js";
import { styleOf, ToolParser, type Found } from "./tools.js";
import type {
  ChatCompletion,
  ChatCompletionChoice,
  ChatCompletionChunk,
  ChatCompletionChunkChoice,
  ChatCompletionParams,
  ChatLogprobs,
  NotStreaming,
  RequestOptions,
  Streaming,
} from "./types.js";

const checks = {
  ...samplingChecks,
  messages: list,
  stream: boolean,
  max_completion_tokens: tokens,
  max_tokens: tokens,
  logprobs: boolean,
  top_logprobs: whole(0, 20),
  tools: list,
  tool_choice: (value: unknown) => oneOf("none", "auto", "required")(value) || object(value),
  response_format: object,
  parallel_tool_calls: boolean,
};

/** What create() was asked for, checked. */
interface Request {
  prompt: Prompt;
  options: GenerateOptions[];
  stream: boolean;
  includeUsage: boolean;
  /** undefined: the answer is words, whatever it looks like. */
  tools: { names: ReadonlySet<string>; most: number; must: boolean } | undefined;
}

function readRequest(given: unknown, chatTemplate: string): Request {
  const read = readParams<ChatCompletionParams>("parameters", given, checks);
  const { messages, tools: givenTools = [], tool_choice, parallel_tool_calls = true } = read;
  const { max_tokens, max_completion_tokens = max_tokens, seed, n = 1, stream = false } = read;
  if (messages === undefined) throw new BitNetError("InvalidOption", "messages are missing");
  const { logprobs = false, top_logprobs } = read;
  if (top_logprobs !== undefined && !logprobs)
    throw new BitNetError("InvalidOption", "top_logprobs: only with logprobs");
  if (read.stream_options !== undefined && !stream)
    throw new BitNetError("InvalidOption", "stream_options: only with stream");
  const { told, allowed, must } = chooseTools(readTools(givenTools), tool_choice);
  const constraint = constraintOf(read.response_format, styleOf(chatTemplate), allowed, must);
  if (constraint !== undefined && read.grammar !== undefined)
    throw new BitNetError("InvalidOption", "grammar: not together with response_format or a tool");
  const options = {
    ...samplingOptions(read),
    ...(max_completion_tokens !== undefined && { maxTokens: max_completion_tokens }),
    ...(logprobs && { logprobs, topLogprobs: top_logprobs ?? 0 }),
    ...(constraint !== undefined && { jsonSchema: constraint }),
  };
  const names = new Set(allowed.map(({ name }) => name));
  const most = parallel_tool_calls && !must ? Infinity : 1;
  return {
    prompt: { messages: frameMessages(messages, chatTemplate, told, must) },
    options: seeds(seed, n).map((one) => ({ ...options, seed: one })),
    stream,
    includeUsage: readStreamOptions(read.stream_options),
    tools: allowed.length === 0 ? undefined : { names, most, must },
  };
}

const ofToken = ({ token, bytes, logprob }: TokenLogprob) => ({ token, bytes, logprob });
const logprobsOf = (tokens: readonly GeneratedToken[]): ChatLogprobs => ({
  content: tokens.map((one) => ({ ...ofToken(one), top_logprobs: one.top.map(ofToken) })),
  refusal: null,
});

const newParser = ({ tools }: Request) =>
  tools === undefined ? undefined : new ToolParser(tools.names, tools.most);

/** A call that was enforced is whole even where the tokens ran out. */
function reasonOf(
  { tools }: Request,
  result: GenerationResult,
  calls: number,
): ChatCompletionChoice["finish_reason"] {
  const reason = finishReason(result);
  return calls > 0 && (reason === "stop" || tools?.must) ? "tool_calls" : reason;
}

function choiceOf(index: number, request: Request, result: GenerationResult): ChatCompletionChoice {
  const parser = newParser(request);
  const found = parser ? [...parser.push(result.text), ...parser.end()] : [{ content: result.text }];
  const words = found.map((one) => ("content" in one ? one.content : "")).join("");
  const calls = found.flatMap((one) => ("call" in one ? [one.call] : []));
  return {
    index,
    message: {
      role: "assistant",
      content: calls.length > 0 && words === "" ? null : words,
      refusal: null,
      ...(calls.length > 0 && { tool_calls: calls }),
    },
    finish_reason: reasonOf(request, result, calls.length),
    logprobs: result.logprobs ? logprobsOf(result.logprobs) : null,
  };
}

async function* chunks(
  head: Head,
  request: Request,
  { generations }: Run,
): AsyncGenerator<ChatCompletionChunk, void, undefined> {
  const { includeUsage } = request;
  const chunk = (...choices: ChatCompletionChunkChoice[]): ChatCompletionChunk => ({
    ...head,
    object: "chat.completion.chunk",
    choices,
    ...(includeUsage && { usage: null }),
  });
  const results: GenerationResult[] = [];
  for (const [index, generation] of generations.entries()) {
    let told: GeneratedToken[] = []; // go out with the next chunk
    const choice = (
      delta: ChatCompletionChunkChoice["delta"],
      reason: ChatCompletionChunkChoice["finish_reason"] = null,
    ) => {
      const logprobs = told.length > 0 ? logprobsOf(told) : null;
      told = [];
      return chunk({ index, delta, finish_reason: reason, logprobs });
    };
    const parser = newParser(request);
    let calls = 0;
    const tell = (found: Found[]) =>
      found.flatMap((one) => {
        if ("content" in one) return [choice({ content: one.content })];
        const at = calls++;
        const { id, type, function: { name, arguments: args } } = one.call;
        const named = { index: at, id, type, function: { name, arguments: "" } };
        return [
          choice({ tool_calls: [named] }),
          choice({ tool_calls: [{ index: at, function: { arguments: args } }] }),
        ];
      });
    yield choice({ role: "assistant", content: "", refusal: null });
    for await (const { text, tokens: more } of generation.parts()) {
      told.push(...more);
      if (text !== "") yield* tell(parser ? parser.push(text) : [{ content: text }]);
    }
    if (parser) yield* tell(parser.end());
    const result = await generation.result;
    results.push(result);
    yield choice({}, reasonOf(request, result, calls));
  }
  if (includeUsage) yield { ...chunk(), usage: usageOf(results, results.length) };
}

/** OpenAI's `chat.completions`. */
export class ChatCompletions {
  readonly #host: Host;

  /** @internal */
  constructor(host: Host) {
    this.#host = host;
  }

  /** Answer a conversation, as OpenAI's client does: whole, or with `stream` in chunks. */
  create(
    params: NotStreaming<ChatCompletionParams>,
    options?: RequestOptions,
  ): Promise<ChatCompletion>;
  create(
    params: Streaming<ChatCompletionParams>,
    options?: RequestOptions,
  ): Promise<CompletionStream<ChatCompletionChunk>>;
  create(
    params: ChatCompletionParams,
    options?: RequestOptions,
  ): Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>>;
  async create(
    params: ChatCompletionParams,
    options?: RequestOptions,
  ): Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>> {
    const { info } = this.#host;
    const request = reading("parameters", () => readRequest(params, info.chatTemplate));
    const { prompt } = request;
    const run = await begin(
      this.#host,
      request.options.map((one) => ({ prompt, options: one })),
      readRequestOptions(options),
    );
    const head = newHead("chatcmpl-", info);
    if (request.stream) return new CompletionStream(run, chunks(head, request, run));
    const results = await allResults(run);
    return {
      ...head,
      object: "chat.completion",
      choices: results.map((result, index) => choiceOf(index, request, result)),
      usage: usageOf(results, results.length),
    };
  }
}
