// bitnet.wasm under Wasmtime beside the browser module in Chromium, one thread each, in turns on the same file: tokens per second,
// medians, and the ratio that a WASI runtime reaches of the browser.
//   node bench/wasi.mjs build/tmp/0.7b.gguf [ROUNDS]
// Wants what bench/compare_wllama.mjs wants, build/wasi-relaxed/bitnet.wasm, and $BITNET_WASMTIME (. scripts/env.sh).
import { spawnSync } from 'node:child_process';
import { basename, dirname, resolve } from 'node:path';
import { root } from '../tests/support/cli.mjs';

const [model, rounds = '5'] = process.argv.slice(2);
if (!model) throw new Error('usage: node bench/wasi.mjs MODEL.gguf [ROUNDS]');
const prompt = '128';
const tokens = '48';

/// What the command writes to both streams.
function output(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`${program} ${args.join(' ')}: ${status}\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

const engines = {
  'Chromium, web/dist': () => {
    const said = output('node', 'bench/compare_wllama.mjs', '--only', 'bitnet', '--rounds', '1', '--model', resolve(model), '--prompt', prompt, '--tokens', tokens);
    const [, prefill, decode] = /prefill ([\d.]+), decode ([\d.]+) tokens/.exec(said);
    return { prefill: Number(prefill), decode: Number(decode) };
  },
  'Wasmtime, bitnet.wasm': () => {
    const folder = `${dirname(resolve(model))}::/model`;
    const said = output(process.env.BITNET_WASMTIME, 'run', '--dir', folder, 'build/wasi-relaxed/bitnet.wasm', 'bench', '--json',
      '-m', `/model/${basename(model)}`, '-c', '1024', '-p', prompt, '-n', tokens, '-r', '1');
    const result = JSON.parse(said.trim().split('\n').at(-1));
    return { prefill: result.prefill_tokens_per_second, decode: result.decode_tokens_per_second };
  },
};

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const runs = Object.fromEntries(Object.keys(engines).map((name) => [name, []]));
for (let round = 0; round < Number(rounds); ++round) {
  for (const [name, measure] of Object.entries(engines)) runs[name].push(measure());
}
const [browser, wasi] = Object.keys(engines);
for (const figure of ['prefill', 'decode']) {
  for (const name of [browser, wasi]) {
    const values = runs[name].map((run) => run[figure]);
    console.log(`${figure.padEnd(8)} ${name.padEnd(22)} ${median(values).toFixed(1).padStart(6)} tokens/s (${values.map((v) => v.toFixed(1)).join(' ')})`);
  }
  const ratios = runs[wasi].map((run, i) => run[figure] / runs[browser][i][figure]);
  console.log(`${figure.padEnd(8)} side by side           ${(100 * median(ratios)).toFixed(1).padStart(6)}%`);
}
