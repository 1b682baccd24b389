// Where models come from: every kind of source gives the same model, every bad one a typed error.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readSources } from "../dist/sources.js";
import {
  BitNetError,
  hostileServer,
  load,
  modelBytes,
  modelPath,
  modelUrl,
  refuses,
} from "./support.mjs";

const half = modelBytes.length >> 1;
let server;
before(async () => {
  server = await hostileServer({
    good: (_, response) =>
      response.writeHead(200, { "Content-Length": modelBytes.length }).end(modelBytes),
    chunked: (_, response) => {
      response.writeHead(200);
      for (let at = 0; at < modelBytes.length; at += 99_991)
        response.write(modelBytes.subarray(at, at + 99_991));
      response.end();
    },
    gzip: (_, response) => {
      const body = gzipSync(modelBytes, { level: 1 });
      response
        .writeHead(200, { "Content-Encoding": "gzip", "Content-Length": body.length })
        .end(body);
    },
    html: (_, response) =>
      response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><p>Sign in"),
    liar: (_, response) =>
      response.writeHead(200).end("<!doctype html><p>Sign in, without saying so"),
    broken: (_, response) => response.writeHead(500).end(),
    teapot: (_, response) => response.writeHead(418, "I am a teapot").end(),
    short: (_, response) => {
      // announces all, sends half, hangs up
      response.writeHead(200, { "Content-Length": modelBytes.length });
      response.write(modelBytes.subarray(0, half), () => response.destroy());
    },
    cut: (_, response) =>
      response.writeHead(200, { "Content-Length": half }).end(modelBytes.subarray(0, half)),
    empty: (_, response) => response.writeHead(200, { "Content-Length": 0 }).end(),
    redirect: (_, response) => response.writeHead(302, { Location: "/good" }).end(),
    hangup: (request) => request.socket.destroy(),
  });
});
after(() => server?.close());

async function loads(source) {
  const seen = [];
  const model = await load({ onProgress: (progress) => seen.push(progress) }, source);
  assert.match(
    await model.generate("Once upon a time", { maxTokens: 12 }).text(),
    /there (was|lived)/,
  );
  await model.dispose();
  assert.equal(seen[0].phase, "start");
  assert.deepEqual(seen.at(-1), {
    phase: "done",
    loaded: modelBytes.length,
    total: modelBytes.length,
  });
  for (let i = 1; i < seen.length; ++i)
    assert.ok(seen[i].loaded >= seen[i - 1].loaded, "progress fell");
  assert.ok(seen.every(({ loaded, total }) => total === 0 || loaded <= total));
}

for (const [name, source] of [
  ["the built-in model", () => undefined],
  ["a file: URL", () => modelUrl],
  ["a path", () => modelPath],
  ["bytes", () => modelBytes],
  ["an ArrayBuffer", () => new Uint8Array(modelBytes).buffer],
  ["a Blob", () => new Blob([modelBytes])],
  ["a File", () => new File([modelBytes], "model.gguf")],
  ["a stream", () => new Blob([modelBytes]).stream()],
  [
    "a function",
    () => ({ size: modelBytes.length, read: (at, length) => modelBytes.subarray(at, at + length) }),
  ],
  [
    "a slow function that gives few bytes",
    () => ({
      size: modelBytes.length,
      read: async (at, length) => modelBytes.buffer.slice(at, at + Math.min(length, 50_001)),
    }),
  ],
  ["http", () => server.url("good")],
  ["http without a length", () => server.url("chunked")],
  ["http, compressed", () => server.url("gzip")],
  ["http, redirected", () => server.url("redirect")],
])
  test(`loads from ${name}`, () => loads(source()));

test("the caller's bytes stay the caller's", async () => {
  const mine = new Uint8Array(modelBytes);
  await (await load({}, mine)).dispose();
  assert.equal(mine.length, modelBytes.length);
});

test("servers that do not deliver", async () => {
  const from = (name) => load({ retries: 0 }, server.url(name));
  for (const [name, status] of [
    ["missing", 404],
    ["broken", 500],
    ["teapot", 418],
  ]) {
    await assert.rejects(
      from(name),
      (error) => error instanceof BitNetError && error.code === "Http" && error.status === status,
    );
  }
  await refuses(from("html"), "NotGguf", /web page/);
  await refuses(from("liar"), "NotGguf");
  await refuses(from("short"), "Io");
  await refuses(from("cut"), "Truncated");
  await refuses(from("empty"), "NotGguf");
  await refuses(from("hangup"), "Io");
  await refuses(load({ retries: 0 }, "http://127.0.0.1:9/nobody"), "Io");
});

test("failures that pass: by default a server has four more tries", async () => {
  let calls = 0;
  const shaky = await hostileServer({
    model: (request, response) => {
      if (++calls % 2 === 1) return response.writeHead(503).end();
      response.writeHead(200, { "Content-Length": modelBytes.length });
      if (calls === 2)
        return response.write(modelBytes.subarray(0, half), () => response.destroy());
      response.end(modelBytes);
    },
  });
  await loads(shaky.url("model"));
  assert.equal(calls, 4);
  await shaky.close();
});

test("streams and functions that fail end in a typed error, and a stream is let go", async () => {
  const stream = (pull, cancel = () => {}) => new ReadableStream({ pull, cancel });
  const from = (source, options = {}) => load(options, source);
  await refuses(from(stream(() => Promise.reject(new Error("mine")))), "Io", /mine/);
  await refuses(from(stream((to) => to.enqueue("text"))), "InvalidOption", /Uint8Array/);
  await refuses(from(stream((to) => to.close())), "NotGguf");
  const locked = stream(() => {});
  locked.getReader();
  await refuses(from(locked), "InvalidOption", /read already/);
  const size = modelBytes.length;
  const throws = () => {
    throw new Error("mine");
  };
  await refuses(from({ size, read: throws }), "Io", /mine/);
  await refuses(from({ size, read: () => "text" }), "Io");
  await refuses(from({ size, read: () => new Uint8Array() }), "Truncated");
  for (const bad of [
    { size: -1, read: throws },
    { size: 1.5, read: throws },
    { size, read: 1 },
    { size },
    {},
  ])
    await refuses(from(bad), "InvalidOption");
  let ended;
  const cancelled = new Promise((done) => (ended = done));
  const endless = stream((to) => to.enqueue(new Uint8Array(1000)), ended);
  await refuses(from(endless, { signal: AbortSignal.timeout(200) }), "Aborted");
  await cancelled;
});

test("integrity holds for every kind of source", async () => {
  const sha256 = createHash("sha256").update(modelBytes).digest("hex");
  const chunkBytes = 1 << 20;
  const chunks = [];
  for (let at = 0; at < modelBytes.length; at += chunkBytes)
    chunks.push(
      createHash("sha256")
        .update(modelBytes.subarray(at, at + chunkBytes))
        .digest("hex"),
    );
  const flipped = new Uint8Array(modelBytes);
  flipped[modelBytes.length - 5] ^= 1;
  const kinds = (bytes) => [
    bytes,
    new Blob([bytes]),
    new Blob([bytes]).stream(),
    { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) },
  ];
  for (const integrity of [
    `sha256-${sha256}`,
    { sha256 },
    { chunkBytes, chunks },
    { sha256, chunkBytes, chunks },
  ]) {
    for (const source of [...kinds(modelBytes), modelPath, undefined, server.url("good")])
      await (await load({ integrity }, source)).dispose();
    for (const source of kinds(flipped))
      await refuses(load({ integrity }, source), "IntegrityFailed");
  }
  await refuses(
    load({ integrity: `sha256-${sha256.replace(/^./, (x) => (x === "0" ? "1" : "0"))}` }),
    "IntegrityFailed",
  );
  await refuses(load({ integrity: "md5-1234" }), "InvalidOption", /integrity/);
});

test("hf: addresses are made whole, and nothing else is taken for one", () => {
  const url = (text) => readSources(text, [])[0].url;
  const at = "https://huggingface.co/owner/repo/resolve";
  assert.equal(url("hf:owner/repo/model.gguf"), `${at}/main/model.gguf`);
  assert.equal(url("hf:owner/repo@v1.0/some folder/m.gguf"), `${at}/v1.0/some%20folder/m.gguf`);
  assert.equal(url("hf:owner/repo@refs%2Fpr%2F1/m.gguf"), `${at}/refs%252Fpr%252F1/m.gguf`);
  for (const bad of [
    "hf:",
    "hf:owner",
    "hf:owner/repo",
    "hf:owner/repo/",
    "hf:a/b/../c",
    "hf://a/b/c",
    "hf:a/b@/c",
    "hf:a?b/c/d",
    "hf:a/../d.gguf",
    "hf:a/b@../m.gguf",
    "hf:a/b@./m.gguf",
  ])
    assert.throws(() => url(bad), { code: "InvalidOption" }, bad);
});

test("owner/repository/file alone is Hugging Face's, unless such a file or folder is here", () => {
  const url = (text) => readSources(text, [])[0].url;
  const at = "https://huggingface.co/owner/repo/resolve";
  assert.equal(url("owner/repo/model.gguf"), `${at}/main/model.gguf`);
  assert.equal(url("owner/repo@v1.0/folder/m.gguf"), `${at}/v1.0/folder/m.gguf`);
  assert.equal(readSources("owner/repo/m-00001-of-00002.gguf", []).length, 2);
  for (const path of ["./owner/repo/m.gguf", "../a/b/m.gguf", "/a/b/m.gguf", "repo/m.gguf", "m.gguf", "a/b/c.bin", "a/../m.gguf", "a/../b/m.gguf", "a/b/../m.gguf", "a/b@../m.gguf", "a/b/c\\d.gguf"])
    assert.match(url(path), /^file:/, path);
  const folder = mkdtempSync("sources-test-");
  try {
    mkdirSync(`${folder}/repo`);
    writeFileSync(`${folder}/repo/m.gguf`, "");
    assert.match(url(`${folder}/repo/m.gguf`), /^file:.*\/repo\/m\.gguf$/);
    assert.match(url(`${folder}/repo/n.gguf`), /^file:/, "a file that is missing is not somebody else's");
    assert.match(url(`${folder}/other/n.gguf`), /^file:/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a file twice in a list is refused, before anybody waits for it", async () => {
  const url = "http://127.0.0.1:9/model.gguf";
  await refuses(load({}, [url, new URL(url)]), "InvalidOption", /twice/);
  assert.equal(readSources([url, `${url}?b`], []).length, 2);
});

test("files that are no models", async () => {
  await refuses(load({}, "no-such-file.gguf"), "NotFound", /no-such-file/);
  await refuses(load({}, import.meta.dirname), "Io", /not a file/);
  await refuses(load({}, import.meta.filename), "NotGguf");
  await refuses(load({}, new Uint8Array()), "NotGguf");
  await refuses(load({}, new Blob(["GG"])), "Truncated");
  const garbage = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 2654435761) >>> 13);
  await refuses(load({}, garbage), "NotGguf");
});

test("a model cut anywhere is refused with a typed error", async () => {
  for (const length of [1, 4, 8, 24, 100, 1000, 20_000, half, modelBytes.length - 1]) {
    await assert.rejects(load({}, modelBytes.subarray(0, length)), (error) => {
      assert.ok(error instanceof BitNetError, `${error}`);
      assert.ok(
        ["NotGguf", "Truncated", "Malformed"].includes(error.code),
        `${length}: ${error.message}`,
      );
      return true;
    });
  }
});

test("an abort while the server stalls", async () => {
  const stalled = await hostileServer({
    model: (_, response) => {
      response.writeHead(200, { "Content-Length": modelBytes.length });
      response.write(modelBytes.subarray(0, half));
    },
  });
  const signal = AbortSignal.timeout(500);
  await refuses(load({ signal }, stalled.url("model")), "Aborted");
  await stalled.close();
});
