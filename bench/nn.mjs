// What WASI-NN costs: tokens per second of a guest under bitnet-nn against the native program, and the memory that four guests
// at once take beside one. All take turns, so that what else the machine does strikes all; medians. Time on the clock with all
// threads, and processor time on one thread, which a busy machine changes little.
//   build/native/bench/make_synthetic -o build/tmp/0.7b.gguf --shape 0.7b --type TQ2_0
//   node bench/nn.mjs build/tmp/0.7b.gguf [ROUNDS [BUILD_DIR]]
import { spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { Guest } from '../tests/nn/guest.mjs';
import { peakMemory } from '../tests/support/bitnet-nn.mjs';
import { root } from '../tests/support/cli.mjs';

const [model, rounds = '7', build = join(root, 'build/native')] = process.argv.slice(2);
if (!model) throw new Error('usage: node bench/nn.mjs MODEL.gguf [ROUNDS [BUILD_DIR]]');
const few = 16;
const many = 208;
const context = 512;
const prompt = 'Once upon a time';
const preload = ['--nn-preload', `default:GGML:AUTO:${resolve(model)}`];

const options = (tokens) => JSON.stringify({ temp: 0, 'n-predict': tokens, 'ignore-eos': true, 'ctx-size': context });
/// The answer as a whole, or piece by piece as it comes.
function guest(tokens, stream) {
  const g = new Guest().ready(options(tokens));
  g.call('set_input', 0, 0, g.tensor(prompt));
  if (!stream) return g.call('compute', 0).output(0).file(`bench-${tokens}`);
  const [at, size] = [g.place(256), g.cell()];
  const list = g.words(at, 0);
  g.wat(`(block $end (loop $again
    (br_if $end (call $compute_single (i32.const 0)))
    (drop (call $get_output_single (i32.const 0) (i32.const 0) (i32.const ${at}) (i32.const 256) (i32.const ${size})))
    (i32.store (i32.const ${list + 4}) (i32.load (i32.const ${size})))
    (drop (call $fd_write (i32.const 1) (i32.const ${list}) (i32.const 1) (i32.const 8)))
    (br $again)))`);
  return g.file(`bench-stream-${tokens}`);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/// Seconds that a command takes; it must succeed.
function seconds([program, ...args]) {
  return new Promise((done, failed) => {
    const began = process.hrtime.bigint();
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stdout.resume();
    child.stderr.on('data', (data) => { errors += data; });
    child.on('error', failed).on('close', (status) =>
      (status === 0 ? done(Number(process.hrtime.bigint() - began) / 1e9) : failed(new Error(`${program} ${args.join(' ')}: ${status}\n${errors}`))));
  });
}

/// Seconds of processor time.
function processor(command) {
  const timed = spawnSync('bash', ['-c', 'TIMEFORMAT="%U %S"; time "$@" >/dev/null', '-', ...command], { cwd: root, encoding: 'utf8' });
  if (timed.status !== 0) throw new Error(`${command.join(' ')}: ${timed.stderr}`);
  return timed.stderr.trim().split('\n').at(-1).split(' ').reduce((sum, part) => sum + Number(part), 0);
}

const native = (tokens) => [join(build, 'bitnet'), 'run', '-m', model, '-p', prompt, '-n', String(tokens), '-c', String(context), '--greedy', '--ignore-end'];
const nn = (file) => [join(build, 'bitnet-nn'), ...preload, file];
const ways = {
  'native program': native,
  'guest, whole answer': (tokens) => nn(guest(tokens, false)),
  'guest, piece by piece': (tokens) => nn(guest(tokens, true)),
};

/// Tokens per second of each way. Loading, start and prompt are in both lengths: the difference is generation alone.
async function compare(what, cost, change) {
  const rates = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < Number(rounds); ++round) {
    for (const [name, command] of Object.entries(ways)) {
      const short = await cost(change(command(few)));
      const long = await cost(change(command(many)));
      rates[name].push((many - few) / (long - short));
    }
  }
  const base = median(rates['native program']);
  console.log(`${what}:`);
  for (const [name, values] of Object.entries(rates)) {
    const ratio = median(values.map((value, i) => value / rates['native program'][i]));
    console.log(`  ${name.padEnd(22)} ${median(values).toFixed(2)} tokens/s, ${(100 * median(values) / base).toFixed(1)}% ` +
      `(side by side ${(100 * ratio).toFixed(1)}%; ${values.map((value) => value.toFixed(1)).join(' ')})`);
  }
}
await compare('all threads, by the clock', seconds, (command) => command);
await compare('one thread, processor time', processor,
  ([program, ...args]) => [program, ...(program.endsWith('bitnet') ? [...args, '-t', '1'] : ['--nn-threads', '1', ...args])]);

// --- memory ---

/// Peak resident memory when so many guests have answered and still hold their contexts.
function peak(guests) {
  const g = new Guest().ready(options(few));
  const file = g.call('set_input', 0, 0, g.tensor(prompt)).call('compute', 0).print('!').waits().file('bench-memory');
  return peakMemory([join(build, 'bitnet-nn'), ...preload, '--guests', String(guests), file], guests);
}

/// What the host says that one context takes, when it may not have it.
async function contextBytes() {
  const g = new Guest().ready(options(few));
  g.call('set_input', 0, 0, g.tensor(prompt)).call('compute', 0);
  const child = spawn(join(build, 'bitnet-nn'), [...preload, '--nn-max-kv', '1K', g.file('bench-budget')], { cwd: root });
  let errors = '';
  child.stderr.on('data', (data) => { errors += data; });
  await new Promise((done) => child.on('close', done));
  return Number(/a session of (\d+) bytes/.exec(errors)[1]);
}

const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const [one, four, each] = [await peak(1), await peak(4), await contextBytes()];
console.log(`peak memory: 1 guest ${mb(one)}, 4 guests ${mb(four)}; each further guest ${mb((four - one) / 3)}, its context of ${context} tokens is ${mb(each)}`);
