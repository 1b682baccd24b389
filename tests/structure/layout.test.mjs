// What belongs together is there together: tests beside core, kernels in their three lists, generated files and what
// they are generated from, one symbol in each object of an instruction set.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { bare, files, isCpp, read, root } from './support.mjs';

const stem = (path) => basename(path).replace(/\.[^.]*$/, '');
const layerOf = (path) => path.split('/')[path.startsWith('tests/') ? 2 : 1];

// --- tests mirror core ---

/// Layers without a test, and tests of nothing.
function mirrorFaults(sources, tests) {
  const layers = [...new Set(sources.map(layerOf))].filter((layer) => layer !== 'include');
  // What is tested, or that and a part of its tests: NAME_test.cpp, NAME_PART_test.cpp.
  const tested = (path) => [stem(path).replace(/_test$/, ''), stem(path).replace(/_[a-z]+_test$/, '')];
  const names = (layer) => new Set(sources.filter((path) => [layer, 'include'].includes(layerOf(path))).map(stem));
  return [
    ...layers.filter((layer) => !tests.some((path) => layerOf(path) === layer)).map((layer) => `core/${layer} has no test`),
    ...tests.filter((path) => !layers.includes(layerOf(path))).map((path) => `${path}: there is no core/${layerOf(path)}`),
    ...tests.filter((path) => layers.includes(layerOf(path)) && !tested(path).some((name) => names(layerOf(path)).has(name)))
      .map((path) => `${path}: core/${layerOf(path)} has no such file`),
  ];
}

test('tests/core mirrors core, and every layer has tests', () => {
  assert.deepEqual(mirrorFaults(files('core', isCpp), files('tests/core', (path) => path.endsWith('_test.cpp'))), []);
  const sources = ['core/base/half.h', 'core/model/state.cpp', 'core/include/bitnet/memory.hpp'];
  assert.deepEqual(mirrorFaults(sources, ['tests/core/base/half_test.cpp', 'tests/core/model/memory_test.cpp']), []);
  assert.deepEqual(mirrorFaults(sources, ['tests/core/base/half_rounding_test.cpp', 'tests/core/model/state_test.cpp']), []);
  assert.equal(mirrorFaults(sources, ['tests/core/base/half_test.cpp']).length, 1);
  assert.equal(mirrorFaults(sources, ['tests/core/base/half_test.cpp', 'tests/core/model/stale_test.cpp']).length, 1);
  assert.equal(mirrorFaults(sources, ['tests/core/base/half_test.cpp', 'tests/core/model/state_test.cpp', 'tests/core/old/x_test.cpp']).length, 1);
});

test('every C++ file begins by saying what it is, every header is included once', () => {
  for (const path of files('core', isCpp).filter((name) => !name.endsWith('golden.inc'))) {
    assert.match(read(path), /^\/\/ /, path);
    if (/\.(h|hpp)$/.test(path)) assert.match(read(path), /^#pragma once$/m, path);
  }
});

// --- kernels: kernels.def, isa/*.cpp, CMake, cpu_features.cpp ---

/// What the four lists of instruction sets disagree in.
function isaFaults({ def, cmake, features, sources, text }) {
  const rows = [...bare(def).matchAll(/BITNET_ISA\((\w+)\)/g)].map((found) => found[1]);
  const built = [...cmake.matchAll(/bitnet_isa\((\w+)[ )]/g)].map((found) => found[1]).filter((name) => name !== 'name');
  const faults = [];
  const say = (fault) => faults.push(fault);
  if (rows.at(-1) !== 'scalar') say('the last row of kernels.def is not scalar');
  if (new Set(rows).size !== rows.length) say('a row of kernels.def stands twice');
  for (const name of rows) {
    if (!sources.includes(name)) say(`kernels.def has ${name}, isa/ does not`);
    if (name !== 'scalar' && !built.includes(name)) say(`kernels.def has ${name}, CMake does not`);
    const known = features.includes(`"${name}"`) || (name.startsWith('wasm_') && features.includes('starts_with("wasm_")'));
    if (!known) say(`cpu_features.cpp does not know ${name}`);
    const guarded = new RegExp(`#ifdef BITNET_HAVE_${name.toUpperCase()}\\nBITNET_ISA\\(${name}\\)\\n#endif`).test(def);
    if (guarded === (name === 'scalar')) say(`the guard of ${name} in kernels.def`);
  }
  for (const name of sources) {
    if (!rows.includes(name)) say(`isa/${name}.cpp has no row in kernels.def`);
    if (!new RegExp(`const Kernels kernels_${name} =\\s+generic::make_kernels<[\\w:<>, ]+>\\("${name}"[,)]`).test(text(name))) {
      say(`isa/${name}.cpp does not define kernels_${name}`);
    }
  }
  for (const name of built) if (!rows.includes(name)) say(`CMake builds ${name}, kernels.def has no row`);
  return faults;
}

test('kernels.def, isa/, CMake and cpu_features.cpp name the same instruction sets', () => {
  const lists = {
    def: read('core/kernels/kernels.def'),
    cmake: read('core/kernels/CMakeLists.txt'),
    features: read('core/kernels/cpu_features.cpp'),
    sources: files('core/kernels/isa', (path) => path.endsWith('.cpp')).map(stem),
    text: (name) => read(`core/kernels/isa/${name}.cpp`),
  };
  assert.deepEqual(isaFaults(lists), []);
  assert.notDeepEqual(isaFaults({ ...lists, def: lists.def.replace('BITNET_ISA(avx2)', '') }), []);
  assert.notDeepEqual(isaFaults({ ...lists, def: `${lists.def}BITNET_ISA(neon)\n` }), []);
  assert.notDeepEqual(isaFaults({ ...lists, cmake: lists.cmake.replace('bitnet_isa(avx2', 'bitnet_isa(avx') }), []);
  assert.notDeepEqual(isaFaults({ ...lists, features: '' }), []);
  assert.notDeepEqual(isaFaults({ ...lists, sources: [...lists.sources, 'neon'], text: () => '' }), []);
  assert.notDeepEqual(isaFaults({ ...lists, def: lists.def.replace('HAVE_AVX2', 'HAVE_AVX') }), []);
});

// --- objects ---

/// What is wrong with the symbols of isa/<name>.o: it must give its table and nothing else that another object could
/// take (a weak function compiled for one instruction set would be run by all).
function symbolFaults(name, nm) {
  const given = nm.split('\n').map((line) => /^\s*[0-9a-f]*\s+([A-Za-z])\s+(\S+)/.exec(line)).filter(Boolean)
    .map(([, type, symbol]) => ({ type, symbol })).filter(({ type }) => !/[Ua-z]/.test(type) || /[uvw]/.test(type));
  const tables = given.filter(({ type, symbol }) => /[RDSB]/.test(type) && symbol.includes(`kernels_${name}`));
  return [
    ...(tables.length === 1 ? [] : [`${tables.length} tables kernels_${name}`]),
    ...given.filter((symbol) => !tables.includes(symbol)).map(({ type, symbol }) => `${type} ${symbol}`),
  ];
}

test('each object of an instruction set gives one table and no weak symbol', (t) => {
  const program = ['llvm-nm-22', 'llvm-nm', 'nm'].find((name) => !spawnSync(name, ['--version']).error);
  if (!program) return t.skip('no nm');
  const native = process.env.BITNET_NATIVE_BUILD ?? 'build/native';
  const objects = existsSync(join(root, native))
    ? files(native, (path) => /(^|\/)isa\/[^/]*\.o(bj)?$/.test(path)) : [];
  if (objects.length === 0) return t.skip(`no objects in ${native}: not built`);
  for (const path of objects) {
    const name = basename(path).replace(/\..*$/, '');
    const nm = execFileSync(program, ['--defined-only', join(root, path)], { encoding: 'utf8' });
    assert.deepEqual(symbolFaults(name, nm), [], path);
  }
  t.diagnostic(`${objects.length} objects`);
});

test('the checker of symbols sees what it is for', () => {
  const table = '0000000000000000 D _ZN6bitnet12kernels_avx2E\n';
  assert.deepEqual(symbolFaults('avx2', `${table}0000000000000010 t _ZN6bitnet12_GLOBAL__N_14Avx2E\n0000 r .L.str\n`), []);
  assert.deepEqual(symbolFaults('avx2', table.replace(' D ', ' R ')), []);
  assert.equal(symbolFaults('avx2', '').length, 1);
  assert.equal(symbolFaults('avx2', `${table}0000000000000040 W _ZN6bitnet7generic3addE\n`).length, 1);
  assert.equal(symbolFaults('avx2', `${table}0000000000000040 V someData\n`).length, 1);
  assert.equal(symbolFaults('avx2', `${table}0000000000000040 T function\n`).length, 1);
  assert.equal(symbolFaults('avx2', `${table}0000000000000040 D another\n`).length, 1);
  assert.equal(symbolFaults('scalar', table).length, 2);
});

// --- generated files ---

test('errors.ts is what errors.def says', async (t) => {
  const generator = 'web/tools/generate-errors.mjs';
  if (!existsSync(join(root, generator))) return t.skip(`no ${generator}`);
  const run = spawnSync(process.execPath, [generator, '--check'], { cwd: root, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  // Is it a check at all? Another table gives another file.
  const { generate } = await import(`../../${generator}`);
  const table = read('core/include/bitnet/errors.def');
  assert.equal(generate(table), read('web/src/generated/errors.ts'));
  assert.notEqual(generate(table.replace('"a tensor', '"the tensor')), read('web/src/generated/errors.ts'));
});

test('errors.def: numbers and names are each given once, in order', () => {
  const rows = (text) => [...text.matchAll(/^BITNET_ERROR\((\d+), (\w+), "[^"]+"\)$/gm)].map(([, number, name]) => [Number(number), name]);
  const faults = (text) => {
    const all = rows(text);
    return all.filter(([number], i) => i > 0 && number <= all[i - 1][0]).length + all.length - new Set(all.map(([, name]) => name)).size;
  };
  const text = read('core/include/bitnet/errors.def');
  assert.equal(rows(text).length, (text.match(/^BITNET_ERROR/gm) ?? []).length);
  assert.equal(faults(text), 0);
  assert.equal(faults('BITNET_ERROR(1, A, "a")\nBITNET_ERROR(1, B, "b")\n'), 1);
  assert.equal(faults('BITNET_ERROR(1, A, "a")\nBITNET_ERROR(2, A, "b")\n'), 1);
});

test('unicode_tables.h is what its generator writes', (t) => {
  const table = read('core/text/unicode_tables.h');
  const version = /from Unicode ([\d.]+)/.exec(table)?.[1];
  assert.ok(version, 'the table names no version');
  for (const python of ['python3', 'python3.14', 'python3.13', 'python3.12']) {
    const has = spawnSync(python, ['-c', 'import unicodedata; print(unicodedata.unidata_version)'], { encoding: 'utf8' });
    if (has.error || has.stdout.trim() !== version) continue;
    const run = spawnSync(python, ['core/text/make_unicode_tables.py'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 24 });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(run.stdout, table);
    return;
  }
  t.skip(`no Python with Unicode ${version}`);
});
