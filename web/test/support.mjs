// What the Node tests share: the package under test, its model, and a server that misbehaves on request.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { BitNet, BitNetError } from "../dist/index.js";

export { BitNet, BitNetError };
export const modelUrl = new URL("../dist/bitnet-tiny-stories.gguf", import.meta.url);
export const modelPath = fileURLToPath(modelUrl);
export const modelBytes = readFileSync(modelUrl);
export const golden = JSON.parse(
  readFileSync(new URL("../../models/golden.json", import.meta.url), "utf8"),
);

/** assert.rejects for a BitNetError of that code. */
export const refuses = (promise, code, pattern = /./) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof BitNetError, `${error?.stack ?? error}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });

export const load = (options = {}, source) => BitNet.load(source, { threads: 1, ...options });

/** A prompt of any length: ordinary ids, in no order that repeats soon. */
export const longPrompt = (length) =>
  Array.from({ length }, (_, i) => 260 + ((i * i * 31 + i * 7) % 1500));

/** The model's bytes with another context length in their header. */
export function withContext(tokens) {
  const bytes = Buffer.from(modelBytes);
  const key = ".context_length";
  const type = bytes.indexOf(key) + key.length;
  assert.ok(type > key.length && bytes.readUInt32LE(type) === 4, "no context_length of type u32");
  bytes.writeUInt32LE(tokens, type + 4);
  return new Uint8Array(bytes);
}

/** Every path is a case; `answer(request, response)` by name. */
export async function hostileServer(cases) {
  const server = createServer((request, response) => {
    const answer = cases[request.url.slice(1)];
    if (answer) answer(request, response);
    else response.writeHead(404).end("no");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: (name) => `http://127.0.0.1:${server.address().port}/${name}`,
    close: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}
