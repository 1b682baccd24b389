// The program bitnet-nn, which is built where Wasmtime's C API is.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './cli.mjs';

export const program = process.env.BITNET_NN ?? join(root, 'build/native/bitnet-nn');

/// Why it cannot be tested here, or false. Where set-up has found the C API there is no excuse: the tests run, and fail.
const setUp = existsSync(join(root, 'build/toolchain/env.d/wasmtime-c.sh'));
export const missing = existsSync(program) || setUp ? false : `${program} is not built: no C API of Wasmtime (scripts/setup wasmtime-c)`;

/// Peak resident memory in bytes of a command, once its guests have printed so many bytes, after which they wait for input.
export function peakMemory([command, ...args], bytes) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root });
    let [printed, errors, peak] = [0, '', 0];
    child.stderr.on('data', (data) => { errors += data; });
    child.stdout.on('data', (data) => {
      printed += data.length;
      if (printed < bytes || peak > 0) return;
      peak = 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);
      child.stdin.end();
    });
    child.on('error', failed);
    child.on('close', (status) => (status === 0 && peak > 0 ? done(peak) : failed(new Error(`${[command, ...args].join(' ')}: ${status} ${errors}`))));
  });
}
