// The include picture of the project (HACKING.md): who may include whom, as a table, and nothing else.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path/posix';
import { join as systemJoin } from 'node:path';
import { test } from 'node:test';
import { bare, files, isCpp, read, root } from './support.mjs';

/// Every layer of core may include itself and bitnet/{types,memory,options,sha256}.hpp (and errors.def), the words all share.
const arrows = {
  base: '',
  tensor: 'base',
  gguf: 'base tensor',
  kernels: 'base',
  model: 'base tensor gguf kernels',
  text: 'base gguf',
  sample: 'base',
  grammar: 'base gguf text',
  engine: 'base gguf model text sample grammar',
  platform: '',
  api: 'base tensor gguf kernels model text sample grammar engine',
};
const shared = ['bitnet/types.hpp', 'bitnet/memory.hpp', 'bitnet/options.hpp', 'bitnet/errors.def', 'bitnet/sha256.hpp'];
const faces = ['native', 'wasm', 'wasi'];
const guest = 'wasi/nn/guest/';
const cHeader = 'core/include/bitnet/bitnet.h';
/// Faces that are programs, which may include cli/.
const programs = ['native', 'wasi'];

/// The file that `name` in quotes means to `path`: beside it, or from core/, core/include/, its own face's folder or cli/.
function resolve(path, name, exists) {
  const face = path.split('/')[0];
  // A guest is another program, in another machine: all it sees of us is its header.
  if (path.startsWith(guest)) return [join(guest, name)].find(exists);
  const host = face === 'wasm' ? [join('wasi', name)] : []; // the module for Node is an adapter of wasi/nn too
  return [join(dirname(path), name), join('core', name), join('core/include', name), join(face, name), ...host, join('cli', name)].find(exists);
}

/// Why `path` may not include "name", or undefined. `exists` says which files there are.
export function forbidden(path, name, exists) {
  const target = resolve(path, name, exists);
  // What CMake generates into the build folder lies nowhere; only the built-in model's bytes are made so.
  if (target === undefined) return /^(native|wasi\/reactor)\//.test(path) && name === 'builtin_model.inc' ? undefined : 'no such file';
  const [top, layer] = path.split('/');
  const [targetTop, targetLayer, ...rest] = target.split('/');
  const publicName = target.startsWith('core/include/') ? target.slice('core/include/'.length) : undefined;

  if (top === 'core' && layer === 'include') return publicName ? undefined : 'a public header includes a private one';
  if (top === 'core') {
    if (publicName) {
      return shared.includes(publicName) || layer === 'api' ? undefined : `${layer} may not include ${publicName}`;
    }
    if (targetTop !== 'core') return 'core includes something outside it';
    if (layer === 'kernels' && rest[0] === 'isa' && !target.endsWith('.h')) return 'an instruction set includes another';
    if (layer === 'kernels' && rest[0] === 'isa' && !path.includes('/isa/')) return 'only an instruction set includes isa/';
    return targetLayer === layer || arrows[layer]?.split(' ').includes(targetLayer)
      ? undefined : `${layer} may not include ${targetLayer}`;
  }
  if (faces.includes(top)) {
    if (publicName || (targetTop === 'core' && targetLayer === 'platform' && target.endsWith('.h'))) return undefined;
    if (targetTop === 'cli' && programs.includes(top)) return undefined;
    const adapter = (top === 'wasm' || (top === 'wasi' && layer !== 'nn')) && target.startsWith('wasi/nn/');
    if (adapter) return ['wasi/nn/abi.h', 'wasi/nn/host.h'].includes(target) ? undefined : 'an adapter sees nn/abi.h and nn/host.h only';
    return targetTop === top ? undefined : `${top} may include its own files, bitnet/*.hpp and platform/*.h only`;
  }
  if (top === 'cli') return targetTop === 'cli' ? undefined : 'cli may include its own files only';
  if (top === 'bench') {
    const allowed = publicName || targetTop === 'bench' || target === 'core/kernels/kernels.h' ||
      (targetTop === 'core' && targetLayer === 'platform' && target.endsWith('.h'));
    return allowed ? undefined : 'bench may include its own files, bitnet/*.hpp, platform/*.h and kernels/kernels.h only';
  }
  return `${top} has no row in the picture`;
}

const quoted = (text) => [...bare(text).matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"]+)"/gm)].map((found) => found[1]);
const angled = (text) => [...bare(text).matchAll(/^[ \t]*#[ \t]*include[ \t]*<([^>]+)>/gm)].map((found) => found[1]);
const onDisk = (path) => existsSync(systemJoin(root, path));
const sources = ['core', ...faces, 'cli', 'bench'].filter((folder) => onDisk(folder)).flatMap((folder) => files(folder, isCpp));

test('includes follow the picture', () => {
  assert.ok(sources.length > 60, `only ${sources.length} files`);
  // bench/make_synthetic.cpp makes model files with what the tests make theirs with.
  const allowed = (path, name) => path === 'bench/make_synthetic.cpp' && name.startsWith('support/');
  const wrong = sources.flatMap((path) => quoted(read(path))
    .map((name) => [path, name, allowed(path, name) ? undefined : forbidden(path, name, onDisk)])
    .filter(([, , why]) => why).map(([file, name, why]) => `${file} includes "${name}": ${why}`));
  assert.deepEqual(wrong, []);
});

test('every layer of core has a row, every row a layer', () => {
  const layers = new Set(files('core', isCpp).map((path) => path.split('/')[1]));
  layers.delete('include');
  assert.deepEqual([...layers].sort(), Object.keys(arrows).sort());
  // An arrow the other way round would make a circle.
  const reaches = (from, to, seen = new Set()) => arrows[from].split(' ').filter(Boolean)
    .some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
  for (const layer of Object.keys(arrows)) assert.ok(!reaches(layer, layer), `${layer} reaches itself`);
});

test('public headers include the standard library and each other', () => {
  for (const path of files('core/include')) {
    const standard = path === cHeader ? /^std(def|int)\.h$/ : /^[a-z_]+$/;
    for (const name of angled(read(path))) assert.match(name, standard, `${path} includes <${name}>`);
  }
});

test('core includes no header of an operating system, except in platform', () => {
  // What the compiler and the system say of the processor is asked for in one place.
  const processor = (path, name) => path === 'core/kernels/cpu_features.cpp' && /^(cpuid|sys\/auxv)\.h$/.test(name);
  // Every buffer's memory comes from here, so platform, which only faces link, is too far up.
  const pages = (path, name) => path === 'core/base/pages_linux.cpp' && name === 'sys/mman.h';
  const wrong = files('core', isCpp).filter((path) => !path.startsWith('core/platform/') && path !== cHeader).flatMap((path) =>
    angled(read(path)).filter((name) => !/^[a-z_]+$/.test(name) && !processor(path, name) && !pages(path, name) &&
      !(path.includes('/isa/') && /intrin|wasm_simd128|arm_neon/.test(name)))
      .map((name) => `${path} includes <${name}>`));
  assert.deepEqual(wrong, []);
});

test('kernels use no container of the standard library', () => {
  const wrong = files('core/kernels', isCpp).flatMap((path) =>
    angled(read(path)).filter((name) => /^(vector|string|map|set|deque|list|array|memory|functional|unordered_.*)$/.test(name))
      .map((name) => `${path} includes <${name}>`));
  assert.deepEqual(wrong, []);
});

test('the checker sees what it is for', () => {
  const there = new Set(['core/base/half.h', 'core/kernels/kernels.h', 'core/kernels/isa/avx2.cpp', 'core/kernels/isa/lanes.h',
    'core/kernels/pack.h', 'core/model/forward.h', 'core/text/tokenizer.h', 'core/platform/file.h', 'core/platform/file_pread.cpp',
    'core/include/bitnet/types.hpp', 'core/include/bitnet/bitnet.hpp', 'native/common.h', 'cli/args.h', 'wasm/objects.h', 'tests/support/tiny_gguf.h',
    'wasi/nn/abi.h', 'wasi/nn/context.h', 'wasi/nn/guest/bitnet_nn.hpp']);
  const exists = (path) => there.has(path);
  const good = [['core/kernels/pack.cpp', 'kernels/pack.h'], ['core/kernels/isa/avx2.cpp', 'kernels/isa/lanes.h'],
    ['core/model/state.cpp', 'kernels/kernels.h'], ['core/base/types.cpp', 'bitnet/types.hpp'], ['core/api/bitnet.cpp', 'bitnet/bitnet.hpp'],
    ['native/cli.cpp', 'common.h'], ['native/cli.cpp', 'args.h'], ['cli/args.cpp', 'args.h'], ['native/cli.cpp', 'platform/file.h'], ['wasm/objects.h', 'bitnet/bitnet.hpp'],
    ['core/include/bitnet/bitnet.hpp', 'types.hpp'], ['bench/kernels.cpp', 'kernels/kernels.h'], ['native/builtin.cpp', 'builtin_model.inc'],
    ['wasi/nn/guest/examples/chat.cpp', 'bitnet_nn.hpp'], ['wasi/nn/host.cpp', 'nn/context.h'], ['wasi/host-wasmtime/guest.cpp', 'nn/abi.h'], ['wasm/nn_objects.h', 'nn/abi.h']];
  const bad = [['core/kernels/pack.cpp', 'model/forward.h'], ['core/model/state.cpp', 'text/tokenizer.h'], ['core/base/half.h', 'kernels/kernels.h'],
    ['core/api/loader.cpp', 'platform/file.h'], ['core/model/state.cpp', 'bitnet/bitnet.hpp'], ['core/include/bitnet/types.hpp', 'base/half.h'],
    ['core/kernels/isa/scalar.cpp', 'kernels/isa/avx2.cpp'], ['core/kernels/pack.cpp', 'kernels/isa/lanes.h'], ['native/cli.cpp', 'kernels/kernels.h'],
    ['native/cli.cpp', 'platform/file_pread.cpp'], ['native/cli.cpp', '../wasm/objects.h'], ['wasm/bindings.cpp', 'args.h'], ['cli/args.cpp', '../native/common.h'], ['cli/args.cpp', 'platform/file.h'],
    ['core/model/x.cpp', '../../tests/support/tiny_gguf.h'], ['bench/kernels.cpp', 'kernels/pack.h'], ['core/model/x.cpp', 'nowhere.h'],
    ['core/news/x.cpp', 'base/half.h'], ['core/platform/file_pread.cpp', 'base/half.h'], ['elsewhere/x.cpp', 'base/half.h'],
    ['wasi/host-wasmtime/guest.cpp', 'nn/context.h'], ['wasm/nn_objects.h', 'nn/context.h'], ['wasi/nn/guest/examples/chat.cpp', '../../abi.h'], ['wasi/nn/guest/bitnet_nn.hpp', 'bitnet/bitnet.hpp']];
  for (const [path, name] of good) assert.equal(forbidden(path, name, exists), undefined, `${path} ${name}`);
  for (const [path, name] of bad) assert.notEqual(forbidden(path, name, exists), undefined, `${path} ${name}`);
  assert.deepEqual(quoted('#include "a.h"\n// #include "b.h"\n  # include "c/d.hpp" // e\n/* #include "f.h" */\nx = "#include";'), ['a.h', 'c/d.hpp']);
  assert.deepEqual(angled('#include <new>\n#include <sys/stat.h>\n//#include <x>'), ['new', 'sys/stat.h']);
});
