// Contenders in a browser: our npm package and @wllama/wllama (llama.cpp for browsers) on the same file in the same browser, and
// the kernel bench. Each turn is a fresh page that loads the file over loopback, warms up (16 tokens of prompt, 4 generated),
// then evaluates a random prompt it has not seen and generates greedily through the end. A character is a token in these models
// (make_synthetic), the counts are checked. Rates are each engine's own, wall clock in the page stands beside them. Memory is
// the largest proportional set size that any renderer process reached (Chromium).
// wllama is fetched with npm into build/peers; nothing of it enters the project. web_load.mjs measures loading with the same pages.
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';
import { root } from '../tests/support/cli.mjs';
import { asFirst } from './first.mjs';

const peers = join(root, 'build/peers');
const wllama = join(peers, 'node_modules/@wllama/wllama/esm');
const wllamaVersion = '3.8.1';

// --- what runs in the page: load(settings), then measure(prompt, tokens) -> { prompt, tokens, prefill, decode }, and first(prompt), ---
// --- the milliseconds to the first piece of an answer. With an address in the settings each loads as it does by itself: what it ---
// --- downloads it keeps. ---

const pages = {
  bitnet: `
    import { BitNet } from '/bitnet/index.js';
    let model;
    globalThis.load = async ({ threads, context, flavour, head, url }) => {
      const options = { threads, context, cache: url !== undefined };
      if (flavour) options.flavour = flavour;
      if (head) options.head = head;
      model = await BitNet.load(new URL(url ?? '/model.gguf', location), options);
      return { what: model.info.flavour + ', ' + model.info.isa, isa: model.info.isa, threads: model.info.threads };
    };
    globalThis.measure = async (prompt, tokens) => {
      const result = await model.generate(prompt, { maxTokens: tokens, ignoreEnd: true }).result;
      if (result.cachedTokens !== 0) throw new Error('of the prompt, in the cache: ' + result.cachedTokens);
      return { prompt: result.promptTokens, tokens: result.tokens, prefill: result.prefillTokensPerSecond, decode: result.tokensPerSecond };
    };
    globalThis.first = async (prompt) => {
      const begin = performance.now();
      const call = model.generate(prompt, { maxTokens: 2, ignoreEnd: true });
      await call.next();
      const milliseconds = performance.now() - begin;
      await call.result;
      return milliseconds;
    };`,
  wllama: `
    import { Wllama } from '/wllama/index.js';
    const wllama = new Wllama({ default: '/wllama/wasm/wllama.wasm' }, { suppressNativeLog: true });
    globalThis.load = async ({ threads, context, url }) => {
      const params = { n_ctx: context, n_threads: threads, n_gpu_layers: 0, n_parallel: 1 };
      if (url) await wllama.loadModelFromUrl(url, params);
      else await wllama.loadModel([await (await fetch('/model.gguf')).blob()], params);
      return { what: Wllama.getLibllamaVersion() + ', ' + wllama.getNumThreads() + ' threads', isa: 'wasm', threads: wllama.getNumThreads() };
    };
    globalThis.measure = async (prompt, tokens) => {
      const { timings } = await wllama.createCompletion({ prompt, max_tokens: tokens, temperature: 0, ignore_eos: true, stream: false });
      if (timings.cache_n !== 0) throw new Error('of the prompt, in the cache: ' + timings.cache_n);
      return { prompt: timings.prompt_n, tokens: timings.predicted_n, prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
    };
    globalThis.first = async (prompt) => {
      const begin = performance.now();
      let milliseconds;
      const stream = await wllama.createCompletion({ prompt, max_tokens: 2, temperature: 0, ignore_eos: true, stream: true });
      for await (const piece of stream) milliseconds ??= performance.now() - begin;
      return milliseconds;
    };`,
  // The kernel bench in a worker, where its minutes of work hang no page.
  kernels: `
    globalThis.measure = (args) => new Promise((done, failed) => {
      const lines = [];
      const worker = new Worker('/kernels-worker.js');
      worker.onerror = (event) => failed(new Error(event.message));
      worker.onmessage = ({ data }) => (data.line === undefined ? done(lines) : lines.push(data.line));
      worker.postMessage(args);
    });`,
};
const kernelsWorker = `
  onmessage = ({ data }) => {
    self.Module = {
      arguments: data,
      print: (line) => postMessage({ line }),
      locateFile: (name) => '/kernels/' + name,
      postRun: [() => postMessage({})],
    };
    importScripts('/kernels/bench_kernels.js');
  };`;

/// wllama, fetched when it is not there.
export function fetchWllama() {
  if (existsSync(wllama)) return;
  mkdirSync(peers, { recursive: true });
  const { status, error } = spawnSync('npm', ['install', '--no-save', '--prefix', peers, `@wllama/wllama@${wllamaVersion}`], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw error ?? new Error(`npm ended with status ${status}`);
}

// --- a server that isolates its pages ---

const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };

/// `served` says what is served: { dist, kernels, model }, paths; and `onFile` hears of each file.
async function serve(served) {
  const server = createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const [, top, ...rest] = path.split('/');
    const answer = (type, text) => response.setHeader('Content-Type', type).end(text);
    if (rest.length === 0 && top in pages) {
      answer('text/html', `<!doctype html><meta charset="utf-8"><title>${top}</title><script type="module">${pages[top]}</script>`);
      return;
    }
    if (path === '/kernels-worker.js') {
      answer('text/javascript', kernelsWorker);
      return;
    }
    const folder = { bitnet: served.dist, wllama, kernels: served.kernels }[top];
    const file = path === '/model.gguf' ? served.model : folder && join(folder, ...rest);
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    served.onFile?.(file);
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
    response.setHeader('Content-Length', statSync(file).size);
    if (request.method === 'HEAD') response.end();
    else createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server;
}

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
/// The warm-up has other characters than the prompt: no two prompts share a beginning that a cache could know.
const text = (length, from = 0x4e00) => Array.from({ length }, () => String.fromCodePoint(from + random(0x1000))).join('');

/// Why there is no such browser, or undefined.
export function absentBrowser(name) {
  const path = process.env[`BITNET_${name.toUpperCase()}`];
  return path && existsSync(path) ? undefined : `no ${name} on this machine`;
}

/// A browser with a fresh profile: turn(contender, paths) and kernels(args, folder) measure, close() ends it.
export async function openBrowser(name) {
  const served = {};
  const server = await serve(served);
  const require = createRequire(join(root, 'web/package.json'));
  const { default: puppeteer } = await import(require.resolve('puppeteer-core'));
  mkdirSync(join(root, 'build/tmp'), { recursive: true });
  const profile = mkdtempSync(join(root, 'build/tmp/bench-'));
  const browser = await puppeteer.launch({
    browser: name === 'firefox' ? 'firefox' : 'chrome',
    executablePath: process.env[`BITNET_${name.toUpperCase()}`],
    userDataDir: profile,
    args: name === 'firefox' ? [] : ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    env: { ...process.env, HOME: profile },
    protocolTimeout: 1_800_000,
  });
  asFirst(browser.process());

  async function openPage(which, context) {
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error(`${which}: ${error.message}`));
    await page.goto(`http://localhost:${server.address().port}/${which}`);
    await page.waitForFunction('globalThis.measure !== undefined');
    return page;
  }

  async function withPage(which, use) {
    const context = await browser.createBrowserContext();
    try {
      return await use(await openPage(which, context));
    } finally {
      await context.close();
    }
  }

  /// use(look), and the most memory that a renderer had meanwhile; 0 where the browser is not Chromium. look() looks once, and ends
  /// the looking now and then: to count a gigabyte's pages takes a core some 20 ms, so there is none while something is measured.
  async function watchingMemory(use) {
    let memory = 0;
    const once = () => { if (name === 'chromium') memory = Math.max(memory, largestRenderer(browser.process().pid)); };
    const watch = setInterval(once, 200);
    const look = () => {
      clearInterval(watch);
      once();
    };
    try {
      const value = await use(look);
      return { value, memory };
    } finally {
      clearInterval(watch);
    }
  }

  return {
    version: await browser.version(),
    watchingMemory,
    /// A page of an engine in the browser's own profile, which keeps what it stores. `paths`: { dist }, and `onFile`.
    keptPage(engine, paths) {
      if (engine === 'wllama') fetchWllama();
      Object.assign(served, paths);
      return openPage(engine, browser.defaultBrowserContext());
    },
    /// One turn of contender.engine ("bitnet" or "wllama") on the file `model`; ours comes from the folder `dist`.
    async turn({ engine, threads, flavour, head, context = 1024, prompt = 128, tokens = 48 }, { model, dist }) {
      if (engine === 'wllama') fetchWllama();
      Object.assign(served, { model, dist });
      const { value, memory } = await watchingMemory((look) => withPage(engine, async (page) => {
        const start = performance.now();
        const loaded = await page.evaluate((settings) => globalThis.load(settings), { threads, context, flavour, head });
        if (loaded.threads !== threads) throw new Error(`${engine}: ${loaded.threads} threads instead of ${threads}`);
        const load = (performance.now() - start) / 1000;
        const measure = (words, n) => page.evaluate((a, b) => globalThis.measure(a, b), words, n);
        await measure(text(16, 0x6000), 4);
        look();
        const began = performance.now();
        const result = await measure(text(prompt), tokens);
        const wall = (performance.now() - began) / 1000;
        look();
        if (result.prompt !== prompt || result.tokens !== tokens) {
          throw new Error(`${engine}: ${result.prompt} + ${result.tokens} tokens instead of ${prompt} + ${tokens}`);
        }
        return { what: loaded.what, isa: loaded.isa, load, prefill: result.prefill, decode: result.decode, wall };
      }));
      return { ...value, memory };
    },
    /// The lines that bench_kernels of the folder says when called with `args`.
    async kernels(args, folder) {
      served.kernels = folder;
      const lines = await withPage('kernels', (page) => page.evaluate((words) => globalThis.measure(words), args.map(String)));
      return lines.map((line) => JSON.parse(line));
    },
    async close() {
      await browser.close();
      server.close();
      server.closeAllConnections();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
