// Programs whose standard output is a terminal.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { root } from './cli.mjs';

/// What a terminal acts on, beside line ends and tabs.
export const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f]/;
/// The text as a terminal gets it: nothing in it that it acts on, and its own line ends.
export const harmless = (text) => text.replace(new RegExp(controls, 'g'), '?').replaceAll('\n', '\r\n');

/// What the command prints on a terminal (Python's, so that no program is needed for it). It must succeed.
export function onTerminal(command, env) {
  const result = spawnSync('python3', ['-c', 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))', ...command],
    { cwd: root, encoding: 'utf8', env, timeout: 60_000 });
  assert.equal(result.status, 0, `${result.stdout} ${result.stderr}`);
  return result.stdout;
}
