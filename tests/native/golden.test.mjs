// Against an independent implementation: logits that Hugging Face's BitNet code computed for a random model (test data
// that is not part of the project; the bound below is argued there: an int8 tie may fall the other way).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ok, root } from '../support/cli.mjs';
import { readNpz } from '../support/npz.mjs';

const program = process.env.BITNET_CLI ?? join(root, 'build/native/bitnet');
const folder = join(process.env.BITNET_TEST_DATA ?? '', 'tiny-bitnet-hf');
const reason = !process.env.BITNET_TEST_DATA ? 'BITNET_TEST_DATA is not set'
  : !existsSync(join(folder, 'golden.npz')) ? `no ${folder}/golden.npz`
    : existsSync(program) ? false : `${program} is not built`;

const argMax = (row) => row.indexOf(row.reduce((most, value) => Math.max(most, value), -Infinity));

for (const model of ['tiny-tq2.gguf', 'tiny-tq1.gguf']) {
  test(`${model}: the logits of Hugging Face's implementation`, { skip: reason }, () => {
    const { ids, logits } = readNpz(readFileSync(join(folder, 'golden.npz')));
    const [positions, vocabulary] = logits.shape;
    for (const isa of ok({ command: [program] }, ['--version']).split('kernels: ')[1].trim().split(' ')) {
      const bytes = ok({ command: [program] }, ['logits', '--isa', isa, '-m', join(folder, model), '--ids', ids.data.join(','), '-o', '-'],
        { binary: true });
      assert.equal(bytes.length, positions * vocabulary * 4);
      const ours = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      let close = 0;
      for (let p = 0; p < positions; ++p) {
        const expected = logits.data.subarray(p * vocabulary, (p + 1) * vocabulary);
        const actual = ours.subarray(p * vocabulary, (p + 1) * vocabulary);
        const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
        assert.ok(worst <= 0.3, `${isa} position ${p}: off by ${worst}`); // NaN is not <= either
        assert.equal(argMax(actual), argMax(expected), `${isa} position ${p}`);
        if (worst <= 1e-3) ++close;
      }
      assert.ok(close > positions / 2, `${isa}: only ${close} of ${positions} positions within 1e-3`);
    }
  });
}
