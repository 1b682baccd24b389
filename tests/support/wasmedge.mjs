// The two WasmEdge generations that tests run on: scripts/setup wasmedge names their programs in the environment.
import { spawnSync } from 'node:child_process';

export const generations = ['0.14', '0.17'].map((generation) => {
  const variable = `BITNET_WASMEDGE_${generation.replace('.', '_')}`;
  const program = process.env[variable];
  if (!program) return { generation, missing: `${variable} is not set: scripts/setup wasmedge` };
  const version = /version (\S+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[1];
  return {
    generation, program, version, missing: version ? false : `${program} does not run`,
    // 0.14 compiles or runs compiled code when told to, 0.17 does neither unless told which; both leave relaxed SIMD to a
    // flag until 0.17.
    relaxed: generation === '0.14' ? ['--enable-relaxed-simd'] : [],
    aot: generation === '0.14' ? [] : ['--run-mode', 'aot'],
    jit: generation === '0.14' ? ['--enable-jit'] : ['--run-mode', 'jit'],
    interpreter: generation === '0.14' ? ['--force-interpreter'] : ['--run-mode', 'interpreter'],
  };
});
