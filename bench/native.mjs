// Native contenders: our program, and the peers whose llama-bench an environment variable names. Each turn is a process of its
// own that loads the model, warms up, then evaluates a prompt and generates; rates are each engine's own.
// The peers generate into an empty context, which is what llama-bench does; ours generates after the prompt, which costs more.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { missing, modelFile } from './models.mjs';

/// Peers by name: the variable that holds the path of their llama-bench.
export const peers = {
  ik_llama: { title: 'ik_llama.cpp', variable: 'BITNET_PEER_IK' },
  bitnetcpp: { title: 'bitnet.cpp', variable: 'BITNET_PEER_BITNETCPP' },
  bitnetcpp_avx2: { title: 'bitnet.cpp (AVX2 build)', variable: 'BITNET_PEER_BITNETCPP_AVX2' },
  llamacpp: { title: 'llama.cpp', variable: 'BITNET_PEER_LLAMACPP' },
};

export async function output(program, args, options = {}) {
  const { stdout } = await promisify(execFile)(program, args.map(String), { maxBuffer: 1 << 26, timeout: 1_800_000, ...options });
  return stdout;
}

/// Why a contender cannot run here, or undefined.
export function absent({ engine, model }) {
  const peer = peers[engine];
  if (peer) {
    const path = process.env[peer.variable];
    if (!path) return `peer not present: ${peer.variable} is not set`;
    if (!existsSync(path)) return `peer not present: ${peer.variable} names no file`;
  }
  return model && missing(model);
}

const helps = new Map();
/// Does our program's `command` know the option?
export async function knows(build, command, option) {
  const key = `${build} ${command}`;
  if (!helps.has(key)) helps.set(key, await output(join(build, 'bitnet'), [command, '--help']));
  return helps.get(key).includes(option);
}

/// What `bitnet info` says of a model.
export const info = async (model, build) => JSON.parse(await output(join(build, 'bitnet'), ['info', '--json', '-m', modelFile(model, build)]));

async function ours({ model, threads, isa, kv, head, prompt = 128, tokens = 48, batch }, build) {
  const args = ['bench', '--json', '-m', modelFile(model, build), '-t', threads, '-p', prompt, '-n', tokens, '-r', prompt > 1024 ? 1 : 2];
  if (isa) args.push('--isa', isa);
  if (kv) args.push('--kv', kv);
  if (head) args.push('--head', head);
  if (batch) args.push('--batch', batch);
  const result = JSON.parse(await output(join(build, 'bitnet'), args));
  // The first run has warmed the machine up.
  return { prefill: result.prefill_runs.at(-1), decode: result.decode_runs.at(-1), isa: result.engine.replace(/^native-/, '') };
}

async function llamaBench({ engine, model, threads, prompt = 128, tokens = 48 }, build) {
  const said = await output(process.env[peers[engine].variable],
    ['-m', modelFile(model, build), '-t', threads, '-p', prompt, '-n', tokens, '-r', 1, '-o', 'json']);
  const tests = JSON.parse(said.slice(said.indexOf('[')));
  const rate = (key) => {
    const test = tests.find((one) => one[key] > 0);
    return test && test.avg_ts;
  };
  return { prefill: rate('n_prompt'), decode: rate('n_gen'), isa: 'native' };
}

/// What bounds every kernel of this machine, from the kernel bench: bytes read and int8 multiply-adds made in a second. Two
/// threads are two processes at once.
async function limits({ threads, isa }, build) {
  const one = async () => {
    const lines = [];
    for (const figure of ['read', 'dot']) {
      const args = ['--only', figure, '--mib', 512, '--rounds', 5];
      if (isa) args.push('--isa', isa);
      lines.push(...(await output(join(build, 'bench/bench_kernels'), args)).trim().split('\n').map((line) => JSON.parse(line)));
    }
    return { read: Math.max(...lines.filter(({ figure }) => figure === 'read').map(({ best }) => best)),
      dot: Math.max(0, ...lines.filter(({ figure }) => figure === 'dot').map(({ best }) => best)) };
  };
  const all = await Promise.all(Array.from({ length: threads }, one));
  return { read: all.reduce((sum, { read }) => sum + read, 0), dot: all.reduce((sum, { dot }) => sum + dot, 0) };
}

/// { prefill, decode } in tokens per second, or { read, dot } in GB/s and GMAC/s.
export function measureNative(contender, build) {
  if (contender.engine === 'limits') return limits(contender, build);
  return contender.engine === 'bitnet' ? ours(contender, build) : llamaBench(contender, build);
}
