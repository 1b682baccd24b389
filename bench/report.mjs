// docs/performance.md and docs/plots/*.svg from docs/performance.jsonl, with the hand-written docs/performance-notes.md at its
// end. Alone: node bench/report.mjs
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tests/support/cli.mjs';
import { figures } from './figures.mjs';
import { bars, curve } from './plot.mjs';

const docs = join(root, 'docs');
const plots = join(docs, 'plots');
const number = (value) => (typeof value === 'number' ? value.toPrecision(value >= 1000 ? 4 : 3).replace(/e\+.*/, (e) => `0${e}`) && String(Number(value.toPrecision(3))) : '');
const percent = (value) => (typeof value === 'number' ? `${Math.round(100 * value)}%` : '');
const cell = (text) => String(text ?? '').replaceAll('|', '\\|');
const table = (head, rows) => [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`)].join('\n');

const place = (figure) => figures.findIndex(({ name }) => figure === name);
/// In the order of figures.mjs; lines that several of a kind give come where their kind stands.
const kindOf = { kernel_native: 'kernels_native', kernel_chromium_ternary: '', busy: 'busy_neighbour', instructions: 'per_token', bytes: 'per_token', scale: 'scale', web_load: 'web_load', masks: 'masks' };
function order({ figure }) {
  const exact = place(figure);
  if (exact >= 0) return exact;
  const [, prefix] = Object.entries(kindOf).find(([start]) => figure.startsWith(start)) ?? [];
  return prefix ? place(prefix) : 1;
}

/// What is said beside a figure's name: which of several, or what bounds it.
function which(line) {
  if (typeof line.ms_before === 'number') return ` (${number(line.ms_before)} ms more before the first token)`;
  if (line.figure.startsWith('kernel')) return ` (${line.metric}, ${line.isa})`;
  if (!line.figure.startsWith('busy')) return '';
  return ` (${[line.engine, ...(line.one_thread_beside ? [`where 1 thread beside the same process has ${number(line.one_thread_beside)}`] : [])].join(', ')})`;
}

const roofline = ({ peer }) => peer === 'roofline of the same run';
const measured = ({ engine, isa, threads }) => `${[engine, isa].filter(Boolean).join(', ')}${threads ? `, ${threads} t` : ''}`;

/// The ratio of the medians decides; where the median of the rounds' own ratios would decide otherwise, that is said.
function verdict({ reached, side_by_side, goal, note, peer }) {
  if (reached === undefined) return `not measured: ${note ?? peer}`;
  const edge = typeof side_by_side === 'number' && side_by_side >= goal !== reached ? ', on the edge' : '';
  return reached ? `reached${edge}` : `**not reached**${edge}`;
}

function goals(lines) {
  const rows = lines.filter(({ goal }) => typeof goal === 'number').map((line) => [
    line.row + which(line),
    line.median === undefined ? '' : `${number(line.median)} ${line.unit}`, line.runs?.length ?? '', percent(line.spread), line.peer ?? '',
    number(line.peer_median), roofline(line) ? percent(line.ratio) : number(line.ratio), number(line.side_by_side), roofline(line) ? percent(line.goal) : `${line.goal}`,
    verdict(line)]);
  return table(['figure', 'ours', 'runs', 'spread', 'against', 'theirs', 'ratio', 'of rounds', 'goal', ''], rows);
}

function contenders(lines) {
  const rows = lines.filter(({ peers }) => peers).flatMap((line) => [
    [line.row, `**ours** (${measured(line)}, ${line.model}${(line.head ?? 'file') === 'file' ? '' : `, ${line.head} head`})`, number(line.median), percent(line.spread), ''],
    ...line.peers.map((peer) => ['', peer.peer, number(peer.median), percent(peer.spread), number(peer.side_by_side)])]);
  return table(['figure', 'engine', 'tokens/s', 'spread', 'ours : theirs, median of the rounds'], rows);
}

function kernelTable(lines) {
  const rows = lines.filter(({ figure }) => figure.startsWith('kernel_')).map((line) =>
    [line.engine, line.isa, line.metric, `${number(line.median)} ${line.unit}`, number(line.gb_per_s), number(line.read), number(line.dot), percent(line.ratio), percent(line.spread)]);
  return table(['engine', 'kernels', 'kernel', 'speed', 'GB/s', 'read loop, GB/s', 'dot loop, GMAC/s', 'of the roofline', 'spread'], rows);
}

function others(lines) {
  const shown = lines.filter(({ figure, goal }) => typeof goal !== 'number' && !figure.startsWith('kernel_') && !figure.startsWith('scale_'));
  const rows = shown.map((line) => [line.row, measured(line), line.median === undefined ? '' : `${number(line.median)} ${line.unit}`,
    line.peer_median ? `${line.peer}: ${number(line.peer_median)}` : line.peer ?? '', line.note ?? '']);
  return table(['figure', 'engine', 'ours', 'peer', ''], rows);
}

function scale(lines, prefix) {
  const parts = [];
  const big = lines.find(({ figure, median }) => figure === 'scale_100b_decode' && median);
  if (big) {
    parts.push(`${big.row}: **${number(big.median)} tokens/s** on this machine (${measured(big)}): ${number(big.ms_per_layer)} ms per layer and ` +
      `${number(big.ms_fixed)} ms for embedding and head. A token reads ${number(big.gb_per_token)} GB, at ${number(big.gb_per_s)} GB/s here. ` +
      `A machine needs ${Object.entries(big.gb_per_s_for).map(([rate, need]) => `${number(need)} GB/s for ${rate} tokens/s`).join(', ')}, ` +
      'all of it from memory: what one processor with eight channels of DDR5 has suffices for the first.');
  }
  const contexts = lines.filter(({ figure, median }) => figure.startsWith('scale_context_') && median).sort((a, b) => a.context - b.context);
  if (contexts.length > 1) parts.push(`![decode against context](plots/${prefix}-context.svg)`, table(['context', 'decode, tokens/s', 'attention, ms per token'],
    contexts.map((line) => [line.context, number(line.median), number(line.ms_attention)])));
  const sessions = lines.filter(({ figure, median }) => figure.startsWith('scale_sessions_') && median).sort((a, b) => Number(a.figure.split('_').at(-1)) - Number(b.figure.split('_').at(-1)));
  if (sessions.length) {
    parts.push(`Sessions take turns on one model. A session of 2,048 tokens takes ${number(sessions[0].session_mb_at_2048)} MB beside the model, ` +
      `${number(sessions[0].kv_kb_per_position)} kB per token of context with float32 keys and values.`,
    table(['sessions', 'tokens/s in all', 'tokens/s each'], sessions.map((line) => [line.figure.split('_').at(-1), number(line.median), number(line.each)])));
  }
  return parts.join('\n\n');
}

/// The plots of one machine, whose names begin with `prefix`.
function draw(lines, prefix) {
  const drawn = [];
  const save = (name, title, svg) => {
    writeFileSync(join(plots, `${prefix}-${name}.svg`), svg);
    drawn.push(`![${title}](plots/${prefix}-${name}.svg)`);
  };
  const group = (line) => ({
    title: line.row,
    bars: [{ name: `ours, ${line.engine} ${line.isa ?? ''}`, value: line.median, ours: true, mark: line.goal ? line.goal * line.peer_median : undefined },
      ...(line.peers ?? []).map((peer) => ({ name: peer.peer, value: peer.median }))],
  });
  const withPeers = lines.filter((line) => line.median && line.peers?.length);
  for (const [name, title, fits] of [
    ['decode-native', 'Decode, native', ({ figure }) => /^(native|avx2).*decode/.test(figure)],
    ['prefill-native', 'Prefill of 128 tokens, native', ({ figure }) => /^(native|avx2).*prefill/.test(figure)],
    ['browser-wllama', 'Browsers: 0.7B, one thread', ({ figure }) => /^(chromium|firefox).*07b/.test(figure)],
    ['browser-native', 'Chromium against native bitnet.cpp: 2B-4T decode', ({ figure }) => /^chromium_2b/.test(figure)],
  ]) {
    const groups = withPeers.filter(fits).map(group);
    if (groups.length) save(name, title, bars(title, 'tokens/s', groups));
  }
  const kernels = lines.filter((line) => line.figure.startsWith('kernel_') && line.ratio);
  if (kernels.length) {
    save('kernels', 'Ternary kernels', bars('Ternary kernels: share of the roofline', '% of the roofline', [...Map.groupBy(kernels, ({ engine }) => engine)].map(([engine, all]) => ({
      title: engine, bars: all.map((line) => ({ name: `${line.metric}, ${line.isa}`, value: 100 * line.ratio, ours: true, mark: 100 * line.goal })) }))));
  }
  const contexts = lines.filter(({ figure, median }) => figure.startsWith('scale_context_') && median).sort((a, b) => a.context - b.context);
  if (contexts.length > 1) writeFileSync(join(plots, `${prefix}-context.svg`), curve('2B-4T decode against context', 'tokens of context', 'tokens/s', contexts.map((line) => ({ x: line.context, y: line.median }))));
  return drawn.join('\n\n');
}

const all = (lines, field) => [...new Set(lines.map((line) => line[field]))].join(', ');

/// What was measured on one machine; a part without lines is left out.
function onMachine(machine, lines) {
  const judged = lines.filter(({ goal }) => typeof goal === 'number');
  const counted = (state) => judged.filter(({ reached }) => reached === state).length;
  const prefix = machine.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const part = (title, text, body) => (body.trim() && !/\|---\|$/.test(body) ? `### ${title}\n\n${text}${body}\n\n` : '');
  return `## ${machine}

Commits: ${all(lines, 'commit')}. ${all(lines, 'date')}.

### Goals: ${counted(true)} reached, ${counted(false)} not, ${counted(undefined)} not measured

${goals(lines)}

${draw(lines, prefix)}

${part('Every engine', 'Peers generate into an empty context, ours after a prompt of 128 tokens. Model files are named by shape, ternary type and head.\n\n', contenders(lines))}${
  part('Kernels', `One thread, weights larger than a core's own caches. The roofline of a matrix times one vector is the read loop at four weights a byte or the dot loop,
whichever is less; that of a matrix times 64 vectors is the dot loop.\n\n`, kernelTable(lines))}${
  part('What else was measured', '', others(lines))}${part('Scale', '', scale(lines, prefix))}`;
}

export function writeReport() {
  const lines = readFileSync(join(docs, 'performance.jsonl'), 'utf8').trim().split('\n').filter(Boolean).map((text) => JSON.parse(text))
    // Words may have changed since it was measured; what was measured has not.
    .map((line) => ({ ...line, row: figures.find(({ name }) => name === line.figure)?.row ?? line.row }))
    .map((line, i) => ({ line, i })).sort((a, b) => order(a.line) - order(b.line) || a.i - b.i).map(({ line }) => line);
  // The machine measured last comes first.
  const newest = (group) => group.map(({ date }) => date).sort().at(-1);
  const machines = [...Map.groupBy(lines, ({ machine }) => machine)].sort(([, a], [, b]) => newest(b).localeCompare(newest(a)));
  const notes = join(docs, 'performance-notes.md');
  rmSync(plots, { recursive: true, force: true });
  mkdirSync(plots, { recursive: true });
  writeFileSync(join(docs, 'performance.md'), `# Performance

Written by \`scripts/bench\` from [performance.jsonl](performance.jsonl), which has every run; do not edit. Synthetic models with random ternary weights
([make_synthetic](../bench/make_synthetic.cpp)): 0.7B is the shape of bitnet_b1_58-large, 2B-4T that of BitNet-b1.58-2B-4T. All engines of a figure take
turns on one machine, each turn a fresh process or page that warms up first; figures are medians, spread is (largest - smallest) / median;
"of rounds" is the median of each round's own ratio.
Peers: [bench/PEERS.md](../bench/PEERS.md). Machines are apart, and no ratio crosses from one to another.

${machines.map(([machine, own]) => onMachine(machine, own)).join('')}${existsSync(notes) ? readFileSync(notes, 'utf8').trim() : ''}
`);
}

if (process.argv[1] === import.meta.filename) writeReport();
