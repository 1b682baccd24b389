// What one token costs, counted: instructions, by perf where the machine counts them, else by valgrind; and bytes, from the
// model's own numbers. The proxy for energy on machines that are too noisy for watts. AVX2 kernels: valgrind knows no AVX-512.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { modelFile } from './models.mjs';
import { absent, info, peers } from './native.mjs';

const model = '0.7b-i2_s-f16';
const few = 2;
const many = 10;

async function perf(program, args) {
  const { stderr } = await promisify(execFile)('perf', ['stat', '-x,', '-e', 'instructions:u', program, ...args], { maxBuffer: 1 << 26 });
  const count = Number(/^(\d+),[^,]*,instructions/m.exec(stderr)?.[1]);
  if (!count) throw new Error('perf counts no instructions here');
  return count;
}

async function valgrind(program, args) {
  const folder = mkdtempSync(join(tmpdir(), 'counts-'));
  try {
    const out = join(folder, 'out');
    await promisify(execFile)('valgrind', ['--tool=callgrind', `--callgrind-out-file=${out}`, program, ...args], { maxBuffer: 1 << 26 });
    return Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'latin1'))[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/// Instructions of one token: two runs that differ in their number of tokens alone.
async function perToken(program, args) {
  let last;
  for (const [tool, count] of Object.entries({ perf, valgrind })) {
    try {
      return { tool, instructions: (await count(program, args(many)) - await count(program, args(few))) / (many - few) };
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/// Lines of two figures: instructions_per_token and bytes_per_token.
export async function counts(build) {
  const path = modelFile(model, build);
  const fields = { engine: 'native', isa: 'avx2', threads: 1, model, metric: 'instructions per token', unit: 'G', goal: null };
  const ours = await perToken(join(build, 'bitnet'), (tokens) => ['bench', '-m', path, '-t', '1', '--isa', 'avx2', '-r', '1', '-p', '1', '-c', '64', '-n', String(tokens)]);
  Object.assign(fields, { median: ours.instructions / 1e9, tool: ours.tool });
  const reason = absent({ engine: 'bitnetcpp_avx2', model });
  if (reason) Object.assign(fields, { peer: 'peer not present', note: reason });
  else {
    const theirs = await perToken(process.env[peers.bitnetcpp_avx2.variable], (tokens) => ['-m', path, '-t', '1', '-p', '0', '-n', String(tokens), '-r', '1']);
    // Its warm-up is one token more in both runs.
    Object.assign(fields, { peer: peers.bitnetcpp_avx2.title, peer_median: theirs.instructions / 1e9 });
  }
  const lines = [{ name: 'instructions_per_token', row: 'Instructions per token, 0.7B, AVX2', fields }];
  for (const [name, head, more = ''] of [['2b4t-i2_s-f16', 2], ['2b4t-i2_s-q6_k', 210 / 256], ['2b4t-i2_s-q6_k', 0.5, ', --head int4'], ['0.7b-i2_s-f16', 2]]) {
    const of = await info(name, build);
    const kv = of.layers * of.kv_heads * of.head_dim * 2 * 4;
    lines.push({
      name: `bytes_per_token_${name}${more && '-int4'}`, row: `Bytes per token, ${name}${more}`,
      fields: {
        engine: 'any', model: name, metric: 'bytes per token', unit: 'MB', median: (of.ternary_parameters / 4 + of.vocabulary * of.hidden * head) / 1e6, goal: null,
        ternary_mb: of.ternary_parameters / 4e6, head_mb: of.vocabulary * of.hidden * head / 1e6, kv_kb_per_position: kv / 1e3,
      },
    });
  }
  return lines;
}
