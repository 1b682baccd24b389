// completions.create: OpenAI's older interface, which continues a text.
import { BitNetError } from "../errors.js";
import { copyList, reading, readPrompt } from "../options.js";
import type { GeneratedToken, GenerateOptions, GenerationResult } from "../types.js";
import type { Prompt } from "../worker/protocol.js";
import {
  boolean,
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
import type {
  Completion,
  CompletionChunk,
  CompletionLogprobs,
  CompletionParams,
  NotStreaming,
  RequestOptions,
  Streaming,
} from "./types.js";

/** OpenAI's default of max_tokens here. */
const defaultTokens = 16;

const checks = {
  ...samplingChecks,
  prompt: () => true,
  stream: boolean,
  max_tokens: tokens,
  logprobs: whole(0, 5),
  echo: boolean,
};

/** What create() was asked for, checked. */
interface Request {
  prompts: Prompt[];
  /** For each choice of each prompt. */
  options: GenerateOptions[];
  stream: boolean;
  includeUsage: boolean;
  echo: boolean;
}

/** One prompt or several; a list of numbers is one. */
export function readPrompts(what: string, given: unknown): Prompt[] {
  if (given === undefined || given === null)
    throw new BitNetError("InvalidOption", `${what} is missing`);
  if (!Array.isArray(given) || typeof given[0] === "number") return [readPrompt(given)];
  const prompts = copyList(what, given, 2048).map(readPrompt);
  if (prompts.length === 0) throw new BitNetError("InvalidOption", `${what} is empty`);
  return prompts;
}

function readRequest(given: unknown): Request {
  const read = readParams<CompletionParams>("parameters", given, checks);
  const { max_tokens = defaultTokens, seed, n = 1, stream = false, echo = false } = read;
  if (read.stream_options !== undefined && !stream)
    throw new BitNetError("InvalidOption", "stream_options: only with stream");
  const { logprobs } = read;
  if (logprobs !== undefined && echo)
    throw new BitNetError("UnsupportedParameter", "logprobs together with echo");
  const options = {
    ...samplingOptions(read),
    maxTokens: max_tokens,
    ...(logprobs !== undefined && { logprobs: true, topLogprobs: logprobs }),
  };
  return {
    prompts: readPrompts("prompt", read.prompt),
    options: seeds(seed, n).map((one) => ({ ...options, seed: one })),
    stream,
    includeUsage: readStreamOptions(read.stream_options),
    echo,
  };
}

/** `at`: where the first token begins in the text. */
function logprobsOf(tokens: readonly GeneratedToken[], at = 0): CompletionLogprobs {
  let offset = at;
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: tokens.map(({ token }) => (offset += token.length) - token.length),
  };
}

async function* chunks(
  head: Head,
  { options, includeUsage }: Request,
  echoes: string[],
  { generations }: Run,
): AsyncGenerator<CompletionChunk, void, undefined> {
  const chunk = (choices: CompletionChunk["choices"]): CompletionChunk => ({
    ...head,
    object: "text_completion",
    choices,
    ...(includeUsage && { usage: null }),
  });
  const results: GenerationResult[] = [];
  for (const [index, generation] of generations.entries()) {
    let told: GeneratedToken[] = []; // go out with the next chunk
    let offset = 0;
    const choice = (text: string, reason: "stop" | "length" | null) => {
      const logprobs = told.length > 0 ? logprobsOf(told, offset) : null;
      offset += told.reduce((sum, { token }) => sum + token.length, 0);
      told = [];
      return chunk([{ index, text, finish_reason: reason, logprobs }]);
    };
    const echo = echoes[Math.floor(index / options.length)];
    if (echo !== undefined) yield choice(echo, null);
    for await (const { text, tokens: more } of generation.parts()) {
      told.push(...more);
      if (text !== "") yield choice(text, null);
    }
    const result = await generation.result;
    results.push(result);
    yield choice("", finishReason(result));
  }
  if (includeUsage) yield { ...chunk([]), usage: usageOf(results, options.length) };
}

/** OpenAI's `completions`. */
export class Completions {
  readonly #host: Host;

  /** @internal */
  constructor(host: Host) {
    this.#host = host;
  }

  /** Continue one prompt or several, as OpenAI's client does: whole, or with `stream` in chunks. */
  create(params: NotStreaming<CompletionParams>, options?: RequestOptions): Promise<Completion>;
  create(
    params: Streaming<CompletionParams>,
    options?: RequestOptions,
  ): Promise<CompletionStream<CompletionChunk>>;
  create(
    params: CompletionParams,
    options?: RequestOptions,
  ): Promise<Completion | CompletionStream<CompletionChunk>>;
  async create(
    params: CompletionParams,
    options?: RequestOptions,
  ): Promise<Completion | CompletionStream<CompletionChunk>> {
    const request = reading("parameters", () => readRequest(params));
    const { prompts } = request;
    const signal = readRequestOptions(options);
    const echoes = request.echo ? await Promise.all(prompts.map((one) => this.#textOf(one))) : [];
    const run = await begin(
      this.#host,
      prompts.flatMap((prompt) => request.options.map((one) => ({ prompt, options: one }))),
      signal,
    );
    const head = newHead("cmpl-", this.#host.info);
    if (request.stream) return new CompletionStream(run, chunks(head, request, echoes, run));
    const results = await allResults(run);
    const perPrompt = request.options.length;
    return {
      ...head,
      object: "text_completion",
      choices: results.map((result, index) => ({
        index,
        text: (echoes[Math.floor(index / perPrompt)] ?? "") + result.text,
        finish_reason: finishReason(result),
        logprobs: result.logprobs ? logprobsOf(result.logprobs) : null,
      })),
      usage: usageOf(results, perPrompt),
    };
  }

  async #textOf(prompt: Prompt): Promise<string> {
    if ("text" in prompt) return prompt.text;
    return "ids" in prompt ? this.#host.detokenize(prompt.ids) : "";
  }
}
