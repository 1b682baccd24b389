// The native program: what every engine must do, and what only a whole operating system can show.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtIn, cli, commonTests, golden, longPrompt, ok, parity, root, withContext, withFile } from '../support/cli.mjs';

const program = process.env.BITNET_CLI ?? join(root, 'build/native/bitnet');
const engine = { name: 'native', command: [program] };
const reason = existsSync(program) ? false : `${program} is not built`;
commonTests(engine, reason);

test('the same bits on every kernel, thread count and batch size', { skip: reason || (golden ? false : 'no models/golden.json') }, () => {
  const isas = ok(engine, ['--version']).split('kernels: ')[1].trim().split(' ');
  assert.ok(isas.includes('scalar'));
  const hashes = new Set();
  for (const isa of isas) {
    for (const threads of ['1', '2']) {
      const run = parity(engine, ['--isa', isa, '--threads', threads]);
      console.log(run.line);
      assert.equal(run.name, `native-${isa}`);
      assert.equal(run.threads, threads);
      assert.deepEqual(run.ids, golden.greedy_ids);
      hashes.add(run.hash);
    }
    const run = parity(engine, ['--isa', isa, '--batch', '1', '--threads', '1']); // token by token
    console.log(`logits native-${isa}-batch1 ${run.threads} ${run.hash}`);
    hashes.add(run.hash);
  }
  for (const batch of ['2', '512']) hashes.add(parity(engine, ['--batch', batch]).hash);
  hashes.add(parity(engine, ['-m', builtIn]).hash);
  assert.equal(hashes.size, 1, [...hashes].join(' '));
});

test('the same bits for a prompt of several batches', { skip: reason }, () => {
  const prompt = longPrompt(150);
  const isas = ok(engine, ['--version']).split('kernels: ')[1].trim().split(' ');
  const answers = new Map();
  for (const isa of isas) {
    for (const threads of ['1', '2']) {
      for (const batch of ['1', '7', '64', '512']) {
        const answer = ok(engine, ['run', '--ids', prompt.join(','), '-n', '20', '--ignore-end', '--print-ids', '--logits-hash',
          '--isa', isa, '--threads', threads, '--batch', batch]).replace(/^logits \S+ \d+ /m, '');
        answers.set(answer, `${isa}, ${threads} threads, batch ${batch}`);
      }
    }
  }
  assert.equal(answers.size, 1, JSON.stringify([...answers]));
  assert.match([...answers.keys()][0], /^\d+( \d+){19}\n[0-9a-f]{16}\n$/);
});

test('the same weights in three types are the same model', { skip: reason }, (t) => {
  const maker = join(program, '../bench/make_synthetic');
  if (!existsSync(maker)) return t.skip('make_synthetic is not built');
  for (const arch of ['bitnet', 'bitnet-b1.58', 'llama']) {
    const hashes = ['I2_S', 'TQ1_0', 'TQ2_0'].map((type) => {
      const path = `build/tmp/cli-test/${type}.gguf`;
      assert.equal(spawnSync(maker, ['-o', path, '--type', type, '--arch', arch], { cwd: root }).status, 0);
      assert.equal(JSON.parse(ok(engine, ['info', '--json', '-m', path])).weight_type, type);
      return ok(engine, ['run', '-m', path, '-p', 'abcdef', '-n', '24', '--ignore-end', '--print-ids', '--logits-hash']);
    });
    assert.equal(new Set(hashes).size, 1, hashes.join('\n'));
  }
});

test('the name in published articles', { skip: reason }, (t) => {
  const name = join(program, '../bitnet-cpu');
  if (!existsSync(name)) return t.skip('no bitnet-cpu beside the program');
  assert.match(ok({ command: [name] }, ['--model', builtIn, '--prompt', 'Once', '--max-tokens', '3']), /ms\/token\n$/);
});

test('a reader that leaves ends the program quietly', { skip: reason }, async () => {
  const child = spawn(program, ['run', '-p', 'Once upon a time', '-n', '400', '--ignore-end'], { cwd: root });
  let errors = '';
  child.stderr.on('data', (data) => { errors += data; });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
  assert.deepEqual([code, signal, errors], [1, null, '']);
});

test('a full disk is an error', { skip: reason || (existsSync('/dev/full') ? false : 'no /dev/full') }, () => {
  const result = cli(engine, ['logits', '--ids', '5,6', '-o', '/dev/full']);
  assert.equal(result.status, 1);
  assert.match(result.stderr, /\/dev\/full could not be written/);
  const missing = cli(engine, ['logits', '--ids', '5,6', '-o', 'no such folder/x']);
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /could not be written/);
  const shell = spawnSync('sh', ['-c', '"$0" info > /dev/full', program], { cwd: root, encoding: 'utf8' });
  assert.equal(shell.status, 1);
  assert.match(shell.stderr, /standard output could not be written/);
});

test('closed standard streams are no crash', { skip: reason }, () => {
  const closed = (command) => spawnSync('sh', ['-c', command, program], { cwd: root, encoding: 'utf8' });
  assert.equal(closed('"$0" info >&-').status, 1);
  assert.equal(closed('"$0" run -n 2 <&-').status, 1);
});

const shell = existsSync('/bin/bash') && process.platform === 'linux' ? false : 'no bash whose ulimit -v is known to work';
/// The program with so many KiB of address space.
const limited = (kilobytes, args) => spawnSync('bash', ['-c', 'ulimit -v "$0" && exec "$@"', String(kilobytes), program, ...args],
  { cwd: root, encoding: 'utf8', timeout: 60_000 });

test('memory that cannot be had is an error in words', { skip: reason || shell }, () => {
  for (const threads of ['1', '2']) {
    let refused = 0, done = 0;
    for (let kilobytes = 4000; kilobytes < 4_000_000 && done < 3; kilobytes = kilobytes < 60_000 ? kilobytes + 1000 : kilobytes * 2) {
      const { status, signal, stdout, stderr } = limited(kilobytes, ['run', '-m', builtIn, '-p', 'Once', '-n', '3', '--threads', threads]);
      if (status === 0 && stderr === '') {
        ++done;
      } else if (stderr.startsWith('bitnet: ')) {
        ++refused;
        assert.equal(status, 1, stderr);
        assert.match(stderr, /^bitnet: memory could not be had: \S.*\n/);
        assert.equal(stdout, '');
      } else { // too little for the C library to start the program
        assert.ok(refused === 0 && done === 0, `${kilobytes} KiB, ${threads} threads: ${status} ${signal} ${stderr}`);
      }
    }
    assert.ok(refused >= 1 && done >= 1, `${threads} threads: refused ${refused}, done ${done}`);
  }
});

test('a context that no memory holds is refused, in words', { skip: reason || shell }, () => {
  withFile('long-context.gguf', withContext(readFileSync(join(root, builtIn)), 1 << 20), (path) => {
    const args = ['run', '-m', path, '-p', 'Once', '-n', '3', '-c', String(1 << 20)];
    const { status, stdout, stderr } = limited(1_000_000, args);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^bitnet: memory could not be had: \S.*\n[\s\S]*--context/);
    assert.ok(limited(1_000_000, args.slice(0, -2)).status === 0); // the default context fits
  });
  const result = cli(engine, ['run', '-p', 'Once', '-c', '1000000']);
  assert.equal(result.status, 1);
  assert.match(result.stderr, /outside its range: context 1000000 exceeds the model's 512/);
});

test('a pipe is no model', { skip: reason || (existsSync('/dev/null') ? false : 'no /dev/null') }, () => {
  const result = cli(engine, ['info', '-m', '/dev/null']);
  assert.equal(result.status, 1);
  assert.match(result.stderr, /not a regular file/);
});

test('standard input without an end is not read for ever', { skip: reason }, () => {
  const input = Buffer.alloc((64 << 20) + 1, 'a');
  for (const args of [['run'], ['logits', '-o', '-'], ['cpu'], ['tokenize'], ['chat']]) {
    const result = cli(engine, args, { input });
    assert.deepEqual([args[0], result.status, result.stdout], [args[0], 1, '']);
    assert.match(result.stderr, /more than 67108864 bytes on standard input/);
  }
});
