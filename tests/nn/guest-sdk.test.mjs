// The guest SDK on bitnet-nn: its examples, and answers to their last token. On other hosts: tests/wasi/guest.test.mjs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { missing, program } from '../support/bitnet-nn.mjs';
import { builtIn, golden, root } from '../support/cli.mjs';

const folder = process.env.BITNET_WASI_BUILD ?? join(root, 'build/wasi');
const guest = (name) => join(folder, 'guests', `${name}.wasm`);
const guestTest = join(folder, 'tests/guest_test.wasm');
const finishes = ['end', 'limit', 'context full', 'stopped'];

describe('the guest SDK on bitnet-nn', { skip: missing || (existsSync(guest('chat')) ? false : 'the guests are not built') }, () => {
  const run = (file, args, input = '') => {
    const words = ['--nn-preload', `default:GGML:AUTO:${builtIn}`, file, ...args];
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: root, input, encoding: 'utf8', timeout: 120_000 });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout;
  };

  test('the same bits, whole and in pieces', () => {
    const hash = /kLogitsHash = 0x([0-9a-f]{16})/.exec(readFileSync(join(root, 'core/api/golden.inc'), 'utf8'))[1];
    assert.equal(run(guest('logits_hash'), []), `logits-hash ${hash}\nlogits-hash ${hash}\n`);
  });
  test('an answer in pieces is the answer, to its last token', (t) => {
    if (!existsSync(guestTest)) return t.skip('guest_test is not built');
    // A stop string that never comes keeps every t back that a token ends with.
    for (let most = 0; most <= 24; ++most) {
      const { whole, pieces, finish, tokens, details } = JSON.parse(run(guestTest, ['Once upon a time', String(most), 'tQQ']));
      assert.equal(pieces, whole, `${most} tokens`);
      assert.deepEqual([finishes[finish], tokens, JSON.parse(details).output_tokens], ['limit', most, most]);
    }
    const { pieces, finish } = JSON.parse(run(guestTest, ['Once upon a time', '400', 'little']));
    assert.equal(finishes[finish], 'end');
    assert.ok(pieces.length > 0 && !pieces.includes('little'), pieces);
  });
  test('one prompt, one answer', { skip: golden ? false : 'no models/golden.json' }, () => {
    assert.match(run(guest('one_shot'), ['Once upon a time']), /^\S[\s\S]{40,}\n$/);
  });
  test('a conversation', () => {
    const once = run(guest('chat'), [], 'Tell me a story.\n');
    const twice = run(guest('chat'), [], 'Tell me a story.\nAnd then?\n');
    assert.ok(once.length > 20 && twice.startsWith(once) && twice.length > once.length, `${once}---\n${twice}`);
  });
});
