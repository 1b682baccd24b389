// Faults of callers, and of the engine under a call: aborts, odd prompts, streams nobody reads, workers that die.
import assert from "node:assert/strict";
import { bigModel, ended, stillWorks } from "./lab.mjs";

/** The row's page, and what `inside` gave there: a settled call. */
async function inOnePage(lab, inside, ...values) {
  const page = await lab.page();
  const result = await page.evaluate(inside, ...values);
  await stillWorks(page);
  await page.close();
  return result;
}

export const rows = [
  {
    item: 19,
    fault: "abort while the download stalls",
    async run(lab) {
      const file = lab.file().fault({ stallAt: 1_000_000 });
      const result = await inOnePage(
        lab,
        async (url) => {
          const controller = new AbortController();
          const loading = lab.load(url, { signal: controller.signal });
          loading.catch(() => {});
          await new Promise((done) => setTimeout(done, 300));
          setTimeout(() => controller.abort());
          return lab.settle(loading);
        },
        file.url,
      );
      return ended(result, "Aborted");
    },
  },
  {
    item: 19,
    fault: "abort at 20 moments of a load",
    async run(lab) {
      const file = lab.file(bigModel());
      const results = await inOnePage(
        lab,
        async (url) => {
          const all = [];
          for (let wait = 0; wait < 400; wait += 20) {
            const controller = new AbortController();
            const loading = lab.load(url, { signal: controller.signal });
            loading.catch(() => {});
            await new Promise((done) => setTimeout(done, wait));
            controller.abort();
            all.push(await lab.settle(loading.then((model) => model.dispose())));
          }
          return all;
        },
        file.url,
      );
      for (const result of results) ended(result, "Aborted", "ok"); // it may have been quicker than the abort
      assert.equal(results[0].outcome, "Aborted");
      return { outcome: "Aborted", ms: Math.max(...results.map(({ ms }) => ms)) };
    },
  },
  {
    item: 19,
    fault: "abort during prefill",
    short: true,
    async run(lab) {
      const file = lab.file(bigModel());
      const { first, cached, same } = await inOnePage(
        lab,
        async (url) => {
          const model = await lab.load(url, { context: 128, batch: 1 });
          const prompt = Array.from({ length: 120 }, (_, i) => 260 + ((i * i * 31 + i * 7) % 1500));
          const controller = new AbortController();
          const call = model.generate(prompt, { maxTokens: 4, signal: controller.signal });
          while (call.stats.prefilled < 20) await new Promise((done) => setTimeout(done));
          setTimeout(() => controller.abort());
          const first = await lab.settle(call.text());
          const again = await model.generate(prompt, { maxTokens: 4, logitsHash: true }).result;
          await model.dispose();
          const other = await lab.load(url, { context: 128 });
          const fresh = await other.generate(prompt, { maxTokens: 4, logitsHash: true }).result;
          await other.dispose();
          return { first, cached: again.cachedTokens, same: again.logitsHash === fresh.logitsHash };
        },
        file.url,
      );
      assert.ok(cached >= 20, `${cached} tokens of the aborted prompt were kept`);
      assert.ok(same, "after the abort the logits differ from a fresh model's");
      return ended(first, "Aborted");
    },
  },
  {
    item: 20,
    fault: "abort twice, abort after the end",
    async run(lab) {
      const { twice, after } = await inOnePage(lab, async () => {
        const model = await lab.load();
        const controller = new AbortController();
        const call = model.generate("Once", { ignoreEnd: true, signal: controller.signal });
        await call.next();
        controller.abort();
        controller.abort();
        const twice = await lab.settle(call.result);
        const late = new AbortController();
        const ending = model.generate("Once", { maxTokens: 2, signal: late.signal });
        await ending.result;
        late.abort();
        const after = await lab.settle(ending.text());
        await model.dispose();
        return { twice, after };
      });
      ended(after, "ok");
      return ended(twice, "Aborted");
    },
  },
  {
    item: 21,
    fault: "the worker is terminated during generate",
    short: true,
    async run(lab) {
      const { during, after } = await inOnePage(lab, async () => {
        const model = await lab.load();
        const call = model.generate("Once", { ignoreEnd: true, maxTokens: 50 });
        await call.next();
        lab.workers.at(-1).terminate();
        const during = await lab.settle(call.result);
        const after = await lab.settle(model.tokenize("x"));
        await model.dispose();
        return { during, after };
      });
      ended(after, "WorkerFailed");
      return ended(during, "WorkerFailed", "ok"); // it may have been at its end
    },
  },
  {
    item: 21,
    fault: "the worker is terminated at 20 moments",
    async run(lab) {
      const file = lab.file(bigModel());
      const results = await inOnePage(
        lab,
        async (url) => {
          const all = [];
          for (let i = 0; i < 20; ++i) {
            const run = lab.tries(url, { startTimeout: 1500 }); // start, load, prefill, decode
            await new Promise((done) => setTimeout(done, i * 40));
            lab.workers.at(-1)?.terminate();
            all.push(await run);
          }
          return all;
        },
        file.url,
      );
      for (const result of results) ended(result, "WorkerFailed", "ok");
      assert.ok(results.some(({ outcome }) => outcome === "WorkerFailed"));
      return { outcome: "WorkerFailed", ms: Math.max(...results.map(({ ms }) => ms)) };
    },
  },
  {
    item: 23,
    fault: "wasm trap during generate",
    short: true,
    async run(lab) {
      const { during, after } = await inOnePage(lab, async () => {
        lab.faults = { trap: true };
        const model = await lab.load();
        const call = model.generate("Once", { ignoreEnd: true, maxTokens: 60 });
        await call.next();
        lab.workers.at(-1).postMessage({ trapAfter: 3 });
        const during = await lab.settle(call.result);
        const after = await lab.settle(model.tokenize("x"));
        await model.dispose();
        return { during, after };
      });
      ended(after, "WorkerFailed");
      return ended(during, "WorkerFailed");
    },
  },
  {
    item: 25,
    fault: "context exactly full, one over, prompt longer",
    short: true,
    async run(lab) {
      const { full, over, longer, ms } = await inOnePage(lab, async () => {
        const model = await lab.load(undefined, { context: 64 });
        const ids = (length) => Array.from({ length }, (_, i) => 300 + ((i * 37) % 1000));
        const ends = async (length) => {
          const { value, outcome, message, ms } = await lab.settle(
            model.generate(ids(length), { ignoreEnd: true }).result,
          );
          return { outcome: value?.finishReason ?? outcome, tokens: value?.tokens, message, ms };
        };
        const [full, over, longer] = [await ends(63), await ends(64), await ends(5000)]; // one token of the answer has a place, or none
        await model.dispose();
        return { full, over, longer, ms: Math.max(full.ms, over.ms, longer.ms) };
      });
      ended(full, "context");
      ended(over, "ContextFull");
      ended(longer, "ContextFull");
      return { outcome: `context; ${over.outcome}`, ms };
    },
  },
  {
    item: 26,
    fault: "empty prompt, lone surrogates, NUL",
    async run(lab) {
      const results = await inOnePage(lab, async () => {
        const model = await lab.load();
        const all = {};
        for (const [name, prompt] of Object.entries({
          empty: "",
          surrogates: "\ud800 and \udfff, \udc00\ud800",
          nul: "a\0b\0",
          noIds: [],
          badIds: [-1],
          hugeIds: [2 ** 31 - 1],
        }))
          all[name] = await lab.settle(model.generate(prompt, { maxTokens: 4 }).text());
        all.noMessages = await lab.settle(model.chat([], { maxTokens: 4 }).text());
        all.emptyMessage = await lab.settle(model.chat("", { maxTokens: 4 }).text());
        await model.dispose();
        return all;
      });
      ended(results.surrogates, "ok");
      ended(results.nul, "ok");
      ended(results.empty, "ok", "EmptyPrompt"); // there may be a begin token
      ended(results.noIds, "EmptyPrompt");
      ended(results.badIds, "BadToken");
      ended(results.hugeIds, "BadToken");
      ended(results.noMessages, "ok", "EmptyPrompt", "InvalidOption");
      ended(results.emptyMessage, "ok");
      return { outcome: "answered or typed", ms: Math.max(...Object.values(results).map(({ ms }) => ms)) };
    },
  },
  {
    item: 26,
    fault: "a prompt of 1 MB",
    short: true,
    async run(lab) {
      return ended(
        await inOnePage(lab, async () => {
          const model = await lab.load();
          const result = await lab.settle(model.generate("Once upon a time. ".repeat(58_000)).text());
          const one = await lab.settle(model.generate("a".repeat(1 << 20)).text());
          await model.dispose();
          return one.outcome === result.outcome ? { ...result, ms: Math.max(one.ms, result.ms) } : one;
        }),
        "ContextFull",
      );
    },
  },
  {
    item: 28,
    fault: "dispose while generating",
    short: true,
    async run(lab) {
      const { during, later, twice } = await inOnePage(lab, async () => {
        const model = await lab.load();
        const call = model.generate("Once", { ignoreEnd: true });
        await call.next();
        await model.dispose();
        const during = await lab.settle(call.result);
        const later = await lab.settle(model.generate("Once").text());
        return { during, later, twice: await lab.settle(model.dispose()) };
      });
      ended(twice, "ok");
      ended(later, "Disposed");
      return ended(during, "Disposed");
    },
  },
  {
    item: 29,
    fault: "ten generates at once",
    async run(lab) {
      const { texts, alone, ms } = await inOnePage(lab, async () => {
        const model = await lab.load();
        const options = { maxTokens: 8 };
        const prompts = Array.from({ length: 10 }, (_, i) => `Once upon a time number ${i}`);
        const watch = lab.watch();
        const texts = await Promise.all(prompts.map((prompt) => model.generate(prompt, options).text()));
        const ms = watch();
        const alone = [];
        for (const prompt of prompts) alone.push(await model.generate(prompt, options).text());
        await model.dispose();
        return { texts, alone, ms };
      });
      assert.deepEqual(texts, alone);
      return { outcome: "each as if alone", ms };
    },
  },
  {
    item: 30,
    fault: "the consumer stops reading",
    async run(lab) {
      const { left, next, whole, ms } = await inOnePage(lab, async () => {
        const model = await lab.load();
        const watch = lab.watch();
        const unread = model.generate("Once", { ignoreEnd: true });
        await unread.next(); // and never again
        const next = await lab.settle(model.generate("Twice", { maxTokens: 3 }).text());
        let left;
        const abandoned = model.generate("Once", { ignoreEnd: true });
        for await (const piece of abandoned) {
          left = piece;
          break;
        }
        const { finishReason } = await abandoned.result;
        const whole = (await unread.result).text.length;
        await model.dispose();
        return { left: finishReason, next, whole, ms: watch() };
      });
      assert.equal(left, "aborted");
      assert.ok(whole > 20);
      ended(next, "ok");
      return { outcome: "others go on", ms };
    },
  },
  {
    item: 31,
    fault: "the consumer's callback throws",
    async run(lab) {
      const { progress, body, next } = await inOnePage(lab, async () => {
        const throws = () => {
          throw new Error("mine");
        };
        const progress = await lab.settle(lab.load(undefined, { onProgress: throws }));
        const late = await lab.settle(
          lab.load(undefined, { onProgress: ({ phase }) => phase === "done" && throws() }),
        );
        const model = await lab.load();
        const body = await lab.settle(
          (async () => {
            for await (const _ of model.generate("Once", { ignoreEnd: true })) throws();
          })(),
        );
        const next = await lab.settle(model.generate("Once", { maxTokens: 3 }).text());
        await model.dispose();
        return { progress: [progress, late], body, next };
      });
      for (const result of [...progress, body]) assert.match(result.outcome, /^not typed: Error: mine$/); // the caller's own
      ended(next, "ok");
      return { outcome: "the caller's error", ms: Math.max(...[...progress, body, next].map(({ ms }) => ms)) };
    },
  },
  {
    item: 34,
    fault: "clock jumps by hours in page and worker",
    async run(lab) {
      const file = lab.file(bigModel());
      return ended(
        await inOnePage(
          lab,
          async (url) => {
            lab.faults = { clock: true };
            const [date, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)];
            let looks = 0;
            Date.now = () => date() + (++looks % 2 ? 3_600_000 : -3_600_000);
            performance.now = () => monotonic() + 3_600_000 * ++looks;
            const result = await lab.tries(url);
            Date.now = date;
            performance.now = monotonic;
            return result;
          },
          file.url,
        ),
        "ok",
      );
    },
  },
];
