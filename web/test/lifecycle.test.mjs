// Every call settles exactly once: aborts at any moment, dispose under way, two calls at once, readers that stop.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { BitNet, load, modelBytes, refuses } from "./support.mjs";

const endless = { ignoreEnd: true };

test("abort at many moments: Aborted at once, and the model goes on working", async () => {
  const model = await load();
  const whole = await model.generate("Once upon a time", { maxTokens: 12 }).text();
  for (let i = 0; i < 40; ++i) {
    const controller = new AbortController();
    const generation = model.generate("Once upon a time", {
      ...endless,
      signal: controller.signal,
    });
    if (i % 4 === 0) controller.abort();
    else setTimeout(() => controller.abort(), i / 2);
    const reading = (async () => {
      for await (const piece of generation) void piece;
    })();
    await refuses(reading, "Aborted");
    await refuses(generation.result, "Aborted");
    if (i % 8 === 0)
      assert.equal(await model.generate("Once upon a time", { maxTokens: 12 }).text(), whole);
  }
  await refuses(model.generate("Once", { signal: AbortSignal.abort() }).text(), "Aborted");
  await model.dispose();
});

test("an abort after the end changes nothing", async () => {
  const model = await load();
  const controller = new AbortController();
  const generation = model.generate("Once", { maxTokens: 3, signal: controller.signal });
  const text = await generation.text();
  controller.abort();
  controller.abort();
  assert.equal((await generation.result).text, text);
  await model.dispose();
});

test("abort while loading, at many moments", async () => {
  for (const delay of [0, 1, 5, 10, 20, 40, 60, 80, 120, 160]) {
    const controller = new AbortController();
    const loading = load({ signal: controller.signal });
    setTimeout(() => controller.abort(), delay);
    await loading.then(
      (model) => model.dispose(),
      (error) => assert.equal(error.code, "Aborted", error.stack),
    );
  }
  await refuses(load({ signal: AbortSignal.abort() }), "Aborted");
  // From within the progress callback: certainly before the end.
  const controller = new AbortController();
  await refuses(
    load({ signal: controller.signal, onProgress: () => controller.abort() }),
    "Aborted",
  );
});

test("dispose while generating: Disposed, for everything under way and everything later", async () => {
  const model = await load();
  const one = model.generate("Once", endless);
  const two = model.generate("Once", endless);
  const settled = Promise.allSettled([
    one.text(),
    two.text(),
    model.tokenize("x"),
    one.next().then(() => one.text()),
  ]);
  await one.next();
  await model.dispose();
  for (const { reason } of (await settled).filter(({ status }) => status === "rejected")) {
    assert.equal(reason.code, "Disposed");
  }
  await refuses(one.result, "Disposed");
  await refuses(two.result, "Disposed");
  await refuses(model.generate("Once").text(), "Disposed");
  await refuses(model.tokenize("x"), "Disposed");
  await model.dispose();
});

test("calls are served in their order, and never mix", async () => {
  const model = await load();
  const alone = [];
  for (const prompt of ["The dog", "One day", "A fish"])
    alone.push(await model.generate(prompt, { maxTokens: 20 }).text());
  const order = [];
  const together = ["The dog", "One day", "A fish"].map(async (prompt) => {
    const text = await model.generate(prompt, { maxTokens: 20 }).text();
    order.push(prompt);
    return text;
  });
  const ids = await model.tokenize("between"); // answered between two tokens, not after them
  assert.deepEqual(order, []);
  assert.ok(ids.length > 0);
  assert.deepEqual(await Promise.all(together), alone);
  assert.deepEqual(order, ["The dog", "One day", "A fish"]);
  await model.dispose();
});

test("a reader that leaves ends its generation; one that pauses loses nothing", async () => {
  const model = await load();
  const left = model.generate("Once", endless);
  for await (const piece of left) {
    assert.ok(piece.length > 0);
    break;
  }
  assert.equal((await left.result).finishReason, "aborted");
  assert.deepEqual(await left.next(), { done: true, value: await left.result });

  const slow = model.generate("Once", { maxTokens: 20 });
  const first = await slow.next();
  await pause(200);
  let text = first.value;
  for await (const piece of slow) text += piece;
  assert.equal(text, (await slow.result).text);

  const thrown = model.generate("Once", endless);
  await assert.rejects(async () => {
    for await (const piece of thrown) throw new Error(`reader ${piece.length > 0}`);
  }, /reader true/);
  assert.equal((await thrown.result).finishReason, "aborted");
  await model.dispose();
});

test("a progress callback that throws fails its load with that", async () => {
  await assert.rejects(
    load({
      onProgress: () => {
        throw new RangeError("mine");
      },
    }),
    RangeError,
  );
});

test("load and dispose many times", async () => {
  for (let i = 0; i < 12; ++i) await (await load()).dispose();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 24; ++i) await (await load({}, modelBytes)).dispose();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 64e6, `${grown} bytes more`); // a worker that stayed would be 20 MB each
});

test("load options are checked", async () => {
  await refuses(load({ thread: 2 }), "UnknownOption", /thread /);
  for (const bad of [
    { threads: 0 },
    { threads: 1.5 },
    { flavour: "fast" },
    { kvType: "q8" },
    { head: "int2" },
    { onProgress: 1 },
    { context: -1 },
  ]) {
    await refuses(load(bad), "InvalidOption");
  }
  await refuses(load({ isa: "avx2" }), "UnknownIsa");
  await refuses(load({ batch: 100_000 }), "InvalidArgument");
  await refuses(load({}, 42), "InvalidOption");
  const model = await load({ context: 64, kvType: "f16", batch: 8 });
  assert.equal(model.info.sessionContext, 64);
  await model.dispose();
});

test("a process that forgets to dispose still ends, and one that waits is not cut short", () => {
  const code = `import { BitNet } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
    const model = await BitNet.load(undefined, { threads: 1 });
    console.log((await model.generate("Once", { maxTokens: 5 }).text()).length > 0);`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", code], {
    timeout: 60_000,
    encoding: "utf8",
  });
  assert.equal(output, "true\n");
});

test("`await using` disposes", async () => {
  const model = await load();
  await model[Symbol.asyncDispose]();
  await refuses(model.tokenize("x"), "Disposed");
});

test("features are found without starting anything", () => {
  const found = BitNet.features();
  assert.equal(found.simd, true);
  assert.ok(found.flavours.includes("simd-st"));
  assert.equal(found.flavours.at(-1), "simd-st");
});
