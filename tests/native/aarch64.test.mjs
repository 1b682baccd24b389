// The program for 64-bit ARM under an emulator: on a processor with the dot product and on one without, the bits of every
// other engine. (Its kernels' tests are run by scripts/test.)
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, ok, parity, root } from '../support/cli.mjs';

const program = join(root, 'build/native-aarch64/bitnet');
const emulator = process.env.BITNET_QEMU_AARCH64;
const reason = !emulator ? 'no emulator: scripts/setup aarch64' : !existsSync(program) ? `${program} is not built`
  : golden ? false : 'no models/golden.json';

for (const [cpu, kernels, threads] of [['max', 'neon_dotprod neon scalar', '2'], ['cortex-a53', 'neon scalar', '1']]) {
  test(`aarch64, ${cpu}: the golden answer`, { skip: reason }, () => {
    const engine = { name: 'native', command: [emulator, '-L', '/usr/aarch64-linux-gnu', '-cpu', cpu, program] };
    assert.equal(ok(engine, ['--version']).split('kernels: ')[1].trim(), kernels);
    const all = kernels.split(' ');
    for (const isa of process.env.BITNET_FULL ? all : all.slice(0, 1)) {
      const run = parity(engine, ['--isa', isa, '--threads', threads]);
      console.log(`logits qemu-${cpu}-${isa} ${run.threads} ${run.hash}`);
      assert.equal(run.name, `native-${isa}`);
      assert.deepEqual(run.ids, golden.greedy_ids);
    }
  });
}
