// bitnet.wasm under WasmEdge 0.14 and 0.17, compiled beforehand (AOT) and at the start (JIT). Either way takes WasmEdge ten
// seconds, so what is compiled beforehand is kept, and some combinations are for BITNET_FULL only.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { builtIn, cli, commonTests, golden, longPrompt, ok, parity, root } from '../support/cli.mjs';
import { generations } from '../support/wasmedge.mjs';

const full = Boolean(process.env.BITNET_FULL);
const folder = 'build/tmp/wasmedge';
mkdirSync(resolve(root, folder), { recursive: true });
const modules = {
  simd: `${process.env.BITNET_WASI_BUILD ?? 'build/wasi'}/bitnet.wasm`,
  relaxed: `${process.env.BITNET_WASI_RELAXED_BUILD ?? 'build/wasi-relaxed'}/bitnet.wasm`,
};

/// What `wasmedge compile` makes of the module, unless it is there already.
function compiled({ program, version, relaxed }, flavour) {
  const from = resolve(root, modules[flavour]);
  const into = resolve(root, folder, `${version}-${flavour}.wasm`);
  if (!existsSync(into) || statSync(into).mtimeMs < statSync(from).mtimeMs) {
    const made = spawnSync(program, ['compile', ...(flavour === 'relaxed' ? relaxed : []), from, into], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr + made.stdout);
  }
  return into;
}

for (const runtime of generations) {
  const { generation, program } = runtime;
  for (const flavour of ['simd', 'relaxed']) {
    const absent = runtime.missing || (existsSync(resolve(root, modules[flavour])) ? false : `${modules[flavour]} is not built`);
    const flags = ['--dir', '.:.', ...(flavour === 'relaxed' && !absent ? runtime.relaxed : [])];
    const engine = (mode, ...module) => ({ name: 'wasi', command: [program, ...flags, ...(runtime[mode] ?? []), ...module] });
    const sameBits = (mode, who, variants) => {
      const hashes = new Set();
      for (const [args, what] of variants) {
        const run = parity(who, args);
        console.log(`logits wasmedge${generation}-${mode}-${run.name.replace(/^wasi-/, '')}${what} ${run.threads} ${run.hash}`);
        assert.equal(run.threads, '1');
        assert.deepEqual(run.ids, golden.greedy_ids);
        hashes.add(run.hash);
      }
      assert.equal(hashes.size, 1, [...hashes].join(' '));
    };

    describe(`WasmEdge ${generation}, AOT, ${flavour}`, () => {
      const reason = absent || (full || flavour === 'relaxed' ? false : 'BITNET_FULL is not set');
      const aot = engine('aot');
      before(() => { if (!reason) aot.command.push(compiled(runtime, flavour)); });
      if (flavour === 'relaxed') commonTests(aot, reason);

      test(`WasmEdge ${generation}, AOT, ${flavour}: the same bits as everywhere`, { skip: reason }, () => {
        sameBits('aot', aot, [[[], ''], [['--batch', '1'], '-batch1'], [['-m', builtIn], '-file'], [['--isa', 'scalar'], '']]);
      });

      test(`WasmEdge ${generation}, AOT, ${flavour}: the same bits for a prompt of several batches`, { skip: reason }, () => {
        const answers = new Set(['1', '7', '64', '512'].map((batch) => ok(aot, ['run', '--ids', longPrompt(150).join(','), '-n', '20',
          '--ignore-end', '--print-ids', '--logits-hash', '--batch', batch])));
        assert.equal(answers.size, 1, [...answers].join('\n'));
      });

      test(`WasmEdge ${generation}, AOT, ${flavour}: not the interpreter`, { skip: reason }, () => {
        const speed = (who) => JSON.parse(ok(who, ['bench', '--prompt-tokens', '1', '-n', '16', '-r', '1', '--json'])).decode_tokens_per_second;
        const fast = speed(aot);
        const slow = speed(engine('interpreter', aot.command.at(-1)));
        // Measured 70 to 180 times; 0.17 without --run-mode interprets what it has compiled, and says nothing.
        assert.ok(fast > 15 * slow, `${fast} tokens/s compiled, ${slow} interpreted`);
        console.log(`wasmedge${generation}-aot-${flavour}: ${fast} tokens/s, interpreted ${slow}`);
      });

      test(`WasmEdge ${generation}, AOT, ${flavour}: exit statuses, and a file outside the folder shown`, { skip: reason }, () => {
        assert.equal(cli(aot, ['run', '-p', 'Once', '-n', '2']).status, 0);
        assert.equal(cli(aot, ['rnu']).status, 2);
        const outside = cli(aot, ['info', '-m', '/nowhere/model.gguf']);
        assert.equal(outside.status, 1);
        assert.match(outside.stderr, /does not exist: \/nowhere\/model\.gguf[\s\S]*--dir/);
      });
    });

    describe(`WasmEdge ${generation}, JIT, ${flavour}`, () => {
      const reason = absent || (full || (flavour === 'relaxed' && generation === '0.17') ? false : 'BITNET_FULL is not set');
      test(`WasmEdge ${generation}, JIT, ${flavour}: the same bits as everywhere`, { skip: reason }, () => {
        // WasmEdge reports on stdout that it compiles.
        sameBits('jit', { ...engine('jit', resolve(root, modules[flavour])), noise: /^\[.*\] \[\w+\].*\n/gm }, [[[], '']]);
      });
    });
  }

  if (generation === '0.14') test(`WasmEdge ${generation}: relaxed SIMD must be allowed where it is new`, {
    skip: runtime.missing || (existsSync(resolve(root, modules.relaxed)) ? false : `${modules.relaxed} is not built`),
  }, () => {
    const refused = cli({ command: [program, resolve(root, modules.relaxed)] }, ['--version']);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr + refused.stdout, /requires enabling Relaxed SIMD/);
  });
}
