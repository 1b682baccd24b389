// clang-tidy over core/: node tidy.mjs BUILD_DIR. A file is looked at again only when it, a header of core, the checks or
// its compile command changed; the stamps are in BUILD_DIR/tidy.
// The static analyser follows paths through each function up to a number of program states: a seventh of its default, which
// takes a quarter of the time, unless BITNET_FULL is set.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';

const build = process.argv[2];
const depth = process.env.BITNET_FULL ? [] : ['-Xclang', '-analyzer-config', '-Xclang', 'max-nodes=30000'];
const core = resolve('core');
const stamps = join(build, 'tidy');
mkdirSync(stamps, { recursive: true });

const shared = createHash('sha256').update(readFileSync('.clang-tidy')).update(depth.join(' '));
for (const name of readdirSync(core, { recursive: true }).sort()) {
  if (/\.(h|hpp|def|inc)$/.test(name)) shared.update(name).update(readFileSync(join(core, name)));
}

const stale = [];
for (const { file, command } of JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'))) {
  if (!file.startsWith(core + '/')) continue;
  const key = shared.copy().update(command).update(readFileSync(file)).digest('hex');
  if (!existsSync(join(stamps, key))) stale.push({ file, key });
}

let failed = false;
async function worker() {
  for (let next; (next = stale.shift()); ) {
    const { file, key } = next;
    let output = '';
    const tidy = spawn('clang-tidy-22', ['--quiet', '-p', build, ...depth.map((word) => `--extra-arg=${word}`), file], { stdio: ['ignore', 'pipe', 'pipe'] });
    tidy.stdout.on('data', (data) => (output += data));
    tidy.stderr.on('data', () => {}); // "N warnings generated"
    const status = await new Promise((done) => tidy.on('error', done).on('close', done));
    if (status === 0) {
      writeFileSync(join(stamps, key), relative('', file));
    } else {
      failed = true;
      console.log(output || `clang-tidy-22 ${relative('', file)}: ${status}`);
    }
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, worker));
process.exit(failed ? 1 : 0);
