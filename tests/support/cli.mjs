// The command line program under test, on whatever engine, and the tests that every engine must pass.
// Tests run in the project's root; engines that see only a folder see that one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeParts } from './parts.mjs';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const scratch = 'build/tmp/cli-test';
mkdirSync(join(root, scratch), { recursive: true });

export const builtIn = 'models/bitnet-tiny-stories.gguf';
export const golden = existsSync(join(root, 'models/golden.json'))
  ? JSON.parse(readFileSync(join(root, 'models/golden.json'), 'utf8')) : undefined;

/// engine: { name, command: [word...] }. Returns { status, stdout, stderr }; stdout is a Buffer when `binary`.
export function cli(engine, args, { input = '', binary = false, env } = {}) {
  const [program, ...words] = engine.command;
  const result = spawnSync(program, [...words, ...args], {
    cwd: root, input, maxBuffer: 1 << 28, encoding: binary ? 'buffer' : 'utf8', timeout: 300_000,
    env: { ...process.env, ...env },
  });
  if (result.error) throw result.error;
  return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr.toString() };
}

/// The same, which must succeed.
export function ok(engine, args, options) {
  const result = cli(engine, args, options);
  assert.equal(result.status, 0, `${args.join(' ')}\n${result.signal ?? ''} ${result.stderr}`);
  return result.stdout;
}

/// A file under build/ that lives as long as `body`.
export function withFile(name, bytes, body) {
  const path = `${scratch}/${name}`;
  writeFileSync(join(root, path), bytes);
  try {
    return body(path);
  } finally {
    rmSync(join(root, path));
  }
}

/// What must hold on every engine. `reason`: why the engine cannot be had here, or false. On an engine that is slow to
/// start (engine.slow) a few of many like cases are enough: the program is the same.
export function commonTests(engine, reason) {
  const some = (cases) => cases.filter((_, i) => !engine.slow || i % 8 === 0);
  const check = (name, body) => test(name, { skip: reason }, body);
  const refused = (args, status, pattern, options) => {
    const result = cli(engine, args, options);
    assert.equal(result.status, status, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, pattern);
    assert.equal(result.stdout, '', args.join(' '));
    assert.ok(result.stderr.startsWith('bitnet: '), result.stderr);
  };

  check('run: text from -p, from stdin, and ids', () => {
    const text = ok(engine, ['run', '-p', 'Once upon a time', '-n', '12']);
    assert.ok(text.trim().length > 0);
    assert.equal(ok(engine, ['run', '-n', '12'], { input: 'Once upon a time\n' }), text);
    assert.equal(ok(engine, ['run', '-n', '12', '--greedy', '--prompt=Once upon a time']), text);
    const ids = ok(engine, ['run', '-p', 'Once upon a time', '-n', '12', '--print-ids', '--ignore-end']);
    assert.match(ids, /^\d+( \d+){11}\n$/);
    const prompt = ok(engine, ['tokenize', 'Once upon a time']).trim().split(' ').join(',');
    assert.equal(ok(engine, ['run', '--ids', prompt, '-n', '12', '--print-ids', '--ignore-end']), ids);
    assert.equal(ok(engine, ['run', '-p', 'Once upon a time', '-n', '12', '--echo']), `Once upon a time${text}`);
  });

  check('run: the sampler is seeded', () => {
    const args = ['run', '-p', 'Once upon a time', '-n', '20', '--temp', '1', '--top-k', '50', '--top-p', '0.95', '--print-ids'];
    const first = ok(engine, [...args, '--seed', '1']);
    assert.equal(ok(engine, [...args, '--seed', '1']), first);
    assert.notEqual(ok(engine, [...args, '--seed', '2']), first);
  });

  check('run: a stop string ends the text before it', () => {
    const text = ok(engine, ['run', '-p', 'Once upon a time', '-n', '40', '--ignore-end']).replace(/\n$/, '');
    const stop = text.slice(10, 16);
    assert.equal(ok(engine, ['run', '-p', 'Once upon a time', '-n', '40', '--ignore-end', '--stop', 'never in it', '--stop', stop]),
      `${text.slice(0, text.indexOf(stop))}\n`);
  });

  check('run: the end of the context ends the text', () => {
    const ids = ok(engine, ['run', '--ids', '5,6,7', '-c', '16', '--ignore-end', '--print-ids']).trim().split(' ');
    assert.ok(ids.length >= 13 && ids.length <= 14, `${ids.length}`);
  });

  check('run: log-probabilities, one line for each token', () => {
    const args = ['run', '-p', 'Once upon a time', '-n', '6', '--ignore-end'];
    const lines = ok(engine, [...args, '--logprobs', '3']).trim().split('\n').map(JSON.parse);
    assert.equal(lines.length, 6);
    for (const { id, logprob, top } of lines) {
      assert.equal(top.length, 3);
      assert.deepEqual([top[0].id, top[0].logprob], [id, logprob]); // greedy
      assert.ok(logprob <= 0 && top[1].logprob <= logprob && top[2].logprob <= top[1].logprob);
    }
    assert.equal(ok(engine, [...args, '--print-ids']), `${lines.map((line) => line.id).join(' ')}\n`);
    assert.deepEqual(JSON.parse(ok(engine, [...args, '-n', '1', '--logprobs', '0'])).top, []);
  });

  check('run: a full context is forgotten in part, or an error', () => {
    const args = ['run', '--ids', '5,6,7', '-c', '16', '-n', '40', '--ignore-end', '--print-ids'];
    assert.equal(ok(engine, [...args, '--context-policy', 'shift', '--keep', '3']).trim().split(' ').length, 40);
    const failed = cli(engine, [...args, '--context-policy', 'error']);
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /do not fit into the context/);
    refused([...args, '--context-policy', 'shift', '--keep', '16'], 1, /keep 16 of a context of 16/);
  });

  check('run: guesses change no token', () => {
    const args = ['run', '-p', 'The cat sat. The cat sat. The cat', '-n', '60', '--ignore-end', '--print-ids', '--logits-hash'];
    for (const more of some([[], ['--temp', '0.8', '--seed', '3'], ['--repeat-penalty', '0.8']])) {
      assert.equal(ok(engine, [...args, ...more, '--draft', '8']), ok(engine, [...args, ...more]));
    }
  });

  check('run: saved and gone on with, as if in one', () => {
    const path = `${scratch}/story.session`;
    const ids = (args) => ok(engine, ['run', '--ignore-end', '--print-ids', ...args]).trim().split(' ');
    for (const kv of some(['f32', 'f16'])) {
      const whole = ids(['-p', 'Once upon a time', '-n', '20', '--kv', kv]);
      const first = ids(['-p', 'Once upon a time', '-n', '8', '--kv', kv, '--save', path]);
      const rest = ids(['-p', '', '-n', '12', '--kv', kv, '--restore', path, '-c', '100']);
      assert.deepEqual([...first, ...rest], whole);
      refused(['run', '-p', '', '--restore', path, '--kv', kv === 'f32' ? 'f16' : 'f32'], 1, /not a saved session[\s\S]*--kv/);
      refused(['run', '-p', '', '--restore', path, '--kv', kv, '-c', '8'], 1, /do not fit into the context/);
    }
    // A grammar's last token is in what is saved, and a full context is saved as it is.
    const ended = withFile('ab.gbnf', 'root ::= "ab"', (grammar) => ids(['-p', 'Once upon a time', '--grammar', grammar, '--save', path]));
    const before = ok(engine, ['tokenize', 'Once upon a time']).trim().split(' ');
    const again = ids(['--ids', [...before, ...ended].join(','), '-n', '4']);
    assert.deepEqual(ids(['-p', '', '-n', '4', '--restore', path]), again);
    ids(['-p', 'Once upon a time', '-c', '16', '--save', path]);
    const bytes = readFileSync(join(root, path));
    for (const length of some([bytes.length - 1, 0, 64, 1000])) {
      withFile('cut.session', bytes.subarray(0, length), (cut) => refused(['run', '-p', '', '--restore', cut], 1, /not a saved session.*cut\.session/));
    }
    rmSync(join(root, path));
  });

  check('tokenize: text and back, and chat frames', () => {
    const pieces = ok(engine, ['tokenize', '--no-bos', '--pieces', 'A brave mouse, "Pip".']).trim().split('\n').map(JSON.parse);
    assert.equal(pieces.map((piece) => piece.text).join('').trim(), 'A brave mouse, "Pip".');
    for (const { text, ids } of some(golden?.tokenizer_cases ?? [])) {
      assert.equal(ok(engine, ['tokenize', '--no-bos'], { input: text }).trim(), ids.join(' '), JSON.stringify(text));
    }
    for (const { messages, ids } of some(golden?.chat_cases ?? [])) {
      if (messages.length > 1) continue;
      assert.equal(ok(engine, ['tokenize', '--chat', messages[0].content]).trim(), ids.join(' '));
    }
  });

  check('info: the file, as text and as JSON', () => {
    const json = JSON.parse(ok(engine, ['info', '--json', '-m', builtIn]));
    assert.equal(json.file_bytes, readFileSync(join(root, builtIn)).length);
    assert.ok(json.layers > 0 && json.vocabulary > 0 && json.weight_bytes > 0);
    assert.match(ok(engine, ['info', builtIn]), /^architecture +bitnet/m);
    assert.equal(JSON.parse(ok(engine, ['info', '--json'])).file_bytes, json.file_bytes); // what is built in
  });

  check('info --estimate: what the header announces is what loading takes', () => {
    for (const more of [[], ['--head', 'int4'], ['-c', '64', '--kv', 'f16']]) {
      const told = JSON.parse(ok(engine, ['info', '--estimate', '--json', '-m', builtIn, ...more]));
      const { weight_bytes_most, peak_bytes, ...rest } = told;
      assert.deepEqual(rest, JSON.parse(ok(engine, ['info', '--json', '-m', builtIn, ...more])));
      assert.ok(weight_bytes_most >= told.weight_bytes && peak_bytes > told.weight_bytes + told.session_bytes);
    }
    assert.match(ok(engine, ['info', '--estimate', builtIn]), /^memory .* at most .* at a time$/m);
  });

  check('a model in several files: by the name of any one, the same bits', () => {
    const names = writeParts(join(root, builtIn), join(root, scratch, 'parts'), 3).map((path) => relative(root, path));
    const args = ['run', '--ids', '5,6,7', '-n', '8', '--ignore-end', '--print-ids', '--logits-hash'];
    const whole = ok(engine, args);
    for (const name of [names[0], names[2]]) assert.equal(ok(engine, [...args, '-m', name]), whole);
    const part = readFileSync(join(root, names[1]));
    withFile('alone.gguf', part, (alone) =>
      assert.match(cli(engine, [...args, '-m', alone]).stderr, /not the parts of one model/));
    rmSync(join(root, names[1]));
    const missing = cli(engine, [...args, '-m', names[0]]);
    assert.equal(missing.status, 1);
    assert.ok(missing.stderr.includes('parts-00002-of-00003.gguf'), missing.stderr);
    for (const name of [names[0], names[2]]) rmSync(join(root, name));
  });

  check('logits: one row per position, the last one the chooser of the next token', () => {
    const { vocabulary } = JSON.parse(ok(engine, ['info', '--json']));
    const bytes = ok(engine, ['logits', '--ids', '5,6,7,8', '-o', '-'], { binary: true });
    assert.equal(bytes.length, 4 * vocabulary * 4);
    const last = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)).subarray(3 * vocabulary);
    const best = last.indexOf(last.reduce((most, value) => Math.max(most, value), -Infinity));
    assert.equal(ok(engine, ['run', '--ids', '5,6,7,8', '-n', '1', '--print-ids', '--ignore-end']), `${best}\n`);
    const path = `${scratch}/logits.f32`;
    ok(engine, ['logits', '--ids', '5,6,7,8', '-o', path, '--batch', '1']);
    assert.deepEqual(readFileSync(join(root, path)), bytes);
    rmSync(join(root, path));
  });

  check('bench: says what it measured', () => {
    const args = ['bench', '--prompt-tokens', '8', '-n', '4', '-r', '2'];
    const json = JSON.parse(ok(engine, [...args, '--json']));
    assert.ok(json.prefill_tokens_per_second > 0 && json.decode_tokens_per_second > 0 && json.peak_bytes > 0);
    assert.equal(json.prefill_runs.length, 2);
    assert.match(json.engine, new RegExp(`^${engine.name}-`));
    assert.match(ok(engine, args), /prefill .*\(8 random ids[\s\S]*decode .*\(4 greedy/);
  });

  check('selftest: every kernel of this engine', () => {
    assert.match(ok(engine, ['selftest']), new RegExp(`^${engine.name}-scalar: ok, `, 'm'));
  });

  check('cpu: the text, then its cost, as articles print it', () => {
    const text = ok(engine, ['run', '-p', 'Once upon a time', '-n', '12']);
    const output = ok(engine, ['cpu', '--model', builtIn, '--prompt', 'Once upon a time', '--max-tokens', '12']);
    assert.ok(output.startsWith(text), output);
    assert.match(output, /load time: [\d.]+ s\nRAM: [\d.]+ MB\naverage: [\d.]+ tokens\/s\np95: [\d.]+ ms\/token\n$/);
  });

  check('chat: through pipes, no decoration, clean end', () => {
    if (JSON.parse(ok(engine, ['info', '--json'])).chat_template === 'none') {
      refused(['chat'], 1, /chat template/, { input: 'hi\n' });
      return;
    }
    const once = ok(engine, ['chat', '-n', '8'], { input: 'Tell me a story.\n' });
    assert.ok(!once.includes('> '));
    const twice = ok(engine, ['chat', '-n', '8'], { input: 'Tell me a story.\n\n/reset\nTell me a story.\n/quit\nnever read\n' });
    assert.equal(twice, once + once);
    const follow = ok(engine, ['chat', '-n', '8'], { input: 'Tell me a story.\nAnd then?' });
    assert.ok(follow.startsWith(once) && follow.length > once.length);
    assert.equal(ok(engine, ['chat'], { input: '' }), '');
    // Of a conversation that outgrows the context the oldest is forgotten.
    const long = ok(engine, ['chat', '-n', '40', '-c', '128'], { input: 'Tell me a story.\n'.repeat(6) });
    assert.ok(long.length > 5 * once.length, long);
  });

  check('chat: a model without a template says so at once, and what can be done', () => {
    const bytes = Buffer.from(readFileSync(join(root, builtIn)));
    bytes.write('tokenizer.chat_templatf', bytes.indexOf('tokenizer.chat_template'));
    withFile('no-template.gguf', bytes, (path) => refused(['chat', '-m', path], 1, /chat template[^\n]*: none\n`bitnet run`/));
  });

  check('help and version', () => {
    assert.match(ok(engine, ['help']), /usage: bitnet COMMAND/);
    for (const command of some(['run', 'chat', 'info', 'tokenize', 'logits', 'bench', 'selftest', 'cpu'])) {
      assert.match(ok(engine, ['help', command]), new RegExp(`usage: bitnet ${command}`));
      assert.equal(ok(engine, [command, '--help']), ok(engine, ['help', command]));
    }
    assert.match(ok(engine, ['tokenize', '--', '--help']), /^\d+( \d+)*\n$/); // text that looks like an option
    assert.match(ok(engine, ['tokenize', '--', '-h']), /^\d+( \d+)*\n$/);
    assert.doesNotMatch(ok(engine, ['run', '-n', '1', '-p', '--help']), /usage/);
    assert.match(ok(engine, ['--version']), /^bitnet \d+\.\d+\.\d+\n.*kernels:.* scalar\n$/);
    const bare = cli(engine, []);
    assert.equal(bare.status, 2);
    assert.match(bare.stdout, /usage/);
  });

  check('wrong command lines: status 2 and the nearest right one', () => {
    for (const [args, status, pattern, options] of some([
      [['rnu'], 2, /unknown command 'rnu'; did you mean 'run'\?/],
      [['run', '--tmep', '1'], 2, /unknown option '--tmep'; did you mean '--temp'\?/],
      [['run', '--temp'], 2, /'--temp' wants a value/],
      [['run', '--temp', 'warm'], 2, /'--temp' wants a number, not 'warm'/],
      [['run', '--temp', 'nan'], 2, /wants a number/],
      [['run', '-n', '12x'], 2, /wants a whole number/],
      [['run', '-n', '-1'], 2, /wants a whole number/],
      [['run', '--threads', '99999'], 2, /from 0 to 256/],
      [['run', '--batch', '0'], 2, /from 1 to 512/],
      [['run', '--kv', 'f8'], 2, /f32 or f16/],
      [['run', '--head', 'q6'], 2, /file, int8 or int4/],
      [['run', '--context-policy', 'slide'], 2, /stop, error or shift/],
      [['run', '--logprobs', '21'], 2, /0 to 20/],
      [['run', '--draft', '17'], 2, /from 0 to 16/],
      [['run', '--ids', '1,,2'], 2, /separated by commas/],
      [['run', '--ids', '1', '-p', 'x'], 2, /not both/],
      [['run', 'Once'], 2, /unexpected argument 'Once'/],
      [['run', '--greedy=1', '-p', 'x'], 2, /takes no value/],
      [['logits', '--ids', '1'], 2, /-o/],
      [['help', 'nothing'], 2, /unknown command/],
    ])) {
      refused(args, status, pattern, options);
    }
  });

  check('values outside their range: status 1, said in one sentence', () => {
    for (const [args, status, pattern, options] of some([
      [['run', '-p', 'x', '--top-p', '1.5'], 1, /outside its range/],
      [['run', '-p', 'x', '--temp', '-1'], 1, /outside its range/],
      [['run', '-p', 'x', '--isa', 'quantum'], 1, /no kernels of that name[\s\S]*scalar/],
      [['run', '--ids', '999999999'], 1, /outside the vocabulary/],
      [['run', '--ids', '-1'], 1, /outside the vocabulary/],
      [['run', '--ids', ''], 1, /the prompt holds no token/],
      [['run', '-p', ''], 1, /the prompt holds no token/],
      [['run'], 1, /the prompt holds no token/, { input: '' }],
      [['run', '--ids', Array(40).fill(5).join(','), '-c', '32'], 1, /do not fit into the context/],
      [['run', '-p', 'x', '--stop', ''], 1, /outside its range/],
    ])) {
      refused(args, status, pattern, options);
    }
  });

  check('files that are no models: status 1, the file named, and what to do', () => {
    refused(['run', '-m', `${scratch}/missing.gguf`, '-p', 'x'], 1, /does not exist: .*missing\.gguf[\s\S]*Check the path/);
    refused(['info', '-m', 'models'], 1, /a folder/);
    withFile('page.gguf', '<!doctype html><title>404</title>', (path) =>
      refused(['info', '-m', path], 1, /not a GGUF file: .*page\.gguf[\s\S]*Fetch it again/));
    withFile('empty.gguf', '', (path) => refused(['info', '-m', path], 1, /empty\.gguf/));
    const bytes = readFileSync(join(root, builtIn));
    for (const length of some([bytes.length - 1, 3, 4, 20, 1000, bytes.length >> 1])) {
      withFile('cut.gguf', bytes.subarray(0, length), (path) => refused(['info', '-m', path], 1, /ends before|not a GGUF/));
    }
    const newer = Buffer.from(bytes);
    newer[4] = 9;
    withFile('newer.gguf', newer, (path) => refused(['info', '-m', path], 1, /version/));
  });
}

/// The parity line of one run of 200 greedy tokens: "logits ENGINE THREADS HASH", its parts, and the ids.
export function parity(engine, args) {
  const output = ok(engine, ['run', '--ids', golden.prompt_ids.join(','), '-n', String(golden.greedy_ids.length),
    '--ignore-end', '--print-ids', '--logits-hash', ...args]);
  const [ids, line] = output.replace(engine.noise ?? '', '').trim().split('\n'); // noise: what a runtime itself prints
  const [, name, threads, hash] = /^logits (\S+) (\d+) ([0-9a-f]{16})$/.exec(line);
  return { line, name, threads, hash, ids: ids.split(' ').map(Number) };
}

/// A prompt of any length: ordinary ids, in no order that repeats soon.
export const longPrompt = (length) => Array.from({ length }, (_, i) => 260 + ((i * i * 31 + i * 7) % 1500));

/// A copy of a GGUF file whose header promises another context length.
export function withContext(file, tokens) {
  const bytes = Buffer.from(file);
  const key = '.context_length';
  const type = bytes.indexOf(key) + key.length;
  assert.ok(type > key.length && bytes.readUInt32LE(type) === 4, 'no context_length of type u32');
  bytes.writeUInt32LE(tokens, type + 4);
  return bytes;
}
