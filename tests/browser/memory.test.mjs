// What a load takes at its peak, of a file much larger than everything else: the module's memory, which never shrinks; what
// JavaScript holds beside it, buffers included, as Chromium alone tells while the load runs; and the browser's processes, as
// the kernel tells, but Firefox's first (processes.mjs).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deepModel } from "../support/deep_model.mjs";
import { openLab, stillWorks } from "./faults/lab.mjs";
import { processesOf } from "./processes.mjs";
import { browsers } from "./support.mjs";

const MB = 1e6;
/** What an engine takes for a worker and its code, whatever the file. */
const engine = 64 * MB;

/** Bytes of JavaScript's heaps, and of buffers beside them, in the page and its workers; nothing where nobody tells. */
async function held(page, sessions) {
  for (const { client } of page.workers()) sessions.add(client);
  let [heaps, buffers] = [0, 0];
  for (const session of sessions) {
    const usage = await session.send("Runtime.getHeapUsage").catch(() => sessions.delete(session) && undefined); // it has ended
    heaps += usage?.usedSize ?? 0;
    buffers += usage?.backingStorageSize ?? 0;
  }
  return { heaps, buffers };
}

/** Bytes by which processes grew or that new ones have: one that ends meanwhile takes nothing off. */
const grown = (before, now) => [...now].reduce((sum, [pid, bytes]) => sum + Math.max(0, bytes - (before.get(pid) ?? 0)), 0);

for (const which of browsers) {
  describe(`the peak of a load: ${which.name}`, { skip: which.skip }, () => {
    let lab, file;
    before(async () => {
      lab = await openLab(which);
      file = lab.file(deepModel(160));
    });
    after(() => lab?.close());

    /** Loads and disposes, looking all the while. A page of its own: what another one has held is gone with it. */
    async function load() {
      const page = await lab.page();
      const sessions = new Set(which.name === "chromium" ? [await page.createCDPSession()] : []);
      await page.evaluate(async () => void (await import("/index.js")));
      const before = processesOf(lab.browser, which);
      const peak = { heaps: 0, buffers: 0, processes: 0 };
      const looks = { heaps: 0, processes: 0 };
      let done = false;
      const loaded = page
        .evaluate(
          async (source) => {
            const { BitNet } = await import("/index.js");
            const { fileBytes } = await BitNet.estimate(source);
            globalThis.model = await BitNet.load(source, { context: 16, threads: 1 });
            return { ...(await globalThis.model.memory()), fileBytes };
          },
          file.url,
        )
        .finally(() => (done = true));
      /** Each look by itself: a worker that computes answers late, the kernel never. */
      const watch = async (look) => {
        for (; !done; await new Promise((next) => setTimeout(next, 10))) {
          const now = await look();
          for (const kind in now) {
            peak[kind] = Math.max(peak[kind], now[kind]);
            if (now[kind] > 0) looks[kind] = (looks[kind] ?? 0) + 1;
          }
        }
      };
      await Promise.all([
        ...(sessions.size > 0 ? [watch(() => held(page, sessions))] : []), // Firefox does not tell
        watch(() => ({ processes: grown(before, processesOf(lab.browser, which)) })),
      ]);
      const answer = await loaded;
      const end = grown(before, processesOf(lab.browser, which)); // the whole module is there now
      await page.evaluate(() => globalThis.model.dispose());
      await stillWorks(page);
      await page.close();
      peak.processes = Math.max(peak.processes, end);
      return { ...answer, end, peak, looks };
    }

    for (const what of ["fetched and stored", "from the store"]) {
      test(what, { timeout: 120_000 }, async (t) => {
        file.reset();
        const { wasmBytes, weightBytes, sessionBytes, fileBytes, end, peak, looks } = await load();
        t.diagnostic(
          `${which.name}, ${what}: file ${(fileBytes / MB).toFixed(0)} MB, weights ${(weightBytes / MB).toFixed(0)} MB, ` +
            `session ${(sessionBytes / MB).toFixed(1)} MB: module ${(wasmBytes / MB).toFixed(1)} MB, heaps at most ` +
            `${(peak.heaps / MB).toFixed(1)} MB, buffers ${(peak.buffers / MB).toFixed(1)} MB, the browser grew by ` +
            `${(peak.processes / MB).toFixed(1)} MB (looks: ${JSON.stringify(looks)})`,
        );
        const allowed = 1.1 * Math.max(fileBytes, weightBytes) + sessionBytes;
        if (what === "from the store") assert.equal(file.requests.length, 0, "the store did not serve it");
        assert.ok(which.name !== "chromium" || looks.heaps > 3, `${looks.heaps} looks at heaps`);
        if (process.platform === "linux") assert.ok(end > 0.9 * weightBytes, `the module was not seen: ${end} bytes`);
        assert.ok(wasmBytes < allowed, `the module took ${wasmBytes} bytes`);
        assert.ok(peak.heaps < 32 * MB, `JavaScript's heaps took ${peak.heaps} bytes`);
        // What the network has brought and was copied is counted until V8 collects it, at some 32 MB.
        assert.ok(peak.buffers < 48 * MB, `buffers took ${peak.buffers} bytes`);
        // Chromium itself holds some 200 MB of what passes from a fast network, whoever reads it and however.
        const transit = what === "from the store" ? 0 : which.name === "chromium" ? Infinity : 64 * MB;
        assert.ok(peak.processes < allowed + engine + transit, `the browser grew by ${peak.processes} bytes`);
      });
    }
  });
}
