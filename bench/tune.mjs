// Writes core/kernels/tuned.def anew: runs the tuner natively and, where those builds are there, in Node's WebAssembly engine.
// usage: node bench/tune.mjs TUNER...     (native programs, or .js files of an Emscripten build, whose target bench/all makes
// them; an idle machine, please)
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const tuners = process.argv.slice(2);
if (tuners.length === 0) {
  console.error('usage: node bench/tune.mjs build/native/bench/bench_tune [build/wasm/wasm-relaxed-st/bench/bench_tune.js ...]');
  process.exit(2);
}
const table = new URL('../core/kernels/tuned.def', import.meta.url);
let text = readFileSync(table, 'utf8');
for (const tuner of tuners) {
  const [program, args] = tuner.endsWith('.js') ? [process.execPath, [tuner]] : [tuner, []];
  const { status, stdout, error } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`${tuner} ended with status ${status}`);
  for (const [row, isa] of stdout.matchAll(/^BITNET_TUNED\((\w+), \w+\)$/gm)) {
    const old = new RegExp(`^BITNET_TUNED\\(${isa}, \\w+\\)$`, 'm');
    text = old.test(text) ? text.replace(old, row) : `${text}${row}\n`;
  }
}
writeFileSync(table, text);
