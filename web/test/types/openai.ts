// Compiled by test/types.test.mjs, never run: the official client's types and ours fit together.
import OpenAI from "openai";
import { createOpenAIFetch, type ChatCompletionChunk, type Model } from "../../dist/index.js";

export async function chat(
  model: Model,
  whole: OpenAI.Chat.ChatCompletionCreateParamsNonStreaming,
  streamed: OpenAI.Chat.ChatCompletionCreateParamsStreaming,
  either: OpenAI.Chat.ChatCompletionCreateParams,
): Promise<OpenAI.Chat.ChatCompletionMessageParam[]> {
  const answer: OpenAI.Chat.ChatCompletion = await model.chat.completions.create(whole);
  for await (const chunk of await model.chat.completions.create(streamed)) {
    const theirs: OpenAI.Chat.ChatCompletionChunk = chunk;
    void theirs.choices[0]?.delta.content;
  }
  await model.chat.completions.create(either);
  void answer;
  // The answer is the next turn's history.
  const history: OpenAI.Chat.ChatCompletionMessageParam[] = [...whole.messages];
  const { message } = (await model.chat.completions.create({ messages: history })).choices[0]!;
  history.push(message);
  for (const call of message.tool_calls ?? [])
    history.push({ role: "tool", tool_call_id: call.id, content: "42" });
  const stream: AsyncIterable<ChatCompletionChunk> = await model.chat.completions.create({
    messages: history,
    stream: true,
    stream_options: { include_usage: true },
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
  });
  void stream;
  // @ts-expect-error: what nothing here does is no parameter
  await model.chat.completions.create({ messages: [], logit_bias: { 5: 1 } });
  // @ts-expect-error: a message has a role
  await model.chat.completions.create({ messages: [{ content: "x" }] });
  return history;
}

export async function embeddings(
  model: Model,
  params: OpenAI.EmbeddingCreateParams,
): Promise<OpenAI.CreateEmbeddingResponse> {
  const { data } = await model.embeddings.create({ input: "x", encoding_format: "base64" });
  const coded: string | undefined = data[0]?.embedding;
  void coded;
  return model.embeddings.create(params);
}

export const client = (model: Model) => new OpenAI({ fetch: createOpenAIFetch(model) });

export async function text(
  model: Model,
  whole: OpenAI.CompletionCreateParamsNonStreaming,
  streamed: OpenAI.CompletionCreateParamsStreaming,
): Promise<void> {
  const answer: OpenAI.Completion = await model.completions.create(whole);
  void answer;
  for await (const chunk of await model.completions.create(streamed)) {
    // Theirs says that a chunk's choice always has a reason to end; their server sends null until it does, and so do we.
    const theirs: Omit<OpenAI.Completion, "choices" | "usage"> = chunk;
    void theirs;
  }
}
