// Sessions that are saved, restored and forked go on as if nothing had been; what was not saved by this model is refused.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { golden, load, modelBytes, refuses } from "./support.mjs";

let model;
before(async () => {
  model = await load({ context: 256 });
});
after(() => model?.dispose());

const options = { maxTokens: 30, ignoreEnd: true, logitsHash: true };

/** A session that holds a text, and the ids of that text. */
async function holding() {
  const session = await model.session();
  const { text } = await session.generate(golden.prompt, { maxTokens: 20 }).result;
  return { session, ids: [...(await model.tokenize(golden.prompt + text, { bos: true }))] };
}

test("restored, in this model or another, a session goes on with the same bits", async () => {
  const { session, ids } = await holding();
  const saved = await session.save();
  assert.ok(saved instanceof Blob && saved.size > 1000);
  const held = session.tokens;
  const right = await session.generate(ids, options).result;
  const other = await load({ flavour: "simd-st", context: 128 });
  for (const [where, what] of [
    [model, saved],
    [model, await saved.arrayBuffer()],
    [other, new Uint8Array(await saved.arrayBuffer())],
  ]) {
    const restored = await where.restore(what);
    assert.equal(restored.tokens, held);
    const result = await restored.generate(ids, options).result;
    assert.ok(result.cachedTokens >= held - 1, `${result.cachedTokens} of ${held}`);
    assert.equal(result.text, right.text);
    assert.equal(result.logitsHash, right.logitsHash);
    await restored.dispose();
  }
  await other.dispose();
  await session.dispose();
});

test("a fork holds the same, and neither disturbs the other", async () => {
  const { session, ids } = await holding();
  const fork = await session.fork();
  assert.equal(fork.tokens, session.tokens);
  const [one, two] = await Promise.all([
    session.generate(ids, options).result,
    fork.generate(ids, options).result,
  ]);
  assert.equal(one.logitsHash, two.logitsHash);
  assert.equal(two.cachedTokens, one.cachedTokens);
  await session.dispose();
  assert.equal((await fork.generate(ids, options).result).logitsHash, one.logitsHash);
  await fork.dispose();
  await refuses(session.fork(), "Disposed");
  await refuses(session.save(), "Disposed");
});

test("bytes that are not a saved session are refused, and leave nothing behind", async () => {
  const { session } = await holding();
  const bytes = new Uint8Array(await (await session.save()).arrayBuffer());
  await session.dispose();
  const { sessionBytes, wasmBytes } = await model.memory();
  const changed = (at) => {
    const copy = bytes.slice();
    copy[at] ^= 1;
    return copy;
  };
  for (const bad of [
    new Blob([]),
    new Uint8Array(100),
    modelBytes.subarray(0, 5000),
    bytes.subarray(0, bytes.length - 1),
    bytes.subarray(0, 30),
    new Blob([bytes, new Uint8Array(1)]),
    changed(0),
    changed(40),
    changed(bytes.length >> 1),
    changed(bytes.length - 1),
  ])
    await refuses(model.restore(bad), "BadSession");
  await refuses(model.restore(bytes, { kvType: "f16" }), "BadSession");
  await refuses(model.restore(bytes, { context: 8 }), "ContextFull");
  for (const bad of [undefined, null, "x", {}, [1]])
    await refuses(model.restore(bad), "InvalidOption");
  const after = await model.memory();
  assert.equal(after.sessionBytes, sessionBytes);
  assert.ok(after.wasmBytes <= wasmBytes + (4 << 20));
  await (await model.restore(bytes)).dispose();
});

test("a full context: stop, error, shift", async () => {
  const session = await model.session({ context: 64 });
  const long = { ignoreEnd: true, maxTokens: 150, temperature: 0 };
  const stopped = await session.generate(golden.prompt, long).result;
  assert.equal(stopped.finishReason, "context");
  const erring = session.generate(golden.prompt, { ...long, contextPolicy: "error" });
  await refuses(erring.text(), "ContextFull");
  const shifted = await session.generate(golden.prompt, { ...long, contextPolicy: "shift", keep: 4 })
    .result;
  assert.equal(shifted.finishReason, "length");
  assert.equal(shifted.tokens, 150);
  assert.ok(shifted.text.startsWith(stopped.text.slice(0, 40)));
  assert.ok(session.tokens <= 64);
  await refuses(
    session.generate("x", { contextPolicy: "shift", keep: 64 }).text(),
    "InvalidArgument",
  );
  await refuses(session.generate("x", { contextPolicy: "slide" }).text(), "InvalidOption");
  await session.dispose();
});

test("log-probabilities: one for each token, the greedy one is the likeliest", async () => {
  const params = { maxTokens: 12, logprobs: true, topLogprobs: 3 };
  const { logprobs, text, tokens } = await model.generate(golden.prompt, params).result;
  assert.equal(logprobs.length, tokens);
  assert.equal(logprobs.map(({ token }) => token).join(""), text);
  for (const { id, token, bytes, logprob, top } of logprobs) {
    assert.ok(logprob <= 0);
    assert.equal(top.length, 3);
    assert.deepEqual(top[0], { id, token, bytes, logprob });
    assert.ok(top[0].logprob >= top[1].logprob && top[1].logprob >= top[2].logprob);
    assert.ok(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0) <= 1.0001);
    assert.deepEqual(bytes, [...new TextEncoder().encode(token)]);
  }
  assert.equal((await model.generate("Once", { maxTokens: 1 }).result).logprobs, undefined);
  await refuses(
    model.generate("x", { logprobs: true, topLogprobs: 21 }).text(),
    "InvalidArgument",
  );
});

test("OpenAI's log-probabilities, whole and in chunks", async () => {
  const messages = [{ role: "user", content: "Tell me a story." }];
  const params = { messages, max_tokens: 8, seed: 4, logprobs: true, top_logprobs: 2 };
  const { choices } = await model.chat.completions.create(params);
  const { content, refusal } = choices[0].logprobs;
  assert.equal(refusal, null);
  assert.equal(content.length, 8);
  assert.equal(content.map(({ token }) => token).join(""), choices[0].message.content);
  assert.deepEqual(Object.keys(content[0]), ["token", "bytes", "logprob", "top_logprobs"]);
  assert.equal(content[0].top_logprobs.length, 2);
  const told = [];
  for await (const chunk of await model.chat.completions.create({ ...params, stream: true }))
    told.push(...(chunk.choices[0].logprobs?.content ?? []));
  assert.deepEqual(told, content);
  await refuses(
    model.chat.completions.create({ messages, top_logprobs: 2 }),
    "InvalidOption",
    /top_logprobs/,
  );

  const older = { prompt: "Once upon", max_tokens: 6, temperature: 0, logprobs: 2 };
  const { text, logprobs } = (await model.completions.create(older)).choices[0];
  assert.equal(logprobs.tokens.join(""), text);
  logprobs.text_offset.forEach((at, i) =>
    assert.ok(text.startsWith(logprobs.tokens[i], at), `${at}`),
  );
  assert.equal(logprobs.token_logprobs.length, 6);
  for (const top of logprobs.top_logprobs) assert.equal(Object.keys(top).length, 2);
  const pieces = [];
  for await (const chunk of await model.completions.create({ ...older, stream: true }))
    if (chunk.choices[0].logprobs) pieces.push(chunk.choices[0].logprobs);
  assert.deepEqual(pieces.flatMap((one) => one.text_offset), logprobs.text_offset);
  await refuses(model.completions.create({ ...older, echo: true }), "UnsupportedParameter");
});

test("guessed tokens change nothing but the time", async () => {
  const params = { maxTokens: 80, ignoreEnd: true };
  const prompt = "The dog saw the cat. The cat saw the dog. The dog saw the cat. The cat saw";
  for (const more of [{}, { temperature: 0.8, seed: 3 }, { repetitionPenalty: 1.2 }]) {
    const plain = await model.generate(prompt, { ...params, ...more }).result;
    const drafted = await model.generate(prompt, { ...params, ...more, draft: 8 }).result;
    assert.equal(drafted.text, plain.text);
    assert.equal(drafted.tokens, plain.tokens);
  }
  await refuses(model.generate("x", { draft: 17 }).text(), "InvalidArgument");
});

test("penalties change what is said, and are refused out of range", async () => {
  const plain = { maxTokens: 60, temperature: 0 };
  const text = async (more) => (await model.generate("The dog", { ...plain, ...more }).result).text;
  assert.notEqual(await text({ frequencyPenalty: 5 }), await text({}));
  assert.notEqual(await text({ presencePenalty: 5 }), await text({}));
  await refuses(text({ presencePenalty: 1000 }), "InvalidArgument");
});

test("embeddings: of length one, the same for the same text, in OpenAI's shape too", async () => {
  const before = await model.generate("A fish", { maxTokens: 3 }).result;
  const [one, two, same] = await model.embed(["a rabbit", "the sea", "a rabbit"]);
  assert.equal(one.length, model.info.hidden);
  assert.deepEqual(one, same);
  assert.notDeepEqual(one, two);
  const length = (vector) => Math.hypot(...vector);
  assert.ok(Math.abs(length(one) - 1) < 1e-5);
  assert.deepEqual(await model.embed("a rabbit"), one);
  const raw = await model.embed("a rabbit", { normalize: false, pooling: "mean" });
  assert.ok(Math.abs(length(raw) - 1) > 1e-3);
  const again = await model.generate("A fish", { maxTokens: 3 }).result;
  assert.equal(again.cachedTokens, before.promptTokens - 1, "a conversation was disturbed");

  const answer = await model.embeddings.create({ model: "any", input: ["a rabbit", "the sea"] });
  assert.deepEqual(
    answer.data.map(({ object, index }) => [object, index]),
    [
      ["embedding", 0],
      ["embedding", 1],
    ],
  );
  assert.deepEqual(Float32Array.from(answer.data[0].embedding), one);
  assert.equal(answer.object, "list");
  assert.ok(answer.usage.prompt_tokens >= 4);
  const coded = await model.embeddings.create({ input: "a rabbit", encoding_format: "base64" });
  const bytes = Buffer.from(coded.data[0].embedding, "base64");
  assert.deepEqual(new Float32Array(new Uint8Array(bytes).buffer), one);
  const ids = [...(await model.tokenize("a rabbit", { bos: true }))];
  assert.deepEqual(
    Float32Array.from((await model.embeddings.create({ input: ids })).data[0].embedding),
    one,
  );
  await refuses(model.embed("long ".repeat(2000)), "ContextFull");
  await refuses(model.embed("x", { signal: AbortSignal.abort() }), "Aborted");
  await refuses(model.embed("x", { pool: "mean" }), "UnknownOption");
  await refuses(model.embeddings.create({ input: "x", dimensions: 4 }), "UnsupportedParameter");
  await refuses(model.embeddings.create({ input: [] }), "InvalidOption");
  const controller = new AbortController();
  const many = model.embed(Array(200).fill("once upon a time"), { signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  await refuses(many, "Aborted");
  assert.deepEqual(await model.embed("a rabbit"), one);
});
