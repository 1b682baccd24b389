// Where models come from: every kind of source gives the same model, every bad one a typed error.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
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
  const from = (name) => load({}, server.url(name));
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
  await refuses(load({}, "http://127.0.0.1:9/nobody"), "Io");
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
