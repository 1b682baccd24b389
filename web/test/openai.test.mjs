// OpenAI's shape: what stands in answers and chunks, in which order; what is refused; choices, usage, aborts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { golden, load, refuses } from "./support.mjs";

let model;
before(async () => {
  model = await load({ context: 512 });
});
after(() => model?.dispose());

const messages = [{ role: "user", content: "Tell me a story about a rabbit." }];
const create = (params, options) => model.chat.completions.create({ messages, ...params }, options);
const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
};

test("an answer has OpenAI's members, and no others", async () => {
  const begin = Math.floor(Date.now() / 1000);
  const answer = await create({ model: "any", max_tokens: 12, seed: 5 });
  assert.deepEqual(Object.keys(answer).sort(), [
    "choices",
    "created",
    "id",
    "model",
    "object",
    "system_fingerprint",
    "usage",
  ]);
  assert.match(answer.id, /^chatcmpl-[A-Za-z0-9]{24}$/);
  assert.equal(answer.object, "chat.completion");
  assert.ok(answer.created >= begin && answer.created <= Date.now() / 1000);
  assert.equal(answer.model, "BitNet Tiny Stories");
  assert.match(answer.system_fingerprint, /^bitnet-edge-\d+\.\d+\.\d+$/);
  const [choice, ...others] = answer.choices;
  assert.deepEqual(others, []);
  const { content } = choice.message;
  assert.deepEqual(choice, {
    index: 0,
    message: { role: "assistant", content, refusal: null },
    finish_reason: "length",
    logprobs: null,
  });
  const short = await model.chat(messages, { maxTokens: 12, seed: 5 }).result;
  assert.equal(content, short.text);
  const { usage } = answer;
  assert.equal(usage.prompt_tokens, short.promptTokens);
  assert.equal(usage.completion_tokens, 12);
  assert.equal(usage.total_tokens, usage.prompt_tokens + 12);
  assert.notEqual((await create({ max_tokens: 1 })).id, answer.id);
});

test("chunks: the role, then words, then the reason; usage when it is asked for", async () => {
  const params = { max_completion_tokens: 12, seed: 5 };
  const whole = await create(params);
  const chunks = await collect(create({ ...params, stream: true }));
  const first = chunks[0];
  assert.deepEqual(first.choices, [
    {
      index: 0,
      delta: { role: "assistant", content: "", refusal: null },
      finish_reason: null,
      logprobs: null,
    },
  ]);
  for (const { id, object, created, model: name, usage, choices } of chunks) {
    assert.equal(object, "chat.completion.chunk");
    assert.deepEqual([id, created, name], [first.id, first.created, "BitNet Tiny Stories"]);
    assert.equal(usage, undefined);
    assert.equal(choices.length, 1);
  }
  assert.deepEqual(chunks.at(-1).choices, [
    { index: 0, delta: {}, finish_reason: "length", logprobs: null },
  ]);
  const inner = chunks.slice(1, -1).map(({ choices }) => choices[0]);
  for (const { delta, finish_reason } of inner) {
    assert.deepEqual(Object.keys(delta), ["content"]);
    assert.ok(delta.content.length > 0);
    assert.equal(finish_reason, null);
  }
  assert.equal(
    inner.map(({ delta }) => delta.content).join(""),
    whole.choices[0].message.content,
  );

  const told = await collect(
    create({ ...params, stream: true, stream_options: { include_usage: true } }),
  );
  assert.deepEqual(told.at(-1).choices, []);
  assert.equal(told.at(-1).usage.completion_tokens, 12);
  for (const { usage } of told.slice(0, -1)) assert.equal(usage, null);
});

test("n choices: as many texts, seeds in a row, the prompt evaluated once", async () => {
  const params = { max_tokens: 8, seed: 100 };
  const answer = await create({ ...params, n: 3 });
  assert.deepEqual(
    answer.choices.map(({ index }) => index),
    [0, 1, 2],
  );
  for (const { index, message } of answer.choices) {
    const alone = await create({ ...params, seed: 100 + index });
    assert.equal(message.content, alone.choices[0].message.content);
  }
  assert.equal(answer.usage.completion_tokens, 24);
  assert.equal(answer.usage.prompt_tokens, (await create({ max_tokens: 1 })).usage.prompt_tokens);
  const chunks = await collect(create({ ...params, n: 3, stream: true }));
  for (const { index, message } of answer.choices) {
    const own = chunks.filter(({ choices }) => choices[0].index === index);
    assert.equal(own[0].choices[0].delta.role, "assistant");
    assert.equal(own.at(-1).choices[0].finish_reason, "length");
    const text = own.map(({ choices }) => choices[0].delta.content ?? "").join("");
    assert.equal(text, message.content);
  }
});

test("every kind of history that OpenAI's client sends", async () => {
  const same = await model.chat(
    [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello there" },
    ],
    { temperature: 0, maxTokens: 6 },
  ).result;
  for (const role of ["system", "developer"]) {
    const answer = await create({
      messages: [
        { role, content: [{ type: "text", text: "Be " }, { type: "text", text: "brief." }] },
        { role: "user", content: [{ type: "text", text: "Hello there" }] },
      ],
      temperature: 0,
      max_tokens: 6,
    });
    assert.equal(answer.choices[0].message.content, same.text);
  }
  const first = await create({ max_tokens: 4 });
  const said = { ...first.choices[0].message, annotations: [] }; // as OpenAI's own answers have it
  const turns = [...messages, said, { role: "user", name: "Ann", content: "Go on" }];
  const next = await create({ messages: turns, max_tokens: 2 });
  assert.ok(next.usage.prompt_tokens > first.usage.total_tokens);
  assert.ok(next.usage.prompt_tokens_details.cached_tokens > 5);
});

test("an end by a stop string, an end by the model", async () => {
  const params = { temperature: 0, max_tokens: 30 };
  const whole = (await create(params)).choices[0].message.content;
  const word = whole.split(" ")[4];
  for (const stop of [word, ["not there", word]]) {
    const [choice] = (await create({ ...params, stop })).choices;
    assert.equal(choice.message.content, whole.slice(0, whole.indexOf(word)));
    assert.equal(choice.finish_reason, "stop");
  }
  const text = await model.completions.create({
    prompt: golden.prompt,
    temperature: 0,
    top_k: 0,
    top_p: 1,
    repetition_penalty: 1,
    max_tokens: 400,
  });
  assert.equal(text.choices[0].text, golden.greedy_text.split("<|end_of_text|>")[0]);
  assert.equal(text.choices[0].finish_reason, "stop");
});

test("completions: prompts of every kind, choices of each, echo, chunks", async () => {
  const { completions } = model;
  const params = { temperature: 0, max_tokens: 4 };
  const one = await completions.create({ ...params, prompt: "Once upon" });
  assert.match(one.id, /^cmpl-/);
  assert.equal(one.object, "text_completion");
  const { text } = one.choices[0];
  assert.deepEqual(one.choices, [{ index: 0, text, finish_reason: "length", logprobs: null }]);
  const ids = [...(await model.tokenize("Once upon", { bos: true }))];
  const several = await completions.create({ ...params, prompt: [ids, ids], n: 2, echo: true });
  assert.equal(several.choices.length, 4);
  for (const choice of several.choices) assert.equal(choice.text, `Once upon${text}`);
  assert.equal(several.usage.prompt_tokens, 2 * one.usage.prompt_tokens);
  assert.equal(several.usage.completion_tokens, 16);
  const list = await completions.create({ ...params, prompt: ["Once upon", "The dog"] });
  assert.equal(list.choices[0].text, text);
  assert.notEqual(list.choices[1].text, text);
  assert.equal((await completions.create({ prompt: "Once" })).usage.completion_tokens, 16);
  const chunks = await collect(
    completions.create({
      ...params,
      prompt: "Once upon",
      echo: true,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  assert.equal(
    chunks.map(({ choices }) => choices[0]?.text ?? "").join(""),
    `Once upon${text}`,
  );
  assert.deepEqual(
    chunks.map(({ choices }) => choices[0]?.finish_reason).filter((reason) => reason),
    ["length"],
  );
  assert.equal(chunks.at(-1).usage.total_tokens, one.usage.total_tokens);
});

test("what nothing here does is refused by name; what asks for nothing is not", async () => {
  for (const [name, value] of Object.entries({
    logit_bias: { 5: 1 },
    modalities: ["text", "audio"],
    audio: { voice: "x", format: "wav" },
    store: true,
    metadata: { a: "b" },
    functions: [{ name: "f" }],
    function_call: "auto",
    prediction: { type: "content", content: "x" },
    service_tier: "flex",
    reasoning_effort: "low",
    web_search_options: {},
  }))
    await refuses(create({ [name]: value }), "UnsupportedParameter", new RegExp(`\\.${name}$`));
  await refuses(model.completions.create({ prompt: "x", suffix: "y" }), "UnsupportedParameter");
  await refuses(model.completions.create({ prompt: "x", best_of: 2 }), "UnsupportedParameter");
  await refuses(create({ tempo: 1 }), "UnknownOption", /tempo.*temperature/);
  await refuses(model.completions.create({ prompt: "x", messages }), "UnknownOption", /messages/);
  const nothing = { logit_bias: null, store: false, modalities: ["text"], service_tier: "auto" };
  const unset = { stop: null, seed: null, n: null, stream: null, stream_options: null };
  assert.ok(await create({ ...nothing, ...unset, temperature: null, max_tokens: 1, user: "me" }));
  const part = (value) => create({ messages: [{ role: "user", content: [value] }] });
  const image = { type: "image_url", image_url: { url: "data:," } };
  await refuses(part(image), "UnsupportedParameter");
  await refuses(part({ type: "input_audio", input_audio: {} }), "UnsupportedParameter");
  const old = { role: "function", name: "f", content: "x" };
  await refuses(create({ messages: [old] }), "UnsupportedParameter");
});

test("values of the wrong kind are refused by name, before anything runs", async () => {
  for (const [name, values] of Object.entries({
    messages: [undefined, null, [], "x", {}, [null], [5], [{ role: "robot", content: "x" }]],
    temperature: ["1", NaN, Infinity],
    max_tokens: [0, -1, 1.5],
    n: [0, 129, "2"],
    seed: [1.5, -1, 2 ** 60],
    stop: [5, [5], ["x", null], Array(17).fill("x")],
    stream: ["yes"],
    stream_options: [{ include_usage: true }], // without stream
    tools: [{}],
    user: [5],
  }))
    for (const value of values)
      await refuses(create({ [name]: value }), "InvalidOption", new RegExp(name));
  for (const bad of [undefined, null, 5, "x", []])
    await refuses(model.chat.completions.create(bad), "InvalidOption");
  for (const prompt of [undefined, null, [], {}, 5, [{}], [1.5], [["a"]]])
    await refuses(model.completions.create({ prompt }), "InvalidOption");
  await refuses(create({ temperature: -1 }), "InvalidArgument");
  await refuses(create({}, { timeout: 5 }), "UnknownOption", /timeout.*signal/);
  await refuses(create({}, { signal: {} }), "InvalidOption", /signal/);
  const long = [{ role: "user", content: "long ".repeat(2000) }];
  await refuses(create({ messages: long }), "ContextFull");
  await refuses(create({ messages: long, stream: true }), "ContextFull"); // create() rejects, not the loop
  await refuses(create({ messages: long, n: 3 }), "ContextFull");
});

test("aborts and readers that leave end all choices; the next call works", async () => {
  const aborted = new AbortController();
  const params = { n: 4, max_tokens: 200 };
  const whole = create(params, { signal: aborted.signal });
  setTimeout(() => aborted.abort(), 20);
  await refuses(whole, "Aborted");
  await refuses(create(params, { signal: aborted.signal }), "Aborted");

  for (const leave of ["break", "controller", "signal"]) {
    const { signal, abort } = (() => {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    })();
    const stream = await create({ ...params, stream: true }, { signal });
    const reading = (async () => {
      let count = 0;
      for await (const chunk of stream) {
        assert.ok(chunk.choices[0]);
        if (++count < 4) continue;
        if (leave === "break") break;
        if (leave === "controller") stream.controller.abort();
        else abort();
      }
    })();
    if (leave === "break") await reading;
    else await refuses(reading, "Aborted");
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    const begin = performance.now();
    assert.ok(await create({ max_tokens: 1 }));
    assert.ok(performance.now() - begin < 2000, "the other choices went on");
  }
});

test("a session of its own has them too", async () => {
  const session = await model.session();
  const answer = await session.chat.completions.create({ messages, max_tokens: 3, seed: 1 });
  assert.equal(answer.usage.completion_tokens, 3);
  assert.ok(session.tokens > answer.usage.prompt_tokens);
  const text = await session.completions.create({ prompt: "Once", max_tokens: 3 });
  assert.equal(text.usage.completion_tokens, 3);
  await session.dispose();
  await refuses(session.chat.completions.create({ messages }), "Disposed");
});
