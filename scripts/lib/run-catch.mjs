// Runs a Catch2 program and records each test case's result (see results.mjs).
//   node run-catch.mjs SUITE COMMAND [ARG...] [TAG...]
// TAG, as Catch2 writes it: [of those to run] or ~[of those not to].
// A test case that ends the whole program (a crash; a failed REQUIRE or a SKIP where there are no C++ exceptions) is
// recorded for what it was, and the program is started again for the test cases after it.
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { record, shown, describe } from './results.mjs';

const [suite, command, ...words] = process.argv.slice(2);
const isTag = (word) => /^~?\[/.test(word);
const tags = words.filter(isTag);
const args = words.filter((word) => !isTag(word));
const base = `build/test-results/${suite}`;

function run(...more) {
  const done = spawnSync(command, [...args, ...more], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = done.error ? `${done.error.message}` : done.signal ? `signal ${done.signal}` : `exit status ${done.status}`;
  return { out: done.stdout ?? '', err: done.stderr ?? '', end };
}

const unescape = (text) =>
  text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&apos;/g, "'").replace(/&amp;/g, '&');
const plain = (xml) => unescape(xml.replace('</Original>', ' -> ').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim());

/// What went wrong in a test case, one line for each failed check: file:line: text.
function failures(xml) {
  const found = xml.matchAll(/<(Expression|Failure|Exception|FatalErrorCondition)\b([^>]*)>([\s\S]*?)(<\/\1>|$)/g);
  return [...found].map(([, , attributes, text]) => {
    const at = /filename="([^"]*)" line="(\d+)"/.exec(attributes);
    return `${at ? `${unescape(at[1])}:${at[2]}: ` : ''}${plain(text)}`;
  });
}

const listing = run(...tags, '--list-tests', '--verbosity', 'quiet');
let pending = listing.out.split('\n').map((line) => line.trim()).filter(Boolean);
if (pending.length === 0) {
  record(`${base}.tsv`, 'failed', 'list of tests', listing.end);
  console.log(describe(`${suite}: list of tests`, `${listing.end}\n${listing.err || listing.out}`));
}

for (let select = tags; pending.length > 0; select = ['--input-file', `${base}.todo`]) {
  rmSync(`${base}.xml`, { force: true });
  const { out, err, end } = run(...select, '--reporter', `xml::out=${base}.xml`);
  appendFileSync(`${base}.log`, out + err);
  for (const line of shown(out)) console.log(`  ${line}`);

  const report = existsSync(`${base}.xml`) ? readFileSync(`${base}.xml`, 'utf8') : '';
  const seen = new Set();
  let allWell = true;
  for (const xml of report.split('<TestCase ').slice(1)) {
    const name = unescape(/^name="([^"]*)"/.exec(xml)[1]);
    seen.add(name);
    const finished = /<OverallResult success="(true|false)" skips="(\d+)"/.exec(xml);
    const skip = /<Skip\b[^>]*>([\s\S]*?)(<\/Skip>|$)/.exec(xml);
    if (finished ? finished[1] === 'false' : !skip || failures(xml).length > 0) {
      const detail = [...failures(xml), ...(finished ? [] : [`the program ended in this test: ${end}`, err])].join('\n');
      allWell = false;
      record(`${base}.tsv`, 'failed', name, detail.split('\n')[0]);
      console.log(describe(name, detail));
    } else if (skip) {
      record(`${base}.tsv`, 'skipped', name, plain(skip[1]) || 'no reason given');
    } else {
      record(`${base}.tsv`, 'passed', name);
    }
  }
  if (report.includes('</Catch2TestRun>') && allWell && !['exit status 0', 'exit status 4'].includes(end)) { // 4: all skipped
    record(`${base}.tsv`, 'failed', 'end of the program', end); // a leak report, say
    console.log(describe(`${suite}: end of the program`, `${end}\n${err}`));
  }
  const before = pending.length;
  pending = pending.filter((name) => !seen.has(name));
  if (pending.length === before) { // nothing ran: starting again would not help
    for (const name of pending) record(`${base}.tsv`, 'failed', name, `did not run: ${end}`);
    console.log(describe(`${suite}: ${before} tests did not run`, `${end}\n${err}`));
    break;
  }
  // A crash writes the end of the report too: only a program that ended by itself has left tests out.
  if (report.includes('</Catch2TestRun>') && !end.startsWith('signal') && pending.length > 0) {
    for (const name of pending) record(`${base}.tsv`, 'failed', name, 'was listed and not run');
    break;
  }
  // Catch2 reads one name a line, quoted so that commas and brackets are the name's.
  writeFileSync(`${base}.todo`, pending.map((name) => `"${name.replace(/[\\",[\]]/g, '\\$&')}"\n`).join(''));
}
