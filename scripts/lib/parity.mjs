// The promise, over everything that ran: every line `logits ENGINE THREADS HASH` that the suites printed has the hash of the
// stored golden answer, and no engine that the lanes run should have is missing.
//   node parity.mjs LANE...
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { record } from './results.mjs';

const folder = 'build/test-results';
const lanes = process.argv.slice(2);
const golden = /kLogitsHash = 0x([0-9a-f]{16})/.exec(readFileSync('core/api/golden.inc', 'utf8'))[1];

const seen = new Map(); // engine and threads -> hashes
for (const file of readdirSync(folder).filter((name) => name.endsWith('.log'))) {
  for (const [, engine, threads, hash] of readFileSync(`${folder}/${file}`, 'utf8').matchAll(/^\s*logits (\S+) (\d+) ([0-9a-f]{16})\s*$/gm)) {
    const name = `${engine} ${threads}`;
    seen.set(name, (seen.get(name) ?? new Set()).add(hash));
  }
}
const note = (passed, name, reason) => record(`${folder}/parity.tsv`, passed ? 'passed' : 'failed', name, reason);
for (const [name, hashes] of [...seen].sort()) {
  note(hashes.size === 1 && hashes.has(golden), `logits ${name}`, `${[...hashes].join(', ')}, golden ${golden}`);
}

const wasmedge = process.arch === 'x64' ? ['0.14', '0.17'] : []; // Debian's amd64 packages
const javascript = ['deno', 'bun'].filter((name) => existsSync(`build/toolchain/env.d/${name}.sh`)); // set up by --full
const wasmtimeC = existsSync('build/toolchain/env.d/wasmtime-c.sh'); // or there is none for this machine, and no bitnet-nn
const emulated = !existsSync('build/toolchain/env.d/aarch64.sh') ? [] // this machine is one
  : [/^qemu-max-neon_dotprod 2$/, /^qemu-cortex-a53-neon 1$/, ...process.arch === 'x64' ? [/^qemu-Haswell-avx2 2$/, /^qemu-Nehalem-scalar 1$/] : []];
const expected = {
  native: [/^native-scalar 1$/, /^native-scalar 2$/, /^native-avx2 1$/, /^native-avx2 2$/, /^native-avx512_vnni 2$/, ...emulated],
  wasm: [/^node-simd-st 1$/, /^node-relaxed-st 1$/, /^node-simd-mt 2$/, /^node-relaxed-mt 2$/,
    /^node-wasi-nn-simd-st 1$/, /^node-wasi-nn-relaxed-st 1$/, /^node-wasi-nn-simd-mt 2$/, /^node-wasi-nn-relaxed-mt 2$/],
  wasi: [/^wasmtime-wasm_simd128 1$/, /^wasmtime-wasm_relaxed\d* 1$/, /^node-wasi-wasm_simd128 1$/, /^node-wasi-wasm_relaxed\d* 1$/,
    /^reactor-node-wasm_simd128 1$/, /^reactor-node-wasm_relaxed\d* 1$/,
    ...javascript.flatMap((name) => ['', 'reactor-'].flatMap((kind) => [new RegExp(`^${kind}${name}-wasm_simd128 1$`),
      new RegExp(`^${kind}${name}-wasm_relaxed\\d* 1$`)])),
    ...wasmedge.map((generation) => new RegExp(`^wasmedge${generation}-aot-wasm_relaxed\\d* 1$`))],
  nn: [/^bitnet-nn-scalar 1$/, /^bitnet-nn-scalar 2$/, /^bitnet-nn-avx2 1$/, /^bitnet-nn-avx2 2$/,
    ...wasmedge.map((generation) => new RegExp(`^wasmedge${generation}-plugin 2$`))],
  browser: ['chromium', 'firefox'].flatMap((name) => [new RegExp(`^${name}-simd-st 1$`), new RegExp(`^${name}-relaxed-st 1$`),
    new RegExp(`^${name}-simd-mt \\d+$`), new RegExp(`^${name}-relaxed-mt \\d+$`)]),
};
const processor = /^flags.*/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0].split(' ') ?? [];
for (const lane of lanes) {
  for (const pattern of expected[lane] ?? []) {
    const [isa] = /avx\w+/.exec(pattern.source) ?? [];
    if (isa && !processor.includes(isa)) continue;
    if (!wasmtimeC && pattern.source.startsWith('^bitnet-nn-')) continue;
    if (![...seen.keys()].some((name) => pattern.test(name))) note(false, `logits ${pattern.source}`, `no such line was printed by lane ${lane}`);
  }
}
