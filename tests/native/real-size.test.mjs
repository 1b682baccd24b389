// Models as large as the real ones, with random weights: they load, generate and take no more memory than promised, and
// Node computes what the native program computes. Minutes and gigabytes, so only in scripts/test --full.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ok, root } from '../support/cli.mjs';

const program = process.env.BITNET_CLI ?? join(root, 'build/native/bitnet');
const maker = join(program, '../bench/make_synthetic');
const packageEntry = join(root, 'web/dist/index.js');
const engine = { name: 'native', command: [program] };
const reason = !process.env.BITNET_FULL ? 'takes minutes: scripts/test --full'
  : existsSync(program) ? (existsSync(maker) ? false : `${maker} is not built`) : `${program} is not built`;
const nodeReason = existsSync(packageEntry) ? false : 'web/dist is not built';

const folder = 'build/tmp/real-size';
const context = 256;
const prompt = Array.from({ length: 20 }, (_, i) => 300 + i * 37);

/// What the model may take: 1.15 times the larger of file and weights, and a session of `context` tokens. `sessionBytes` is
/// what `info` says, which is for the default context.
function bound({ file_bytes, weight_bytes, session_bytes, layers, kv_heads, head_dim, context: longest }) {
  const saved = (Math.min(longest, 2048) - context) * layers * kv_heads * head_dim * 2 * 4;
  return { model: 1.15 * Math.max(file_bytes, weight_bytes), session: session_bytes - saved };
}

if (reason) test('models of real size', { skip: reason }, () => {});

for (const { shape, type, embedding } of reason ? [] : [
  { shape: '0.7b', type: 'TQ2_0', embedding: 'Q6_K' },
  { shape: '0.7b', type: 'I2_S', embedding: 'Q6_K' },
  { shape: '2b4t', type: 'I2_S', embedding: 'F16' },
]) {
  const path = `${folder}/${shape}-${type}.gguf`;
  describe(`${shape}, ${type}`, { concurrency: false }, () => {
    let info, native;
    after(() => rmSync(join(root, path), { force: true }));

    test(`${shape}, ${type}: made and loaded`, () => {
      mkdirSync(join(root, folder), { recursive: true });
      const made = spawnSync(maker, ['-o', path, '--shape', shape, '--type', type, '--embedding', embedding],
        { cwd: root, encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
      info = JSON.parse(ok(engine, ['info', '--json', '-m', path]));
      assert.equal(info.weight_type, type);
      assert.equal(info.file_bytes, statSync(join(root, path)).size);
    });

    test(`${shape}, ${type}: speed and peak memory`, () => {
      const result = JSON.parse(ok(engine, ['bench', '--json', '-m', path, '-t', '2', '-c', String(context), '-p', '64', '-n', '8', '-r', '1']));
      const { model, session } = bound(info);
      console.log(`${shape} ${type}: ${result.prefill_tokens_per_second.toFixed(1)} and ${result.decode_tokens_per_second.toFixed(1)} tokens/s, `
        + `peak ${(result.peak_bytes / 1e6).toFixed(0)} MB of at most ${((model + session) / 1e6).toFixed(0)} MB`);
      assert.ok(result.peak_bytes > info.weight_bytes, `${result.peak_bytes}`); // it was measured
      assert.ok(result.peak_bytes < model + session, `${result.peak_bytes} bytes, at most ${model + session}`);
    });

    test(`${shape}, ${type}: tokens, the same one by one and in batches`, () => {
      const run = (...args) => ok(engine, ['run', '-m', path, '--ids', prompt.join(','), '-n', '8', '--ignore-end', '--print-ids',
        '--logits-hash', '-c', String(context), '-t', '2', ...args]).trim().split(/\nlogits \S+ \d+ /);
      const [ids, hash] = run();
      assert.match(ids, /^\d+( \d+){7}$/);
      assert.deepEqual(run('--batch', '1'), [ids, hash]);
      native = { ids: ids.split(' ').map(Number), hash };
    });

    test(`${shape}, ${type}: the same tokens in Node, in as little memory`, { skip: nodeReason }, async () => {
      const { BitNet } = await import(packageEntry);
      const loaded = await BitNet.load(join(root, path), { context });
      try {
        const { text, logitsHash, tokens } = await loaded.generate(prompt, { maxTokens: 8, ignoreEnd: true, logitsHash: true }).result;
        assert.equal(tokens, 8);
        assert.equal(logitsHash, native.hash);
        assert.equal(text, await loaded.detokenize(native.ids));
        const { wasmBytes, weightBytes, sessionBytes } = await loaded.memory();
        console.log(`${shape} ${type}: ${loaded.info.flavour}, WebAssembly memory ${(wasmBytes / 1e6).toFixed(0)} MB, `
          + `weights ${(weightBytes / 1e6).toFixed(0)} MB, session ${(sessionBytes / 1e6).toFixed(0)} MB`);
        assert.ok(wasmBytes < 1.15 * Math.max(info.file_bytes, weightBytes) + sessionBytes, `${wasmBytes} bytes`);
      } finally {
        await loaded.dispose();
      }
    });
  });
}
