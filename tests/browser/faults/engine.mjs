// Faults of the place: features that are missing, policies that forbid, threads that do not start, memory refused, files of
// the package that do not belong together, pages that are put aside.
import assert from "node:assert/strict";
import { bigModel, ended, stillWorks } from "./lab.mjs";

/** A load in a page of its own, prepared by `faults` of the worker. */
async function loadWith(lab, faults, options = {}, { address, source } = {}) {
  const page = await lab.page(address);
  const result = await page.evaluate(
    async (faults, options, source) => {
      lab.faults = faults;
      const hint = { text: "" };
      const result = await lab.settle(
        (async () => {
          const model = await lab.load(source ?? undefined, options);
          hint.text = model.info.hint;
          const text = await model.generate("Once", { maxTokens: 4 }).text();
          await model.dispose();
          return text;
        })(),
      );
      return { ...result, hint: hint.text };
    },
    faults,
    options,
    source,
  );
  await stillWorks(page);
  await page.close();
  return result;
}

export const rows = [
  ...["refused", "missing", "silent"].map((threads) => ({
    item: 22,
    fault: `a thread's worker is ${threads}`,
    short: threads === "refused",
    async run(lab) {
      const result = await loadWith(lab, { threads }, { threads: 2, startTimeout: 3000 });
      ended(result, "ok");
      assert.match(result.hint, /relaxed-mt was not used/);
      return { outcome: "one thread", ms: result.ms };
    },
  })),
  {
    item: 24,
    fault: "memory.grow refused at the k-th call, every k",
    async run(lab) {
      const file = lab.file(bigModel());
      const page = await lab.page();
      const results = await page.evaluate(async (url) => {
        const all = [];
        for (let k = 0; k < 200; ++k) {
          lab.faults = { mostGrowths: k };
          all.push(await lab.tries(url, { context: 512 }));
          if (all.at(-1).outcome === "ok") break;
        }
        return all;
      }, file.url);
      await stillWorks(page);
      await page.close();
      for (const result of results.slice(0, -1)) ended(result, "OutOfMemory");
      ended(results.at(-1), "ok");
      assert.ok(results.length > 1, "memory never grew");
      return { outcome: `OutOfMemory at ${results.length - 1} calls`, ms: Math.max(...results.map(({ ms }) => ms)) };
    },
  },
  {
    item: 24,
    fault: "memory.grow refused at once",
    short: true,
    async run(lab) {
      const result = await loadWith(lab, { mostGrowths: 0 }, {}, { source: lab.file(bigModel()).url });
      return ended(result, "OutOfMemory");
    },
  },
  {
    item: 32,
    fault: "no cross-origin isolation",
    async run(lab) {
      const result = await loadWith(lab, undefined, { threads: 4 }, { address: `${lab.plainUrl}/blank` });
      ended(result, "ok");
      assert.match(result.hint, /Cross-Origin-Opener-Policy/);
      return { outcome: "one thread, hint", ms: result.ms };
    },
  },
  ...[
    ["no SharedArrayBuffer", "shared"],
    ["no relaxed SIMD", "relaxed"],
    ["no SIMD", "simd"],
    ["no WebAssembly", "all"],
  ].map(([fault, missing]) => ({
    item: 32,
    fault,
    short: missing === "simd",
    async run(lab) {
      const page = await lab.page();
      const result = await page.evaluate(async (missing) => {
        const { validate, Memory } = WebAssembly;
        const engine = WebAssembly;
        if (missing === "all") delete globalThis.WebAssembly;
        else if (missing === "shared")
          WebAssembly.Memory = function (options) {
            if (options.shared) throw new TypeError("no shared memory");
            return new Memory(options);
          };
        else {
          // Opcode 253 begins every SIMD instruction, relaxed ones go on with 0x80 to 0x93 and a second byte.
          WebAssembly.validate = (bytes) => {
            const has = (second) => bytes.some((byte, i) => byte === 253 && second(bytes[i + 1], bytes[i + 2]));
            return !has(missing === "simd" ? () => true : (a, b) => a >= 0x80 && b === 2) && validate(bytes);
          };
        }
        const { BitNet } = await import("/index.js");
        const result = await lab.settle(
          (async () => {
            const model = await lab.load(undefined, { threads: 2 });
            const { flavour } = model.info;
            await model.generate("Once", { maxTokens: 4 }).text();
            await model.dispose();
            return flavour;
          })(),
        );
        globalThis.WebAssembly = engine;
        Object.assign(engine, { validate, Memory });
        return { ...result, hint: BitNet.features().hint };
      }, missing);
      await stillWorks(page);
      await page.close();
      if (missing === "shared" || missing === "relaxed") {
        assert.equal(ended(result, "ok").value, missing === "shared" ? "relaxed-st" : "simd-mt");
        return { outcome: result.value, ms: result.ms };
      }
      assert.match(result.message, /WebAssembly/);
      return ended(result, "NotSupported");
    },
  })),
  {
    item: 33,
    fault: "a policy without wasm-unsafe-eval",
    short: true,
    async run(lab) {
      const result = await loadWith(lab, { noWasm: true });
      assert.match(result.message, /wasm-unsafe-eval/);
      return ended(result, "WorkerFailed", "NotSupported");
    },
  },
  ...[
    ["threads", "the wasm of another build"],
    ["host", "the wasm of another module"],
    ["gone", "no wasm file"],
    ["html", "a web page for the wasm file"],
    ["cut", "the wasm file cut short"],
  ].map(([wrong, fault]) => ({
    item: 35,
    fault,
    short: wrong === "threads",
    async run(lab) {
      const page = await lab.page();
      const result = await page.evaluate(async (wrong) => {
        const { BitNet } = await import(`/mixed-${wrong}/index.js`);
        return lab.settle(BitNet.load(undefined, { flavour: "relaxed-st", startTimeout: 4000 }));
      }, wrong);
      await stillWorks(page);
      await page.close();
      assert.ok(result.message.length > 40, result.message);
      return ended(result, "WorkerFailed", "NotSupported");
    },
  })),
  {
    item: 27,
    fault: "page left during generate, and back",
    async run(lab) {
      const page = await lab.page();
      await page.evaluate(async () => {
        globalThis.model = await lab.load();
        globalThis.call = globalThis.model.generate("Once", { ignoreEnd: true });
        await globalThis.call.next();
      });
      await page.goto(`${lab.url}/away`);
      await page.goBack();
      // Either the page was kept, then its model goes on; or it is new.
      const result = await page.evaluate(async () => {
        if (globalThis.call === undefined) return lab.tries();
        return lab.settle(globalThis.call.text());
      });
      await stillWorks(page);
      await page.close();
      return ended(result, "ok");
    },
  },
  {
    item: 27,
    fault: "page frozen during generate, then resumed",
    engines: ["chromium"],
    cannot: "no way to freeze a page",
    async run(lab) {
      const page = await lab.page();
      await page.evaluate(async () => {
        globalThis.model = await lab.load();
        globalThis.call = globalThis.model.generate("Once", { ignoreEnd: true });
        await globalThis.call.next();
      });
      const devtools = await page.createCDPSession();
      await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      await new Promise((done) => setTimeout(done, 2500));
      await devtools.send("Page.setWebLifecycleState", { state: "active" });
      const result = await page.evaluate(() => lab.settle(globalThis.call.text()));
      await page.evaluate(() => globalThis.model.dispose());
      await stillWorks(page);
      await page.close();
      return ended(result, "ok");
    },
  },
];
