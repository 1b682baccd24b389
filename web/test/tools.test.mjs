// Tool calls as text: found in what models of several families write, in pieces of any size, and framed for them again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { members, valueEnd } from "../dist/openai/json.js";
import { frameMessages } from "../dist/openai/messages.js";
import { readCalls, ToolParser } from "../dist/openai/tools.js";
import { load, refuses } from "./support.mjs";

let model;
before(async () => {
  model = await load();
});
after(() => model?.dispose());

const names = new Set(["weather", "add"]);
const weather = { name: "weather", arguments: '{"city": "Paris"}' };

/** What a parser finds in a text given piece by piece: words joined, calls without their ids. */
function found(text, size = text.length, most = Infinity) {
  const parser = new ToolParser(names, most);
  const all = [];
  for (let at = 0; at < text.length; at += size) all.push(...parser.push(text.slice(at, at + size)));
  all.push(...parser.end());
  const ids = all.flatMap(({ call }) => (call ? [call.id] : []));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^call_[A-Za-z0-9]{24}$/);
  return {
    words: all.map(({ content = "" }) => content).join(""),
    calls: all.flatMap(({ call }) => (call ? [call.function] : [])),
  };
}

const cases = [
  ["plain words", "It is sunny.", "It is sunny.", []],
  ["words with brackets", "a {b} [c] <d> {", "a {b} [c] <d> {", []],
  ["nothing", "", "", []],
  ["Llama 3", '{"name": "weather", "parameters": {"city": "Paris"}}', "", [weather]],
  ["Llama 3, space before", '\n {"name": "weather", "parameters": {"city": "Paris"}}\n', "", [weather]],
  [
    "Llama 3, two",
    '{"name": "weather", "parameters": {"city": "Paris"}}; {"name": "add", "parameters": {"a": 1}}',
    "",
    [weather, { name: "add", arguments: '{"a": 1}' }],
  ],
  [
    "Hermes",
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>',
    "",
    [weather],
  ],
  [
    "Hermes, words and two calls",
    'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>\n' +
      '<tool_call>{"arguments": {}, "name": "add"}</tool_call>',
    "Let me see.",
    [weather, { name: "add", arguments: "{}" }],
  ],
  [
    "tags that were not closed",
    '<tool_call> {"name": "weather", "arguments": {"city": "Paris"}}',
    "",
    [weather],
  ],
  [
    "a list",
    '[{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "add"}]',
    "",
    [weather, { name: "add", arguments: "{}" }],
  ],
  [
    "OpenAI's own form",
    '{"type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}}',
    "",
    [weather],
  ],
  ["an unknown tool", '{"name": "launch", "arguments": {}}', '{"name": "launch", "arguments": {}}', []],
  ["a JSON answer", '{"answer": 42}', '{"answer": 42}', []],
  ["JSON that never ends", '{"name": "weather", "arguments": {"ci', '{"name": "weather", "arguments": {"ci', []],
  ["arguments that are no object", '{"name": "add", "arguments": [1]}', '{"name": "add", "arguments": [1]}', []],
  ["a tag around words", "<tool_call>hello</tool_call>", "<tool_call>hello</tool_call>", []],
  ["half a tag", "see <tool_c", "see <tool_c", []],
  ["brackets in strings", '{"name": "add", "parameters": {"a": "}]\\"{"}}', "", [
    { name: "add", arguments: '{"a": "}]\\"{"}' },
  ]],
  ["a closing tag in a string", '<tool_call>{"name": "add", "arguments": {"a": "</tool_call>"}}</tool_call>', "", [
    { name: "add", arguments: '{"a": "</tool_call>"}' },
  ]],
  ["numbers keep their digits", '{"name": "add", "parameters": {"a": 12345678901234567890.10}}', "", [
    { name: "add", arguments: '{"a": 12345678901234567890.10}' },
  ]],
  ["__proto__", '{"name": "add", "parameters": {"__proto__": {"x": 1}}}', "", [
    { name: "add", arguments: '{"__proto__": {"x": 1}}' },
  ]],
];

test("parser: no more calls than wanted, however many there are", () => {
  const one = '{"name": "weather", "parameters": {"city": "Paris"}}';
  for (const text of [`${one};${one};${one};${one}`, `[${one},${one}];[${one},${one}]`])
    assert.deepEqual(found(text, 5, 1).calls, [weather], text);
});

for (const [name, text, words, calls] of cases)
  test(`parser: ${name}`, () => {
    for (const size of [text.length || 1, 1, 2, 3, 7]) assert.deepEqual(found(text, size), { words, calls });
  });

test("one call at most, when that was asked for", () => {
  const two = '{"name": "add"}{"name": "weather"}';
  assert.deepEqual(found(two, 3, 1).calls, [{ name: "add", arguments: "{}" }]);
});

test("any text: no throw, no loss of words, the same whatever the pieces", () => {
  const bits = ["<tool_call>", "</tool_call>", "{", "}", "[", "]", '"', "\\", ",", ":", " ", "\n", "name", '{"name": "add"}', "x", "é"];
  let state = 12345;
  const random = (below) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below;
  for (let round = 0; round < 3000; ++round) {
    const text = Array.from({ length: random(12) }, () => bits[random(bits.length)]).join("");
    const whole = found(text);
    assert.deepEqual(found(text, 1), whole, JSON.stringify(text));
    assert.deepEqual(found(text, 1 + random(5)), whole, JSON.stringify(text));
    if (whole.calls.length === 0) assert.equal(whole.words, text);
    for (const call of whole.calls) assert.ok(typeof JSON.parse(call.arguments) === "object");
  }
});

test("JSON by its text", () => {
  const text = '{"a": [1, {"b": "]"}], "c\\n": -1.50e3, "d": null, "a": true}';
  assert.equal(valueEnd(`${text} rest`, 0), text.length);
  assert.equal(valueEnd('{"a": "', 0), -1);
  assert.deepEqual([...members(text)], [["a", "true"], ["c\n", "-1.50e3"], ["d", "null"]]);
  assert.equal(readCalls("[]", names), undefined);
  assert.equal(readCalls("nonsense", names), undefined);
});

const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "Tells the weather.",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const definitions = tools.map((tool) => tool.function);
const history = [
  { role: "user", content: "Weather in Paris and Rome?" },
  {
    role: "assistant",
    content: null,
    tool_calls: ["Paris", "Rome"].map((city, i) => ({
      id: `call_${i}`,
      type: "function",
      function: { name: "weather", arguments: JSON.stringify({ city }) },
    })),
  },
  { role: "tool", tool_call_id: "call_0", content: "sunny" },
  { role: "tool", tool_call_id: "call_1", content: [{ type: "text", text: "rain" }] },
];

test("a history with calls becomes the three roles, in the family's way", () => {
  for (const [family, call] of [
    ["llama3", '{"name": "weather", "parameters": {"city":"Paris"}}'],
    ["chatml", '<tool_call>\n{"name": "weather", "arguments": {"city":"Paris"}}\n</tool_call>'],
  ]) {
    const [system, user, assistant, answers, ...more] = frameMessages(history, family, definitions);
    assert.deepEqual(more, []);
    assert.equal(system.role, "system");
    assert.match(system.content, /"name":"weather","description":"Tells the weather\."/);
    assert.deepEqual(user, history[0]);
    assert.ok(assistant.content.startsWith(call), assistant.content);
    const again = found(assistant.content, 4);
    assert.equal(again.words, "");
    assert.deepEqual(
      again.calls.map(({ arguments: args }) => JSON.parse(args).city),
      ["Paris", "Rome"],
    );
    assert.equal(answers.role, "user");
    assert.match(answers.content, /sunny[^]*rain/);
  }
  const before = [{ role: "system", content: "Be kind." }, ...history];
  assert.match(frameMessages(before, "chatml", definitions)[0].content, /^Be kind\.\n\nThese/);
});

test("a history that contradicts itself is refused", async () => {
  const create = (messages, params) =>
    model.chat.completions.create({ messages, tools, max_tokens: 1, ...params });
  assert.equal((await create(history)).choices.length, 1);
  await refuses(create(history.slice(2)), "InvalidOption", /no call has that id/);
  const call = (change) => [
    history[0],
    { role: "assistant", tool_calls: [{ ...history[1].tool_calls[0], ...change }] },
  ];
  await refuses(create(call({ function: { name: "f", arguments: "{" } })), "InvalidOption", /JSON/);
  await refuses(create(call({ function: { name: "f" } })), "InvalidOption");
  await refuses(create(call({ type: "custom", custom: {} })), "UnsupportedParameter");
  await refuses(create([{ role: "assistant" }]), "InvalidOption", /content is missing/);
  await refuses(create([{ role: "user", content: "x", tool_call_id: "1" }]), "InvalidOption");
  await refuses(create([{ role: "user", content: "x", tool_calls: [{}] }]), "InvalidOption");
  await refuses(create(history, { tools: [...tools, ...tools] }), "InvalidOption", /twice/);
  const custom = [{ type: "custom", custom: {} }];
  await refuses(create(history, { tools: custom }), "UnsupportedParameter");
  const named = (name) => [{ type: "function", function: { name } }];
  for (const bad of ["", "a b", "x".repeat(65), 5, undefined])
    await refuses(create(history, { tools: named(bad) }), "InvalidOption", /name/);
  const loop = {};
  loop.self = loop;
  const looped = [{ type: "function", function: { name: "f", parameters: loop } }];
  await refuses(create(history, { tools: looped }), "InvalidOption", /parameters/);
});

test("tools change the prompt, and tool_choice none takes them away", async () => {
  const tokens = async (params) =>
    (
      await model.chat.completions.create({
        messages: [{ role: "user", content: "Hello" }],
        max_tokens: 1,
        ...params,
      })
    ).usage.prompt_tokens;
  const bare = await tokens({});
  assert.ok((await tokens({ tools })) > bare + 20);
  assert.equal(await tokens({ tools, tool_choice: "none" }), bare);
});
