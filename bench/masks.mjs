// What a schema costs in decode: `bitnet run` at temperature 1 with a JSON schema, then without one, in turn, with the sampler's
// defaults unless a row says otherwise. The model has a vocabulary of 128,256 words, as Llama 3 has, so that a mask is as much work
// as it gets.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { modelFile } from './models.mjs';
import { median, round, spread } from './stats.mjs';

const model = '0.7b-i2_s-f16-w128256';
const object = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const people = (properties) => object({ people: { type: 'array', minItems: 2, items: object(properties) } });
const schemas = {
  typical: people({ name: { type: 'string' }, age: { type: 'integer', minimum: 0, maximum: 150 }, role: { enum: ['admin', 'editor', 'reader'] },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 4 }, active: { type: 'boolean' } }),
  // Each character that is left makes another state, and so another mask.
  counted: people({ name: { type: 'string', maxLength: 80 }, city: { type: 'string', minLength: 2, maxLength: 60 }, age: { type: 'integer' } }),
};
const rows = [
  ['typical', 'a typical schema', []],
  ['counted', 'strings of limited length', []],
  ['int4', 'a typical schema, int4 head, top-k 40', ['--head', 'int4', '--top-k', '40'], 'typical'],
];

/// Tokens generated, how many in a second, and milliseconds before the first: compiling the schema, and with a small head the first mask.
async function run(build, args) {
  const { stderr } = await promisify(execFile)(join(build, 'bitnet'), ['run', '-m', modelFile(model, build), '-p', 'hello', '-t', '1', '--temp', '1', '--stats', ...args]);
  const [, tokens, rate] = /generated (\d+) tokens, ([\d.]+) tokens\/s/.exec(stderr);
  const [, prompt, speed] = /prompt (\d+) tokens, ([\d.]+) tokens\/s/.exec(stderr);
  return { tokens: Number(tokens), rate: Number(rate), before: 1000 * Number(prompt) / Number(speed) };
}

/// Lines of the figure: { name, row, fields }.
export async function masks(build, rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'masks-'));
  try {
    const lines = [];
    for (const [name, what, more, schema = name] of rows) {
      const file = join(folder, `${schema}.json`);
      writeFileSync(file, JSON.stringify(schemas[schema]));
      const [masked, plain, before] = [[], [], []];
      for (let turn = 0; turn < rounds; ++turn) {
        const seeded = [...more, '--seed', String(turn + 1)];
        const { tokens } = await run(build, [...seeded, '-n', '160', '--json-schema', file]); // as many on both sides
        const sides = [async () => run(build, [...seeded, '-n', '160', '--json-schema', file]), async () => run(build, [...seeded, '-n', String(tokens), '--ignore-end'])];
        // Who goes first changes from turn to turn.
        const second = turn % 2 === 1 ? await sides[1]() : undefined;
        const held = await sides[0]();
        const free = second ?? await sides[1]();
        masked.push(held.rate);
        plain.push(free.rate);
        before.push(held.before - free.before);
        console.error(`  ${turn + 1}/${rounds} ${what}: ${held.tokens} tokens, ${held.rate} tokens/s, ${round(before.at(-1))} ms before the first; without ${free.rate}`);
      }
      lines.push({ name: `masks_${name}`, row: `0.7B decode, 128,256 words, held to ${what}`, fields: {
        engine: 'native', threads: 1, model, head: name === 'int4' ? 'int4' : 'file', metric: 'decode', unit: 'tokens/s',
        median: median(masked), spread: spread(masked), runs: masked, peer: 'without a schema', peer_median: median(plain), peer_spread: spread(plain),
        side_by_side: round(median(masked.map((rate, i) => rate / plain[i]))),
        ms_before: round(median(before)), note: `${round(median(before))} ms more before the first token` } });
    }
    return lines;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
