// Aborts at random moments, of every kind of call: each is answered at once, and what the cache holds stays right.
// 50 in the default run, 500 under --full.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { load } from "./support.mjs";

const rounds = process.env.BITNET_FULL ? 500 : 50;
let state = 7;
const random = (below) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below;

test(`${rounds} aborts at random moments`, async (t) => {
  const model = await load({ context: 512 });
  const session = await model.session();
  const messages = [{ role: "user", content: "Tell me a story about a rabbit and a bear." }];
  const endless = { ignoreEnd: true };
  const calls = [
    (signal) => model.generate("Once upon a time", { ...endless, signal }).text(),
    (signal) => session.chat(messages, { ...endless, signal }).result,
    (signal) => model.chat.completions.create({ messages, n: 3 }, { signal }),
    (signal) => session.completions.create({ prompt: ["Once", "The dog"], max_tokens: 300 }, { signal }),
    async (signal) => {
      const stream = await model.chat.completions.create({ messages, stream: true }, { signal });
      for await (const chunk of stream) assert.ok(chunk.id);
    },
  ];
  const answer = async (host) => (await host.generate("A fish", { maxTokens: 10 }).result).text;
  const right = await answer(model);
  const outcomes = { Aborted: 0, ended: 0 };
  let slowest = 0;
  for (let i = 0; i < rounds; ++i) {
    const controller = new AbortController();
    let settled = 0;
    const call = calls[random(calls.length)](controller.signal).then(
      () => "ended",
      (error) => error.code,
    );
    const outcome = call.finally(() => ++settled);
    if (random(4) > 0) await pause(random(25));
    const begin = performance.now();
    controller.abort();
    const how = await outcome;
    slowest = Math.max(slowest, performance.now() - begin);
    assert.ok(how in outcomes, how);
    ++outcomes[how];
    assert.equal(settled, 1);
    if (i % 10 === 0)
      for (const host of [model, session]) assert.equal(await answer(host), right);
  }
  t.diagnostic(`${JSON.stringify(outcomes)}, the slowest in ${slowest.toFixed(1)} ms`);
  assert.ok(outcomes.Aborted > rounds / 2);
  assert.ok(slowest < 500, `${slowest} ms`);
  await model.dispose();
});
