// What scripts/bench runs once everything is built: measures the figures asked for, prints one JSON line for each, keeps them in
// docs/performance.jsonl and writes docs/performance.md from it. Usage: scripts/bench --help.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../tests/support/cli.mjs';
import { absentBrowser, openBrowser } from './browser.mjs';
import { counts } from './counts.mjs';
import { figures } from './figures.mjs';
import { masks } from './masks.mjs';
import { modelFile } from './models.mjs';
import { absent, info, knows, measureNative, output, peers } from './native.mjs';
import { writeReport } from './report.mjs';
import { scale } from './scale.mjs';
import { interleave, median, round, spread } from './stats.mjs';
import { webLoad } from './web_load.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    build: { type: 'string', default: join(root, 'build/native') },
    dist: { type: 'string', default: join(root, 'web/dist') },
    wasm: { type: 'string', default: join(root, 'build/wasm') },
    layers: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});
if (options.list) {
  for (const { name, row, goal } of figures) console.log(`${name.padEnd(34)} ${row}${goal ? `; goal ${goal}` : ''}`);
  process.exit();
}
const rounds = Number(options.rounds);
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) throw new Error('--rounds wants 1 to 100');
const build = resolve(options.build);
const dist = resolve(options.dist);
const kept = join(root, 'docs/performance.jsonl');

// --- lines ---

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
/// The processor's name, and whether it has the integer dot products that decide what kernels, and browsers, can do.
function processor() {
  const name = cpus()[0].model.replaceAll(/\((R|TM)\)| Processor/g, '').trim();
  const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const dots = [['avx512_vnni', 'AVX-512 VNNI'], ['avx_vnni', 'AVX-VNNI'], ['asimddp', 'dot product']].filter(([flag]) => new RegExp(`\\b${flag}\\b`).test(flags));
  return dots.length ? `${name} with ${dots.map(([, title]) => title).join(' and ')}` : name;
}

const shared = {
  commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'core', 'native', 'wasm', 'web/src') ? ' and changes' : ''),
  date: new Date().toISOString().slice(0, 10),
  machine: `${processor()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform}`,
};

/// A line of a figure: `extra` are its own fields; numbers are rounded, the ratio says whether the goal is reached (`lower`: of what is
/// better when it is less).
function line(figure, extra) {
  const { name, row, metric, goal } = figure;
  const all = { figure: name, row, ...shared, metric, goal, ...extra };
  if (all.median !== undefined && all.peer_median) all.ratio = all.lower ? all.peer_median / all.median : all.median / all.peer_median;
  if (typeof all.goal === 'number' && Number.isFinite(all.ratio)) all.reached = all.ratio >= all.goal;
  for (const [key, value] of Object.entries(all)) if (typeof value === 'number' && !Number.isInteger(value)) all[key] = round(value);
  return all;
}

const lines = [];
function say(one) {
  lines.push(one);
  console.log(JSON.stringify(one));
}

// --- contenders of every kind ---

const opened = new Map();
async function browser(name) {
  if (!opened.has(name)) opened.set(name, await openBrowser(name));
  return opened.get(name);
}

function why(contender) {
  return (contender.browser && absentBrowser(contender.browser)) ?? absent(contender);
}

/// The package may be older than the option.
const packageHasHeads = existsSync(join(dist, 'types.d.ts')) && /\bhead\?:/.test(readFileSync(join(dist, 'types.d.ts'), 'utf8'));

async function measure(contender) {
  if (!contender.browser) return measureNative(contender, build);
  if (contender.head && !packageHasHeads) throw new Error('this build of the npm package has no option for the head');
  return (await browser(contender.browser)).turn(contender, { model: modelFile(contender.model, build), dist });
}

const title = ({ engine, browser: where, model, head }) =>
  `${where ? `${where} ` : ''}${peers[engine]?.title ?? engine}${model ? ` ${model.split('-').slice(1).join(' ')}` : ''}${head ? `, ${head} head` : ''}`;

// --- figures of groups ---

/// Tokens per second that `read` GB/s and `dot` GMAC/s allow: the bytes of one token, or the multiplications of a prompt.
async function roofline({ ours, metric }, { read, dot }) {
  const of = await info(ours.model, build);
  const embedding = ours.head ?? ours.model.split('-')[2];
  const bytes = { f16: 2, q8_0: 34 / 32, int8: 1, int4: 0.5, q6_k: 210 / 256, q4_0: 18 / 32 }[embedding];
  const head = of.vocabulary * of.hidden * bytes;
  const kv = ours.kv ?? (await knows(build, 'bench', 'KV cache (default: f16)') ? 'f16' : 'f32');
  const { prompt = 128, tokens = 48 } = ours;
  if (metric === 'prefill') return prompt / (of.ternary_parameters * prompt / (dot * 1e9) + head / (read * 1e9));
  const cache = of.layers * of.kv_heads * of.head_dim * 2 * { f16: 2, f32: 4 }[kv] * (prompt + tokens / 2);
  return 1 / Math.max((of.ternary_parameters / 4 + head + cache) / (read * 1e9), of.ternary_parameters / (dot * 1e9 || Infinity));
}

async function compare(figure, results) {
  const { ours, metric } = figure;
  const own = results.get(key(ours));
  const fields = { engine: ours.browser ?? 'native', threads: ours.threads, model: ours.model, head: ours.head ?? 'file', unit: 'tokens/s' };
  const notes = [];
  if (!own.runs?.length) return line(figure, { ...fields, note: own.reason });
  const values = own.runs.map((run) => run[metric]);
  Object.assign(fields, { isa: own.runs[0].isa, median: median(values), spread: spread(values), runs: values.map((value) => round(value)) });

  if (figure.roofline) {
    const bound = results.get(key(figure.roofline));
    if (!bound.runs?.length) return line(figure, { ...fields, note: bound.reason });
    const allowed = [];
    for (const run of bound.runs) allowed.push(await roofline(figure, run));
    return line(figure, { ...fields, peer: 'roofline of the same run', peer_median: median(allowed), peer_spread: spread(allowed),
      read: round(median(bound.runs.map(({ read }) => read))), dot: round(median(bound.runs.map(({ dot }) => dot))) });
  }
  const others = [];
  for (const contender of figure.peers) {
    const { runs, reason } = results.get(key(contender));
    if (!runs?.length) {
      notes.push(`${title(contender)}: ${reason}`);
      continue;
    }
    const rates = runs.map((run) => run[metric]);
    others.push({ peer: title(contender), median: round(median(rates)), spread: round(spread(rates)), runs: rates.map((value) => round(value)),
      side_by_side: round(median(rates.map((rate, i) => values[i] / rate).filter(Number.isFinite))) });
  }
  others.sort((a, b) => b.median - a.median);
  const [first] = others;
  if (first) Object.assign(fields, { peer: first.peer, peer_median: first.median, peer_spread: first.spread, side_by_side: first.side_by_side, peers: others });
  else if (figure.peers.length) fields.peer = 'peer not present';
  if (notes.length) fields.note = notes.join('; ');
  return line(figure, fields);
}

const key = (contender) => JSON.stringify(contender);

async function group(members) {
  const contenders = new Map(members.flatMap(({ ours, peers: others = [], roofline: bound }) => [ours, ...others, ...(bound ? [bound] : [])])
    .map((contender) => [key(contender), contender]));
  const results = new Map();
  const there = [];
  for (const [name, contender] of contenders) {
    const reason = why(contender);
    if (reason) results.set(name, { reason });
    else there.push(contender);
  }
  // Each is told of once, with all its rounds' least; a figure may ask for fewer rounds than all.
  const most = Math.min(rounds, ...members.map((figure) => figure.rounds ?? rounds));
  for (const [contender, { runs, error }] of await interleave(there, most, measure, (contender, result, turn) => {
    const rates = result instanceof Error ? result.message.split('\n')[0] : Object.entries(result).filter(([, value]) => typeof value === 'number')
      .map(([name, value]) => `${name} ${value.toFixed(1)}`).join(', ');
    console.error(`  ${turn + 1}/${most} ${title(contender)}, threads ${contender.threads}: ${rates}`);
  })) results.set(key(contender), { runs, reason: error && `failed: ${error.message.split('\n')[0]}` });
  for (const figure of members) say(await compare(figure, results));
}

// --- figures of other kinds ---

/// Kernels against the loops that bound them, whose figures the same program prints.
async function kernels(figure) {
  const args = (once) => ['--rounds', once ? 3 : 9, '--mib', figure.browser ? 128 : 256];
  const missing = figure.browser ? absentBrowser(figure.browser) : undefined;
  const folder = join(resolve(options.wasm), figure.preset ?? '', 'bench');
  if (missing || (figure.browser && !existsSync(join(folder, 'bench_kernels.js')))) {
    say(line(figure, { note: missing ?? `bench_kernels is not built for ${figure.preset}` }));
    return;
  }
  const runs = new Map(); // figure and ISA -> values, one per round
  for (let turn = 0; turn < rounds; ++turn) {
    const said = figure.browser
      ? await (await browser(figure.browser)).kernels(args(rounds === 1), folder)
      : (await output(join(build, 'bench/bench_kernels'), args(rounds === 1))).trim().split('\n').map((text) => JSON.parse(text));
    for (const one of said) runs.set(`${one.figure} ${one.isa}`, [...(runs.get(`${one.figure} ${one.isa}`) ?? []), one]);
    console.error(`  ${turn + 1}/${rounds} ${figure.name}`);
  }
  // What bounds is the best that the loops reached: a neighbour that slows one down makes no kernel better.
  const best = (name) => (runs.has(name) ? Math.max(...runs.get(name).map((one) => one.best)) : undefined);
  const read = best('read ');
  for (const [name, all] of runs) {
    const [kernel, isa] = name.split(' ');
    if (kernel === 'read' || kernel === 'dot') continue;
    const values = all.map((one) => one.value);
    const dot = best(`dot ${isa}`);
    const fields = { engine: figure.browser ?? 'native', isa, threads: 1, metric: kernel, unit: all[0].unit, median: median(values), spread: spread(values),
      gb_per_s: round(median(all.map((one) => one.gb_per_s))), read: round(read), dot: round(dot), goal: null };
    // A code is a quarter of a byte, so reading allows four multiplications per byte.
    const ceiling = { ternary_gemv: Math.min(dot, 4 * read), ternary_gemm: dot }[kernel];
    if (ceiling) Object.assign(fields, { peer: 'roofline of the same run', peer_median: ceiling, goal: figure.goal });
    say(line({ ...figure, name: `${figure.name.replace('kernels_', 'kernel_')}_${kernel}_${isa}` }, fields));
  }
}

/// bench/busy.mjs measures, and prints one line per engine.
async function busy(figure) {
  const engines = absentBrowser('chromium') ? 'native' : 'native,chromium';
  const said = await output(process.execPath, [join(root, 'bench/busy.mjs'), '--model', modelFile(figure.model, build), '--engines', engines,
    '--bitnet', join(build, 'bitnet'), '--dist', dist, '--rounds', rounds, '--tokens', '48']);
  for (const one of said.trim().split('\n').map((text) => JSON.parse(text))) {
    say(line({ ...figure, name: `busy_${one.engine}` }, { engine: one.engine, isa: one.isa, threads: one.threads, model: one.model, metric: 'decode', unit: 'tokens/s',
      median: one.median, spread: spread(one.runs), runs: one.runs.map((value) => round(value)), peer: 'our 1 thread alone', peer_median: one.one_thread,
      side_by_side: round(one.ratio), quiet: round(one.all_threads), one_thread_beside: round(one.one_thread_beside) }));
  }
}

/// web_load.mjs measures; its rounds are long, three say enough.
async function webLoads(figure) {
  const missing = absentBrowser('chromium');
  if (missing) return say(line(figure, { note: missing }));
  const said = await webLoad({ browser: await browser('chromium'), model: modelFile(figure.model, build), dist, rounds: Math.min(3, rounds) });
  for (const one of said) say(line({ ...figure, name: one.name, row: one.row }, { model: figure.model, ...one.fields }));
}

const kinds = {
  'web-load': webLoads,
  kernels,
  busy,
  masks: async (figure) => { for (const one of await masks(build, rounds)) say(line({ ...figure, name: one.name, row: one.row }, one.fields)); },
  counts: async (figure) => { for (const one of await counts(build)) say(line({ ...figure, name: one.name, row: one.row }, one.fields)); },
  scale: async (figure) => { for await (const one of scale(build, options.layers)) say(line({ ...figure, name: one.name, row: one.row }, one.fields)); },
};

// --- all of it ---

const wanted = options.only.split(',').filter(Boolean);
const chosen = figures.filter(({ name, group: of, kind }) => wanted.length === 0 || wanted.some((word) => name.startsWith(word) || word === of || word === kind));
if (chosen.length === 0) throw new Error(`no figure of that name; there are ${figures.map(({ name }) => name).join(', ')}`);
try {
  for (const figure of chosen.filter(({ kind }) => kind)) {
    console.error(`==> ${figure.row}`);
    try {
      await kinds[figure.kind](figure);
    } catch (error) {
      say(line(figure, { note: `failed: ${error.message.split('\n')[0]}` }));
    }
  }
  for (const [name, members] of Map.groupBy(chosen.filter(({ kind }) => !kind), (figure) => figure.group)) {
    console.error(`==> ${name}: ${members.map((figure) => figure.name).join(', ')}`);
    await group(members);
  }
} finally {
  for (const one of opened.values()) await one.close();
}
if (!options.json) {
  const names = new Set(lines.map(({ figure }) => figure));
  const old = existsSync(kept) ? readFileSync(kept, 'utf8').trim().split('\n').filter(Boolean).map((text) => JSON.parse(text)) : [];
  writeFileSync(kept, [...old.filter(({ figure, machine }) => machine !== shared.machine || !names.has(figure)), ...lines].map((one) => `${JSON.stringify(one)}\n`).join(''));
  writeReport();
}
