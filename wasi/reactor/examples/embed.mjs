// bitnet-reactor.wasm in JavaScript: the same file under Node, Deno and Bun, without a package and without node:wasi.
//   node embed.mjs bitnet-reactor.wasm ["Once upon a time"]
// Prints a story of the built-in model as it is generated, then the fingerprint of all logits on the way.
import { readFile } from 'node:fs/promises';
import process from 'node:process';

const [path, prompt = 'Once upon a time'] = process.argv.slice(2);
if (!path) {
  console.error('usage: embed.mjs bitnet-reactor.wasm [PROMPT]');
  process.exit(2);
}

// What the module imports is libc's way to say that it must give up: no files, no clock, no environment.
let memory;
const badf = () => 8;
const wasi = {
  fd_close: badf,
  fd_seek: badf,
  fd_write(fd, vectors, count, written) {
    if (fd !== 1 && fd !== 2) return badf();
    const view = new DataView(memory.buffer);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = view.getUint32(vectors + 8 * i, true), length = view.getUint32(vectors + 8 * i + 4, true);
      process.stderr.write(new Uint8Array(memory.buffer, at, length).slice());
      total += length;
    }
    view.setUint32(written, total, true);
    return 0;
  },
};
const { instance } = await WebAssembly.instantiate(await readFile(path), { wasi_snapshot_preview1: wasi });
const bitnet = instance.exports;
({ memory } = bitnet);
bitnet._initialize();

// --- numbers, texts and structs in the module's memory; views are made anew, because memory grows ---

const u32 = (at) => new DataView(memory.buffer).getUint32(at, true);
const put = (at, value) => new DataView(memory.buffer).setUint32(at, value, true);
const bytes = (at, length) => new Uint8Array(memory.buffer, at, length).slice();
const text = (at, length) => new TextDecoder().decode(bytes(at, length));

function alloc(size) {
  const at = bitnet.bitnet_alloc(size) >>> 0;
  if (at === 0) throw new Error('out of memory');
  return at;
}
function check(status) {
  if (status === 0) return;
  const buffer = alloc(256);
  throw new Error(text(buffer, Math.min(bitnet.bitnet_last_error(buffer, 256), 255)));
}
/// What a function puts where its last argument points to.
function answer(call) {
  const at = alloc(4);
  check(call(at));
  const value = u32(at);
  bitnet.bitnet_free(at);
  return value;
}

// --- the story ---

const model = answer((at) => bitnet.bitnet_builtin_model(0, at));
const session = answer((at) => bitnet.bitnet_session_make(model, 0, 0, at));

const info = alloc(128); // bitnet_model_info
put(info, 128);
check(bitnet.bitnet_model_get_info(model, info));
const isa = text(u32(info + 24), u32(info + 28));

const words = new TextEncoder().encode(prompt);
const given = alloc(Math.max(words.length, 1));
new Uint8Array(memory.buffer).set(words, given);
const tokenize = (ids, capacity) =>
  answer((at) => bitnet.bitnet_model_tokenize(model, given, words.length, 1, ids, capacity, at));
const count = tokenize(0, 0);
const ids = alloc(4 * count);
tokenize(ids, count);

const options = alloc(64); // bitnet_generate_options: max_tokens at 4, ignore_end at 8
bitnet.bitnet_generate_options_init(options, 64);
put(options + 4, 200);
put(options + 8, 1);
check(bitnet.bitnet_session_start(session, ids, count, options));

const step = alloc(32); // bitnet_step: kind at 4, text at 24, its size at 28
put(step, 32);
const logits = alloc(8);
let hash = 14695981039346656037n;
process.stdout.write(prompt);
do {
  check(bitnet.bitnet_session_next(session, step));
  process.stdout.write(bytes(u32(step + 24), u32(step + 28)));
  if (u32(step + 4) !== 1) continue;
  check(bitnet.bitnet_session_logits(session, logits, logits + 4));
  hash = BigInt.asUintN(64, bitnet.bitnet_hash_logits(u32(logits), u32(logits + 4), hash));
} while (u32(step + 4) !== 2);

bitnet.bitnet_session_free(session);
bitnet.bitnet_model_free(model);
const runtime = globalThis.Deno ? 'deno' : globalThis.Bun ? 'bun' : 'node';
console.log(`\nlogits reactor-${runtime}-${isa} 1 ${hash.toString(16).padStart(16, '0')}`);
