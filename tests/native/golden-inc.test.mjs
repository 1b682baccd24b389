// The self-test's stored answers (core/api/golden.inc) are what models/golden.json and this build say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../support/cli.mjs';

const program = process.env.BITNET_CLI ?? join(root, 'build/native/bitnet');
const reason = existsSync(program) ? false : `${program} is not built`;

test('core/api/golden.inc is fresh', { skip: reason }, () => {
  const result = spawnSync(process.execPath, ['scripts/update-golden.mjs', program, '--check'], { cwd: root, encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /^golden: \d+ ids, logits [0-9a-f]{16}$/m);
});
