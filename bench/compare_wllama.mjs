// Our npm package beside @wllama/wllama (llama.cpp for browsers): the same file, the same browser, in turns (method: browser.mjs).
//   node bench/compare_wllama.mjs [--model FILE] [--shape 0.7b] [--rounds 3] [--prompt 128] [--tokens 48] [--only bitnet|wllama]
//                                 [--browser chromium|firefox] [--threads 1] [--flavour NAME] [--dist web/dist] [--build build/native]
// Wants web/dist, web's node_modules (puppeteer-core), $BITNET_CHROMIUM, and build/native/bench/make_synthetic or --model.
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../tests/support/cli.mjs';
import { openBrowser } from './browser.mjs';
import { modelFile } from './models.mjs';
import { interleave, median } from './stats.mjs';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    shape: { type: 'string', default: '0.7b' },
    rounds: { type: 'string', default: '3' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '48' },
    only: { type: 'string' },
    browser: { type: 'string', default: 'chromium' },
    threads: { type: 'string', default: '1' },
    flavour: { type: 'string' },
    dist: { type: 'string', default: join(root, 'web/dist') },
    build: { type: 'string', default: join(root, 'build/native') },
  },
});
const rounds = Number(options.rounds);
const work = { prompt: Number(options.prompt), tokens: Number(options.tokens), threads: Number(options.threads) };
const model = options.model ? resolve(options.model) : modelFile(`${options.shape}-tq2_0-q6_k`, options.build);
const contenders = (options.only ? [options.only] : ['bitnet', 'wllama']).map((engine) => ({ engine, flavour: options.flavour, ...work }));

const browser = await openBrowser(options.browser);
try {
  const results = await interleave(contenders, rounds, (contender) => browser.turn(contender, { model, dist: resolve(options.dist) }), ({ engine }, result, round) => {
    if (result instanceof Error) throw result;
    console.error(`${round + 1}/${rounds} ${engine}: prefill ${result.prefill.toFixed(2)}, decode ${result.decode.toFixed(2)} tokens/s`);
  });
  const summary = [...results].map(([{ engine }, { runs }]) => {
    const column = (key) => runs.map((run) => run[key]);
    return {
      engine, what: runs[0].what, prefill: median(column('prefill')), decode: median(column('decode')),
      load: median(column('load')), memory: Math.max(...column('memory')), runs,
    };
  });
  console.log(`${browser.version}; ${basename(model)}, ${(statSync(model).size / 1e6).toFixed(0)} MB; threads: ${work.threads}; medians of ${rounds}\n`);
  console.log(`| engine | prompt ${work.prompt}, tokens/s | ${work.tokens} tokens, tokens/s | load, s | peak renderer, MB |`);
  console.log('|---|---|---|---|---|');
  for (const row of summary) {
    console.log(`| ${row.engine} (${row.what}) | ${row.prefill.toFixed(1)} | ${row.decode.toFixed(1)} | ${row.load.toFixed(1)} | ${(row.memory / 1e6).toFixed(0)} |`);
  }
  console.log(`\n${JSON.stringify({ browser: browser.version, model: basename(model), ...work, rounds, engines: summary })}`);
} finally {
  await browser.close();
}
