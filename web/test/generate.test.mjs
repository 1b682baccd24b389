// Text from the built-in model: known answers, chat, sampling, stop strings, unusual prompts, options.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chatDefaults } from "../dist/index.js";
import { golden, load, refuses } from "./support.mjs";

let model;
before(async () => {
  model = await load();
});
after(() => model?.dispose());

test("info says what is loaded", () => {
  const { name, architecture, weightType, vocabulary, threads, flavour, hint } = model.info;
  assert.equal(name, "BitNet Tiny Stories");
  assert.match(architecture, /^bitnet/);
  assert.equal(weightType, "I2_S");
  assert.ok(vocabulary > 256);
  assert.equal(threads, 1);
  assert.match(flavour, /-st$/);
  assert.equal(hint, "");
});

test("greedy text is the reference's, piece by piece and again", async () => {
  const end = golden.greedy_text.indexOf("<|end_of_text|>");
  for (let round = 0; round < 2; ++round) {
    let text = "";
    const generation = model.generate(golden.prompt);
    for await (const piece of generation) text += piece;
    assert.equal(text, golden.greedy_text.slice(0, end));
    const result = await generation.result;
    assert.equal(result.text, text);
    assert.equal(result.finishReason, "end");
    assert.equal(result.promptTokens, golden.prompt_ids.length);
    assert.equal(result.cachedTokens, round === 0 ? 0 : golden.prompt_ids.length - 1);
    assert.ok(result.tokens > 50 && result.tokensPerSecond > 0);
  }
});

test("chat samples with a fresh seed, and repeats with the same one", async () => {
  const messages = [{ role: "user", content: "Tell me a story about a rabbit." }];
  const first = await model.chat(messages, { maxTokens: 30 }).result;
  const again = await model.chat(messages, { maxTokens: 30, seed: first.seed }).result;
  const other = await model.chat(messages, { maxTokens: 30 }).result;
  assert.ok(first.text.length > 20);
  assert.equal(first.text, again.text);
  assert.notEqual(first.seed, other.seed);
  assert.equal(first.finishReason, "length");
  assert.ok(chatDefaults.temperature > 0);
});

test("a conversation's next turn is evaluated from where it differs", async () => {
  const messages = [{ role: "user", content: "Tell me a story about a bear." }];
  const { text } = await model.chat(messages, { seed: 1, maxTokens: 20 }).result;
  messages.push(
    { role: "assistant", content: text },
    { role: "user", content: "What does a cow say?" },
  );
  const { cachedTokens, promptTokens } = await model.chat(messages, { maxTokens: 5 }).result;
  assert.ok(cachedTokens > 10 && cachedTokens < promptTokens, `${cachedTokens} of ${promptTokens}`);
});

test("a string is a chat of one message", async () => {
  const options = { temperature: 0, maxTokens: 10 };
  assert.equal(
    await model.chat("Hello", options).text(),
    await model.chat([{ role: "user", content: "Hello" }], options).text(),
  );
});

test("stop strings end the text before themselves", async () => {
  const whole = await model.generate(golden.prompt, { maxTokens: 40 }).text();
  const word = whole.split(" ")[6];
  for (const stop of [word, ["not in there", word]]) {
    const result = await model.generate(golden.prompt, { maxTokens: 40, stop }).result;
    assert.equal(result.text, whole.slice(0, whole.indexOf(word)));
    assert.equal(result.finishReason, "stop");
  }
});

test("generation goes to the end of the context and says so", async () => {
  const result = await model.generate(golden.prompt, { ignoreEnd: true }).result;
  assert.equal(result.finishReason, "context");
  assert.ok(result.tokens + result.promptTokens >= model.info.sessionContext);
});

test("a prompt of ids is the same as its text", async () => {
  const ids = await model.tokenize(golden.prompt, { bos: true });
  assert.deepEqual([...ids], golden.prompt_ids);
  const options = { maxTokens: 10 };
  const text = await model.generate(golden.prompt, options).text();
  assert.equal(await model.generate(ids, options).text(), text);
  assert.equal(await model.generate([...ids], options).text(), text);
});

test("tokenizer cases of the reference", async () => {
  for (const { text, ids } of golden.tokenizer_cases)
    assert.deepEqual([...(await model.tokenize(text))], ids, text);
});

test("text of any kind survives the way in and out", async () => {
  for (const text of [
    "",
    "a\0b",
    "🐰 rabbit",
    "日本語",
    "\ud83d",
    "x\ude00y",
    "a".repeat(100_000),
  ]) {
    assert.equal(await model.detokenize(await model.tokenize(text)), text.toWellFormed());
  }
  const result = await model.generate("lone \ud83d\0", { maxTokens: 3 }).result;
  assert.ok(result.text.isWellFormed());
});

test("a prompt that cannot be answered is refused, and the next call works", async () => {
  await refuses(model.generate([]).text(), "EmptyPrompt");
  await refuses(model.generate("long ".repeat(2000)).text(), "ContextFull");
  await refuses(model.generate([1 << 30]).text(), "BadToken");
  await refuses(model.generate([-5]).text(), "BadToken");
  await refuses(model.detokenize([99_999]), "BadToken");
  assert.ok((await model.generate("Once", { maxTokens: 3 }).text()).length > 0);
});

test("options are checked by name, type and range", async () => {
  const text = (options) => model.generate("Once", options).text();
  await refuses(text({ temprature: 1 }), "UnknownOption", /temprature.*temperature/);
  await refuses(text({ __proto__: null, constructor: 1 }), "UnknownOption", /constructor/);
  await refuses(text(JSON.parse('{"__proto__": {"maxTokens": 1}}')), "UnknownOption", /__proto__/);
  for (const bad of [
    { temperature: NaN },
    { temperature: "1" },
    { maxTokens: -1 },
    { maxTokens: 1.5 },
    { topK: 2 ** 40 },
    { seed: -1 },
    { seed: 1n << 64n },
    { stop: 5 },
    { stop: [5] },
    { signal: {} },
    { ignoreEnd: 1 },
  ]) {
    await refuses(text(bad), "InvalidOption", new RegExp(Object.keys(bad)[0]));
  }
  for (const bad of [5, "x", null]) await refuses(text(bad), "InvalidOption");
  for (const bad of [
    { temperature: -1 },
    { temperature: 1000 },
    { topP: 0 },
    { minP: 1 },
    { repetitionPenalty: 0 },
    { stop: "" },
    { stop: Array(17).fill("x") },
    { stop: "x".repeat(257) },
  ]) {
    await refuses(text(bad), "InvalidArgument");
  }
  assert.equal(Object.prototype.maxTokens, undefined);
  for (const bad of [5, {}, [{ role: "user" }], [{ role: "robot", content: "x" }], [null]]) {
    await refuses(model.chat(bad).text(), "InvalidOption");
  }
  for (const bad of [undefined, null, {}, ["a"], [1.5]])
    await refuses(model.generate(bad).text(), "InvalidOption");
  assert.ok(
    (await text({ maxTokens: undefined, temperature: 0.5, seed: 3n, stop: "." })).length > 0,
  );
});

test("memory is told, and does not grow by generating", async () => {
  const before = await model.memory();
  for (let i = 0; i < 20; ++i) await model.generate("Once", { maxTokens: 5 }).text();
  const after = await model.memory();
  assert.deepEqual(after, before);
  assert.ok(
    before.weightBytes > 1e6 && before.wasmBytes > before.weightBytes + before.sessionBytes,
  );
});
