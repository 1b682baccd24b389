// bitnet.wasm under each WASI runtime at hand: $BITNET_WASMTIME (words of a command), and the node:wasi of Node, $BITNET_DENO
// and $BITNET_BUN.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { builtIn, cli, commonTests, golden, longPrompt, ok, parity, root } from '../support/cli.mjs';

const nodeRunner = join(root, 'scripts/node-wasi-run.mjs');
const native = { name: 'native', command: [process.env.BITNET_CLI ?? join(root, 'build/native/bitnet')] };
const runtimes = {
  wasmtime: {
    words: process.env.BITNET_WASMTIME?.split(' ').filter(Boolean) ?? [],
    missing: process.env.BITNET_WASMTIME ? false : 'BITNET_WASMTIME is not set',
  },
  'node:wasi': {
    words: [process.execPath, nodeRunner],
    missing: existsSync(nodeRunner) ? false : 'no scripts/node-wasi-run.mjs',
  },
  deno: {
    words: [process.env.BITNET_DENO, 'run', '--quiet', '--allow-all', nodeRunner],
    missing: process.env.BITNET_DENO ? false : 'BITNET_DENO is not set: scripts/setup deno',
  },
  bun: {
    words: [process.env.BITNET_BUN, nodeRunner],
    missing: process.env.BITNET_BUN ? false : 'BITNET_BUN is not set: scripts/setup bun',
  },
};
const modules = { simd: process.env.BITNET_WASI_BUILD ?? 'build/wasi', relaxed: process.env.BITNET_WASI_RELAXED_BUILD ?? 'build/wasi-relaxed' };

for (const [runtime, { words, missing }] of Object.entries(runtimes)) {
  for (const [flavour, folder] of Object.entries(modules)) {
    const module = `${folder}/bitnet.wasm`;
    const reason = missing || (existsSync(resolve(root, module)) ? false : `${module} is not built`);
    // Wasmtime compiles the module anew at each start.
    const engine = { name: 'wasi', command: [...words, 'run', '--dir', '.', module], slow: runtime === 'wasmtime' };

    describe(`${runtime}, ${flavour}`, () => {
      if (flavour === 'simd') commonTests(engine, reason);

      test(`${runtime}, ${flavour}: the same bits as everywhere`, { skip: reason || (golden ? false : 'no models/golden.json') }, () => {
        const hashes = new Set();
        for (const [args, what] of [[[], ''], [['--batch', '1'], '-batch1'], [['-m', builtIn]], [['--isa', 'scalar']]]) {
          const run = parity(engine, args);
          assert.match(run.name, /^wasi-/);
          // The program cannot know which runtime it is in.
          if (what !== undefined) console.log(`logits ${runtime.replace(':', '-')}-${run.name.slice(5)}${what} ${run.threads} ${run.hash}`);
          assert.equal(run.threads, '1');
          assert.deepEqual(run.ids, golden.greedy_ids);
          hashes.add(run.hash);
        }
        if (existsSync(native.command[0])) hashes.add(parity(native, []).hash);
        assert.equal(hashes.size, 1, [...hashes].join(' '));
      });

      test(`${runtime}, ${flavour}: the same bits for a prompt of several batches`, { skip: reason }, () => {
        const answer = (who, batch) => ok(who, ['run', '--ids', longPrompt(150).join(','), '-n', '20', '--ignore-end', '--print-ids',
          '--logits-hash', '--batch', batch]).replace(/^logits \S+ \d+ /m, '');
        const answers = new Set(['1', '7', '64', '512'].map((batch) => answer(engine, batch)));
        if (existsSync(native.command[0])) answers.add(answer(native, '64'));
        assert.equal(answers.size, 1, [...answers].join('\n'));
      });

      test(`${runtime}, ${flavour}: a file outside the folder shown`, { skip: reason }, () => {
        const result = cli(engine, ['info', '-m', '/nowhere/model.gguf']);
        assert.equal(result.status, 1);
        assert.match(result.stderr, /does not exist: \/nowhere\/model\.gguf[\s\S]*--dir/);
        assert.match(ok(engine, ['run', '--threads', '8', '-p', 'Once', '-n', '2', '--logits-hash']), /^logits \S+ 1 /m); // one thread is what there is
      });
    });
  }
}
