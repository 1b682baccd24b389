// Guests made to order, in WebAssembly's text format: calls with constants, one after the other, and what came of them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/cli.mjs';

const folder = 'build/tmp/nn-test';
mkdirSync(join(root, folder), { recursive: true });

const parameters = {
  load: 5, load_by_name: 3, load_by_name_with_config: 5, init_execution_context: 2, set_input: 3, compute: 1, get_output: 5,
  compute_single: 1, get_output_single: 5, fini_single: 1, unload: 1, finalize_execution_context: 1,
};
const i32 = (count) => (count === 0 ? '' : `(param${' i32'.repeat(count)})`);

/// The guest of any text, as a file below the project's root.
export function watFile(name, text) {
  const path = `${folder}/${name}.wat`;
  writeFileSync(join(root, path), text);
  return path;
}

/// let g = new Guest(); g.call('load_by_name', ...g.text('default'), g.cell()); ... g.file('name')
/// Every call's errno is kept; `errnos()` prints them at last as a line. Arguments are numbers, or { at } for the word stored there.
export class Guest {
  memory = 2; // pages
  body = [];
  data = [];
  next = 1024; // below: the errnos, 4 bytes each from 16
  calls = 0;

  place(bytes) {
    const at = this.next;
    this.next = (at + Math.max(bytes, 1) + 7) & ~7;
    return at;
  }
  bytes(buffer) {
    const at = this.place(buffer.length);
    this.data.push(`(data (i32.const ${at}) "${[...buffer].map((b) => `\\${b.toString(16).padStart(2, '0')}`).join('')}")`);
    return at;
  }
  /// [offset, length]
  text(text) {
    const buffer = Buffer.from(text);
    return [this.bytes(buffer), buffer.length];
  }
  words(...words) {
    const buffer = Buffer.alloc(words.length * 4);
    words.forEach((word, i) => buffer.writeUInt32LE(word >>> 0, i * 4));
    return this.bytes(buffer);
  }
  cell() {
    return this.place(4);
  }
  tensor(text) {
    const [data, length] = this.text(text);
    return this.words(this.words(1), 1, 3, data, length);
  }

  call(name, ...args) {
    const words = args.map((arg) => (typeof arg === 'object' ? `(i32.load (i32.const ${arg.at}))` : `(i32.const ${arg | 0})`));
    this.body.push(`(i32.store (i32.const ${16 + 4 * this.calls++}) (call $${name} ${words.join(' ')}))`);
    return this;
  }
  /// The next call again and again while it succeeds.
  whileOk(name, ...args) {
    this.body.push(`(loop $again (br_if $again (i32.eqz (call $${name} ${args.map((arg) => `(i32.const ${arg | 0})`).join(' ')}))))`);
    return this;
  }
  wat(text) {
    this.body.push(text);
    return this;
  }
  /// Bytes to the standard output: `length` a number or { at }.
  write(offset, length) {
    const list = this.words(offset, typeof length === 'number' ? length : 0);
    if (typeof length === 'object') this.body.push(`(i32.store (i32.const ${list + 4}) (i32.load (i32.const ${length.at})))`);
    this.body.push(`(drop (call $fd_write (i32.const 1) (i32.const ${list}) (i32.const 1) (i32.const 8)))`);
    return this;
  }
  print(text) {
    return this.write(...this.text(text));
  }
  /// A context of the model "default", as handle 0.
  ready(config = '{}') {
    this.call('load_by_name_with_config', ...this.text('default'), ...this.text(config), this.cell());
    return this.call('init_execution_context', 0, this.cell());
  }
  /// What an output is, to the standard output.
  output(index, room = 16384) {
    const at = this.place(room);
    const written = this.cell();
    return this.call('get_output', 0, index, at, room, written).write(at, { at: written });
  }

  /// Goes on when its standard input has ended, or some of it has come: until then it can be looked at.
  waits() {
    const list = this.words(this.place(8), 8);
    return this.wat(`(drop (call $fd_read (i32.const 0) (i32.const ${list}) (i32.const 1) (i32.const 8)))`);
  }

  file(name) {
    const imports = Object.entries(parameters)
      .map(([call, count]) => `(import "wasi_ephemeral_nn" "${call}" (func $${call} ${i32(count)} (result i32)))`);
    return watFile(name, `(module
      ${imports.join('\n')}
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write ${i32(4)} (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $fd_read ${i32(4)} (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
      (memory (export "memory") ${this.memory})
      ${this.data.join('\n')}
      (func (export "_start") ${this.body.join('\n')}))`);
  }
  /// Ends by printing the errnos of all calls, as so many 32-bit words.
  errnos() {
    return this.write(16, 4 * this.calls);
  }
}

/// The words that errnos() printed.
export const wordsOf = (buffer) => Array.from({ length: buffer.length / 4 }, (_, i) => buffer.readUInt32LE(4 * i));

/// The answer whose logits every engine has alike: prints output 1, which has their hash.
export function hashGuest() {
  const guest = new Guest().ready('{"temp":0,"n-predict":200,"ignore-eos":true,"logits-hash":true}');
  return guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).call('compute', 0).output(1);
}

/// Streams what a model says at a temperature at which all tokens are equal: control characters too.
export function shouting() {
  const guest = new Guest().ready('{"temp":100,"seed":1,"n-predict":400,"ignore-eos":true,"stream-stdout":true}');
  return guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).call('compute', 0);
}

/// A guest that means no good, and what holds of that which it prints: an errno each time.
export function hostileGuest() {
  const guest = new Guest().ready('{"temp":0,"n-predict":2}');
  const end = guest.memory * 65536;
  const [name, length] = guest.text('default');
  const cell = guest.cell();
  const expected = [0, 0];
  const call = (errno, ...args) => {
    guest.call(...args);
    expected.push(errno);
  };
  const prompt = guest.tensor('Once upon a time');
  // Pointers outside the memory, at its very end, and lengths that wrap.
  for (const at of [end, end - 3, -1, -4, 0x80000000]) {
    call(1, 'load_by_name', name, length, at);
    call(1, 'init_execution_context', 0, at);
    call(1, 'set_input', 0, 0, at);
    call(1, 'get_output', 0, 0, cell, 4, at);
    call(1, 'load', at, 1, 6, 0, cell);
  }
  call(1, 'load_by_name', -8, 16, cell);
  call(1, 'load_by_name', name, -1, cell);
  call(1, 'load_by_name', end, 1, cell);
  call(8, 'load_by_name', end, 0, cell); // the empty name, which nothing has
  call(1, 'load_by_name_with_config', name, length, 16, -16, cell);
  call(1, 'set_input', 0, 0, guest.words(0, 1, 3, -16, 32));
  call(1, 'set_input', 0, 0, guest.words(0, 1, 3, 16, -1));
  call(1, 'set_input', 0, 0, guest.words(0, 1, 3, end - 8, 9));
  call(1, 'load', guest.words(16, -1), 1, 6, 0, cell);
  call(1, 'load', guest.words(16, 16), 0x20000001, 6, 0, cell); // times 8 it is 8
  call(2, 'load', guest.words(16, 16), 1, 6, 0, cell); // no GGUF there
  call(2, 'load', guest.words(16, 16), 1, 0, 0, cell);
  call(2, 'load', guest.words(16, 16), 1, -1, 0, cell);
  call(1, 'load', guest.words(16, 16), 1, 6, -1, cell);
  // Handles that were never given, inputs and outputs that do not exist, calls out of order.
  for (const handle of [1, 2, 255, -1, 0x7fffffff]) {
    call(1, 'init_execution_context', handle, cell);
    call(1, 'set_input', handle, 0, prompt);
    call(1, 'compute', handle);
    call(1, 'compute_single', handle);
    call(1, 'get_output', handle, 0, cell, 4, cell);
    call(1, 'fini_single', handle);
    call(1, 'unload', handle);
    call(1, 'finalize_execution_context', handle);
  }
  call(1, 'compute', 0);
  call(1, 'set_input', 0, 2, prompt);
  call(2, 'set_input', 0, 1, guest.tensor('{"temp":'));
  call(1, 'set_input', 0, 1, guest.tensor('{"temp":"warm"}'));
  call(0, 'set_input', 0, 0, prompt);
  call(0, 'compute', 0);
  call(1, 'get_output', 0, 2, cell, 4, cell);
  call(1, 'get_output', 0, 0, end - 2, 4, cell);
  call(1, 'get_output', 0, 0, 16, -1, cell);
  // After the end.
  call(0, 'unload', 0);
  call(1, 'unload', 0);
  call(1, 'compute', 0);
  call(1, 'init_execution_context', 0, cell);
  call(0, 'finalize_execution_context', 0);
  call(1, 'finalize_execution_context', 0);
  call(1, 'set_input', 0, 0, prompt);
  const calls = guest.body.map((line) => /\(call \$(\w+ .*?)\)\)$/.exec(line)?.[1]).filter(Boolean);
  guest.errnos();
  return {
    guest,
    check(stdout) {
      const got = wordsOf(stdout);
      assert.equal(got.length, expected.length);
      const wrong = got.flatMap((errno, i) => (errno === expected[i] ? [] : [`${calls[i]}: ${errno}, not ${expected[i]}`]));
      assert.deepEqual(wrong, []);
    },
  };
}
