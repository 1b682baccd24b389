// Runs the modules made of module.cpp: node modules.mjs MODULE.mjs...
import assert from 'node:assert/strict';
import { resolve } from 'node:path';

for (const path of process.argv.slice(2)) {
  const { default: create } = await import(resolve(path));
  const module = await create();
  assert.equal(module.greet('wörld'), 'hello wörld', `${path}: Embind strings`);
  assert.equal(module.simd_sum(), 100, `${path}: 128-bit SIMD`);
  for (let i = 0; i < 20_000; i++) { // often enough for the engine's second compiler to have its turn
    assert.equal(module.dot(), 981, `${path}: relaxed_dot_i8x16_i7x16_add, call ${i}`);
  }
  assert.equal(module.on_thread(), 42, `${path}: threads`);
}
process.exit(0); // threads of a pool would keep node waiting
