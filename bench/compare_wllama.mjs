// Our npm package beside @wllama/wllama (llama.cpp for browsers): the same file, the same Chromium, one thread each, in turns.
//   node bench/compare_wllama.mjs [--model FILE] [--shape 0.7b] [--rounds 3] [--prompt 128] [--tokens 48] [--only bitnet|wllama]
// Wants web/dist, web's node_modules (puppeteer-core), $BITNET_CHROMIUM, and build/native/bench/make_synthetic or --model.
// wllama is fetched with npm into build/peers; nothing of it enters the project.
//
// Method: each turn is a fresh page that loads the file over loopback, warms up (16 tokens of prompt, 4 generated), then
// evaluates a random prompt it has not seen and generates greedily through the end. A character is a token in these models
// (make_synthetic), the counts are checked. Rates are each engine's own, wall clock in the page stands beside them. Memory is
// the largest proportional set size that any renderer process reached. The table gives medians.
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    shape: { type: 'string', default: '0.7b' },
    rounds: { type: 'string', default: '3' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '48' },
    only: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const work = { prompt: Number(options.prompt), tokens: Number(options.tokens) };

const model = options.model ?? join(root, `build/bench/synthetic-${options.shape}-tq2.gguf`);
if (!existsSync(model)) {
  mkdirSync(dirname(model), { recursive: true });
  run(join(root, 'build/native/bench/make_synthetic'), ['-o', model, '--shape', options.shape, '--type', 'TQ2_0', '--embedding', 'Q6_K']);
}
const peers = join(root, 'build/peers');
const wllama = join(peers, 'node_modules/@wllama/wllama/esm');
if (options.only !== 'bitnet' && !existsSync(wllama)) {
  mkdirSync(peers, { recursive: true });
  run('npm', ['install', '--no-save', '--prefix', peers, '@wllama/wllama@3.8.1']);
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) throw error ?? new Error(`${program} ended with status ${status}`);
}

// --- what runs in the page: load(progress), then measure({ prompt, tokens }) -> { prefill, decode, wall } ---

const engines = {
  bitnet: `
    import { BitNet } from '/bitnet/index.js';
    let model;
    globalThis.load = async () => {
      model = await BitNet.load(new URL('/model.gguf', location), { threads: 1, context: 1024 });
      return model.info.flavour + ', ' + model.info.isa;
    };
    globalThis.measure = async (prompt, tokens) => {
      const result = await model.generate(prompt, { maxTokens: tokens, ignoreEnd: true }).result;
      if (result.cachedTokens !== 0) throw new Error('of the prompt, in the cache: ' + result.cachedTokens);
      return { prompt: result.promptTokens, tokens: result.tokens, prefill: result.prefillTokensPerSecond, decode: result.tokensPerSecond };
    };`,
  wllama: `
    import { Wllama } from '/wllama/index.js';
    const wllama = new Wllama({ default: '/wllama/wasm/wllama.wasm' }, { suppressNativeLog: true });
    globalThis.load = async () => {
      const blob = await (await fetch('/model.gguf')).blob();
      await wllama.loadModel([blob], { n_ctx: 1024, n_threads: 1, n_gpu_layers: 0, n_parallel: 1 });
      return Wllama.getLibllamaVersion() + ', ' + wllama.getNumThreads() + ' thread';
    };
    globalThis.measure = async (prompt, tokens) => {
      const { timings } = await wllama.createCompletion({ prompt, max_tokens: tokens, temperature: 0, ignore_eos: true, stream: false });
      if (timings.cache_n !== 0) throw new Error('of the prompt, in the cache: ' + timings.cache_n);
      return { prompt: timings.prompt_n, tokens: timings.predicted_n, prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
    };`,
};

// --- a server that isolates its pages ---

const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
const folders = { bitnet: join(root, 'web/dist'), wllama };
const server = createServer((request, response) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
  const [, top, ...rest] = path.split('/');
  if (rest.length === 0 && top in engines) {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><meta charset="utf-8"><title>${top}</title><script type="module">${engines[top]}</script>`);
    return;
  }
  const file = path === '/model.gguf' ? model : top in folders ? join(folders[top], ...rest) : undefined;
  if (!file || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
  response.setHeader('Content-Length', statSync(file).size);
  if (request.method === 'HEAD') response.end();
  else createReadStream(file).pipe(response);
});

// --- memory of the renderers under one browser process ---

function processes() {
  const all = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
      all.set(pid, { parent, command: readFileSync(`/proc/${pid}/cmdline`, 'latin1') });
    } catch { /* it ended */ }
  }
  return all;
}

function largestRenderer(browserPid) {
  const all = processes();
  let most = 0;
  for (const [pid, { command }] of all) {
    if (!command.includes('--type=renderer')) continue;
    let up = pid;
    while (up && up !== String(browserPid)) up = all.get(up)?.parent;
    if (!up) continue;
    try {
      most = Math.max(most, 1024 * Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0));
    } catch { /* it ended, or this system does not tell */ }
  }
  return most;
}

// --- turns ---

const random = (below) => Math.floor(Math.random() * below);
const text = (length) => Array.from({ length }, () => String.fromCodePoint(0x4e00 + random(0x2000))).join('');
const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

async function turn(browser, engine) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`${engine}: ${error.message}`));
  let memory = 0;
  const watch = setInterval(() => { memory = Math.max(memory, largestRenderer(browser.process().pid)); }, 200);
  try {
    await page.goto(`http://localhost:${server.address().port}/${engine}`);
    await page.waitForFunction('globalThis.measure !== undefined');
    const start = performance.now();
    const what = await page.evaluate('load()');
    const load = (performance.now() - start) / 1000;
    const measure = (prompt, tokens) => page.evaluate((p, n) => globalThis.measure(p, n), prompt, tokens);
    await measure(text(16), 4);
    const began = performance.now();
    const result = await measure(text(work.prompt), work.tokens);
    const wall = (performance.now() - began) / 1000;
    if (result.prompt !== work.prompt || result.tokens !== work.tokens) {
      throw new Error(`${engine}: ${result.prompt} + ${result.tokens} tokens instead of ${work.prompt} + ${work.tokens}`);
    }
    return { what, load, memory, prefill: result.prefill, decode: result.decode, wall };
  } finally {
    clearInterval(watch);
    await context.close();
  }
}

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const require = createRequire(join(root, 'web/package.json'));
const { default: puppeteer } = await import(require.resolve('puppeteer-core'));
mkdirSync(join(root, 'build/tmp'), { recursive: true });
const profile = mkdtempSync(join(root, 'build/tmp/compare-'));
const browser = await puppeteer.launch({
  executablePath: process.env.BITNET_CHROMIUM,
  userDataDir: profile,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  env: { ...process.env, HOME: profile },
  protocolTimeout: 1_800_000,
});
try {
  const version = await browser.version();
  const names = options.only ? [options.only] : Object.keys(engines);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; ++round) {
    for (const name of names) {
      const result = await turn(browser, name);
      results[name].push(result);
      console.error(`${round + 1}/${rounds} ${name}: prefill ${result.prefill.toFixed(2)}, decode ${result.decode.toFixed(2)} tokens/s`);
    }
  }
  const summary = names.map((name) => {
    const column = (key) => results[name].map((result) => result[key]);
    return {
      engine: name, what: results[name][0].what, prefill: median(column('prefill')), decode: median(column('decode')),
      load: median(column('load')), memory: Math.max(...column('memory')), runs: results[name],
    };
  });
  console.log(`${version}; ${model.split('/').at(-1)}, ${(statSync(model).size / 1e6).toFixed(0)} MB; 1 thread; medians of ${rounds}\n`);
  console.log(`| engine | prompt ${work.prompt}, tokens/s | ${work.tokens} tokens, tokens/s | load, s | peak renderer, MB |`);
  console.log('|---|---|---|---|---|');
  for (const row of summary) {
    console.log(`| ${row.engine} (${row.what}) | ${row.prefill.toFixed(1)} | ${row.decode.toFixed(1)} | ${row.load.toFixed(1)} | ${(row.memory / 1e6).toFixed(0)} |`);
  }
  console.log(`\n${JSON.stringify({ browser: version, model: model.split('/').at(-1), ...work, threads: 1, rounds, engines: summary })}`);
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
