// bitnet-nn, the runner on Wasmtime: the public guests, the same bits as everywhere, and guests that mean no good.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing as reason, peakMemory, program } from '../support/bitnet-nn.mjs';
import { builtIn, root } from '../support/cli.mjs';
import { guestMissing, publicGuests, runGuest } from '../support/public-guests.mjs';
import { controls, harmless, onTerminal } from '../support/terminal.mjs';
import { Guest, hashGuest, hostileGuest, shouting, watFile, wordsOf } from './guest.mjs';

const preload = ['--nn-preload', `default:GGML:AUTO:${builtIn}`];

/// { status, signal, stdout (a Buffer), stderr }
function run(args, { input = '', env } = {}) {
  const result = spawnSync(program, args, { cwd: root, input, env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 1 << 28 });
  if (result.error) throw result.error;
  return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr.toString() };
}
/// The same, which must end with `status`; what it printed.
function ends(status, args, options) {
  const result = run(args, options);
  assert.equal(result.status, status, `${args.join(' ')}\n${result.signal ?? ''} ${result.stderr}`);
  return result;
}
const isas = () => run(['--version']).stdout.toString().split('kernels: ')[1].trim().split(' ');
const check = (name, body) => test(name, { skip: reason }, body);

// --- guests that others wrote ---

for (const guest of publicGuests) {
  test(`public guest ${guest.name}`, { skip: reason || guestMissing(guest) }, async () => {
    await runGuest(guest, ({ preload: models, env, wasm, args }) => [
      program, ...models.flatMap((spec) => ['--nn-preload', spec]), ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      '--dir', '.', wasm, ...args,
    ]);
  });
}

// --- the promise ---

check('the same bits as every engine, on every kernel and number of threads', () => {
  const file = hashGuest().file('hash');
  for (const isa of isas()) {
    for (const threads of ['1', '2']) {
      const { stdout } = ends(0, [...preload, '--isa', isa, '--nn-threads', threads, file]);
      const { logits_hash: hash, output_tokens: tokens } = JSON.parse(stdout.toString());
      console.log(`logits bitnet-nn-${isa} ${threads} ${hash}`);
      assert.equal(tokens, 200);
      assert.equal(hash, /kLogitsHash = 0x([0-9a-f]{16})/.exec(readFileSync(join(root, 'core/api/golden.inc'), 'utf8'))[1]);
    }
  }
});

check('four guests at once: one model, each its own answer and number', () => {
  const guest = hashGuest().file('hash');
  const lines = ends(0, [...preload, '--guests', '4', guest]).stdout.toString().trim().split('}').filter(Boolean);
  assert.equal(lines.length, 4);
  assert.equal(new Set(lines).size, 1, lines.join('\n'));
  // Each ends with its number: the first of them that is not 0 is the program's.
  const number = watFile('number', `(module
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (drop (call $environ_get (i32.const 0) (i32.const 100)))
      (call $proc_exit (i32.sub (i32.load8_u (i32.add (i32.load (i32.const 0)) (i32.const 13))) (i32.const 48)))))`);
  ends(1, ['--guests', '4', number]);
  ends(1, ['--guests', '4', '--env', 'BITNET_GUEST=7', number]);
  ends(7, ['--env', 'BITNET_GUEST=7', number]); // one guest: the variable is the caller's
});

// --- output ---

check("generated text and the guest's own writes keep their order", () => {
  const guest = new Guest().ready('{"temp":0,"n-predict":8,"stream-stdout":true}');
  guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).print('before[').call('compute', 0).print(']after ').output(0);
  const [, streamed, text] = /^before\[(.*)\]after (.*)$/s.exec(ends(0, [...preload, guest.file('order')]).stdout.toString());
  assert.ok(text.length > 8);
  assert.equal(streamed, text);
});

check('no control character of a model reaches a terminal', () => {
  const file = shouting().file('shouting');
  const piped = ends(0, [...preload, file]).stdout.toString();
  assert.match(piped, controls);
  assert.equal(onTerminal([program, ...preload, file], process.env), harmless(piped));
});

check('a reader that leaves ends the generation', async () => {
  const guest = new Guest().ready('{"temp":0,"n-predict":400,"ignore-eos":true,"stream-stdout":true}');
  guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).whileOk('compute', 0).wat('(call $proc_exit (i32.const 7))');
  const child = spawn(program, [...preload, '-W', 'timeout=30', guest.file('closed')], { cwd: root });
  let errors = '';
  child.stderr.on('data', (data) => { errors += data; });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
  assert.equal(code, 7, errors);
  assert.match(errors, /nobody reads/);
});

check('get_output into a small buffer, by the rule asked for', () => {
  const guest = new Guest().ready('{"temp":0,"n-predict":8}');
  const at = guest.place(1024);
  const written = [guest.cell(), guest.cell()];
  guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).call('compute', 0)
    .call('get_output', 0, 0, at, 4, written[0]).call('get_output', 0, 0, at, 0, written[1]).errnos();
  for (const cell of written) guest.write(cell, 4);
  const file = guest.file('small');
  const outcome = (args, options) => wordsOf(ends(0, [...preload, ...args, file], options).stdout).slice(4);
  const [probed, , size] = outcome([]);
  assert.equal(probed, 7);
  assert.ok(size > 8);
  assert.deepEqual(outcome(['--nn-compat', 'probe']), [7, 7, size, size]);
  assert.deepEqual(outcome(['--nn-compat=clamp']), [0, 7, 4, size]);
  assert.deepEqual(outcome([], { env: { BITNET_NN_COMPAT: 'clamp' } }), [0, 7, 4, size]);
  assert.deepEqual(outcome(['--nn-compat', 'llamaedge'], { env: { BITNET_NN_COMPAT: 'clamp' } }), [7, 0, size, size]);
});

// --- as `wasmtime run` does it ---

check('arguments, variables, folders', () => {
  const show = watFile('show', `(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 4)
    (func $put (param $at i32) (param $length i32)
      (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $length))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start")
      (drop (call $args_sizes (i32.const 16) (i32.const 20))) (drop (call $args (i32.const 1000) (i32.const 2000)))
      (call $put (i32.const 2000) (i32.load (i32.const 20)))
      (drop (call $environ_sizes (i32.const 16) (i32.const 20))) (drop (call $environ (i32.const 10000) (i32.const 90000)))
      (call $put (i32.const 90000) (i32.load (i32.const 20)))
      (if (i32.eqz (call $prestat (i32.const 3) (i32.const 24))) (then
        (drop (call $dir_name (i32.const 3) (i32.const 70000) (i32.load (i32.const 28))))
        (call $put (i32.const 70000) (i32.load (i32.const 28)))))))`);
  const told = (args, after = [], env = {}) => ends(0, [...args, show, ...after], { env }).stdout.toString().split('\0');
  assert.deepEqual(told([], ['-x', '--dir', 'y z']), ['show.wat', '-x', '--dir', 'y z', '']);
  assert.deepEqual(told(['--argv0', 'me', '--']), ['me', '']);
  assert.deepEqual(told(['--env', 'A=1', '--env', 'B=2=3', '--env', 'A=', '--env', 'C', '--env', 'NOT_SET_ANYWHERE'], [], { C: 'from here' }),
    ['show.wat', 'A=', 'B=2=3', 'C=from here', '']);
  assert.deepEqual(told(['--dir', 'docs::/papers']), ['show.wat', '/papers']);
  assert.deepEqual(told(['--dir=docs']), ['show.wat', 'docs']);
  assert.ok(told(['-Sinherit-env', '-S', 'cli,nn'], [], { SEEN: 'yes' }).includes('SEEN=yes'));
  assert.match(ends(1, ['--dir', 'no such folder', show]).stderr, /no such folder: no such folder/);
  for (const [command, pattern] of [['"$0" "$1" "$(printf "\\377")"', /arguments are not UTF-8/],
    ['"$0" --env A="$(printf "\\377")" "$1"', /environment is not UTF-8/]]) {
    const shell = spawnSync('sh', ['-c', command, program, show], { cwd: root, encoding: 'utf8' });
    assert.equal(shell.status, 1);
    assert.match(shell.stderr, pattern);
  }
});

check("the guest's exit status, and a trap's", () => {
  for (const status of [0, 1, 7, 125]) {
    const { stderr } = ends(status, [new Guest().wat(`(call $proc_exit (i32.const ${status}))`).file('exit')]);
    assert.equal(stderr, '');
  }
  assert.match(ends(134, [new Guest().wat('unreachable').file('trap')]).stderr, /trap\.wat[^]*unreachable/);
  assert.match(ends(134, [new Guest().wat('(drop (i32.load (i32.const -4)))').file('outside')]).stderr, /out of bounds memory access/);
  const deep = watFile('deep', '(module (memory (export "memory") 1) (func $f (export "_start") (call $f)))');
  for (const [size, guests] of [[1, 1], [4096, 1], [2097152, 1], [2097152, 3]]) {
    assert.match(ends(134, ['-W', `max-wasm-stack=${size}`, '--guests', String(guests), deep]).stderr, /call stack exhausted/);
  }
  const sizes = new Guest();
  sizes.wat('(call $proc_exit (i32.add (memory.grow (i32.const 100)) (i32.const 2)))');
  ends(4, [sizes.file('grow')]);
  ends(1, ['-W', 'max-memory-size=1000000', sizes.file('grow')]);
});

check('programs that this is no host for are told so', () => {
  const start = '(func (export "_start"))';
  const memory = '(memory (export "memory") 1)';
  const component = Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
  mkdirSync(join(root, 'build/tmp/nn-test'), { recursive: true });
  const bytes = (name, content) => {
    writeFileSync(join(root, 'build/tmp/nn-test', name), content);
    return `build/tmp/nn-test/${name}`;
  };
  for (const [file, pattern] of [
    [watFile('no-memory', `(module ${start})`), /exports no memory/],
    [watFile('memory-function', `(module (func (export "memory")) ${start})`), /exports no memory/],
    [watFile('no-start', `(module ${memory} (func (export "_initialize")))`), /no _start: it is a library/],
    [watFile('start-parameter', `(module ${memory} (func (export "_start") (param i32)))`), /_start takes or returns values/],
    [watFile('shared', `(module (memory (export "memory") 1 1 shared) ${start})`), /shared memory/],
    [watFile('shared-import', `(module (import "env" "memory" (memory 1 1 shared)) ${start})`), /shared memory/],
    [watFile('unknown', `(module (import "env" "magic" (func)) ${memory} ${start})`), /unknown import: `env::magic`/],
    [watFile('unknown-nn', `(module (import "wasi_ephemeral_nn" "train" (func)) ${memory} ${start})`), /unknown import.*train/],
    [watFile('wrong-type', `(module (import "wasi_ephemeral_nn" "compute" (func (param i64))) ${memory} ${start})`), /incompatible import type/],
    [bytes('component.wasm', component), /is a component/],
    [bytes('empty.wasm', ''), /empty\.wasm/],
    [bytes('text.txt', 'hello\n'), /no WebAssembly module/],
    [bytes('cut.wasm', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1])), /cut\.wasm/],
    ['no-such-guest.wasm', /does not exist: no-such-guest\.wasm/],
    ['docs', /a folder/],
  ]) {
    const { stdout, stderr } = ends(1, [...preload, file]);
    assert.match(stderr, pattern, file);
    assert.equal(stdout.length, 0);
    assert.doesNotMatch(stderr, /panicked/);
  }
});

check('wrong command lines', () => {
  for (const [args, pattern] of [
    [[], /which guest/],
    [['--nn-preloda', 'x', 'g.wasm'], /did you mean '--nn-preload'/],
    [['--nn-preload', 'default', 'g.wasm'], /NAME:ENCODING:TARGET:PATH/],
    [['--nn-preload', 'default:onnx:CPU:x', 'g.wasm'], /GGML, BitNet or AUTODETECT/],
    [['--nn-compat', 'x', 'g.wasm'], /probe, clamp or llamaedge/],
    [['--nn-max-kv', '8T', 'g.wasm'], /K, M or G/],
    [['--head', 'int2', 'g.wasm'], /file, int8 or int4/],
    [['--nn-max-kv', '99999999999G', 'g.wasm'], /K, M or G/],
    [['--guests', '0', 'g.wasm'], /from 1 to/],
    [['--isa', 'quantum', 'g.wasm'], /no kernels 'quantum'/],
    [['--dir', '::x', 'g.wasm'], /HOST::GUEST/],
    [['--env', '=x', 'g.wasm'], /NAME=VALUE/],
    [['-W', 'timeout=', 'g.wasm'], /DURATION/],
    [['-W', 'timeout=0', 'g.wasm'], /DURATION/],
    [['-W', 'timeout=99999999999999h', 'g.wasm'], /DURATION/],
    [['-W', 'fuel=1', 'g.wasm'], /timeout, max-memory-size/],
    [['-W', 'relaxed-simd=maybe', 'g.wasm'], /y or n/],
    ...['0', '2097153', '4294967296'].map((size) => [['-W', `max-wasm-stack=${size}`, 'g.wasm'], /from 1 to 2097152 bytes/]),
    [['-S', 'http', 'g.wasm'], /inherit-env/],
    [['-S', 'nn=n', 'g.wasm'], /inherit-env/],
    [['-O', 'opt-level=2', 'g.wasm'], /unknown option '-O'/],
  ]) {
    assert.match(ends(2, args).stderr, pattern, args.join(' '));
  }
  assert.match(ends(2, ['x.wasm'], { env: { BITNET_NN_COMPAT: 'loud' } }).stderr, /BITNET_NN_COMPAT/);
  assert.match(ends(0, ['--help']).stdout.toString(), /--nn-preload[^]*Exit status/);
});

// --- ending a guest ---

const endless = () => new Guest().print('begun').wat('(loop $again (br $again))').file('endless');
const computing = () => {
  const guest = new Guest().ready('{"temp":0,"n-predict":-1,"ignore-eos":true}').print('begun');
  return guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).wat('(loop $again (drop (call $compute (i32.const 0))) (br $again))').file('computing');
};
const reading = () => {
  const guest = new Guest().print('begun');
  return guest.wat(`(drop (call $fd_read (i32.const 0) (i32.const ${guest.words(guest.place(64), 64)}) (i32.const 1) (i32.const 8)))`).file('reading');
};

check('-W timeout ends guest code, a computation and a call that waits', async () => {
  for (const file of [endless(), computing(), reading()]) {
    for (const guests of ['1', '3']) {
      const child = spawn(program, [...preload, '-W', 'timeout=300ms', '--guests', guests, file], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
      const began = Date.now();
      let errors = '';
      child.stderr.on('data', (data) => { errors += data; });
      const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
      assert.deepEqual([code, signal], [134, null], `${file} ${errors}`);
      assert.match(errors, /time of -W timeout is over/);
      const took = Date.now() - began;
      assert.ok(took >= 300 && took < 5000, `${took} ms`);
    }
  }
  ends(0, ['-W', 'timeout=60', new Guest().print('x').file('quick')]); // and is no delay
});

check('SIGINT and SIGTERM end it too', async () => {
  for (const [name, status] of [['SIGINT', 130], ['SIGTERM', 143]]) {
    for (const file of [endless(), computing(), reading()]) {
      const child = spawn(program, [...preload, '--guests', '2', file], { cwd: root });
      let errors = '';
      child.stderr.on('data', (data) => { errors += data; });
      child.stdout.once('data', () => child.kill(name));
      const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
      assert.deepEqual([code, signal, errors], [status, null, ''], `${name} ${file}`);
    }
  }
});

// --- guests that mean no good: an errno each time, on the memory that Wasmtime gives them ---

check('hostile calls get an errno', () => {
  const { guest, check: inspect } = hostileGuest();
  inspect(ends(0, [...preload, guest.file('hostile')]).stdout);
});

// --- what it keeps ---

check('thousands of graphs and contexts leave nothing behind', async () => {
  const cycles = async (count) => {
    const guest = new Guest();
    const [name, length] = guest.text('default');
    const [config, configLength] = guest.text('{"temp":0,"n-predict":1,"ctx-size":64}');
    const prompt = guest.tensor('Once');
    const [graph, context] = [guest.cell(), guest.cell()];
    const ok = (call, ...args) => `(if (call $${call} ${args.map((arg) => (typeof arg === 'string' ? arg : `(i32.const ${arg})`)).join(' ')}) (then unreachable))`;
    const at = (cell) => `(i32.load (i32.const ${cell}))`;
    guest.wat(`(loop $again
      ${ok('load_by_name_with_config', name, length, config, configLength, graph)}
      ${ok('init_execution_context', at(graph), context)}
      ${ok('set_input', at(context), 0, prompt)}
      ${ok('compute', at(context))}
      ${ok('finalize_execution_context', at(context))}
      ${ok('unload', at(graph))}
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (br_if $again (i32.lt_u (i32.load (i32.const 0)) (i32.const ${count}))))`);
    // Handles are never used again: the last ones say that all cycles ran.
    guest.wat(`(if (i32.ne ${at(context)} (i32.const ${count - 1})) (then unreachable))`).print('!');
    return peakMemory([program, ...preload, '--nn-threads', '1', guest.waits().file(`cycles-${count}`)], 1);
  };
  const [few, many] = [await cycles(100), await cycles(10_000)];
  console.log(`peak memory: 100 cycles ${few} bytes, 10000 cycles ${many} bytes`);
  assert.ok(many - few < 1 << 20, `${few} bytes, then ${many}`);
});

const maker = join(program, '../bench/make_synthetic');
test('four guests at once: the model is in memory once', { skip: reason || (existsSync(maker) ? false : `${maker} is not built`) }, async () => {
  const model = 'build/tmp/nn-test/0.7b.gguf'; // large beside everything else
  const made = spawnSync(maker, ['-o', model, '--shape', '0.7b', '--type', 'TQ2_0', '--embedding', 'Q6_K'], { cwd: root, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  try {
    const guest = new Guest().ready('{"temp":0,"n-predict":2,"ctx-size":64}');
    const file = guest.call('set_input', 0, 0, guest.tensor('Once')).call('compute', 0).print('!').waits().file('four');
    const command = [program, '--nn-preload', `default:GGML:AUTO:${model}`];
    const session = Number(/a session of (\d+) bytes/.exec(ends(0, [...command.slice(1), '--nn-max-kv', '1K', file]).stderr)[1]);
    const [one, four] = [await peakMemory([...command, file], 1), await peakMemory([...command, '--guests', '4', file], 4)];
    console.log(`peak memory: 1 guest ${one} bytes, 4 guests ${four} bytes, a session ${session} bytes`);
    assert.ok(one > 200e6 && session < one / 8, `${one}`);
    assert.ok(four - one < 3 * session, `${one} bytes, then ${four}, with sessions of ${session}`);
  } finally {
    rmSync(join(root, model));
  }
});

check('a budget for contexts', () => {
  const guest = new Guest().ready('{"temp":0,"n-predict":2}');
  guest.call('set_input', 0, 0, guest.tensor('Once')).call('compute', 0).errnos();
  const file = guest.file('budget');
  assert.deepEqual(wordsOf(ends(0, [...preload, '--nn-max-kv', '1G', file]).stdout), [0, 0, 0, 0]);
  assert.deepEqual(wordsOf(ends(0, [...preload, '--nn-max-kv', '10K', file]).stdout), [0, 0, 0, 7]);
});

check('models that cannot be loaded', () => {
  const guest = new Guest();
  guest.call('load_by_name', ...guest.text('default'), guest.cell()).errnos();
  const file = guest.file('load');
  const errno = (path) => wordsOf(ends(0, ['--nn-preload', `default:GGML:AUTO:${path}`, file]).stdout)[0];
  assert.equal(errno('nowhere.gguf'), 103);
  assert.equal(errno('README.md'), 2);
  assert.equal(errno('docs'), 103);
  const colons = 'build/tmp/nn-test/a:b:c.gguf';
  rmSync(join(root, colons), { force: true });
  symlinkSync(join(root, builtIn), join(root, colons));
  assert.equal(errno(colons), 0);
  assert.equal(wordsOf(ends(0, [file]).stdout)[0], 8); // no preload at all
});
