// Scale by simulation: a 100B ternary model from as many of its layers as memory holds, decode against the context, and sessions
// that share one model. What is extrapolated says so: layers are all alike, each is read from memory once per token, so time is
// a fixed part (embedding, head) and a part per layer, both measured with two numbers of layers.
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { modelFile } from './models.mjs';
import { info, output } from './native.mjs';
import { median, round, spread } from './stats.mjs';

const threads = availableParallelism();
const big = { shape: '100b', layers: 92 };
const small = { shape: '2b4t', layers: 30 };
const name = ({ shape }, layers, context) => `${shape}-i2_s-q6_k-l${layers}${context ? `-c${context}` : ''}`;

function freeMemory() {
  try {
    return 1024 * Number(/^MemAvailable: +(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
  } catch {
    return freemem();
  }
}

const jsonLines = (text) => text.trim().split('\n').map((one) => JSON.parse(one));
const points = async (build, what, model, ...args) =>
  jsonLines(await output(join(build, 'bench/bench_scale'), [what, '-m', modelFile(model, build), '--threads', threads, ...args]));

/// Seconds per token of `layers` layers after a short context.
async function seconds(build, shape, layers) {
  const [{ seconds_per_token: one }] = await points(build, 'context', name(shape, layers), '--points', 16, '--tokens', 12);
  return one;
}

/// { fixed, layer } in seconds, from turns of few and many layers.
async function parts(build, shape, few, many, rounds) {
  const runs = { few: [], many: [] };
  for (let i = 0; i < rounds; ++i) {
    runs.few.push(await seconds(build, shape, few));
    runs.many.push(await seconds(build, shape, many));
  }
  const layer = (median(runs.many) - median(runs.few)) / (many - few);
  return { layer, fixed: Math.max(0, median(runs.few) - few * layer), spread: Math.max(spread(runs.few), spread(runs.many)) };
}

async function hundredBillion(build, wanted) {
  const layerBytes = 1085e6 / 4;
  // Half of what is free, beside the page cache of the file; a third of the layers is the other measurement.
  const many = wanted ? Number(wanted) : Math.max(3, Math.min(big.layers, Math.floor(freeMemory() / 2 / layerBytes)));
  const few = Math.max(1, Math.floor(many / 3));
  const { layer, fixed, spread: apart } = await parts(build, big, few, many, 2);
  const of = await info(name(big, few), build);
  rmSync(modelFile(name(big, many), build)); // many gigabytes, soon made again
  const ternary = of.ternary_parameters / few * big.layers;
  const head = of.vocabulary * of.hidden;
  const bytes = ternary / 4 + head * 210 / 256;
  const rate = 1 / (fixed + big.layers * layer);
  const gigabytes = bytes / 1e9;
  return [{
    name: 'scale_100b_decode', row: `${((ternary + head) / 1e9).toFixed(1)}B ternary model, decode, extrapolated from ${few} and ${many} of ${big.layers} layers`,
    fields: {
      engine: 'native', isa: of.isa, threads, model: '100b-i2_s-q6_k', metric: 'decode, extrapolated', unit: 'tokens/s', median: rate, spread: apart,
      layers_measured: [few, many], ms_per_layer: round(layer * 1e3), ms_fixed: round(fixed * 1e3), gb_per_token: round(gigabytes),
      gb_per_s: round(gigabytes * rate), gb_per_s_for: Object.fromEntries([5, 7, 20].map((wants) => [wants, round(wants * gigabytes)])), goal: null,
    },
  }];
}

async function contexts(build) {
  const { layer, fixed } = await parts(build, small, 2, 6, 3);
  // Four layers: their keys and values after 2,048 positions are more than a cache holds, like those of all layers.
  const layers = 4;
  const model = name(small, layers, 8224);
  const of = await info(model, build);
  const measured = await points(build, 'context', model, '--points', '128,512,2048,8192', '--tokens', 12);
  const attention = new Map(measured.map(({ context, seconds_per_token: all }) => [context, Math.max(0, (all - fixed) / layers - layer)]));
  // Further on, the line through the last two: both read what lies in memory.
  const slope = (attention.get(8192) - attention.get(2048)) / (8192 - 2048);
  const all = [...attention, ...[16384, 32768].map((context) => [context, attention.get(8192) + slope * (context - 8192)])];
  return all.map(([context, one]) => ({
    name: `scale_context_${context}`, row: `2B-4T decode after ${context} tokens, extrapolated from ${context > 8192 ? 'fewer tokens and ' : ''}${layers} layers`,
    fields: {
      engine: 'native', isa: of.isa, threads, model: '2b4t-i2_s-q6_k', metric: 'decode, extrapolated', unit: 'tokens/s',
      median: 1 / (fixed + small.layers * (layer + one)), context, ms_attention: round(small.layers * one * 1e3), goal: null,
    },
  }));
}

async function sessions(build) {
  const model = '2b4t-i2_s-q6_k';
  const of = await info(model, build);
  const perPosition = of.layers * of.kv_heads * of.head_dim * 2 * 4;
  const said = await points(build, 'sessions', model, '--points', '1,2,4,8', '--tokens', 12);
  return said.map((point) => ({
    name: `scale_sessions_${point.sessions}`, row: `2B-4T, sessions at once that share the model: ${point.sessions}`,
    fields: {
      engine: 'native', isa: of.isa, threads, model, metric: 'decode, all sessions', unit: 'tokens/s', median: point.tokens_per_second,
      each: point.tokens_per_second_each, session_mb_at_2048: round(of.session_bytes / 1e6), kv_kb_per_position: round(perPosition / 1e3), goal: null,
    },
  }));
}

/// Lines of figures, as they come. `layers`: of the large model, instead of what memory holds.
export async function* scale(build, layers) {
  yield* await hundredBillion(build, layers);
  yield* await contexts(build);
  yield* await sessions(build);
}
