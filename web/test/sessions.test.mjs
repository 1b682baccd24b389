// Several conversations on one model: none disturbs another, each keeps its own cache, all take turns.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Session } from "../dist/index.js";
import { golden, load, refuses } from "./support.mjs";

let model;
before(async () => {
  model = await load({ context: 256 });
});
after(() => model?.dispose());

const endless = { ignoreEnd: true };

test("a session has its own cache, options and numbers", async () => {
  const session = await model.session({ context: 64, kvType: "f16" });
  assert.ok(session instanceof Session);
  assert.equal(session.capacity, 64);
  assert.equal(session.tokens, 0);
  const like = await model.session();
  assert.equal(like.capacity, 256, "what load() was told holds for sessions");
  await like.dispose();
  const first = await session.generate(golden.prompt, { maxTokens: 5 }).result;
  assert.equal(first.cachedTokens, 0);
  assert.equal(session.tokens, first.contextTokens);
  assert.ok(session.tokens >= golden.prompt_ids.length + 4);
  assert.equal(
    (await session.generate(golden.prompt, { maxTokens: 5 }).result).cachedTokens,
    golden.prompt_ids.length - 1,
  );
  await session.reset();
  assert.equal(session.tokens, 0);
  assert.equal((await session.generate(golden.prompt, { maxTokens: 5 }).result).cachedTokens, 0);
  assert.equal(
    (await session.generate(golden.prompt, endless).result).finishReason,
    "context",
  );
  await session.dispose();
});

test("generations of several sessions take turns, and give what they give alone", async () => {
  const prompts = ["The dog", "One day", "A fish"];
  const options = { maxTokens: 40, ignoreEnd: true, logitsHash: true };
  const alone = [];
  for (const prompt of prompts) {
    const session = await model.session();
    alone.push((await session.generate(prompt, options).result).logitsHash);
    await session.dispose();
  }
  const sessions = await Promise.all(prompts.map(() => model.session()));
  const order = [];
  const together = await Promise.all(
    sessions.map(async (session, i) => {
      const generation = session.generate(prompts[i], options);
      for await (const piece of generation) if (piece !== "") order.push(i);
      return (await generation.result).logitsHash;
    }),
  );
  assert.deepEqual(together, alone);
  const half = order.slice(0, Math.floor(order.length / 2));
  for (const i of [0, 1, 2])
    assert.ok(half.filter((who) => who === i).length >= half.length / 6, order.join(""));
  for (const session of sessions) await session.dispose();
});

test("calls of one session are served in their order", async () => {
  const session = await model.session();
  const order = [];
  const tell = (name) => () => order.push(name);
  await Promise.all([
    session.generate("Once", { maxTokens: 8 }).result.then(tell("one")),
    session.reset().then(tell("reset")),
    session.generate("Once", { maxTokens: 2 }).result.then((result) => {
      assert.equal(result.cachedTokens, 0);
      order.push("two");
    }),
  ]);
  assert.deepEqual(order, ["one", "reset", "two"]);
  await session.dispose();
});

test("dispose settles what is under way in a session, and nothing else", async () => {
  const session = await model.session();
  const other = await model.session();
  const under = session.generate("Once", endless);
  const queued = session.generate("Once", endless);
  const elsewhere = other.generate("Once", { maxTokens: 20 });
  const resetting = session.reset();
  const settled = Promise.all([
    refuses(under.text(), "Disposed"),
    refuses(queued.text(), "Disposed"),
    refuses(resetting, "Disposed"),
  ]);
  await under.next();
  await session.dispose();
  await settled;
  await refuses(session.generate("Once").text(), "Disposed", /session/);
  await refuses(session.reset(), "Disposed");
  await session.dispose();
  assert.ok((await elsewhere.text()).length > 0);
  await other.dispose();
  assert.ok((await model.generate("Once", { maxTokens: 3 }).text()).length > 0);
});

test("sessions give their memory back", async () => {
  const { sessionBytes } = await model.memory();
  const session = await model.session();
  assert.equal((await model.memory()).sessionBytes, 2 * sessionBytes);
  await session.dispose();
  const before = await model.memory();
  assert.equal(before.sessionBytes, sessionBytes);
  for (let i = 0; i < 200; ++i) await (await model.session()).dispose();
  const parent = await model.session();
  const forked = refuses(parent.fork(), "Disposed"); // made by then, perhaps
  await parent.dispose();
  await forked;
  assert.deepEqual(await model.memory(), before);
});

test("a session that does not fit is refused, and the others go on", async () => {
  await refuses(model.session({ context: 1 << 20 }), "InvalidArgument");
  await refuses(model.session({ contxt: 5 }), "UnknownOption", /contxt.*context/);
  for (const bad of [{ context: -1 }, { kvType: "q4" }, { batch: NaN }, 5, null])
    await refuses(model.session(bad), "InvalidOption");
  await refuses(model.session({ batch: 100_000 }), "InvalidArgument");
  assert.ok((await model.generate("Once", { maxTokens: 3 }).text()).length > 0);
});

test("an abort keeps what was evaluated of the prompt", async () => {
  const session = await model.session();
  const ids = [...golden.prompt_ids, ...Array.from({ length: 100 }, (_, i) => 300 + i)];
  const controller = new AbortController();
  const generation = session.generate(ids, { ...endless, signal: controller.signal });
  for (let i = 0; i < 3; ++i) await generation.next();
  controller.abort();
  await refuses(generation.result, "Aborted");
  const { cachedTokens } = await session.generate(ids, { maxTokens: 1 }).result;
  assert.equal(cachedTokens, ids.length - 1);
  await session.dispose();
});

test("dispose of the model ends its sessions", async () => {
  const own = await load();
  const session = await own.session();
  const reading = refuses(session.generate("Once", endless).text(), "Disposed");
  await own.dispose();
  await reading;
  await session.dispose();
  await refuses(own.session(), "Disposed");
});
