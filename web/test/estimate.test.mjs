// What a header tells before anything else is fetched, and models in several files.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { splitModel, writeParts } from "../../tests/support/parts.mjs";
import { readSources } from "../dist/sources.js";
import { fileServer } from "./store-support.mjs";
import { BitNet, hostileServer, load, modelBytes, modelPath, refuses } from "./support.mjs";

const one = { threads: 1 };
const parts = splitModel(modelBytes, 3);
const names = ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"];
let server;
let several;
before(async () => {
  server = await fileServer(modelBytes);
  several = await hostileServer(
    Object.fromEntries(
      names.map((name, i) => [
        name,
        (_, response) =>
          response.writeHead(200, { "Content-Length": parts[i].length }).end(parts[i]),
      ]),
    ),
  );
});
after(() => Promise.all([server?.close(), several?.close()]));

test("estimate: from the header alone, and what load then takes", async () => {
  for (const ranges of [true, false]) {
    server.reset();
    server.ranges = ranges;
    const told = await BitNet.estimate(server.url, { ...one, context: 256, kvType: "f16" });
    assert.equal(told.downloadBytes, modelBytes.length);
    assert.equal(told.fileBytes, modelBytes.length);
    assert.equal(told.cachedBytes, 0);
    assert.ok(told.fits && told.peakBytes > told.weightBytes + told.sessionBytes);
    if (ranges) {
      assert.ok(server.sent < modelBytes.length / 2, `${server.sent} bytes`);
      assert.ok(server.requests.every((range) => range.startsWith("bytes=")));
    }
    const model = await load({ context: 256, kvType: "f16" }, modelPath);
    const memory = await model.memory();
    assert.equal(told.weightBytes, memory.weightBytes);
    assert.equal(told.sessionBytes, memory.sessionBytes);
    const { sessionContext, version, flavour, threads, hint, ...info } = model.info;
    assert.deepEqual(told.model, info);
    await model.dispose();
  }
});

test("estimate: of a file that is here nothing is downloaded; what is no model is an error", async () => {
  const told = await BitNet.estimate(new Blob([modelBytes]), one);
  assert.equal(told.downloadBytes, 0);
  assert.equal(told.fileBytes, modelBytes.length);
  assert.equal((await BitNet.estimate(undefined, one)).weightBytes, told.weightBytes);
  assert.equal((await BitNet.estimate(parts, one)).weightBytes, told.weightBytes);
  assert.equal((await BitNet.estimate(modelPath, { ...one, memoryLimit: 1000 })).fits, false);
  await refuses(BitNet.estimate(new Uint8Array(100), one), "NotGguf");
  await refuses(BitNet.estimate(modelPath, { ...one, context: 1 << 20 }), "InvalidArgument");
  await refuses(BitNet.estimate(modelPath, { ...one, speed: 1 }), "UnknownOption");
});

test("memoryLimit: refused when the header is known, at the estimate's word", async () => {
  const { peakBytes } = await BitNet.estimate(modelPath, one);
  server.reset();
  server.ranges = true;
  await refuses(load({ memoryLimit: peakBytes - 1 }, server.url), "MemoryLimit", /limit is/);
  const model = await load({ memoryLimit: peakBytes }, modelPath);
  await model.dispose();
  await refuses(load({ memoryLimit: -1 }), "InvalidOption");
});

const hashOf = async (source, options) => {
  const seen = [];
  const model = await load({ ...options, onProgress: (event) => seen.push(event) }, source);
  const generation = model.generate([260, 300, 310], { maxTokens: 6, logitsHash: true });
  await generation.text();
  const { logitsHash } = await generation.result;
  await model.dispose();
  for (let i = 1; i < seen.length; ++i) assert.ok(seen[i].loaded >= seen[i - 1].loaded);
  const { phase, loaded, total } = seen.at(-1);
  assert.deepEqual([phase, loaded], ["done", total]);
  return logitsHash;
};

test("a list of files, and the address of one of them, are the model in one file", async () => {
  const whole = await hashOf(modelPath);
  assert.equal(await hashOf(parts), whole);
  assert.equal(await hashOf(parts.map((part) => new Blob([part]))), whole);
  assert.equal(await hashOf(names.map((name) => several.url(name))), whole);
  assert.equal(await hashOf(several.url(names[1])), whole);
  const folder = mkdtempSync(join(tmpdir(), "bitnet-parts-"));
  try {
    assert.equal(await hashOf(writeParts(modelPath, join(folder, "m"), 3)[0]), whole);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("files that are not all the parts, in order", async () => {
  const [first, second, third] = parts;
  await refuses(load({}, [first, third, second]), "WrongParts", /file 2 of 3/);
  await refuses(load({}, [first, second]), "WrongParts", /split.count is 3/);
  await refuses(load({}, first), "WrongParts");
  await refuses(load({}, [first, second, second]), "WrongParts", /file 3 of 3/);
  await refuses(load({}, several.url("n-00001-of-00002.gguf")), "Http");
  await refuses(load({}, []), "InvalidOption", /empty/);
  await refuses(load({}, [first, 7]), "InvalidOption");
  await refuses(load({}, new Array(257).fill(first)), "InvalidOption", /256/);
  await refuses(load({ integrity: `sha256-${"0".repeat(64)}` }, parts), "InvalidOption", /several/);
});

test("which addresses stand for several files", () => {
  const urls = (text) => readSources(text, []).map(({ url }) => url);
  assert.deepEqual(
    urls("https://h.example/a/m-00002-of-00003.gguf?x=1"),
    [1, 2, 3].map((n) => `https://h.example/a/m-0000${n}-of-00003.gguf?x=1`),
  );
  for (const alone of [
    "https://h.example/m-00000-of-00003.gguf",
    "https://h.example/m-00004-of-00003.gguf",
    "https://h.example/m-00001-of-99999.gguf",
    "https://h.example/m-1-of-3.gguf",
    "https://h.example/m.gguf?file=-00001-of-00003.gguf",
    "https://h.example/m-00001-of-00003.bin",
  ])
    assert.deepEqual(urls(alone), [alone]);
  assert.equal(urls("hf:o/r/m-00001-of-00002.gguf").length, 2);
});
