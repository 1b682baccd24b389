// What the sources may say: where the processor and the system may be asked for, what core never calls, which compiler
// flags there are, what must not be in a published file. And how long core's files are.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bare, conditions, files, hits, isCpp, read, root, tracked } from './support.mjs';

const code = ['core', 'cli', 'native', 'wasm', 'wasi', 'bench'].flatMap((folder) => {
  try {
    return files(folder, isCpp);
  } catch {
    return [];
  }
});

// --- conditional compilation ---

const processor = /__x86_64__|__i386__|__amd64__|_M_X64|_M_IX86|_M_ARM|__SSE|__AVX|__FMA__|__F16C__|__ARM|__arm|__aarch64__|__wasm|__riscv|BITNET_HAVE_/;
const system = /__EMSCRIPTEN__|__wasi__|__wasm_|_WIN32|__linux__|__APPLE__|__unix__|__ANDROID__/;

/// Lines of a file that ask for the processor or the system where they may not.
function misplacedConditions(path, text) {
  const asksProcessor = ['core/kernels/kernels.def', 'core/kernels/cpu_features.cpp', 'bench/peak.h'].includes(path);
  // Whom to ask for the processor's features is the system's choice.
  const asksSystem = /^(core\/platform|wasm|wasi|native)\//.test(path) || ['core/kernels/cpu_features.cpp', 'bench/peak.h'].includes(path);
  return conditions(text)
    .filter(({ text: condition }) => (processor.test(condition) && !asksProcessor) || (system.test(condition) && !asksSystem))
    .map(({ line, text: condition }) => `${path}:${line}: ${condition}`);
}

test('only kernels.def, cpu_features.cpp and the rooflines of bench ask for the processor, only platform and faces for the system', () => {
  assert.deepEqual(code.flatMap((path) => misplacedConditions(path, read(path))), []);
  const about = '#if defined(__x86_64__)\n#endif\n';
  assert.deepEqual(misplacedConditions('core/kernels/cpu_features.cpp', about), []);
  assert.equal(misplacedConditions('core/model/blocks.cpp', about).length, 1);
  assert.equal(misplacedConditions('core/platform/file.cpp', about).length, 1);
  assert.equal(misplacedConditions('core/model/x.cpp', 'int a;\n# ifdef __EMSCRIPTEN__\n#endif').length, 1);
  assert.equal(misplacedConditions('core/model/x.cpp', '#if 1 && \\\n defined(_WIN32)\n#elif __AVX2__\n').length, 2);
  assert.deepEqual(misplacedConditions('wasm/x.cpp', '#ifdef __EMSCRIPTEN__\n'), []);
  assert.deepEqual(misplacedConditions('core/model/x.cpp', '// #if __AVX__\n#if kThing\n'), []);
});

test('conditional compilation is rare in core', () => {
  const paths = files('core', isCpp);
  const lines = paths.reduce((sum, path) => sum + read(path).split('\n').length, 0);
  const asked = paths.reduce((sum, path) => sum + conditions(read(path)).length, 0);
  assert.ok(asked / lines < 0.003, `${asked} conditions in ${lines} lines`);
});

// --- what core never does ---

const never = [
  [/\b(abort|exit|_Exit|quick_exit|terminate)\s*\(/, 'ends the process'],
  [/\b(printf|fprintf|puts|fputs|putchar|perror)\s*\(|std::(cout|cerr|clog)\b/, 'prints'],
  [/\b(getenv|setenv|putenv)\s*\(/, 'reads the environment'],
  [/\bthrow\b|\btry\s*\{|\bcatch\s*\(/, 'throws'],
  [/\bstd::(vector|map|set|unordered_\w+|deque|list|function|make_unique|make_shared|shared_ptr)\b|\bstd::string\b(?!_)/, 'allocates and would throw'],
  [/\bnew\b(?!\s*\(\s*std::nothrow\s*\))/, 'news and would throw'],
  [/\basm\b|\b__asm__\b|\brand\s*\(|\bstd::random_device\b/, 'is not the same everywhere'],
];
function forbiddenCalls(path, text) {
  // An empty one only hides a value from the optimiser.
  const plain = bare(text.replace(/__asm__\("" : "\+r"\(\w+\)\);/g, '')).replace(/^[ \t]*#[ \t]*include[^\n]*/gm, '');
  return never.flatMap(([pattern, why]) => hits(path, plain, pattern).map((hit) => `${hit} (${why})`));
}

test('core neither ends the process, prints, reads the environment nor throws', () => {
  const paths = files('core', (path) => isCpp(path) && !path.startsWith('core/platform/'));
  assert.deepEqual(paths.flatMap((path) => forbiddenCalls(path, read(path))), []);
  for (const bad of ['abort();', 'std::exit (1);', 'printf("x");', 'auto x = std::getenv("A");', 'throw 1;', 'std::cout << 1;',
    'std::vector<int> v;', 'std::string s;', 'new int;', '__asm__("nop" : "+r"(x));', 'p = new (place) int;', 'try { f(); }', 'auto p = std::make_unique<int>();']) {
    assert.equal(forbiddenCalls('x', bad).length, 1, bad);
  }
  for (const good of ['// abort();', 'std::string_view s;', 'new (std::nothrow) int;', 'error << "exit(1) new throw";', '#include <new>',
    'int exit_status;', 'auto newest = 1;', 'snprintf_like(x);', "const char c = '\"'; // new"]) {
    assert.deepEqual(forbiddenCalls('x', good), [], good);
  }
});

test('errors are values in every face too: no C++ is compiled to throw', () => {
  assert.match(read('cmake/BitnetFlags.cmake'), /-fno-exceptions/);
});

// --- flags ---

const fast = /-f(?:fast-math|associative-math|reciprocal-math|unsafe-math\w*|finite-math\w*|no-honor-\w+)|-Ofast|-ffp-contract=(?!off)|\bmrecip\b|#\s*pragma\s+(?:STDC\s+FP_CONTRACT|GCC\s+optimize|clang\s+fp)/;

test('floating point is never relaxed', () => {
  const builds = (tracked() ?? [...files('cmake'), ...files('core'), 'CMakeLists.txt', 'CMakePresets.json'])
    .filter((path) => isCpp(path) || /(CMakeLists\.txt|CMakePresets\.json|\.cmake|\.sh)$/.test(path) || /^scripts\/[^.]*$/.test(path));
  assert.ok(builds.length > 20);
  // Words in comments are fine, and these tests write the flags down too.
  const text = (path) => (isCpp(path) ? bare(read(path)) : read(path).replace(/#(?!\s*pragma)[^\n]*/g, ''));
  assert.deepEqual(builds.flatMap((path) => hits(path, text(path), fast)), []);
  assert.match(read('cmake/BitnetFlags.cmake'), /add_compile_options\(-ffp-contract=off\)/);
  for (const bad of ['-ffast-math', '-Ofast', '-ffp-contract=fast', '#pragma STDC FP_CONTRACT ON', '-funsafe-math-optimizations']) {
    assert.equal(hits('x', bad, fast).length, 1, bad);
  }
  assert.deepEqual(hits('x', '-ffp-contract=off -O3 -fno-exceptions', fast), []);
});

test('warnings: the strict set', () => {
  assert.match(read('cmake/BitnetFlags.cmake'), /-Wall -Wextra -Wpedantic -Wshadow -Wconversion/);
});

// --- what must not be published ---

// Put together here, so that this file does not hold what it looks for.
const folders = ['work', 'root', 'home/[a-z]+', 'Users/[A-Za-z]+'].map((name) => `(?<![\\w.@}$~*-])/${name}/`);
const hosts = [['registry', 'npmjs'], ['registry', 'yarnpkg'], ['pypi', 'org'], ['files', 'pythonhosted'], ['index', 'crates'],
  ['static', 'crates'], ['proxy', 'golang'], ['deb', 'debian'], ['archive', 'ubuntu']].map((words) => words.join('\\.'))
  .concat(['jf' + 'rog', 'arti' + 'factory']);
/// The hosts that this machine fetches packages from are nobody else's business either.
const ofThisMachine = ['npm_config_registry', 'NPM_CONFIG_REGISTRY', 'PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'GOPROXY', 'CARGO_REGISTRY']
  .flatMap((name) => [...(process.env[name] ?? '').matchAll(/\/\/(?:[^/@]*@)?([^/:,]+)/g)].map((found) => found[1].replaceAll('.', '\\.')));
const unpublishable = new RegExp([...folders, ...hosts, ...ofThisMachine].join('|'));

test('no path of this machine and no package registry in any file of the project', (t) => {
  const paths = tracked();
  if (!paths) return t.skip('this is not a git checkout');
  const text = paths.filter((path) => !/\.(gguf|png|ico|wasm|bin|gz|zip)$/.test(path));
  assert.deepEqual(text.flatMap((path) => hits(path, read(path), unpublishable)), []);
  for (const bad of [['/wo', 'rk/main'].join(''), ['see /ro', 'ot/x'].join(''), ['https://pypi', 'org/simple'].join('.'),
    ['"/ho', 'me/someone/x"'].join(''), ['https://registry', 'npmjs.org/x'].join('.')]) {
    assert.equal(hits('x', bad, unpublishable).length, 1, bad);
  }
  for (const good of ['build/work/x', '$HOME/root/x', 'https://example.org/work', 'npm install', '../work/x']) {
    assert.deepEqual(hits('x', good, unpublishable), [], good);
  }
});

test('no file of the project is over 3 MiB', (t) => {
  const paths = tracked();
  if (!paths) return t.skip('this is not a git checkout');
  const tooLarge = (path, bytes) => bytes > 3 << 20;
  assert.deepEqual(paths.filter((path) => tooLarge(path, statSync(join(root, path)).size)), []);
  assert.ok(tooLarge('x', 3 * 1024 * 1024 + 1) && !tooLarge('x', 3 * 1024 * 1024));
});

// --- printed, not enforced ---

test('how long the files of core are', (t) => {
  const lengths = files('core', isCpp).map((path) => [read(path).split('\n').length - 1, path]).sort(([a], [b]) => b - a);
  for (const [lines, path] of lengths.slice(0, 12)) t.diagnostic(`${String(lines).padStart(5)}  ${path}`);
  t.diagnostic(`${String(lengths.reduce((sum, [lines]) => sum + lines, 0)).padStart(5)}  lines in ${lengths.length} files`);
  assert.ok(lengths.length > 50);
});
