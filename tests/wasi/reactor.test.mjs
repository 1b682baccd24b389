// bitnet-reactor.wasm: what it exports, the example embedders under each runtime at hand, and the C ABI across the border to
// JavaScript: loading by ranges, errors, buffers that are too small.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { builtIn, root } from '../support/cli.mjs';

const folders = { simd: process.env.BITNET_WASI_BUILD ?? 'build/wasi', relaxed: process.env.BITNET_WASI_RELAXED_BUILD ?? 'build/wasi-relaxed' };
const native = resolve(root, process.env.BITNET_NATIVE_BUILD ?? 'build/native');
const moduleOf = (flavour) => resolve(root, folders[flavour], 'bitnet-reactor.wasm');
const absent = (path) => (existsSync(path) ? false : `${path} is not built`);
const golden = /kLogitsHash = 0x([0-9a-f]{16})/.exec(readFileSync(join(root, 'core/api/golden.inc'), 'utf8'))[1];
const script = join(root, 'wasi/reactor/examples/embed.mjs');

const embedders = {
  node: { command: [process.execPath, script], missing: false },
  deno: { command: [process.env.BITNET_DENO, 'run', '--quiet', '--allow-read', script], missing: process.env.BITNET_DENO ? false : 'BITNET_DENO is not set: scripts/setup deno' },
  bun: { command: [process.env.BITNET_BUN, script], missing: process.env.BITNET_BUN ? false : 'BITNET_BUN is not set: scripts/setup bun' },
  wasmtime: { command: [join(native, 'reactor_embed')], missing: absent(join(native, 'reactor_embed')) },
};

for (const [name, { command, missing }] of Object.entries(embedders)) {
  for (const flavour of Object.keys(folders)) {
    test(`reactor, ${name}, ${flavour}: a story, and the same bits as everywhere`, { skip: missing || absent(moduleOf(flavour)) }, () => {
      const run = (...args) => spawnSync(command[0], [...command.slice(1), ...args], { cwd: root, encoding: 'utf8', timeout: 120_000 });
      const { status, stdout, stderr } = run(moduleOf(flavour));
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, /^Once upon a time\S* /);
      const [line, isa, hash] = /^logits reactor-\w+-(\w+) 1 ([0-9a-f]{16})$/m.exec(stdout);
      assert.match(line, new RegExp(`^logits reactor-${name}-`));
      assert.equal(isa.startsWith('wasm_relaxed'), flavour === 'relaxed');
      assert.equal(hash, golden);
      console.log(line);
      assert.match(run(moduleOf(flavour), 'The dog').stdout, /^The dog/);
      assert.equal(run().status, 2);
      assert.notEqual(run(script).status, 0); // no WebAssembly
    });
  }
}

describe('the C ABI from outside', { skip: absent(moduleOf('simd')) }, () => {
  /// The module and a few words for its memory.
  function start() {
    const module = new WebAssembly.Module(readFileSync(moduleOf('simd')));
    const imports = Object.fromEntries(WebAssembly.Module.imports(module).map(({ name }) => [name, () => 8]));
    const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports });
    exports._initialize();
    const view = () => new DataView(exports.memory.buffer);
    const alloc = (size) => exports.bitnet_alloc(size) >>> 0;
    const put = (bytes) => {
      const at = alloc(Math.max(bytes.length, 1));
      new Uint8Array(exports.memory.buffer).set(bytes, at);
      return at;
    };
    const error = () => {
      const at = alloc(300);
      const length = exports.bitnet_last_error(at, 300);
      return Buffer.from(exports.memory.buffer, at, length).toString();
    };
    return { ...exports, module, view, alloc, put, error, u32: (at) => view().getUint32(at, true) };
  }

  test('the reactor imports no file, clock or environment, and exports what the headers declare', () => {
    const { module } = start();
    assert.deepEqual(WebAssembly.Module.imports(module).map(({ name }) => name).sort(), ['fd_close', 'fd_seek', 'fd_write']);
    const declared = ['core/include/bitnet/bitnet.h', 'wasi/reactor/reactor.h'].flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/^[a-z][^/\n]*[ *](bitnet_[a-z_]+)\(/gm)].map(([, name]) => name));
    assert.ok(declared.length > 30);
    const exported = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
    assert.deepEqual([...new Set(declared)].filter((name) => !exported.has(name)), ['bitnet_model_load', 'bitnet_model_load_files']);
    for (const name of ['memory', '_initialize']) assert.ok(exported.has(name));
  });

  test('a model by ranges: the same as the one inside', () => {
    const bitnet = start();
    const file = readFileSync(join(root, builtIn));
    const out = bitnet.alloc(16);
    assert.equal(bitnet.bitnet_loader_begin(BigInt(file.length), 0, out), 0);
    const loader = bitnet.u32(out);
    let end = 0;
    for (;;) {
      assert.equal(bitnet.bitnet_loader_wanted(loader, out, out + 8, out + 12), 0);
      const offset = Number(bitnet.view().getBigUint64(out, true)), into = bitnet.u32(out + 8), size = bitnet.u32(out + 12);
      if (size === 0) break;
      assert.ok(offset >= end && offset + size <= file.length);
      end = offset + size;
      new Uint8Array(bitnet.memory.buffer).set(file.subarray(offset, end), into);
      assert.equal(bitnet.bitnet_loader_accept(loader), 0, bitnet.error());
    }
    assert.equal(bitnet.bitnet_loader_finish(loader, out), 0);
    const models = [bitnet.u32(out)];
    bitnet.bitnet_loader_free(loader);
    assert.equal(bitnet.bitnet_builtin_model(0, out), 0);
    models.push(bitnet.u32(out));

    const ids = bitnet.put(new Uint8Array(Int32Array.of(5, 600, 7).buffer));
    const hashes = models.map((model) => {
      assert.equal(bitnet.bitnet_session_make(model, 0, 0, out), 0);
      const session = bitnet.u32(out);
      bitnet.bitnet_model_free(model); // the session keeps it
      assert.equal(bitnet.bitnet_session_evaluate(session, ids, 3), 0);
      assert.equal(bitnet.bitnet_session_logits(session, out, out + 4), 0);
      assert.equal(bitnet.u32(out + 4), 2048);
      const hash = bitnet.bitnet_hash_logits(bitnet.u32(out), bitnet.u32(out + 4), 0n);
      bitnet.bitnet_session_free(session);
      return hash;
    });
    assert.equal(hashes[0], hashes[1]);
  });

  test('errors cross as numbers and text', () => {
    const bitnet = start();
    const out = bitnet.alloc(16);
    const page = bitnet.put(Buffer.from('<!doctype html>'));
    assert.equal(bitnet.bitnet_model_load_memory(page, 15, 0, out), 10);
    assert.equal(bitnet.u32(out), 0);
    assert.match(bitnet.error(), /^this is not a GGUF file/);
    assert.equal(bitnet.bitnet_builtin_model(0, 0), 1);
    assert.equal(bitnet.bitnet_session_make(0, 0, 0, out), 1);

    assert.equal(bitnet.bitnet_builtin_model(0, out), 0);
    const model = bitnet.u32(out);
    const text = bitnet.put(Buffer.from('Once upon a time'));
    const ids = bitnet.put(new Uint8Array(64).fill(0xab));
    assert.equal(bitnet.bitnet_model_tokenize(model, text, 16, 1, ids, 1, out), 0);
    assert.ok(bitnet.u32(out) > 1);
    assert.equal(bitnet.u32(ids), 0xabababab); // too small: nothing is written
    assert.equal(bitnet.bitnet_model_tokenize(model, text, 16, 1, ids, 16, out), 0);
    assert.notEqual(bitnet.u32(ids), 0xabababab);
  });

  test('10,000 sessions and 20 models come and go in the memory of a few', { timeout: 120_000 }, () => {
    const bitnet = start();
    const out = bitnet.alloc(4);
    assert.equal(bitnet.bitnet_builtin_model(0, out), 0);
    const model = bitnet.u32(out);
    const cycle = (make, free) => {
      assert.equal(make(), 0);
      free(bitnet.u32(out));
    };
    let after;
    for (let i = 0; i < 10_000; i++) {
      cycle(() => bitnet.bitnet_session_make(model, 0, 0, out), bitnet.bitnet_session_free);
      if (i % 500 === 0) cycle(() => bitnet.bitnet_builtin_model(0, out), bitnet.bitnet_model_free);
      if (i === 100) after = bitnet.memory.buffer.byteLength;
    }
    assert.equal(bitnet.memory.buffer.byteLength, after);
  });
});
