// Long running, in one tab: chat turns, loads and disposals, aborts at random moments. What memory they take afterwards is what
// they took when warm. Some minutes a browser, so only with --full; BITNET_SOAK=20 does a twentieth of it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openLab, stillWorks } from "./faults/lab.mjs";
import { firstProcess, memoryOf } from "./processes.mjs";
import { browsers } from "./support.mjs";

const times = (full) => Math.ceil(full / Number(process.env.BITNET_SOAK || 1));
const skipped = !process.env.BITNET_FULL && !process.env.BITNET_SOAK && "some minutes: only with --full";
const MB = 1e6;

/** Bytes of JavaScript's heaps after a collection, in the page and its workers; Chromium alone tells. */
async function heaps(page, which) {
  if (which.name !== "chromium") return undefined;
  const sessions = [await page.createCDPSession(), ...page.workers().map((worker) => worker.client)];
  let sum = 0;
  for (const session of sessions) {
    try {
      await session.send("HeapProfiler.collectGarbage");
      sum += (await session.send("Runtime.getHeapUsage")).usedSize;
    } catch (error) {
      if (session === sessions[0]) throw error; // a worker may have ended just now
    }
  }
  await sessions[0].detach();
  return sum;
}

describe("soak", () => {
  for (const which of browsers) {
    describe(which.name, { skip: which.skip || skipped }, () => {
      let lab, page;
      before(async () => {
        lab = await openLab(which);
        page = await lab.page();
      });
      after(() => lab?.close());

      const measure = async () => ({
        heap: await heaps(page, which),
        memory: memoryOf(lab.browser, which),
      });
      /** Nothing grew beyond noise: a heap by a MB, the browser by `most` MB. */
      function flat(t, what, warm, end, most) {
        const grown = end.memory - warm.memory;
        const heap = warm.heap && `, heaps ${(warm.heap / MB).toFixed(2)} -> ${(end.heap / MB).toFixed(2)} MB`;
        t.diagnostic(
          `${which.name}: ${what}; browser ${(warm.memory / MB).toFixed(0)} -> ${(end.memory / MB).toFixed(0)} MB${heap ?? ""}`,
        );
        if (heap !== undefined) assert.ok(end.heap - warm.heap < 1 * MB, `the heaps grew by ${end.heap - warm.heap} bytes`);
        assert.ok(grown < most * MB, `the browser grew by ${(grown / MB).toFixed(0)} MB`);
      }

      test("chat turns", { timeout: 900_000 }, async (t) => {
        /** Conversations of some turns each, until there were `count` turns; the memory of the module at the end. */
        const talk = (count) =>
          page.evaluate(async (count) => {
            globalThis.model ??= await lab.load(undefined, { context: 512 });
            const messages = [];
            let tokens = 0;
            for (let turn = 0; turn < count; ++turn) {
              if (turn % 8 === 0) messages.length = 0;
              messages.push({ role: "user", content: `Tell me about rabbit number ${turn}.` });
              const answer = await globalThis.model.chat(messages, { maxTokens: 16, seed: turn }).result;
              tokens += answer.tokens;
              messages.push({ role: "assistant", content: answer.text });
            }
            return { tokens, wasm: (await globalThis.model.memory()).wasmBytes };
          }, count);
        const warmUp = await talk(50);
        const warm = await measure();
        const { tokens, wasm } = await talk(times(1000));
        const end = await measure();
        await page.evaluate(async () => {
          await globalThis.model.dispose();
          delete globalThis.model;
        });
        flat(t, `${times(1000)} chat turns, ${tokens} tokens, wasm +${wasm - warmUp.wasm} bytes`, warm, end, 40);
        assert.equal(wasm, warmUp.wasm, "wasm pages");
        await stillWorks(page);
      });

      test("load and dispose", { timeout: 900_000 }, async (t) => {
        const cycle = (count) =>
          page.evaluate(async (count) => {
            const texts = new Set();
            for (let i = 0; i < count; ++i) {
              const model = await lab.load();
              texts.add(await model.generate("Once upon", { maxTokens: 4 }).text());
              await model.dispose();
            }
            lab.workers.length = 0; // ours, not the package's
            return texts.size;
          }, count);
        const first = firstProcess(lab.browser);
        assert.equal(await cycle(10), 1);
        const warm = await measure();
        assert.equal(await cycle(times(100)), 1);
        const end = await measure();
        flat(t, `${times(100)} loads and disposals`, warm, end, Math.min(100, 12 * times(100))); // a module kept would be 16 MB each time
        if (which.name === "firefox" && times(100) === 100 && first > 0) {
          // Under the driver its first process keeps 4 to 5 MB of each load until it collects them, some 100 loads later.
          for (let more = 0; more < 3; ++more) assert.equal(await cycle(100), 1);
          const grown = firstProcess(lab.browser) - first;
          t.diagnostic(`firefox: its first process after 410 loads +${(grown / MB).toFixed(0)} MB`);
          assert.ok(grown < 900 * MB, "nothing was ever collected");
        }
        await stillWorks(page);
      });

      test("aborts at random moments", { timeout: 900_000 }, async (t) => {
        const { outcomes, slowest, looks, same, cached } = await page.evaluate(async (count) => {
          const model = await lab.load(undefined, { context: 512 });
          const prompt = "Once upon a time there was a rabbit who lived in a wood. One day";
          const text = () => model.generate(prompt, { maxTokens: 20 }).text();
          const expected = await text();
          const outcomes = {};
          let [slowest, looks, same, cached] = [0, 0, 0, 0];
          for (let i = 0; i < count; ++i) {
            const controller = new AbortController();
            const options = { ignoreEnd: true, maxTokens: 200, signal: controller.signal };
            const call = model.generate(`${prompt} ${i}`, options);
            await new Promise((done) => setTimeout(done, Math.random() * 30));
            const watch = lab.watch();
            controller.abort();
            const { outcome } = await lab.settle(call.text());
            await model.tokenize("x"); // answered when the worker's step has ended
            slowest = Math.max(slowest, watch());
            outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
            if (i % 10 === 0) {
              const again = await model.generate(prompt, { maxTokens: 20 }).result;
              ++looks;
              same += again.text === expected;
              cached += again.cachedTokens > 0;
            }
          }
          await model.dispose();
          return { outcomes, slowest, looks, same, cached };
        }, times(500));
        t.diagnostic(
          `${which.name}: ${times(500)} aborts: ${JSON.stringify(outcomes)}, slowest answer ${slowest} ms, prefix kept ${cached} of ${looks}`,
        );
        assert.deepEqual(Object.keys(outcomes).filter((name) => !["Aborted", "ok"].includes(name)), []);
        assert.ok(outcomes.Aborted > times(500) / 2);
        assert.equal(same, looks, "the text after an abort");
        assert.equal(cached, looks, "the prefix after an abort");
        assert.ok(slowest <= 250, `an abort was answered after ${slowest} ms`);
        await stillWorks(page);
      });
    });
  }
});
