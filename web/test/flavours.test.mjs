// Every flavour computes the same bits. The lines it prints are compared with those of the other engines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BitNet, golden, longPrompt, refuses } from "./support.mjs";

const runs = [
  ["simd-st", 1],
  ["relaxed-st", 1],
  ["simd-mt", 2],
  ["relaxed-mt", 2],
  ["relaxed-mt", 3],
];
const hashes = new Set();
const batches = new Set(); // "PROMPT-LENGTH HASH"
const { flavours: available } = BitNet.features();

for (const [flavour, threads] of runs) {
  const skip = available.includes(flavour) ? false : `this engine has no ${flavour}`;
  test(`${flavour}, ${threads} thread(s)`, { skip }, async () => {
    const model = await BitNet.load(undefined, { flavour, threads });
    assert.equal(model.info.flavour, flavour);
    assert.equal(model.info.threads, threads);
    const options = { maxTokens: 200, ignoreEnd: true, logitsHash: true };
    const { logitsHash, tokens } = await model.generate(golden.prompt_ids, options).result;
    assert.equal(tokens, 200);
    console.log(`logits node-${flavour} ${threads} ${logitsHash}`);
    hashes.add(logitsHash);
    assert.equal(hashes.size, 1, [...hashes].join(" "));
    await model.dispose();
  });
  test(`${flavour}, ${threads} thread(s), token by token`, { skip }, async () => {
    const seen = new Set();
    for (const batch of [undefined, 1]) {
      const model = await BitNet.load(undefined, { flavour, threads, batch });
      const options = { maxTokens: 60, ignoreEnd: true, logitsHash: true };
      for (const prompt of [golden.prompt_ids, longPrompt(150)]) {
        const { logitsHash, cachedTokens } = await model.generate(prompt, options).result;
        assert.equal(cachedTokens, 0);
        seen.add(`${prompt.length} ${logitsHash}`);
      }
      await model.dispose();
    }
    assert.equal(seen.size, 2, [...seen].join(", "));
    for (const one of seen) batches.add(one);
    assert.equal(batches.size, 2, [...batches].join(", "));
  });
  test(`self-test of ${flavour}, ${threads} thread(s)`, { skip }, async () => {
    const report = await BitNet.selfTest({ flavour, threads });
    assert.equal(report.tokens, 200);
    assert.ok(report.kernelCases > 0);
    assert.ok(hashes.has(report.logitsHash));
  });
}

test("float activations give another answer, the same in every flavour", async () => {
  const seen = new Set();
  for (const flavour of ["simd-st", "relaxed-st"].filter((name) => available.includes(name))) {
    const model = await BitNet.load(undefined, { flavour, floatActivations: true });
    seen.add(
      (await model.generate(golden.prompt_ids, { maxTokens: 10, logitsHash: true }).result)
        .logitsHash,
    );
    await model.dispose();
  }
  assert.equal(seen.size, 1);
});

test("small output heads: the same text, and the same logits in every flavour", async () => {
  for (const sampler of [{}, { temperature: 0.8, topK: 40, seed: 7 }]) {
    const texts = new Set();
    const seen = { file: new Set(), int8: new Set(), int4: new Set() };
    for (const flavour of ["simd-st", "relaxed-st"].filter((name) => available.includes(name))) {
      for (const head of Object.keys(seen)) {
        const model = await BitNet.load(undefined, { flavour, head });
        const options = { maxTokens: 100, ignoreEnd: true, logitsHash: true, ...sampler };
        const { text, logitsHash } = await model.generate(golden.prompt_ids, options).result;
        texts.add(text);
        seen[head].add(logitsHash);
        await model.dispose();
      }
    }
    assert.equal(texts.size, 1, [...texts].join("\n"));
    for (const hashes of Object.values(seen)) assert.equal(hashes.size, 1);
    assert.notDeepEqual(seen.int4, seen.file); // it was used
  }
});

test("scalar kernels by name", async () => {
  const model = await BitNet.load(undefined, { flavour: "simd-st", isa: "scalar" });
  assert.equal(model.info.isa, "scalar");
  const { logitsHash } = await model.generate(golden.prompt_ids, {
    maxTokens: 200,
    ignoreEnd: true,
    logitsHash: true,
  }).result;
  assert.ok(hashes.has(logitsHash));
  await model.dispose();
});

test(
  "a flavour that is not there is refused",
  { skip: available.length === 4 && "this engine has all" },
  async () => {
    const missing = ["relaxed-mt", "simd-mt", "relaxed-st"].find(
      (name) => !available.includes(name),
    );
    await refuses(BitNet.load(undefined, { flavour: missing }), "NotSupported");
  },
);
