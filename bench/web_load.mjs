// Loading in Chromium beside wllama, each as it does by itself: from a server that knows ranges into its own store, then from there,
// and again after the tab was closed when 60% of the file had been sent. The package's files come from the page's server,
// the model from another (tests/support/fault_server.mjs), which counts bytes. Each round of an engine begins with nothing stored.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { root } from '../tests/support/cli.mjs';
import { faultServer } from '../tests/support/fault_server.mjs';
import { interleave, median, round, spread } from './stats.mjs';

const settings = { threads: 1, context: 1024 };
const engines = { bitnet: { ...settings, head: 'int4' }, wllama: settings };
const prompt = (from) => Array.from({ length: 16 }, (_, i) => String.fromCodePoint(from + 31 * i)).join('');

/// What `npm pack` makes of a folder, in bytes.
function packed(folder) {
  const [{ size }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  return size;
}

/// One round of an engine: every number that the rows below name.
async function turn(browser, file, engine, dist) {
  const files = new Set();
  const page = () => browser.keptPage(engine, { dist, onFile: (path) => files.add(path) });
  const load = (where) => where.evaluate(async (options) => {
    const begin = performance.now();
    const { what } = await globalThis.load(options);
    return { what, seconds: (performance.now() - begin) / 1000 };
  }, { ...engines[engine], url: file.url });
  /// Nothing of the page's origin stays.
  const empty = async () => {
    const where = await page();
    const devtools = await where.createCDPSession();
    await devtools.send('Storage.clearDataForOrigin', { origin: new URL(where.url()).origin, storageTypes: 'all' });
    await where.close();
  };

  /// A page that loads, does `more` and is closed.
  const session = (more = () => {}) => browser.watchingMemory(async (look) => {
    const where = await page();
    try {
      const loaded = await load(where);
      look();
      const values = await more(where);
      look();
      return { ...loaded, ...values };
    } finally {
      await where.close();
    }
  });

  await empty();
  const cold = await session();
  file.reset();
  const cached = await session(async (where) => ({
    first: await where.evaluate((text) => globalThis.first(text), prompt(0x5000)),
    ...await where.evaluate((text) => globalThis.measure(text, 24), prompt(0x6000)),
  }));
  const result = { what: cold.value.what, cold: cold.value.seconds, cached: cached.value.seconds, first: cached.value.first, decode: cached.value.decode,
    memory: Math.max(cold.memory, cached.memory) / 1e6, sent_cached: file.sent() / 1e6,
    fetched: [...files].reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0) / 1e6 };

  await empty();
  file.reset().fault({ drip: { bytes: 1 << 20, every: 10 } }); // no faster than a disk
  const doomed = await page();
  load(doomed).catch(() => {}); // its page is closed
  while (file.sent() < 0.6 * file.bytes.length) await sleep(2);
  await doomed.close();
  await sleep(500); // what the server had under way
  result.sent_before = file.sent() / 1e6;
  file.reset();
  try {
    await session();
  } catch (error) {
    [result.failed] = error.message.split('\n');
    await empty();
    await session();
  }
  result.resumed = file.sent() / 1e6;
  return result;
}

const rows = [
  ['cold', 'load with nothing stored', 's'],
  ['cached', 'load from the store', 's'],
  ['first', 'first token after a prompt of 16', 'ms'],
  ['decode', 'decode', 'tokens/s'],
  ['memory', 'largest renderer', 'MB'],
  ['resumed', 'sent after an interruption at 60%', 'MB'],
  ['fetched', "the package's files that a page fetches, gzip", 'MB'],
  ['tarball', "npm's tarball", 'MB'],
];

/// The lines of the figure: { name, row, fields }.
export async function webLoad({ browser, model, dist, rounds }) {
  const server = await faultServer();
  const file = server.put('/model.gguf', readFileSync(model));
  try {
    const results = await interleave(Object.keys(engines), rounds, (engine) => turn(browser, file, engine, dist), (engine, result, count) => {
      console.error(`  ${count + 1}/${rounds} ${engine}: ${result instanceof Error ? result.message : JSON.stringify(result)}`);
    });
    const [ours, theirs] = Object.keys(engines).map((engine) => results.get(engine));
    if (!ours.runs.length) throw ours.error;
    const tarballs = [join(root, 'web'), join(root, 'build/peers/node_modules/@wllama/wllama')].map((folder) => packed(folder) / 1e6);
    const failed = theirs.runs.map((run) => run.failed).find(Boolean);
    return rows.map(([key, what, unit]) => {
      const values = ({ runs }, i) => (key === 'tarball' ? [tarballs[i]] : runs.map((run) => run[key]));
      const [own, other] = [values(ours, 0), values(theirs, 1)];
      const fields = { engine: 'chromium', isa: ours.runs[0].what, threads: 1, head: 'int4', metric: key, unit, lower: unit !== 'tokens/s', goal: 1,
        median: median(own), spread: spread(own), runs: own.map((value) => round(value)) };
      if (other.length) Object.assign(fields, { peer: 'wllama', peer_median: median(other), peer_spread: spread(other), peer_runs: other.map((value) => round(value)) });
      if (key === 'resumed') {
        fields.file = round(file.bytes.length / 1e6);
        if (failed) fields.note = `wllama's load failed until its store was cleared: ${failed}`;
      }
      return { name: `web_load_${key}`, row: `Chromium beside wllama, 0.7B: ${what}`, fields };
    });
  } finally {
    await server.close();
  }
}
