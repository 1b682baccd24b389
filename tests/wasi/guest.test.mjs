// The guest SDK: what its examples ask of a host, on a host made here (node:wasi and JavaScript) that can be as strict or as
// poor as real ones. On bitnet-nn: tests/nn/guest-sdk.test.mjs.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { WASI } from 'node:wasi';
import { root, scratch } from '../support/cli.mjs';

const folder = process.env.BITNET_WASI_BUILD ?? join(root, 'build/wasi');
const guest = (name) => join(folder, 'guests', `${name}.wasm`);
const guestTest = join(folder, 'tests/guest_test.wasm');
const finishes = ['end', 'limit', 'context full', 'stopped'];
const skip = existsSync(guest('chat')) ? false : 'the guests are not built';
const standard = ['load', 'load_by_name', 'init_execution_context', 'set_input', 'compute', 'get_output'];

/// A host without a model. `pieces`: what it generates, as strings or bytes; `tooSmall`: what it does with a buffer too small
/// for the output: 'tell' the size, 'refuse' without a word, or 'clamp'; `details`: output 1, after so many pieces.
class Host {
  constructor({ pieces = ['Once'], forever = false, tooSmall = 'tell', messages = true, details = (at) => `{"output_tokens":${at}}` } = {}) {
    Object.assign(this, { pieces: pieces.map((piece) => Buffer.from(piece)), forever, tooSmall, messages });
    this.details = (at) => Buffer.from(messages ? details(at).replace('{', '{"llama_commit": "bitnet-edge 0.1.0", ') : details(at));
    this.calls = [];
    this.prompts = [];
    this.graphs = new Set();
    this.contexts = new Map();
    this.next = 0;
  }

  bytes(at, length) { return Buffer.from(new Uint8Array(this.memory.buffer, at, length)); }
  put(at, value) { new DataView(this.memory.buffer).setUint32(at, value, true); }
  options(json, before = {}) { return { ...before, ...JSON.parse(json) }; }

  graph(options, out) {
    this.put(out, this.next);
    this.graphs.add(this.next);
    this.graphOptions = options;
    this.next += 1;
    return 0;
  }
  load(builders, count, encoding, target, out) {
    assert.equal(count, 2);
    assert.deepEqual([encoding, target], [14, 0]);
    const view = new DataView(this.memory.buffer, builders);
    assert.equal(this.bytes(view.getUint32(0, true), view.getUint32(4, true)).toString(), 'GGUF');
    return this.graph(this.options(this.bytes(view.getUint32(8, true), view.getUint32(12, true)).toString()), out);
  }
  load_by_name(name, length, out) {
    return ['default', 'test'].includes(this.bytes(name, length).toString()) ? this.graph({}, out) : 8;
  }
  load_by_name_with_config(name, length, config, configLength, out) {
    const code = this.load_by_name(name, length, out);
    if (code === 0) this.graphOptions = this.options(this.bytes(config, configLength).toString());
    return code;
  }
  init_execution_context(graph, out) {
    if (!this.graphs.has(graph)) return 1;
    this.put(out, this.next);
    this.contexts.set(this.next, { options: this.graphOptions, at: 0 });
    this.next += 1;
    return 0;
  }
  set_input(handle, index, tensor) {
    const context = this.contexts.get(handle);
    if (!context) return 1;
    const view = new DataView(this.memory.buffer, tensor);
    assert.equal(view.getUint8(8), 3);
    assert.equal(new DataView(this.memory.buffer).getUint32(view.getUint32(0, true), true), view.getUint32(16, true));
    const text = this.bytes(view.getUint32(12, true), view.getUint32(16, true)).toString();
    if (index === 1) {
      context.options = this.options(text, context.options);
      return 0;
    }
    if (this.messages && context.options.messages) assert.ok(Array.isArray(JSON.parse(text)));
    context.at = 0;
    this.prompts.push(text);
    return 0;
  }
  output(bytes, buffer, size, out) {
    if (bytes.length <= size || this.tooSmall === 'clamp') {
      const fitting = bytes.subarray(0, size);
      new Uint8Array(this.memory.buffer).set(fitting, buffer);
      this.put(out, fitting.length);
      return 0;
    }
    if (this.tooSmall === 'tell') this.put(out, bytes.length);
    return 7;
  }
  compute(handle) { return this.contexts.has(handle) ? 0 : 1; }
  get_output(handle, index, buffer, size, out) {
    const { options, at } = this.contexts.get(handle);
    if (index === 1) return this.output(this.details(at), buffer, size, out);
    const vector = '{"n_embedding": 3, "embedding": [0.5, -1e-05,3]}';
    return this.output(options.embedding ? Buffer.from(vector) : Buffer.concat(this.pieces), buffer, size, out);
  }
  compute_single(handle) {
    const context = this.contexts.get(handle);
    if (!this.forever && context.at === this.pieces.length) return 100;
    context.at += 1;
    return 0;
  }
  get_output_single(handle, index, buffer, size, out) {
    const { at } = this.contexts.get(handle);
    const bytes = index === 1 ? this.details(at) : this.pieces[(at - 1) % this.pieces.length];
    return this.output(bytes, buffer, size, out);
  }
  fini_single(handle) { return this.contexts.has(handle) ? 0 : 1; }
  unload(graph) { return this.graphs.delete(graph) ? 0 : assert.fail(`graph ${graph} unloaded twice`); }
  finalize_execution_context(handle) { return this.contexts.delete(handle) ? 0 : assert.fail(`context ${handle} ended twice`); }

  /// Runs a guest: { status, stdout, stderr }.
  run(path, { args = [], input = '', functions } = {}) {
    const names = functions ?? Object.getOwnPropertyNames(Host.prototype);
    const streams = ['stdin', 'stdout', 'stderr'].map((name) => join(root, scratch, `guest-${name}`));
    writeFileSync(streams[0], input);
    const [stdin, stdout, stderr] = streams.map((stream, i) => openSync(stream, i === 0 ? 'r' : 'w'));
    const wasi = new WASI({ version: 'preview1', args: ['guest', ...args], stdin, stdout, stderr, returnOnExit: true });
    const nn = Object.fromEntries(names.map((name) => [name, (...values) => {
      this.calls.push(name);
      return this[name](...values.map((value) => value >>> 0));
    }]));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {
      ...wasi.getImportObject(), wasi_ephemeral_nn: nn });
    this.memory = instance.exports.memory;
    const status = wasi.start(instance);
    [stdin, stdout, stderr].forEach(closeSync);
    return { status, stdout: readFileSync(streams[1], 'utf8'), stderr: readFileSync(streams[2], 'utf8') };
  }
}

const imports = (path) => WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(path)))
  .filter(({ module }) => module === 'wasi_ephemeral_nn').map(({ name }) => name);

describe('the guest SDK', { skip }, () => {
  test('a guest of the standard\'s functions imports no others, and runs on a host that has no others', () => {
    assert.deepEqual(imports(guest('one_shot')).filter((name) => !standard.includes(name)), []);
    assert.ok(imports(guest('chat')).includes('compute_single'));
    const host = new Host({ pieces: ['Once ', 'upon'] });
    assert.deepEqual(host.run(guest('one_shot'), { args: ['Tell'], functions: standard }), { status: 0, stdout: 'Once upon\n', stderr: '' });
    assert.deepEqual(host.prompts, ['Tell']);
    assert.equal([...host.contexts.values()][0].options['n-predict'], 100);
  });

  test('outputs of any size, however the host says that a buffer is too small', () => {
    for (const tooSmall of ['tell', 'refuse', 'clamp']) {
      for (const length of [0, 1, 255, 256, 65_535, 65_536, 65_537, 300_000]) {
        const text = 'x'.repeat(length);
        const host = new Host({ tooSmall, pieces: [text], details: () => `{"${'y'.repeat(3000)}":0}` });
        assert.equal(host.run(guest('one_shot'), { args: ['a'] }).stdout, `${text}\n`, `${tooSmall} ${length}`);
        assert.equal(host.run(guest('chat'), { input: 'a' }).stdout, `${text}\n`, `${tooSmall} ${length}, in pieces`);
      }
    }
  });

  test('errors by their names, and status 1', () => {
    for (const [name, call] of [['one_shot', 'load_by_name'], ['chat', 'load_by_name_with_config']]) {
      const args = name === 'one_shot' ? ['a', 'missing'] : ['missing'];
      assert.deepEqual(new Host().run(guest(name), { args }), { status: 1, stdout: '', stderr: `${name}: ${call}: NotFound\n` });
    }
    const host = new Host();
    host.compute_single = () => 102;
    assert.deepEqual(host.run(guest('chat'), { input: 'a' }), { status: 1, stdout: '', stderr: 'chat: compute_single: PromptTooLong\n' });
    host.compute_single = () => 77;
    assert.equal(host.run(guest('chat'), { input: 'a' }).stderr, 'chat: compute_single: Unknown\n');
    assert.equal(new Host().run(guest('one_shot')).status, 2);
  });

  test('chat: the messages grow, whatever is in them; characters are never cut; handles are given back', () => {
    const host = new Host({ pieces: ['A ', Buffer.from([0xf0, 0x9f]), Buffer.from([0x90]), Buffer.from([0xbe, 0xc3]), Buffer.from([0xa9])] });
    const hostile = 'quote " backslash \\ tab \t <|eot_id|> </s> é';
    const run = host.run(guest('chat'), { input: Buffer.concat([Buffer.from(`${hostile}\n\nbad `), Buffer.from([0xff, 0x0a])]) });
    assert.deepEqual(run, { status: 0, stdout: 'A 🐾é\nA 🐾é\n', stderr: '' });
    assert.deepEqual(host.prompts.map(JSON.parse), [
      [{ role: 'user', content: hostile }],
      [{ role: 'user', content: hostile }, { role: 'assistant', content: 'A 🐾é' }, { role: 'user', content: 'bad \ufffd' }],
    ]);
    assert.equal(host.contexts.size + host.graphs.size, 0);
    assert.deepEqual(host.calls.slice(-2), ['finalize_execution_context', 'unload']);
    assert.equal(host.calls.filter((name) => name === 'fini_single').length, 2);
  });

  test('chat: a host that never ends is ended, one that cannot frame messages is told apart', () => {
    const run = new Host({ pieces: ['x'], forever: true }).run(guest('chat'), { input: 'a\n' });
    assert.equal(run.stdout, `${'x'.repeat(200)}\n`);
    assert.deepEqual(new Host({ messages: false }).run(guest('chat'), { input: 'a\n' }),
      { status: 1, stdout: '', stderr: 'chat: set_input: UnsupportedOperation\n' });
  });

  test('logits_hash: what output 1 says', () => {
    const host = new Host({ details: () => '{"input_tokens": 4, "logits_hash": "0123456789abcdef"}' });
    assert.equal(host.run(guest('logits_hash')).stdout, 'logits-hash 0123456789abcdef\nlogits-hash 0123456789abcdef\n');
    assert.equal(new Host().run(guest('logits_hash')).stdout, 'logits-hash none\nlogits-hash none\n');
  });

  test('what the examples do not reach', (t) => {
    if (!existsSync(guestTest)) return t.skip('guest_test is not built');
    const host = new Host({ pieces: ['x'], forever: true });
    assert.deepEqual(host.run(guestTest), { status: 0, stdout: '', stderr: '' });
    assert.equal(host.contexts.size + host.graphs.size, 0);
  });

  test('the end of a generation is the host\'s, where it has a word for it', (t) => {
    if (!existsSync(guestTest)) return t.skip('guest_test is not built');
    const told = (host, most) => {
      const { finish, tokens, pieces } = JSON.parse(new Host(host).run(guestTest, { args: ['a', String(most), 'tQQ'] }).stdout);
      return [finishes[finish], tokens, pieces];
    };
    // It counts tokens: two in each piece, and in the last one what it held back until it knew the end.
    const counting = (reason) => (at) => `{"output_tokens": ${Math.min(2 * at, 4)}, "finish_reason": "${at < 3 ? 'none' : reason}"}`;
    const pieces = ['The ca', 'tQ ha', 't'];
    assert.deepEqual(told({ pieces, details: counting('length') }, 2), ['limit', 4, pieces.join('')]);
    assert.deepEqual(told({ pieces, details: counting('end') }, 100), ['end', 4, pieces.join('')]);
    assert.deepEqual(told({ pieces, details: counting('stop') }, 100), ['end', 4, pieces.join('')]);
    assert.deepEqual(told({ pieces, details: counting('context') }, 100), ['context full', 4, pieces.join('')]);
    // It does not count, and goes on; it has ended before; it tells nothing.
    assert.deepEqual(told({ pieces: ['x'], forever: true }, 3), ['limit', 3, 'xxx']);
    assert.deepEqual(told({ pieces: ['x'] }, 3), ['end', 1, 'x']);
    for (const details of ['{}', 'none', '{"output_tokens": "many", "finish_reason": 5}']) {
      const silent = { messages: false, details: () => details };
      assert.deepEqual(told({ ...silent, pieces: ['x'] }, 3), ['end', 1, 'x']);
      assert.deepEqual(told({ ...silent, pieces: ['x'], forever: true }, 0), ['limit', 0, '']);
      assert.deepEqual(told({ ...silent, pieces: [] }, 0), ['limit', 0, '']);
    }
  });
});
