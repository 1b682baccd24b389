// Loading in real browsers: the store of the origin, its sharing between tabs, damage and the network's absence. By default
// what works; the faults, which faults.test.mjs has in short, with --full. Those of servers are in web/test/store.test.mjs.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { blankPage, browsers, launch, serveTests } from "./support.mjs";

const model = readFileSync(new URL("../../models/bitnet-tiny-stories.gguf", import.meta.url));
const sha256 = createHash("sha256").update(model).digest("hex");

/** A server of the model that counts, and does what the test says. */
function modelServer() {
  const state = { requests: 0, sent: 0, down: false, pace: 0, held: false, etag: '"v1"' };
  const serve = async (request, response, headers) => {
    if (state.down) return request.socket.destroy();
    ++state.requests;
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const start = match ? Number(match[1]) : 0;
    const end = match ? Math.min(Number(match[2]) + 1, model.length) : model.length;
    response.writeHead(match ? 206 : 200, {
      ...headers,
      ETag: state.etag,
      "Content-Length": end - start,
      ...(match && { "Content-Range": `bytes ${start}-${end - 1}/${model.length}` }),
    });
    for (let at = start; at < end && !response.destroyed; at += 65536) {
      const piece = model.subarray(at, Math.min(at + 65536, end));
      state.sent += piece.length;
      response.write(piece);
      while (state.held || state.pace > 0) {
        await new Promise((done) => setTimeout(done, state.pace || 20));
        if (!state.held || response.destroyed) break;
      }
    }
    response.end();
  };
  return { state, serve };
}

/** A worker whose engine lacks something, or has little room: what is spoiled stands before the worker's own script. */
const spoiled = (code) => (_, response, headers) =>
  response
    .writeHead(200, { ...headers, "Content-Type": "text/javascript" })
    .end(`${code}; await import("/worker/worker.js");`);
const workers = {
  "/no-files.js": spoiled(
    'Object.defineProperty(navigator, "storage", { value: undefined, configurable: true })',
  ),
  "/closed-files.js": spoiled(
    'StorageManager.prototype.getDirectory = async () => { throw new DOMException("no", "SecurityError"); }',
  ),
  "/no-room.js": spoiled(
    "StorageManager.prototype.estimate = async () => ({ usage: 0, quota: 1e6 })",
  ),
  "/full-disk.js": spoiled(`let left = 1_200_000;
    const { write } = FileSystemSyncAccessHandle.prototype;
    FileSystemSyncAccessHandle.prototype.write = function (bytes, options) {
      if ((left -= bytes.length) < 0) throw new DOMException("full", "QuotaExceededError");
      return write.call(this, bytes, options);
    }`),
};

/** Loads in the page, says one sentence, and tells what happened. */
const loadIn = (page, source, options = {}) =>
  page.evaluate(
    async (source, options) => {
      const { BitNet } = await import("/index.js");
      const progress = [];
      globalThis.progress = progress;
      try {
        const loaded = await BitNet.load(source, {
          threads: 1,
          ...options,
          onProgress: (event) => progress.push(event),
        });
        const text = await loaded.generate("Once upon a time", { maxTokens: 8 }).text();
        const { hint } = loaded.info;
        await loaded.dispose();
        return { text, progress, hint };
      } catch (error) {
        return { code: error.code, message: error.message, progress };
      }
    },
    source,
    options,
  );
const cacheOf = (page, name, ...given) =>
  page.evaluate(
    async (name, given) => {
      const { BitNet } = await import("/index.js");
      try {
        return (await BitNet.cache[name](...given)) ?? null;
      } catch (error) {
        return error.code;
      }
    },
    name,
    given,
  );
const phases = ({ progress }) => [...new Set(progress.map(({ phase }) => phase))].join(" ");
const full = { skip: !process.env.BITNET_FULL && "with --full" };
const chunkBytes = 1 << 19;
const chunks = [];
for (let at = 0; at < model.length; at += chunkBytes)
  chunks.push(
    createHash("sha256")
      .update(model.subarray(at, at + chunkBytes))
      .digest("hex"),
  );
const small = { integrity: { sha256, chunkBytes, chunks } }; // five chunks

for (const which of browsers) {
  describe(`store, ${which.name}`, { skip: which.skip }, () => {
    const { state, serve } = modelServer();
    let server, session, page, url;
    before(async () => {
      server = await serveTests(false, { "/model.gguf": serve, ...workers });
      session = await launch(which);
      page = await blankPage(session.browser, `${server.url}/blank`);
      url = `${server.url}/model.gguf`;
    });
    after(async () => {
      await session?.close();
      await server?.close();
    });
    const fresh = async () => {
      assert.equal(await cacheOf(page, "clear"), null);
      Object.assign(state, { requests: 0, sent: 0, down: false, pace: 0 });
    };

    test("the second load asks nobody, and works with the server gone", async () => {
      await fresh();
      const first = await loadIn(page, url);
      assert.equal(phases(first), "start download done", first.message);
      assert.equal(state.sent, model.length);
      const [entry] = await cacheOf(page, "list");
      assert.equal(entry.sha256, sha256);
      assert.equal(entry.complete, true);
      assert.deepEqual(entry.urls, [url]);
      state.down = true;
      const second = await loadIn(page, "/model.gguf");
      assert.equal(second.text, first.text, second.message);
      assert.equal(phases(second), "start read done");
      assert.equal(state.requests, 1);
      for (const { progress } of [first, second])
        for (let i = 1; i < progress.length; ++i)
          assert.ok(progress[i].loaded >= progress[i - 1].loaded);
      assert.equal((await cacheOf(page, "usage")).bytes, model.length);
    });

    test("an abort leaves a part; the next load fetches the rest", full, async () => {
      await fresh();
      state.pace = 15;
      const aborted = await page.evaluate(
        async (url, small) => {
          const { BitNet } = await import("/index.js");
          const controller = new AbortController();
          return BitNet.load(url, {
            ...small,
            threads: 1,
            signal: controller.signal,
            onProgress: ({ loaded, total }) => loaded > 0.6 * total && controller.abort(),
          }).catch((error) => error.code);
        },
        url,
        small,
      );
      assert.equal(aborted, "Aborted");
      const [part] = await cacheOf(page, "list");
      assert.equal(part.complete, false);
      await new Promise((done) => setTimeout(done, 300)); // what is on its way
      Object.assign(state, { sent: 0, pace: 0 });
      const { text, message } = await loadIn(page, url, small);
      assert.ok(text, message);
      console.log(
        `${which.name}: ${state.sent} of ${model.length} bytes again after an abort at 60%`,
      );
      assert.ok(state.sent <= model.length, `${state.sent}`);
    });

    test(
      "a damaged chunk is fetched again alone; without a server it is IntegrityFailed",
      full,
      async () => {
        await fresh();
        const { text } = await loadIn(page, url, small);
        const flip = () =>
          page.evaluate(async (name) => {
            const root = await navigator.storage.getDirectory();
            const folder = await root.getDirectoryHandle("bitnet-edge");
            const handle = await folder.getFileHandle(name);
            const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
            bytes[1_200_000] ^= 4;
            const writer = await handle.createWritable();
            await writer.write(bytes);
            await writer.close();
          }, `${sha256}.gguf`);
        await flip();
        Object.assign(state, { requests: 0, sent: 0 });
        assert.equal((await loadIn(page, url, small)).text, text);
        assert.equal(state.sent, chunkBytes);
        assert.equal((await loadIn(page, url, small)).text, text);
        assert.equal(state.requests, 1, "it was mended in place");
        await flip();
        state.down = true;
        const offline = await loadIn(page, url, { ...small, retries: 0 });
        assert.equal(offline.code, "IntegrityFailed", offline.message);
      },
    );

    test(
      "five tabs share one download; the writer's tab dies and another goes on",
      full,
      async () => {
        await fresh();
        state.pace = 15;
        const tabs = await Promise.all(
          Array.from({ length: 5 }, () => blankPage(session.browser, `${server.url}/blank`)),
        );
        const writer = await blankPage(session.browser, `${server.url}/blank`);
        const lost = loadIn(writer, url, small).catch(() => undefined);
        while (state.sent < model.length / 3) await new Promise((done) => setTimeout(done, 20));
        state.held = true;
        const all = Promise.all(tabs.map((tab) => loadIn(tab, url, small)));
        const waits = () => globalThis.progress?.some(({ phase }) => phase === "wait") ?? false;
        for (const tab of tabs)
          while (!(await tab.evaluate(waits))) await new Promise((done) => setTimeout(done, 20));
        await writer.close();
        await lost;
        state.held = false;
        const seen = await all;
        for (const { text, message } of seen) assert.equal(text, seen[0].text, message);
        assert.ok(seen[0].text);
        console.log(
          `${which.name}: ${state.sent} of ${model.length} bytes for six tabs, of which one died`,
        );
        assert.ok(state.sent < 2 * model.length);
        await Promise.all(tabs.map((tab) => tab.close()));
      },
    );

    test(
      "no file system, no room, a disk that fills: from memory, each byte once, with a hint",
      full,
      async () => {
        let text;
        for (const [worker, why] of [
          ["/no-files.js", /^$/],
          ["/closed-files.js", /private window/],
          ["/no-room.js", /no room/],
          ["/full-disk.js", /no room/],
        ]) {
          await fresh();
          const seen = await loadIn(page, url, { ...small, worker });
          text ??= seen.text;
          assert.equal(seen.text, text, `${worker}: ${seen.message}`);
          assert.equal(state.sent, model.length, worker);
          assert.match(seen.hint.replace(/^.*?(not stored|$)/, "$1"), why, worker);
          assert.ok(
            (await cacheOf(page, "list")).every(({ complete }) => !complete),
            worker,
          );
        }
        // What the full disk took is not fetched again.
        state.sent = 0;
        assert.equal((await loadIn(page, url, small)).text, text);
        assert.equal(state.sent, model.length - 2 * chunkBytes);
      },
    );

    test("pins, other versions, deleting", async () => {
      await fresh();
      const wrong = await loadIn(page, url, { integrity: `sha256-${sha256.replaceAll("a", "b")}` });
      assert.equal(wrong.code, "IntegrityFailed", wrong.message);
      assert.deepEqual(await cacheOf(page, "list"), []);
      assert.ok((await loadIn(page, url)).text);
      state.etag = '"v2"';
      state.requests = 0;
      assert.ok((await loadIn(page, url)).text);
      assert.equal(state.requests, 0);
      assert.ok((await loadIn(page, url, { cache: "revalidate" })).text);
      assert.ok(state.requests > 1);
      assert.equal(await cacheOf(page, "delete", "/model.gguf"), true);
      assert.equal(await cacheOf(page, "delete", sha256), false);
      assert.ok((await loadIn(page, url, { cache: false })).text);
      assert.deepEqual(await cacheOf(page, "list"), []);
    });

    test("streams and functions of the page; a worker of the page's own", async () => {
      const seen = await page.evaluate(async () => {
        const { BitNet } = await import("/index.js");
        const bytes = new Uint8Array(await (await fetch("/model.gguf")).arrayBuffer());
        const say = async (source, options) => {
          try {
            const loaded = await BitNet.load(source, { threads: 1, ...options });
            const text = await loaded.generate("Once upon a time", { maxTokens: 8 }).text();
            await loaded.dispose();
            return text;
          } catch (error) {
            return `${error.code} ${error.message}`;
          }
        };
        const script = new URL("/worker/worker.js", location.href);
        return [
          await say(bytes),
          await say(new Blob([bytes]).stream()),
          await say({ size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) }),
          await say(bytes, { worker: script }),
          await say(bytes, { worker: script.href }),
          await say(bytes, { worker: () => new Worker(script, { type: "module" }) }),
        ];
      });
      assert.deepEqual(new Set(seen).size, 1, seen.join("; "));
    });

    test("nothing was left uncaught", () => assert.deepEqual(page.failures, []));
  });
}
