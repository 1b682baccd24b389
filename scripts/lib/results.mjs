// How every suite reports: one line per test in build/test-results/SUITE.tsv, "passed|failed|skipped TAB name TAB reason".
// scripts/test adds them up. Of what tests print, the lines of `shown` go to the screen; the rest is in SUITE.log.
import { appendFileSync } from 'node:fs';

const oneLine = (text) => String(text ?? '').replace(/\s+/g, ' ').trim();

export function record(file, status, name, reason) {
  appendFileSync(file, `${status}\t${oneLine(name)}\t${oneLine(reason)}\n`);
}

/// Lines a person must see: the parity hashes, "logits ENGINE THREADS HASH".
export const shown = (text) => text.split('\n').filter((line) => line.startsWith('logits '));

/// A failure on the screen, under its name, without endless lines (minified JavaScript in a stack trace).
export function describe(name, detail) {
  const lines = String(detail ?? '').split('\n').map((line) => line.trimEnd().slice(0, 300)).filter(Boolean);
  return [`  FAILED ${name}`, ...lines.slice(0, 40).map((line) => `    ${line}`)].join('\n');
}
