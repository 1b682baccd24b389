// Runs a WASI module under the node:wasi of Node, Deno or Bun, spelled like wasmtime:
//   node scripts/node-wasi-run.mjs run [--dir HOST[::GUEST]]... [--env NAME=VALUE]... MODULE.wasm [ARG...]
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { isatty } from 'node:tty';

process.removeAllListeners('warning'); // node:wasi calls itself experimental at each start
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') console.error(warning);
});
const { WASI } = await import('node:wasi');

const args = process.argv.slice(2);
if (args.shift() !== 'run') usage();
const preopens = {};
const env = {};
while (args[0]?.startsWith('-')) {
  const [option, inline] = args.shift().split(/=(.*)/s, 2);
  if (option === '--') break;
  const value = inline ?? args.shift() ?? usage();
  if (option === '--dir') {
    const [host, guest] = value.split('::');
    preopens[guest ?? host] = host;
  } else if (option === '--env') {
    const [name, content] = value.split(/=(.*)/s, 2);
    env[name] = content ?? process.env[name] ?? '';
  } else if (option !== '-W') {
    usage();
  }
}
if (args.length === 0) usage();

const wasi = new WASI({ version: 'preview1', args, env, preopens, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(args[0]));
const own = wasi.wasiImport; // all three have it, getImportObject() is not in Bun
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: { ...own, fd_fdstat_get: describe } });
process.exitCode = wasi.start(instance);

/// Deno and Bun take every standard stream for a terminal.
function describe(fd, at) {
  const errno = own.fd_fdstat_get(fd, at);
  const regularFile = 4;
  if (errno === 0 && fd <= 2 && !isatty(fd)) new Uint8Array(instance.exports.memory.buffer)[at] = regularFile;
  return errno;
}

function usage() {
  console.error('usage: node-wasi-run.mjs run [--dir HOST[::GUEST]]... [--env NAME=VALUE]... MODULE.wasm [ARG...]');
  process.exit(2);
}
