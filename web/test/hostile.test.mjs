// Options of every wrong kind: each is answered by a typed error, at once, and nothing outside the call changes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BitNetError, load, refuses } from "./support.mjs";

let model;
before(async () => {
  model = await load();
});
after(() => model?.dispose());

const cyclic = [];
cyclic.push(cyclic);
const loop = { role: "user" };
loop.content = loop;
const throwing = (name, error = new RangeError("mine")) =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw error;
    },
  });
const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();
const lying = new Proxy([], {
  get: (target, name) => (name === "length" ? 2 ** 40 : Reflect.get(target, name)),
});
const trapping = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error("no keys for you");
    },
  },
);
const polluting = JSON.parse('{"__proto__": {"maxTokens": 1, "polluted": true}}');
const deep = (() => {
  let value = {};
  for (let i = 0; i < 200_000; ++i) value = { a: value };
  return value;
})();

/** Values that no option has, whatever its name. */
const values = [
  NaN,
  Infinity,
  -1,
  2 ** 53,
  1e308,
  1n << 80n,
  "",
  "\ud800",
  Symbol("s"),
  () => {},
  revoked,
  lying,
  trapping,
  cyclic,
  loop,
  polluting,
  new Date(NaN),
  new Map(),
  /x/,
  Object.create(null),
  new Array(2 ** 32 - 1),
  new Uint8Array(5),
];
const shortNames = ["maxTokens", "temperature", "topK", "topP", "minP", "repetitionPenalty"].concat(
  ["repetitionWindow", "seed", "stop", "ignoreEnd", "logitsHash", "signal"],
);
const openAiNames = ["messages", "model", "temperature", "top_p", "top_k", "max_tokens", "n"].concat(
  ["stop", "seed", "stream", "stream_options", "tools", "tool_choice", "user", "min_p"],
);
const whole = [revoked, trapping, throwing("temperature"), throwing("stop", "text"), polluting].concat(
  [Object.assign(Object.create({ maxTokens: 1 }), { polluted: 1 }), new Proxy(() => {}, {})],
);

const before_ = Object.getOwnPropertyNames(Object.prototype).join();
const unharmed = () => {
  assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), before_);
  assert.equal({}.polluted, undefined);
  assert.equal({}.maxTokens, undefined);
};

/** Settles with a BitNetError, or does what was asked; soon in either case. */
async function settles(what, promise) {
  const begin = performance.now();
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof BitNetError, `${what}: ${error?.stack ?? String(error)}`);
    assert.ok(error.advice.length > 10, what);
    assert.ok(error.message.length < 1000, what);
  }
  assert.ok(performance.now() - begin < 3000, what);
  unharmed();
}

test("short form: every option, every value", async () => {
  for (const name of shortNames)
    for (const [i, value] of values.entries()) {
      const options = { maxTokens: 1, [name]: value };
      if (name === "maxTokens" && (value === 0 || value === 2 ** 53)) continue;
      await settles(`${name} ${i}`, model.generate("Once", options).text());
    }
  for (const [i, options] of whole.entries())
    await settles(`options ${i}`, model.chat("Once", options).text());
  for (const [i, value] of values.entries()) {
    await settles(`prompt ${i}`, model.generate(value, { maxTokens: 1 }).text());
    await settles(`chat ${i}`, model.chat(value, { maxTokens: 1 }).text());
    await settles(`session ${i}`, model.session(value).then((session) => session.dispose()));
    await settles(`tokenize ${i}`, model.detokenize(value));
    await settles(`tokenize's options ${i}`, model.tokenize("Once", value));
    await settles(`detokenize's options ${i}`, model.detokenize([1], value));
  }
});

test("tokenize and detokenize refuse options they do not know", async () => {
  await refuses(model.tokenize("Once", { boss: true }), "UnknownOption", /bos/);
  await refuses(model.tokenize("Once", { bos: 1 }), "InvalidOption");
  await refuses(model.detokenize([1], null), "InvalidOption");
});

test("OpenAI's: every parameter, every value", async () => {
  const messages = [{ role: "user", content: "Hello" }];
  const create = (params) => model.chat.completions.create({ messages, max_tokens: 1, ...params });
  for (const name of openAiNames)
    for (const [i, value] of values.entries())
      await settles(`${name} ${i}`, create({ [name]: value }));
  for (const [i, params] of whole.entries()) {
    await settles(`parameters ${i}`, model.chat.completions.create(params));
    await settles(`parameters ${i}`, model.completions.create(params));
    await settles(`options ${i}`, model.chat.completions.create({ messages, max_tokens: 1 }, params));
  }
  for (const [i, value] of [...values, deep].entries()) {
    const content = (one) => create({ messages: [{ role: "user", content: one }] });
    await settles(`message ${i}`, create({ messages: [value] }));
    await settles(`content ${i}`, content(value));
    await settles(`part ${i}`, content([value]));
    await settles(`text ${i}`, content([{ type: "text", text: value }]));
    await settles(`tool ${i}`, create({ tools: [value] }));
    const definition = { name: "f", parameters: value };
    await settles(`schema ${i}`, create({ tools: [{ type: "function", function: definition }] }));
    await settles(`calls ${i}`, create({ messages: [{ role: "assistant", tool_calls: value }] }));
    await settles(`prompt ${i}`, model.completions.create({ prompt: value, max_tokens: 1 }));
  }
});

test("an option that changes between two looks is read once", async () => {
  let looks = 0;
  const options = {
    get maxTokens() {
      return ++looks === 1 ? 2 : "many";
    },
  };
  assert.equal((await model.generate("Once", options).result).tokens, 2);
  assert.equal(looks, 1);
});

test("every code has a sentence and an advice", async () => {
  const { advice } = await import("../dist/advice.js");
  for (const [code, sentence] of Object.entries(advice)) {
    const error = new BitNetError(code);
    assert.match(sentence, /^[A-Z].*\.$/, code);
    assert.equal(error.advice, sentence);
    assert.ok(error.message.length > 5, code);
  }
});
