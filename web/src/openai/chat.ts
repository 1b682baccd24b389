// chat.completions.create: OpenAI's chat on this model.
import { BitNetError } from "../errors.js";
import { copyList, oneOf, reading } from "../options.js";
import type { GenerateOptions, GenerationResult } from "../types.js";
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
  string,
  tokens,
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
import { ToolParser, type Found } from "./tools.js";
import type {
  ChatCompletion,
  ChatCompletionChoice,
  ChatCompletionChunk,
  ChatCompletionChunkChoice,
  ChatCompletionParams,
  FunctionDefinition,
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
  tools: list,
  tool_choice: (value: unknown) => oneOf("none", "auto")(value),
  parallel_tool_calls: boolean,
};

/** What create() was asked for, checked. */
interface Request {
  prompt: Prompt;
  options: GenerateOptions[];
  stream: boolean;
  includeUsage: boolean;
  /** undefined: the answer is words, whatever it looks like. */
  tools: { names: ReadonlySet<string>; most: number } | undefined;
}

function readTools(given: readonly unknown[]): FunctionDefinition[] {
  const names = new Set<string>();
  return copyList("tools", given, 128).map((tool, i) => {
    const what = `tools[${i}]`;
    const { type, function: definition } = readParams<{ type: string; function: object }>(
      what,
      tool,
      { type: string, function: object },
    );
    if (type !== "function") throw new BitNetError("UnsupportedParameter", `${what}.type`);
    const read = readParams<FunctionDefinition>(`${what}.function`, definition ?? {}, {
      name: (value) => typeof value === "string" && /^[a-zA-Z0-9_-]{1,64}$/.test(value),
      description: string,
      parameters: object,
      strict: boolean,
    });
    const { name, parameters } = read;
    if (name === undefined || names.has(name))
      throw new BitNetError("InvalidOption", `${what}.function.name is missing or there twice`);
    names.add(name);
    // A copy, so that nothing changes under way; what is no JSON is refused here (a cycle, a bigint).
    const schema = reading(
      `${what}.function.parameters`,
      () => JSON.parse(JSON.stringify(parameters ?? null)) as Record<string, unknown> | null,
    );
    return { ...read, name, parameters: schema ?? undefined };
  });
}

function readRequest(given: unknown, chatTemplate: string): Request {
  const read = readParams<ChatCompletionParams>("parameters", given, checks);
  const { messages, tools: givenTools = [], tool_choice, parallel_tool_calls = true } = read;
  const { max_tokens, max_completion_tokens = max_tokens, seed, n = 1, stream = false } = read;
  if (messages === undefined) throw new BitNetError("InvalidOption", "messages are missing");
  if (read.stream_options !== undefined && !stream)
    throw new BitNetError("InvalidOption", "stream_options: only with stream");
  const all = readTools(givenTools);
  const tools = tool_choice === "none" ? [] : all;
  const options = {
    ...samplingOptions(read),
    ...(max_completion_tokens !== undefined && { maxTokens: max_completion_tokens }),
  };
  return {
    prompt: { messages: frameMessages(messages, chatTemplate, tools, false) },
    options: seeds(seed, n).map((one) => ({ ...options, seed: one })),
    stream,
    includeUsage: readStreamOptions(read.stream_options),
    tools:
      tools.length === 0
        ? undefined
        : {
            names: new Set(tools.map(({ name }) => name)),
            most: parallel_tool_calls ? Infinity : 1,
          },
  };
}

const newParser = ({ tools }: Request) =>
  tools === undefined ? undefined : new ToolParser(tools.names, tools.most);

function reasonOf(result: GenerationResult, calls: number): ChatCompletionChoice["finish_reason"] {
  const reason = finishReason(result);
  return reason === "stop" && calls > 0 ? "tool_calls" : reason;
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
    finish_reason: reasonOf(result, calls.length),
    logprobs: null,
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
    const choice = (delta: ChatCompletionChunkChoice["delta"]) =>
      chunk({ index, delta, finish_reason: null, logprobs: null });
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
    for await (const text of generation)
      if (text !== "") yield* tell(parser ? parser.push(text) : [{ content: text }]);
    if (parser) yield* tell(parser.end());
    const result = await generation.result;
    results.push(result);
    yield chunk({ index, delta: {}, finish_reason: reasonOf(result, calls), logprobs: null });
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
