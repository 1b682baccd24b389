// The official openai client, pointed at a model instead of a server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { createOpenAIFetch } from "../dist/index.js";
import { load } from "./support.mjs";

let model;
let client;
before(async () => {
  model = await load();
  client = new OpenAI({ apiKey: "none", maxRetries: 0, fetch: createOpenAIFetch(model) });
});
after(() => model?.dispose());

const messages = [{ role: "user", content: "Tell me a story about a rabbit." }];
const params = { model: "any", messages, max_completion_tokens: 8, seed: 3 };

test("a chat, whole and in chunks", async () => {
  const { choices } = await client.chat.completions.create(params);
  const { content } = choices[0].message;
  assert.equal(content, (await model.chat(messages, { maxTokens: 8, seed: 3 }).result).text);
  let text = "";
  const stream = await client.chat.completions.create({
    ...params,
    stream: true,
    stream_options: { include_usage: true },
  });
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, content);
  assert.equal(usage.completion_tokens, 8);
});

test("the client's own helper puts the chunks together", async () => {
  const { choices } = await client.chat.completions.create(params);
  const runner = client.chat.completions.stream(params);
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.content, choices[0].message.content);
  assert.equal(final.choices[0].finish_reason, "length");
});

test("completions and embeddings", async () => {
  const text = await client.completions.create({ model: "any", prompt: "Once", max_tokens: 3 });
  assert.equal(text.usage.completion_tokens, 3);
  const { data } = await client.embeddings.create({ model: "any", input: "a rabbit" }); // it asks for base64
  assert.deepEqual(Float32Array.from(data[0].embedding), await model.embed("a rabbit"));
});

test("errors and aborts are the client's own", async () => {
  await assert.rejects(client.chat.completions.create({ ...params, logit_bias: { 5: 1 } }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "UnsupportedParameter");
    assert.match(error.message, /logit_bias.*Leave the parameter out/);
    return true;
  });
  await assert.rejects(client.models.list(), OpenAI.APIError);
  const controller = new AbortController();
  const { signal } = controller;
  const long = { ...params, max_completion_tokens: 1000, stream: true };
  const stream = await client.chat.completions.create(long, { signal });
  let chunks = 0;
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    if (++chunks === 3) controller.abort();
  }
  assert.ok(chunks < 100);
  const call = client.chat.completions.create({ ...long, stream: false }, { signal });
  await assert.rejects(call, OpenAI.APIUserAbortError);
  assert.ok((await model.generate("Once", { maxTokens: 2 }).text()).length > 0);
});
