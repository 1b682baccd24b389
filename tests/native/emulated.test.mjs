// The program on processors that this machine is not, under an emulator: each is offered the kernels it can run, no other
// instruction of its compiler's is in the way, and the bits are those of every other engine.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, ok, parity, root } from '../support/cli.mjs';

const native = process.env.BITNET_CLI ?? join(root, 'build/native/bitnet');
const arm = join(root, 'build/native-aarch64/bitnet');
const onArm = [process.env.BITNET_QEMU_AARCH64, '-L', '/usr/aarch64-linux-gnu'];
const onX86 = [process.env.BITNET_QEMU_X86_64];

for (const [emulator, cpu, program, kernels, threads] of [
  [onArm, 'max', arm, 'neon_dotprod neon scalar', '2'],
  [onArm, 'cortex-a53', arm, 'neon scalar', '1'],
  [onX86, 'Haswell', native, 'avx2 scalar', '2'],
  [onX86, 'Nehalem', native, 'scalar', '1'],
]) {
  const reason = !emulator[0] ? 'no emulator: scripts/setup aarch64' : !existsSync(program) ? `${program} is not built`
    : golden ? false : 'no models/golden.json';
  test(`${cpu}: its kernels, and the golden answer`, { skip: reason }, () => {
    const engine = { name: 'native', command: [...emulator, '-cpu', cpu, program] };
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
