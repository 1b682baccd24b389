// Faults of what is kept: tabs and browsers that die with a file half there, files that change on the disk, no room, no store,
// several tabs at once. The server's count says what was fetched again.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { bigModel, ended, soon, stillWorks } from "./lab.mjs";

/** A chunk of the loader, and how many it fetches at a time: web/src/store/chunks.ts. */
const chunk = 4 << 20;
const parallel = 4;
/** What may be sent beside the bytes that are missing. */
const slack = 256 << 10;

const load = (page, file, options = {}) => page.evaluate((url, options) => lab.tries(url, options), file.url, options);
/** Begins a load that the page does not live to see. */
const begin = (page, file) =>
  page.evaluate((url) => {
    globalThis.loading = lab.tries(url);
  }, file.url);

/** Until the server has nothing more to send, and the page has written what it got: the last chunk is there. */
async function standstill(file, page) {
  for (let before = -1; before !== file.sent() || file.sent() === 0;) {
    before = file.sent();
    await sleep(400);
  }
  const whole = (size) => lab.stored().then((files) => Object.values(files).some((bytes) => bytes >= size));
  while (!(await page.evaluate(whole, file.bytes.length))) await sleep(100);
  await sleep(100);
}

/** A page and a file that it has stored. */
async function stored(lab) {
  const [page, file] = [await lab.page(), lab.file(bigModel())];
  ended(await load(page, file), "ok");
  file.reset();
  return { page, file };
}

async function finish(page, result, outcome) {
  await stillWorks(page);
  await page.close();
  return { outcome: outcome ?? result.outcome, ms: result.ms };
}

const mostOf = (file, bytes) => assert.ok(file.sent() <= bytes + slack, `${file.sent()} bytes were sent, ${bytes} allowed`);

/** Changes one bit in the middle of the largest file of the store. */
const flipOnDisk = (page) =>
  page.evaluate(async () => {
    const [path] = Object.entries(await lab.stored()).sort((a, b) => b[1] - a[1])[0];
    let folder = await navigator.storage.getDirectory();
    const names = path.split("/");
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name);
    const handle = await folder.getFileHandle(names.at(-1));
    const file = await handle.getFile();
    const at = Math.floor(file.size * 0.6);
    const [byte] = new Uint8Array(await file.slice(at, at + 1).arrayBuffer());
    const writable = await handle.createWritable({ keepExistingData: true });
    await writable.write({ type: "write", position: at, data: Uint8Array.of(byte ^ 1) });
    await writable.close();
  });

/** In a browser of its own, whose profile outlives it. */
async function withBrowser(lab, options, use) {
  let session = await lab.launch(options);
  try {
    return await use({
      page: (address) => lab.page(address, session.browser),
      async kill() {
        session = await session.killAndRestart();
      },
    });
  } finally {
    await session.close();
  }
}

export const rows = [
  {
    item: 2,
    fault: "tab killed in mid-download",
    short: true,
    async run(lab) {
      const file = lab.file(bigModel());
      file.fault({ stallAt: Math.floor(file.bytes.length * 0.6) });
      const first = await lab.page();
      await begin(first, file);
      await standstill(file, first);
      await first.close();
      file.reset();
      const page = await lab.page();
      const result = ended(await load(page, file), "ok");
      mostOf(file, chunk); // the one that stood still
      return finish(page, result, `resumed, ${(file.sent() / 1e6).toFixed(1)} of ${(file.bytes.length / 1e6).toFixed(1)} MB fetched`);
    },
  },
  {
    item: 2,
    fault: "tab killed at 60 % of a download in step",
    async run(lab) {
      const file = lab.file(bigModel()).fault({ drip: { bytes: 64 << 10, every: 5 } });
      const first = await lab.page();
      await begin(first, file);
      while (file.sent() < file.bytes.length * 0.6) await sleep(5);
      await first.close();
      await sleep(300);
      const before = file.sent();
      file.reset();
      const page = await lab.page();
      const result = ended(await load(page, file), "ok");
      mostOf(file, file.bytes.length - before + parallel * chunk);
      const again = Math.max(0, before + file.sent() - file.bytes.length);
      return finish(page, result, `resumed, ${(again / 1e6).toFixed(1)} MB twice`);
    },
  },
  {
    item: 3,
    fault: "tab killed at 12 moments of writing",
    async run(lab) {
      const file = lab.file(bigModel());
      for (let i = 0; i < 12; ++i) {
        const doomed = await lab.page();
        await begin(doomed, file);
        await sleep(100 + i * 40);
        await doomed.close();
      }
      const page = await lab.page();
      return finish(page, ended(await load(page, file), "ok"), "recovered");
    },
  },
  {
    item: 4,
    fault: "browser killed in mid-download, then when idle",
    async run(lab) {
      const file = lab.file(bigModel());
      file.fault({ stallAt: Math.floor(file.bytes.length * 0.6) });
      return withBrowser(lab, {}, async (own) => {
        const first = await own.page();
        await begin(first, file);
        await standstill(file, first);
        await own.kill();
        file.reset();
        const page = await own.page();
        const one = ended(await load(page, file), "ok");
        mostOf(file, parallel * chunk);
        const fetched = (file.sent() / 1e6).toFixed(1);
        await own.kill();
        file.reset();
        const second = await own.page();
        const result = ended(await load(second, file), "ok");
        await stillWorks(second);
        assert.equal(file.requests.length, 0, "a whole file was asked for again");
        return { outcome: `resumed with ${fetched} MB, then none`, ms: Math.max(one.ms, result.ms) };
      });
    },
  },
  {
    item: 12,
    fault: "one bit flipped on disk",
    short: true,
    async run(lab) {
      const { page, file } = await stored(lab);
      await flipOnDisk(page);
      const result = ended(await load(page, file), "ok");
      assert.ok(file.sent() > 0, "nothing was fetched: the damage went unseen");
      mostOf(file, chunk);
      return finish(page, result, "one chunk fetched anew");
    },
  },
  {
    item: 12,
    fault: "one bit flipped on disk, and no network",
    async run(lab) {
      const { page, file } = await stored(lab);
      await flipOnDisk(page);
      file.fault({ dropAt: 0 }).fault({ status: 503 });
      const result = ended(await load(page, file, { retries: 1 }), "IntegrityFailed");
      file.reset();
      ended(await load(page, file), "ok");
      mostOf(file, chunk);
      return finish(page, result);
    },
  },
  {
    item: 13,
    fault: "no room at all",
    async run(lab) {
      const file = lab.file(bigModel());
      const prefs = { "dom.quotaManager.temporaryStorage.fixedLimit": 1024 }; // KiB
      return withBrowser(lab, { prefs }, async (own) => {
        const page = await own.page();
        if (lab.which.name === "chromium") {
          const devtools = await page.createCDPSession();
          await devtools.send("Storage.overrideQuotaForOrigin", { origin: lab.url, quotaSize: 1 << 20 });
        }
        const result = ended(await load(page, file), "ok");
        mostOf(file, file.bytes.length);
        return finish(page, result, "from memory");
      });
    },
  },
  {
    item: 13,
    fault: "room ends in mid-download",
    engines: ["chromium"],
    cannot: "its quota is set before it starts",
    async run(lab) {
      const file = lab.file(bigModel()).fault({ stallAt: Math.floor(bigModel().length * 0.5), times: 1 });
      const page = await lab.page();
      await page.evaluate((url) => {
        globalThis.loading = lab.tries(url, { stallTimeout: 2500 });
      }, file.url);
      await standstill(file, page);
      const devtools = await page.createCDPSession();
      await devtools.send("Storage.overrideQuotaForOrigin", { origin: lab.url, quotaSize: 4 << 20 });
      const begun = performance.now();
      const { outcome, message } = await page.evaluate(() => globalThis.loading);
      const result = ended({ outcome, message, ms: Math.round(performance.now() - begun) }, "ok", "QuotaExceeded");
      await devtools.send("Storage.overrideQuotaForOrigin", { origin: lab.url });
      return finish(page, result);
    },
  },
  {
    item: 14,
    fault: "no store (a private window)",
    async run(lab) {
      const file = lab.file(bigModel());
      const page = await lab.page();
      const result = await page.evaluate(async (url) => {
        lab.faults = { noStorage: true };
        return lab.tries(url);
      }, file.url);
      ended(result, "ok");
      mostOf(file, file.bytes.length);
      return finish(page, result, "from memory");
    },
  },
  {
    item: 14,
    fault: "no locks",
    async run(lab) {
      const file = lab.file(bigModel());
      const page = await lab.page();
      const result = await page.evaluate(async (url) => {
        lab.faults = { noLocks: true };
        return lab.tries(url);
      }, file.url);
      return finish(page, ended(result, "ok"), "from memory");
    },
  },
  {
    item: 15,
    fault: "store cleared while the model runs",
    async run(lab) {
      const { page, file } = await stored(lab);
      const result = await page.evaluate(async (url) => {
        const model = await lab.load(url);
        await lab.clear();
        const result = await lab.settle(model.generate("Once", { maxTokens: 4 }).text());
        await model.dispose();
        return result;
      }, file.url);
      ended(result, "ok");
      ended(await load(page, file), "ok");
      return finish(page, result, "runs on; the next load fetches");
    },
  },
  {
    item: 15,
    fault: "store cleared in mid-download",
    async run(lab) {
      const file = lab.file(bigModel()).fault({ stallAt: Math.floor(bigModel().length * 0.5), times: 1 });
      const page = await lab.page();
      await page.evaluate((url) => {
        globalThis.loading = lab.tries(url, { stallTimeout: 1500 });
      }, file.url);
      await standstill(file, page);
      const begun = performance.now();
      await page.evaluate(() => lab.clear());
      const { outcome, message } = await page.evaluate(() => globalThis.loading);
      const result = ended({ outcome, message, ms: Math.round(performance.now() - begun) }, "ok", "Io", "QuotaExceeded");
      ended(await load(page, file), "ok");
      return finish(page, result);
    },
  },
  {
    item: 16,
    fault: "five tabs at once",
    short: true,
    async run(lab) {
      const file = lab.file(bigModel());
      const pages = [];
      for (let i = 0; i < 5; ++i) pages.push(await lab.page());
      const results = await Promise.all(pages.map((page) => load(page, file)));
      const most = 2 * soon; // they share the processor
      for (const result of results) ended({ ...result, most }, "ok");
      mostOf(file, file.bytes.length);
      for (const page of pages.slice(1)) await page.close();
      const ms = Math.max(...results.map((result) => result.ms));
      return { ...(await finish(pages[0], { ms }, "one download")), most };
    },
  },
  {
    item: 17,
    fault: "the tab that writes dies, another waits",
    short: true,
    async run(lab) {
      const file = lab.file(bigModel());
      file.fault({ stallAt: Math.floor(file.bytes.length * 0.6) });
      const [writer, page] = [await lab.page(), await lab.page()];
      await begin(writer, file);
      await standstill(file, writer);
      await begin(page, file);
      await sleep(300);
      const before = file.sent();
      file.reset();
      const begun = performance.now();
      await writer.close();
      const result = await page.evaluate(() => globalThis.loading);
      ended({ ...result, ms: Math.round(performance.now() - begun) }, "ok");
      mostOf(file, Math.max(chunk, file.bytes.length - before));
      return finish(page, { ms: Math.round(performance.now() - begun) }, "taken over");
    },
  },
  ...[
    ["throws", "a write throws"],
    ["short", "a write takes half"],
  ].map(([writes, fault]) => ({
    item: 18,
    fault,
    async run(lab) {
      const file = lab.file(bigModel());
      const page = await lab.page();
      const result = await page.evaluate(
        async (url, writes) => {
          lab.faults = { writes };
          return lab.tries(url);
        },
        file.url,
        writes,
      );
      ended(result, "ok", "Io", "QuotaExceeded");
      ended(await load(page, file), "ok");
      return finish(page, result);
    },
  })),
  {
    item: 2,
    fault: "no network, all of the file stored",
    async run(lab) {
      const { page, file } = await stored(lab);
      file.fault({ dropAt: 0 });
      const result = ended(await load(page, file), "ok");
      assert.equal(file.requests.length, 0);
      return finish(page, result, "no request");
    },
  },
];
