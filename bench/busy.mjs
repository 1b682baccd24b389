// What a busy neighbour costs: decode with one thread and with two on a quiet machine, then with either while another process keeps
// one core busy. Each round measures all four, so that the machine's slower hours cancel; one JSON line per engine, medians.
//   node bench/busy.mjs --model FILE [--engines native,node,chromium] [--bitnet build/native/bitnet] [--dist web/dist]
//                       [--rounds 5] [--tokens 64] [--threads 2]
// Wants taskset, and $BITNET_CHROMIUM for the browser (. scripts/env.sh).
import { execFile, spawn } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { root } from '../tests/support/cli.mjs';
import { asFirst } from './first.mjs';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    engines: { type: 'string', default: 'native,node,chromium' },
    bitnet: { type: 'string', default: join(root, 'build/native/bitnet') },
    dist: { type: 'string', default: join(root, 'web/dist') },
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
  },
});
if (!options.model) throw new Error('usage: node bench/busy.mjs --model FILE [OPTION]...');
const model = resolve(options.model);
const tokens = Number(options.tokens);
const threads = Number(options.threads);
const goal = 0.9;
const prompt = Array.from({ length: 16 }, (_, i) => 1000 + 37 * i);

/// A process that takes all it can get of the last core, from `busy()` to `end()`.
function busy() {
  // In a session of its own, as another program is: within one session the engines would fare differently.
  const loop = spawn('taskset', ['-c', String(cpus().length - 1), process.execPath, '-e', 'for (;;);'], { stdio: 'ignore', detached: true });
  loop.on('spawn', () => asFirst(loop));
  const failed = new Promise((_, fail) => { loop.on('error', fail); });
  failed.catch(() => {});
  return { started: Promise.race([failed, new Promise((done) => { setTimeout(done, 300); })]), end: () => loop.kill('SIGKILL') };
}

/// measure(), alone or beside a busy process.
async function beside(neighbour, measure) {
  if (!neighbour) return measure();
  const process = busy();
  try {
    await process.started;
    return await measure();
  } finally {
    process.end();
  }
}

/// Loads the model and warms up; generate() then gives tokens per second. Runs in a page as well.
async function load(url, source, count, ids) {
  const { BitNet } = await import(url);
  const loaded = await BitNet.load(source, { threads: count, context: 256 });
  const generate = async (maxTokens) =>
    (await loaded.generate(ids, { maxTokens, ignoreEnd: true }).result).tokensPerSecond;
  await generate(16);
  return { isa: loaded.info.isa, generate, dispose: () => loaded.dispose() };
}

/// Each opens an engine: decode(threads, neighbour) -> { rate, isa }, and close().
const engines = {
  native: async () => ({
    decode: (count, neighbour) => beside(neighbour, async () => {
      const { stdout } = await promisify(execFile)(options.bitnet,
        ['bench', '--json', '-m', model, '-t', count, '-p', 16, '-n', tokens, '-r', 1].map(String));
      const result = JSON.parse(stdout);
      return { rate: result.decode_tokens_per_second, isa: result.engine };
    }),
    close: () => {},
  }),
  node: async () => ({
    async decode(count, neighbour) {
      const loaded = await load(pathToFileURL(join(resolve(options.dist), 'index.js')).href, model, count, prompt);
      const rate = await beside(neighbour, () => loaded.generate(tokens));
      await loaded.dispose();
      return { rate, isa: loaded.isa };
    },
    close: () => {},
  }),
  async chromium() {
    const { browsers, launch, blankPage } = await import('../tests/browser/support.mjs');
    const { serve } = await import('../web/tools/serve.mjs');
    const { browser, close } = await launch(browsers.find(({ name }) => name === 'chromium'));
    const server = await serve({
      root: resolve(options.dist),
      handle(request, response, headers) {
        if (request.url === '/blank') response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end('<!doctype html>');
        else if (request.url === '/model') {
          response.writeHead(200, { ...headers, 'Content-Length': statSync(model).size });
          if (request.method === 'HEAD') response.end();
          else createReadStream(model).pipe(response);
        } else return false;
        return true;
      },
    });
    return {
      async decode(count, neighbour) {
        const page = await blankPage(browser, `${server.url}/blank`);
        const isa = await page.evaluate(`(${load})('/index.js', new URL('/model', location), ${count}, ${JSON.stringify(prompt)})
          .then((loaded) => { globalThis.loaded = loaded; return loaded.isa; })`);
        const rate = await beside(neighbour, () => page.evaluate(`loaded.generate(${tokens})`));
        await page.close();
        return { rate, isa };
      },
      async close() {
        await browser.close();
        await server.close();
        await close();
      },
    };
  },
};

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
for (const name of options.engines.split(',')) {
  const engine = await engines[name]();
  const rounds = [];
  let isa;
  try {
    for (let i = 0; i < Number(options.rounds); ++i) {
      const alone = await engine.decode(1, false);
      const quiet = await engine.decode(threads, false);
      const beside1 = await engine.decode(1, true);
      const loud = await engine.decode(threads, true);
      isa = loud.isa;
      rounds.push({ alone: alone.rate, quiet: quiet.rate, beside: beside1.rate, loud: loud.rate, ratio: loud.rate / alone.rate });
      const { ratio, ...rates } = rounds.at(-1);
      console.error(`${name} ${Object.entries(rates).map(([key, rate]) => `${key} ${rate.toFixed(1)}`).join(', ')}: ${ratio.toFixed(2)}`);
    }
  } finally {
    await engine.close();
  }
  const column = (key) => rounds.map((round) => round[key]);
  console.log(JSON.stringify({
    figure: 'busy_neighbour', engine: name, isa, threads, model: model.split('/').at(-1), metric: 'decode tokens/s',
    one_thread: median(column('alone')), one_thread_beside: median(column('beside')), all_threads: median(column('quiet')), median: median(column('loud')),
    runs: column('loud'), ratio: median(column('ratio')), ratios: column('ratio'), goal,
  }));
}
