// Answers that must be JSON, fit a schema or a grammar, or be a call of a tool: they are, at any temperature.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { anyOf, rebase } from "../dist/openai/schema.js";
import { load, refuses, withContext } from "./support.mjs";

let model;
before(async () => {
  model = await load({}, withContext(2048)); // the model's own 512 are full of tools
});
after(() => model?.dispose());

const messages = [{ role: "user", content: "Tell me of a friend." }];
const create = (params) =>
  model.chat.completions.create({ messages, temperature: 1.2, max_tokens: 200, ...params });
const ajv = new Ajv2020({ strict: false });
const friend = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 12 },
    age: { type: "integer", minimum: 0, maximum: 120 },
    pets: { type: "array", items: { $ref: "#/$defs/pet" }, maxItems: 2 },
  },
  required: ["name", "age", "pets"],
  additionalProperties: false,
  $defs: { pet: { enum: ["cat", "dog"] } },
};
const format = (schema) => ({
  type: "json_schema",
  json_schema: { name: "friend", schema, strict: true },
});

test("response_format: json_schema and json_object", async () => {
  const validate = ajv.compile(friend);
  for (let seed = 0; seed < 10; ++seed) {
    const { choices } = await create({ seed, response_format: format(friend) });
    const value = JSON.parse(choices[0].message.content);
    assert.ok(validate(value), choices[0].message.content);
    assert.equal(choices[0].finish_reason, "stop");
  }
  for (const response_format of [{ type: "json_object" }, format({ type: "object" })]) {
    const { choices } = await create({ seed: 1, response_format });
    assert.equal(typeof JSON.parse(choices[0].message.content), "object");
  }
  const short = await create({ seed: 3, max_tokens: 40, response_format: format(friend) });
  assert.ok(validate(JSON.parse(short.choices[0].message.content)), "whole where the tokens end");
  let text = "";
  const params = { seed: 2, response_format: format(friend) };
  for await (const { choices } of await create({ ...params, stream: true }))
    text += choices[0].delta.content ?? "";
  assert.equal(text, (await create(params)).choices[0].message.content);
  assert.equal((await create({ max_tokens: 3, response_format: { type: "text" } })).choices.length, 1);
});

test("short form: jsonSchema and grammar; completions: grammar", async () => {
  const text = await model.chat("A friend?", { jsonSchema: friend, maxTokens: 100, seed: 5 }).text();
  assert.ok(ajv.validate(friend, JSON.parse(text)), text);
  const grammar = 'root ::= ("yes" | "no") "!"';
  assert.match(await model.generate("Is it?", { grammar }).text(), /^(yes|no)!$/);
  const { choices } = await model.completions.create({ prompt: "Is it?", grammar });
  assert.match(choices[0].text, /^(yes|no)!$/);
  // It holds for one call only.
  assert.doesNotMatch(await model.generate("Is it?", { maxTokens: 12 }).text(), /^(yes|no)!$/);
  await refuses(model.generate("x", { grammar: "root ::= (" }).text(), "BadGrammar");
  await refuses(model.generate("x", { jsonSchema: { type: "strnig" } }).text(), "BadGrammar");
  await refuses(model.generate("x", { jsonSchema: { not: {} } }).text(), "BadGrammar", /not/);
  await refuses(model.generate("x", { grammar, jsonSchema: {} }).text(), "InvalidArgument");
  await refuses(model.generate("x", { jsonSchema: friend, maxTokens: 3 }).text(), "GrammarEnd");
  const loop = {};
  loop.items = loop;
  await refuses(model.generate("x", { jsonSchema: loop }).text(), "InvalidOption", /jsonSchema/);
  for (const bad of ["{}", 5, [], null])
    await refuses(model.generate("x", { jsonSchema: bad }).text(), "InvalidOption");
  assert.ok((await model.generate("Once", { maxTokens: 3 }).text()).length > 0);
});

const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "Tells the weather.",
      parameters: {
        type: "object",
        properties: { city: { $ref: "#/$defs/city" }, days: { type: "integer", minimum: 1, maximum: 7 } },
        required: ["city", "days"],
        additionalProperties: false,
        $defs: { city: { enum: ["Paris", "Rome"] } },
      },
    },
  },
  {
    type: "function",
    function: {
      name: "greet",
      parameters: {
        type: "object",
        properties: { loud: { type: "boolean" } },
        required: ["loud"],
        additionalProperties: false,
      },
    },
  },
];

test("tool_choice: required, and one by its name, give a call that fits", async () => {
  const seen = new Set();
  for (let seed = 0; seed < 8; ++seed) {
    const named = seed % 2 === 1;
    const tool_choice = named ? { type: "function", function: { name: "weather" } } : "required";
    const { choices } = await create({ seed, tools, tool_choice });
    const [{ message, finish_reason }] = choices;
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.content, null);
    assert.equal(message.tool_calls.length, 1);
    const [{ id, type, function: call }] = message.tool_calls;
    assert.match(id, /^call_/);
    assert.equal(type, "function");
    if (named) assert.equal(call.name, "weather");
    const tool = tools.find((one) => one.function.name === call.name);
    assert.ok(ajv.validate(tool.function.parameters, JSON.parse(call.arguments)), call.arguments);
    seen.add(call.name);
    // The answer of the tool is the next turn.
    const turns = [...messages, message, { role: "tool", tool_call_id: id, content: "sunny" }];
    assert.equal((await create({ messages: turns, tools, max_tokens: 2 })).choices.length, 1);
  }
  assert.ok(seen.has("weather"));
});

test("a call in chunks: its name, its arguments, the reason", async () => {
  const params = { seed: 6, tools, tool_choice: "required" };
  const whole = (await create(params)).choices[0].message.tool_calls[0].function;
  const deltas = [];
  const reasons = [];
  for await (const { choices } of await create({ ...params, stream: true })) {
    deltas.push(...(choices[0].delta.tool_calls ?? []));
    reasons.push(choices[0].finish_reason);
  }
  assert.equal(deltas[0].index, 0);
  assert.match(deltas[0].id, /^call_/);
  assert.deepEqual(deltas[0].function, { name: whole.name, arguments: "" });
  const args = deltas.slice(1).map((one) => one.function.arguments);
  assert.equal(args.join(""), whole.arguments);
  assert.equal(reasons.at(-1), "tool_calls");
});

test("a format beside tools: the answer is either", async () => {
  for (let seed = 0; seed < 4; ++seed) {
    const { choices } = await create({ seed, tools, response_format: format(friend) });
    const { content, tool_calls } = choices[0].message;
    if (tool_calls) assert.equal(content, null);
    else assert.ok(ajv.validate(friend, JSON.parse(content)), content);
  }
});

test("what contradicts itself is refused", async () => {
  await refuses(create({ tool_choice: "required" }), "InvalidOption", /no tools/);
  const unknown = { type: "function", function: { name: "launch" } };
  await refuses(create({ tools, tool_choice: unknown }), "InvalidOption", /no tool/);
  const set = { type: "allowed_tools", allowed_tools: {} };
  await refuses(create({ tools, tool_choice: set }), "UnsupportedParameter");
  await refuses(create({ tools, tool_choice: { type: "custom" } }), "UnsupportedParameter");
  const grammar = 'root ::= "x"';
  await refuses(create({ grammar, response_format: { type: "json_object" } }), "InvalidOption");
  await refuses(create({ response_format: { type: "xml" } }), "InvalidOption");
  await refuses(create({ response_format: { type: "json_schema" } }), "InvalidOption", /name/);
  await refuses(create({ response_format: format({ not: {} }) }), "BadGrammar", /not/);
});

test("references move with their schema", () => {
  const schema = { $ref: "#/$defs/a", $defs: { a: { const: "#" }, b: { $ref: "#" } }, default: "#" };
  assert.deepEqual(rebase(schema, "/x"), {
    $ref: "#/x/$defs/a",
    $defs: { a: { const: "#" }, b: { $ref: "#/x" } },
    default: "#",
  });
  assert.equal(anyOf([schema]), schema);
  assert.equal(anyOf([{}, schema]).anyOf[1].$ref, "#/anyOf/1/$defs/a");
});
