// The WasmEdge plugin in stock wasmedges, 0.14 (plugin API 4) and 0.17 (plugin API 5): the public guests, the same bits as
// everywhere, the user's options, and a guest that means no good.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { builtIn, root } from '../support/cli.mjs';
import { guestMissing, publicGuests, runGuest } from '../support/public-guests.mjs';
import { controls, harmless, onTerminal } from '../support/terminal.mjs';
import { generations } from '../support/wasmedge.mjs';
import { Guest, hashGuest, hostileGuest, shouting, watFile, wordsOf } from './guest.mjs';

const folder = resolve(root, process.env.BITNET_WASMEDGE_PLUGINS ?? 'build/native/wasmedge');
const plugin = { 0.14: join(folder, 'libwasmedgePluginBitNetNN-api4.so'), 0.17: join(folder, 'libwasmedgePluginBitNetNN-api5.so') };
const model = `GGML:AUTO:${builtIn}`;
const golden = /kLogitsHash = 0x([0-9a-f]{16})/.exec(readFileSync(join(root, 'core/api/golden.inc'), 'utf8'))[1];

// WasmEdge reads no text format; Wasmtime's Python package turns it into bytes.
const python = process.env.BITNET_WASMTIME_PYTHON ?? join(root, 'build/toolchain/wasmtime');
const noWat = existsSync(join(python, 'wasmtime')) ? false : 'no Python package wasmtime to make guests with: scripts/setup wasmtime-c';
function wasmFile(path) {
  const into = path.replace(/\.wat$/, '.wasm');
  const made = spawnSync('python3', ['-c', 'import sys, wasmtime; open(sys.argv[2], "wb").write(wasmtime.wat2wasm(open(sys.argv[1]).read()))',
    path, into], { cwd: root, encoding: 'utf8', env: { ...process.env, PYTHONPATH: python } });
  assert.equal(made.status, 0, made.stderr);
  return into;
}

for (const runtime of generations) {
  const { generation, program } = runtime;
  const reason = runtime.missing || (existsSync(plugin[generation]) ? false : `${plugin[generation]} is not built`);
  const environment = { WASMEDGE_PLUGIN_PATH: folder };

  function run(args, { env } = {}) {
    const result = spawnSync(program, args, { cwd: root, env: { ...process.env, ...environment, ...env }, timeout: 60_000, maxBuffer: 1 << 28 });
    if (result.error) throw result.error;
    return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr.toString() };
  }
  function ends(status, args, options) {
    const result = run(args, options);
    assert.equal(result.status, status, `${args.join(' ')}\n${result.signal ?? ''} ${result.stdout} ${result.stderr}`);
    return result;
  }
  const preload = ['--nn-preload', `default:${model}`];
  /// A guest whose calls' errnos are what it prints.
  const errnos = (guest, args = preload, options = {}) => wordsOf(ends(0, [...args, wasmFile(guest.errnos().file('errnos'))], options).stdout);

  describe(`WasmEdge ${generation}`, () => {
    const check = (name, body) => test(`WasmEdge ${generation}: ${name}`, { skip: reason || noWat }, body);

    for (const guest of publicGuests) {
      test(`WasmEdge ${generation}: public guest ${guest.name}`, { skip: reason || guestMissing(guest) }, async () => {
        await runGuest(guest, ({ preload: models, env, wasm, args }) => [
          program, '--nn-preload', models.join(';'), ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
          '--dir', '.:.', wasm, ...args,
        ], environment);
      });
    }

    check('of the plugins in one folder it takes the one made for it', () => {
      const lines = ends(0, ['--version']).stdout.toString().split('\n').filter((line) => line.includes('"wasi_nn"'));
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.ok(lines[0].startsWith(plugin[generation]), lines[0]);
      assert.match(lines[0], /version \d+\.\d+\.\d+/);
    });

    check('the same bits as every engine', () => {
      const file = wasmFile(hashGuest().file('wasmedge-hash'));
      for (const threads of ['1', '2']) {
        const { logits_hash: hash, output_tokens: tokens } = JSON.parse(ends(0, [...preload, '--nn-threads', threads, file]).stdout.toString());
        console.log(`logits wasmedge${generation}-plugin ${threads} ${hash}`);
        assert.equal(tokens, 200);
        assert.equal(hash, golden);
      }
      const byVariable = ends(0, [...preload, file], { env: { BITNET_NN_THREADS: '2' } });
      assert.equal(JSON.parse(byVariable.stdout.toString()).logits_hash, golden);
      // And from a guest that is compiled at its start.
      const jit = ends(0, [...preload, ...runtime.jit, file]).stdout.toString().split('\n').filter((line) => line.startsWith('{'));
      assert.equal(JSON.parse(jit[0]).logits_hash, golden);
    });

    const sdkGuest = `${process.env.BITNET_WASI_BUILD ?? 'build/wasi'}/guests/logits_hash.wasm`;
    test(`WasmEdge ${generation}: a C++ guest of the SDK`, { skip: reason || (existsSync(resolve(root, sdkGuest)) ? false : `${sdkGuest} is not built`) }, () => {
      assert.equal(ends(0, [...preload, sdkGuest]).stdout.toString(), `logits-hash ${golden}\nlogits-hash ${golden}\n`);
    });

    check("generated text and the guest's own writes keep their order", () => {
      const guest = new Guest().ready('{"temp":0,"n-predict":8,"stream-stdout":true}');
      guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).print('before[').call('compute', 0).print(']after ').output(0);
      const { stdout } = ends(0, [...preload, wasmFile(guest.file('wasmedge-order'))]);
      const [, streamed, text] = /^before\[(.*)\]after (.*)$/s.exec(stdout.toString());
      assert.ok(text.length > 8);
      assert.equal(streamed, text);
    });

    check('no control character of a model reaches a terminal', () => {
      const guest = shouting();
      const file = wasmFile(guest.file('wasmedge-shouting'));
      const piped = ends(0, [...preload, file]).stdout.toString();
      assert.match(piped, controls);
      assert.equal(onTerminal([program, ...preload, file], { ...process.env, ...environment }), harmless(piped));
      // And what a guest calls a model, on the standard error.
      const named = new Guest();
      named.call('load_by_name', ...named.text('\u001b[31m'), named.cell());
      assert.match(ends(0, [...preload, wasmFile(named.file('wasmedge-named'))]).stderr, /'\?\[31m'/);
    });

    check('memory for one guest, by option and by variable', () => {
      const guest = new Guest().ready('{"temp":0,"n-predict":2}');
      guest.call('set_input', 0, 0, guest.tensor('Once')).call('compute', 0);
      const file = wasmFile(guest.errnos().file('wasmedge-budget'));
      const last = (args, env) => wordsOf(ends(0, [...preload, ...args, file], { env }).stdout)[3];
      assert.deepEqual([last(['--nn-max-kv', '1G']), last(['--nn-max-kv', '10K']), last([], { BITNET_NN_MAX_KV: '10K' })], [0, 7, 7]);
      assert.equal(last(['--nn-max-kv', '8G'], { BITNET_NN_MAX_KV: '10K' }), 0);
    });

    check('models by option and by variable, several in one', () => {
      const loads = (...args) => {
        const guest = new Guest();
        for (const name of ['a', 'b', 'c']) guest.call('load_by_name', ...guest.text(name), guest.cell());
        return errnos(guest, ...args);
      };
      assert.deepEqual(loads([]), [8, 8, 8]);
      assert.deepEqual(loads(['--nn-preload', `a:${model};b:${model}`]), [0, 0, 8]);
      assert.deepEqual(loads(['--nn-preload', `\n a:x:y:z;;b:${model}\n`]), [8, 0, 8]); // what is wrong is left out
      assert.deepEqual(loads([], { env: { BITNET_NN_PRELOAD: `a:${model};c:BitNet:cpu:${builtIn}` } }), [0, 8, 0]);
      const both = { env: { BITNET_NN_PRELOAD: `a:GGML:AUTO:nowhere.gguf\nb:GGML:AUTO:nowhere.gguf` } };
      assert.deepEqual(loads(['--nn-preload', `b:${model}`], both), [103, 0, 8]); // the option comes after the variable
    });

    check('what is wrong with an option is said, and the guest runs', () => {
      const guest = wasmFile(new Guest().print('ran').file('wasmedge-ran'));
      for (const [args, pattern] of [
        [['--nn-preload', 'default'], /preload 'default': .*NAME:ENCODING:TARGET:PATH/],
        [['--nn-preload', 'default:onnx:CPU:x'], /GGML, BitNet or AUTODETECT/],
        [['--nn-compat', 'loud'], /nn-compat 'loud': .*probe, clamp, llamaedge/],
        [['--nn-threads', 'two'], /nn-threads 'two': not a number/],
        [['--nn-threads', '99999999999999999999'], /not a number/],
        [['--nn-max-kv', '8T'], /nn-max-kv '8T': not a number of bytes.*8G/],
      ]) {
        const { stdout, stderr } = ends(0, [...args, guest]);
        assert.match(stderr, pattern, args.join(' '));
        assert.equal(stdout.toString(), 'ran');
      }
      assert.equal(ends(0, [...preload, guest]).stderr, '');
    });

    check('get_output into a small buffer, by the rule asked for', () => {
      const guest = new Guest().ready('{"temp":0,"n-predict":8}');
      guest.memory = 8; // pages: what LlamaEdge has behind a buffer of no length
      const at = guest.place(1024);
      const written = [guest.cell(), guest.cell()];
      guest.call('set_input', 0, 0, guest.tensor('Once upon a time')).call('compute', 0)
        .call('get_output', 0, 0, at, 4, written[0]).call('get_output', 0, 0, at, 0, written[1]).errnos();
      for (const cell of written) guest.write(cell, 4);
      const file = wasmFile(guest.file('wasmedge-small'));
      const outcome = (args, options) => wordsOf(ends(0, [...preload, ...args, file], options).stdout).slice(4);
      const [probed, , size] = outcome([]);
      assert.equal(probed, 7);
      assert.ok(size > 8);
      assert.deepEqual(outcome(['--nn-compat', 'probe']), [7, 7, size, size]);
      assert.deepEqual(outcome([], { env: { BITNET_NN_COMPAT: 'clamp' } }), [0, 7, 4, size]);
      assert.deepEqual(outcome(['--nn-compat', 'llamaedge'], { env: { BITNET_NN_COMPAT: 'clamp' } }), [7, 0, size, size]);
    });

    check('hostile calls get an errno', () => {
      const hostile = hostileGuest();
      hostile.check(ends(0, [...preload, wasmFile(hostile.guest.file('wasmedge-hostile'))]).stdout);
    });

    check('a guest without memory is told so', () => {
      const file = wasmFile(watFile('wasmedge-no-memory', `(module
        (import "wasi_ephemeral_nn" "compute" (func $compute (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (func (export "_start") (call $proc_exit (call $compute (i32.const 0)))))`));
      ends(3, [...preload, file]);
    });
  });

  test(`WasmEdge ${generation}: the plugin gives one function and brings its C++ library`, (t) => {
    if (reason) return t.skip(reason);
    const program = ['llvm-nm-22', 'llvm-nm', 'nm'].find((name) => !spawnSync(name, ['--version']).error);
    if (!program) return t.skip('no nm');
    const symbols = (...flags) => spawnSync(program, ['-D', ...flags, plugin[generation]], { encoding: 'utf8' }).stdout.trim().split('\n')
      .map((line) => line.trim().split(/\s+/).at(-1).replace(/@.*/, ''));
    assert.deepEqual(symbols('--defined-only'), ['WasmEdge_Plugin_GetDescriptor']);
    const wanted = symbols('--undefined-only');
    assert.ok(wanted.includes('WasmEdge_ModuleInstanceCreateWithData'), wanted.join(' '));
    assert.deepEqual(wanted.filter((name) => /^_ZN?(St|K?St)|^_ZTV/.test(name)), []);
  });
}
