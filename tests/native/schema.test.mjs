// What the built-in model writes under random schemas, at temperature 1 and with few tokens, is valid every time: judged by
// ajv, which knows nothing of us. 25 schemas; BITNET_FULL: 1,000.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, root, withFile } from '../support/cli.mjs';
import { randomSchema } from '../support/schemas.mjs';

const program = process.env.BITNET_CLI ?? join(root, 'build/native/bitnet');
const engine = { name: 'native', command: [program] };
const require = createRequire(join(root, 'web/package.json'));
const missing = !existsSync(program) ? 'the program is not built' : !existsSync(join(root, 'web/node_modules/ajv')) ? 'no ajv: npm ci in web/' : false;
const count = process.env.BITNET_FULL ? 1000 : 25;

function validator(schema) {
  const { default: Ajv } = require('ajv/dist/2020.js');
  const { default: addFormats } = require('ajv-formats');
  const ajv = new Ajv({ strict: false, allErrors: false });
  addFormats(ajv);
  return ajv.compile(schema);
}

/// Generates under a schema; the text, or undefined when the shortest document is too long for the tokens.
function generated(schema, seed, tokens) {
  return withFile(`schema-${seed}.json`, JSON.stringify(schema), (path) => {
    const result = cli(engine, ['run', '-p', 'Once upon a time', '--json-schema', path, '--temp', '1', '--seed', String(seed), '-n', String(tokens), '-t', '1']);
    if (result.status !== 0 && /no token fits the grammar/.test(result.stderr)) return undefined;
    assert.equal(result.status, 0, `${seed}: ${result.stderr}\n${JSON.stringify(schema)}`);
    return result.stdout.slice(0, -1);
  });
}

test(`JSON under ${count} random schemas is valid`, { skip: missing }, (t) => {
  let tight = 0;
  const invalid = [];
  for (let seed = 0; seed < count; ++seed) {
    const schema = randomSchema(seed);
    const validate = validator(schema);
    let text = generated(schema, seed, 40 + (seed * 37) % 300);
    if (text === undefined) ++tight;
    text ??= generated(schema, seed, 480);
    let fault;
    try {
      fault = validate(JSON.parse(text)) ? undefined : JSON.stringify(validate.errors);
    } catch (error) {
      fault = String(error);
    }
    if (fault) invalid.push(`${seed}: ${JSON.stringify(schema)}\n${text}\n${fault}`);
  }
  t.diagnostic(`${count - invalid.length} of ${count} valid; ${tight} wanted more than their first number of tokens and were given 480`);
  assert.deepEqual(invalid, []);
});

test('a validator that says yes to everything would be noticed', { skip: missing }, () => {
  for (let seed = 0; seed < 4; ++seed) {
    const { $defs, ...not } = randomSchema(seed);
    const validate = validator({ not, $defs: $defs ?? {} });
    const text = generated(randomSchema(seed), seed, 480);
    assert.equal(validate(JSON.parse(text)), false, text);
  }
});

test('grammars and schemas that are wrong are refused with their place', { skip: missing }, () => {
  const refused = (option, text, pattern) => withFile('wrong.txt', text, (path) => {
    const result = cli(engine, ['run', '-p', 'Once', option, path]);
    assert.equal(result.status, 1);
    assert.match(result.stderr, pattern);
    assert.equal(result.stdout, '');
  });
  refused('--grammar', 'root ::= "a"\nroot ::= b', /the grammar or JSON schema is wrong.*line 2, column 1/);
  refused('--json-schema', '{"properties":{"a":{"uniqueItems":true}}}', /#\/properties\/a\/uniqueItems: this keyword is not supported/);
  refused('--json-schema', '{"type":"string","minLength":2000}', /no token fits/);
  const none = cli(engine, ['run', '-p', 'Once', '--grammar', 'build/tmp/no-such-file']);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /--grammar/);
});
