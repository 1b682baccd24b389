// Model files by name: SHAPE-TYPE-EMBEDDING, as in 2b4t-i2_s-f16, and -lN for N layers, -cN for a context of N tokens, -wN for a
// vocabulary of N words.
// They are looked for in the folder BITNET_PEER_MODELS, then in build/bench, where those that make_synthetic can write are made.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tests/support/cli.mjs';

const made = join(root, 'build/bench');
const types = { i2_s: 'I2_S', tq1_0: 'TQ1_0', tq2_0: 'TQ2_0' };
const embeddings = { f16: 'F16', q8_0: 'Q8_0', q6_k: 'Q6_K' };

function parse(name) {
  const [shape, type, embedding, ...more] = name.split('-');
  const option = (letter) => more.find((part) => part.startsWith(letter))?.slice(1);
  return { shape, type: types[type], embedding: embeddings[embedding], layers: option('l'), context: option('c'), words: option('w') };
}

/// The path of a model that is there.
const found = (name) => [process.env.BITNET_PEER_MODELS, made].filter(Boolean).map((folder) => join(folder, `${name}.gguf`)).find(existsSync);

/// Why a model cannot be had, or undefined.
export function missing(name) {
  const { type, embedding } = parse(name);
  if (found(name) || (type && embedding)) return undefined;
  return `no ${name}.gguf in BITNET_PEER_MODELS`;
}

/// The path of the model, which is made first when it is not there.
export function modelFile(name, build) {
  const there = found(name);
  if (there) return there;
  const { shape, type, embedding, layers, context, words } = parse(name);
  const path = join(made, `${name}.gguf`);
  mkdirSync(made, { recursive: true });
  const options = ['--shape', shape, '--type', type, '--embedding', embedding];
  if (layers) options.push('--layers', layers);
  if (context) options.push('--context', context);
  if (words) options.push('--words', words);
  const { status, error } = spawnSync(join(build, 'bench/make_synthetic'), ['-o', `${path}.new`, ...options], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`make_synthetic ended with status ${status}`);
  renameSync(`${path}.new`, path);
  return path;
}
