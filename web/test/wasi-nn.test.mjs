// bitnet-edge/wasi-nn: a guest of our own that calls the functions as it likes, the SDK's guests and the public ones.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import workers from "node:worker_threads";
import { guestMissing, publicGuests, runGuest } from "../../tests/support/public-guests.mjs";
import { harmless, onTerminal } from "../../tests/support/terminal.mjs";
import { createWasiNN } from "../dist/wasi-nn.js";
import {
  BitNet,
  golden,
  hostileServer,
  modelBytes,
  modelPath,
  modelUrl,
  refuses,
} from "./support.mjs";

const root = resolve(import.meta.dirname, "../..");
const { flavours: available } = BitNet.features();
const story = "Once upon a time";
const errno = {
  success: 0,
  invalidArgument: 1,
  invalidEncoding: 2,
  missingMemory: 3,
  busy: 4,
  runtimeError: 5,
  unsupportedOperation: 6,
  tooLarge: 7,
  notFound: 8,
  endOfSequence: 100,
  modelNotFound: 103,
};

// --- a guest of our own ---

const parameters = {
  load: 5,
  load_by_name: 3,
  load_by_name_with_config: 5,
  init_execution_context: 2,
  set_input: 3,
  compute: 1,
  get_output: 5,
  compute_single: 1,
  get_output_single: 5,
  fini_single: 1,
  unload: 1,
  finalize_execution_context: 1,
};

/** A module that imports the twelve functions and exports them again, beside a memory of one page. */
function passThrough() {
  const names = Object.keys(parameters);
  const text = (value) => [value.length, ...Buffer.from(value)];
  const section = (id, entries) => {
    const body = [entries.length, ...entries.flat()];
    return [id, 0x80 | (body.length & 0x7f), body.length >> 7, ...body];
  };
  const types = [0, 1, 2, 3, 4, 5].map((count) => [
    0x60,
    count,
    ...Array(count).fill(0x7f),
    1,
    0x7f,
  ]);
  return new Uint8Array([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      2,
      names.map((name) => [...text("wasi_ephemeral_nn"), ...text(name), 0, parameters[name]]),
    ),
    ...section(5, [[0, 1]]),
    ...section(7, [[...text("memory"), 2, 0], ...names.map((name, at) => [...text(name), 0, at])]),
  ]);
}
const module = new WebAssembly.Module(passThrough());

class Program {
  constructor(guest) {
    this.instance = new WebAssembly.Instance(module, { ...guest.imports });
    this.call = this.instance.exports;
    this.memory = this.call.memory;
    guest.bind(this.instance);
    this.end = 64; // below: places for results
  }
  bytes(at, length) {
    return Buffer.from(this.memory.buffer, at, length);
  }
  number(at) {
    return this.bytes(at, 4).readUInt32LE();
  }
  /** Where `bytes` now lie, and how many they are. */
  put(bytes) {
    const data = Buffer.from(bytes);
    const at = this.end;
    this.end += (data.length + 7) & ~7;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    data.copy(this.bytes(at, data.length));
    return [at, data.length];
  }
  numbers(...values) {
    return this.put(new Uint8Array(Uint32Array.from(values).buffer))[0];
  }
  ok(name, ...args) {
    assert.equal(this.call[name](...args), errno.success, name);
  }
  graph(config, name = "default") {
    const named = this.put(name);
    if (config === undefined) this.ok("load_by_name", ...named, 0);
    else this.ok("load_by_name_with_config", ...named, ...this.put(JSON.stringify(config)), 0);
    return this.number(0);
  }
  context(config) {
    this.ok("init_execution_context", this.graph(config), 4);
    return this.number(4);
  }
  input(context, text, index = 0) {
    const [at, length] = this.put(text);
    this.ok("set_input", context, index, this.numbers(this.numbers(1), 1, 2, at, length));
  }
  output(context, index = 0, name = "get_output") {
    const room = 24576;
    const [at] = this.put(new Uint8Array(room));
    this.ok(name, context, index, at, room, 8);
    const text = this.bytes(at, this.number(8)).toString();
    this.end = at;
    return text;
  }
  /** The pieces of a stream, until `code`. */
  stream(context, most = Infinity) {
    const pieces = [];
    while (pieces.length < most) {
      const code = this.call.compute_single(context);
      if (code === errno.endOfSequence) break;
      assert.equal(code, errno.success);
      pieces.push(this.output(context, 0, "get_output_single"));
    }
    return pieces;
  }
}

const quiet = { threads: 1, log: () => {} };
const builtIn = { preload: { default: "builtin" } };
/** body(nn, program), with a host that ends afterwards. */
async function withProgram(options, body) {
  const nn = await createWasiNN({ ...quiet, ...builtIn, ...options });
  try {
    return await body(nn, new Program(nn));
  } finally {
    nn.dispose();
  }
}

// --- what it computes ---

const goldenHash = /kLogitsHash = 0x([0-9a-f]{16})/.exec(
  readFileSync(join(root, "core/api/golden.inc"), "utf8"),
)[1];
const config = { "logits-hash": true, "ignore-eos": true, "n-predict": 200, temp: 0 };

for (const [flavour, threads] of [
  ["simd-st", 1],
  ["relaxed-st", 1],
  ["simd-mt", 2],
  ["relaxed-mt", 2],
]) {
  const skip = available.includes(flavour) ? false : `this engine has no ${flavour}`;
  test(
    `${flavour}, ${threads} thread(s): the golden logits, at once and piece by piece`,
    { skip },
    () =>
      withProgram({ flavour, threads }, (nn, program) => {
        assert.equal(nn.flavour, flavour);
        assert.equal(nn.threads, threads);
        const context = program.context(config);
        program.input(context, story);
        program.ok("compute", context);
        const { logits_hash: hash, output_tokens: tokens } = JSON.parse(program.output(context, 1));
        assert.equal(tokens, 200);
        console.log(`logits node-wasi-nn-${flavour} ${threads} ${hash}`);
        assert.equal(hash, goldenHash);
        const text = program.output(context);
        const told = golden.greedy_text.replace(/<\|[a-z_]+\|>/g, ""); // control tokens are no text
        assert.equal(text, told.slice(0, text.length));
        let streamed = "";
        for (const piece of program.stream(context, 40)) streamed += piece;
        assert.ok(streamed.length > 40 && text.startsWith(streamed), streamed);
      }),
  );
}

test("stream-stdout goes to print, and a print that wants no more ends it", async () => {
  const stream = { "stream-stdout": true, "n-predict": 30, temp: 0 };
  const run = (print) =>
    withProgram({ print }, (_, program) => {
      const context = program.context(stream);
      program.input(context, story);
      return [program.call.compute(context), program.output(context)];
    });
  let text = "";
  assert.deepEqual(await run((piece) => void (text += piece)), [errno.success, text]);
  assert.ok(text.length > 60 && golden.greedy_text.startsWith(text), text);
  let calls = 0;
  assert.equal((await run(() => ++calls < 3))[0], errno.runtimeError);
  assert.equal(calls, 3);
});

test("two guests at once, each with handles of its own", () =>
  withProgram({}, (nn, one) => {
    const second = nn.guest();
    const other = new Program(second);
    const options = { temp: 0, "ignore-eos": true };
    const contexts = [one, other].map((program) => program.context(options));
    assert.deepEqual(contexts, [0, 0]);
    one.input(0, story);
    other.input(0, "The little dog");
    const alone = other.stream(0, 12);
    other.ok("fini_single", 0);
    const turns = [[], []];
    for (let i = 0; i < 12; ++i) {
      turns[0].push(...one.stream(0, 1));
      turns[1].push(...other.stream(0, 1));
    }
    assert.ok(golden.greedy_text.startsWith(turns[0].join("")), turns[0].join(""));
    assert.deepEqual(turns[1], alone);
    second.dispose();
    assert.equal(other.call.compute(0), errno.runtimeError);
    assert.equal(one.stream(0, 1).length, 1);
  }));

// --- where models come from ---

test("every kind of source", async () => {
  const server = await hostileServer({
    model: (_, response) =>
      response.writeHead(200, { "Content-Length": modelBytes.length }).end(modelBytes),
  });
  const preload = {
    builtin: "builtin",
    path: modelPath,
    url: modelUrl,
    bytes: modelBytes,
    blob: new Blob([modelBytes]),
    http: server.url("model"),
  };
  await withProgram({ preload }, (_, program) => {
    Object.keys(preload).forEach((name, at) => assert.equal(program.graph(undefined, name), at));
    assert.equal(program.call.load_by_name(...program.put("default"), 0), errno.notFound);
  });
  await server.close();
});

test("what cannot be loaded is refused at once", async () => {
  const create = (options) => createWasiNN({ ...quiet, ...options });
  await refuses(create({ preload: { default: "no-such-file.gguf" } }), "NotFound", /no-such-file/);
  await refuses(create({ preload: { default: import.meta.filename } }), "NotGguf");
  await refuses(create({ preload: { default: modelBytes.subarray(0, 99_999) } }), "Truncated");
  await refuses(create({ preload: { default: 5 } }), "InvalidOption");
  await refuses(create({ preload: 5 }), "InvalidOption");
  await refuses(create({ perload: {} }), "UnknownOption", /perload.*preload/);
  for (const bad of [
    { print: 1 },
    { outputRule: "fast" },
    { missing: "x" },
    { threads: 0 },
    { flavour: "x" },
    { maxBytes: 0 },
    { maxBytes: 1.5 },
    { maxBytes: NaN },
    { startTimeout: 0 },
  ])
    await refuses(create(bad), "InvalidOption");
  for (const name of ["", "a:b", "x".repeat(100_000)])
    await refuses(
      create({ preload: { [name]: "no-such-file.gguf" }, missing: "tell" }),
      "InvalidArgument",
    );
});

test("a file that is not there is told to the guest, when that is asked for", () =>
  withProgram({ preload: { default: "no-such-file.gguf" }, missing: "tell" }, (_, program) => {
    assert.equal(program.call.load_by_name(...program.put("default"), 0), errno.modelNotFound);
  }));

test("a guest can bring a model as bytes", () =>
  withProgram({ preload: {} }, (_, program) => {
    const builders = program.numbers(...program.put(modelBytes));
    program.ok("load", builders, 1, 6, 0, 0);
    program.ok("init_execution_context", program.number(0), 4);
    program.input(program.number(4), story);
    assert.ok(golden.greedy_text.startsWith(program.stream(program.number(4), 5).join("")));
    assert.equal(program.call.load(builders, 1, 0, 0, 0), errno.invalidEncoding);
  }));

test("threads that never start: an error, or one thread instead; nothing is left behind", async () => {
  const { Worker } = workers;
  let alive = 0;
  workers.Worker = class extends EventEmitter {
    constructor() {
      super();
      ++alive;
    }
    postMessage() {}
    unref() {}
    terminate() {
      --alive;
    }
  };
  try {
    const options = { ...quiet, threads: 3, startTimeout: 200 };
    for (const flavour of available.filter((name) => name.endsWith("-mt"))) {
      const start = createWasiNN({ ...options, flavour });
      await refuses(start, "WorkerFailed", /-mt did not start within 200 ms/);
    }
    const nn = await createWasiNN(options);
    assert.match(nn.flavour, /-st$/);
    assert.equal(nn.threads, 1);
    nn.dispose();
    assert.equal(alive, 0);
  } finally {
    workers.Worker = Worker;
  }
});

test("memory for one guest's contexts has a limit", async () => {
  for (const [maxBytes, code] of [
    [10_000, errno.tooLarge],
    [2 ** 40, errno.success],
    [undefined, errno.success],
  ])
    await withProgram({ maxBytes }, (_, program) => {
      const context = program.context({ temp: 0, "n-predict": 2 });
      program.input(context, story);
      assert.equal(program.call.compute(context), code);
    });
});

// --- hostile guests, careless embedders ---

test("pointers from anywhere: an errno, and nothing is written", () =>
  withProgram({}, (_, program) => {
    const context = program.context({ temp: 0, "n-predict": 4 });
    program.input(context, story);
    program.ok("compute", context);
    const size = program.memory.buffer.byteLength;
    const [at] = program.put("default");
    const before = Buffer.from(program.bytes(0, size));
    for (const far of [size - 3, size, 0x7fffffff, 0x80000000, -1, -4, -8]) {
      for (const [name, ...args] of [
        ["load", far, 1, 6, 0, 0],
        ["load_by_name", far, 7, 0],
        ["load_by_name", at, 7, far],
        ["load_by_name", at, far, 0],
        ["load_by_name_with_config", far, 7, at, 0, 0],
        ["load_by_name_with_config", at, 7, far, far, 0],
        ["init_execution_context", 0, far],
        ["set_input", context, 0, far],
        ["get_output", context, 0, at, 100, far],
        ["get_output", context, 0, far, 100, 8],
        ["get_output", context, 1, far, -1, 8],
        ["unload", far],
        ["finalize_execution_context", far],
        ["compute", far],
        ["compute_single", far],
        ["fini_single", far],
      ])
        assert.notEqual(program.call[name](...args), errno.success, `${name} ${args}`);
    }
    assert.ok(before.equals(program.bytes(0, size)));
    program.ok("load_by_name", at, 7, size - 4); // the last place there is
    program.memory.grow(3); // moves: what was a view is none now
    program.ok("load_by_name", at, 7, program.memory.buffer.byteLength - 4);
    assert.ok(program.output(context).length > 0);
  }));

test("a buffer that is too small: three rules", async () => {
  for (const [outputRule, room, code] of [
    ["probe", 5, errno.tooLarge],
    ["clamp", 5, errno.success],
    ["llamaedge", 5, errno.tooLarge],
    ["llamaedge", 0, errno.success],
    [undefined, 0, errno.tooLarge],
  ])
    await withProgram(outputRule ? { outputRule } : {}, (_, program) => {
      const context = program.context({ temp: 0, "n-predict": 8 });
      program.input(context, story);
      program.ok("compute", context);
      const whole = program.output(context);
      const [at] = program.put(Buffer.alloc(300_000, "."));
      assert.equal(program.call.get_output(context, 0, at, room, 8), code);
      const written = code === errno.success && room > 0 ? room : whole.length;
      assert.equal(program.number(8), written);
      const copied = code === errno.success ? written : 0;
      assert.equal(program.bytes(at, 300).toString(), whole.slice(0, copied).padEnd(300, "."));
    });
});

test("a guest without a memory, or with one that is none", () =>
  withProgram({}, (nn) => {
    const call = Object.values(nn.guest().imports.wasi_ephemeral_nn);
    assert.equal(call.length, Object.keys(parameters).length);
    for (const one of call) assert.equal(one(0, 0, 0, 0, 0), errno.missingMemory);
    for (const bad of [
      { exports: {} },
      { exports: { memory: () => {} } },
      {},
      null,
      undefined,
      5,
    ]) {
      const guest = nn.guest();
      guest.bind(bad);
      assert.equal(guest.imports.wasi_ephemeral_nn.unload(0), errno.missingMemory);
    }
    const guest = nn.guest();
    guest.bind(Object.create(WebAssembly.Memory.prototype)); // whose buffer throws
    assert.equal(guest.imports.wasi_ephemeral_nn.load_by_name(0, 7, 0), errno.runtimeError);
    guest.bind(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }));
    assert.equal(guest.imports.wasi_ephemeral_nn.load_by_name(0, 7, 16), errno.notFound);
    for (const bad of [0n, "x", {}, null, undefined])
      assert.equal(guest.imports.wasi_ephemeral_nn.load_by_name(0, bad, 16), errno.invalidArgument);
    assert.equal(guest.imports.wasi_ephemeral_nn.load_by_name(0, 7, 16), errno.notFound);
  }));

test("callbacks that throw, call the guest again, or dispose: errnos, never an exception", async () => {
  const config = { "stream-stdout": true, "n-predict": 20, temp: 0 };
  let seen = [];
  const run = (print, log) =>
    withProgram({ print: (text) => print(text), log: (line) => log(line) }, (nn, program) => {
      const context = program.context(config);
      program.input(context, story);
      seen = [];
      inside = { nn, program, context };
      return program.call.compute(context);
    });
  let inside;
  const boom = () => {
    throw new RangeError("boom");
  };
  const lines = [];
  assert.equal(await run(boom, (line) => lines.push(line)), errno.runtimeError);
  assert.match(lines.join("\n"), /boom/);
  assert.equal(await run(boom, boom), errno.runtimeError);

  const again = () => {
    const { program, context } = inside;
    seen.push(
      program.call.compute(context),
      program.call.finalize_execution_context(context),
      program.call.unload(7),
    );
  };
  assert.equal(await run(again, () => {}), errno.success);
  assert.deepEqual(seen.slice(0, 3), [errno.busy, errno.busy, errno.invalidArgument]);

  const unload = () => seen.push(inside.program.call.unload(0));
  assert.equal(await run(unload, () => {}), errno.success);
  assert.deepEqual(seen.slice(0, 2), [errno.success, errno.invalidArgument]);

  for (const dispose of [() => inside.nn.dispose(), () => inside.nn[Symbol.dispose]()]) {
    assert.equal(await run(dispose, () => {}), errno.runtimeError);
    assert.equal(inside.program.call.compute(0), errno.runtimeError);
    assert.equal(inside.nn.memoryBytes(), 0);
    assert.throws(() => inside.nn.guest(), { code: "Disposed" });
    assert.throws(() => inside.nn.bind(inside.program.instance), { code: "Disposed" });
  }
});

test("an exception from inside the module: it is entered no more, and nothing is thrown", (t) =>
  withProgram({}, (nn, program) => {
    const context = program.context({ temp: 0, "n-predict": 2 });
    program.input(context, story);
    const clock = t.mock.method(performance, "now", () => {
      throw new Error("no clock");
    });
    assert.equal(program.call.compute(context), errno.runtimeError);
    clock.mock.restore();
    assert.equal(program.call.compute(context), errno.runtimeError);
    const other = new Program(nn.guest());
    assert.equal(other.call.load_by_name(...other.put("default"), 0), errno.runtimeError);
  }));

test("JSON that is deep, long or none: an errno, and the next one is read", () =>
  withProgram({}, (_, program) => {
    const load = (json) =>
      program.call.load_by_name_with_config(...program.put("default"), ...program.put(json), 0);
    for (const open of ["[", '{"a":', '{"temp":{"a":'])
      assert.notEqual(load(open.repeat(60_000 / open.length)), errno.success);
    for (const bad of [
      "{",
      "null",
      "5",
      '"x"',
      "\0",
      "{}x",
      '{"temp":"hot"}',
      Buffer.from([34, 0xff, 34]),
    ])
      assert.notEqual(load(bad), errno.success, bad);
    assert.equal(load(JSON.stringify({ unknown: "x".repeat(30_000), temp: 0 })), errno.success);
  }));

test("10,000 loads and unloads: the memory stays", () =>
  withProgram({}, (nn, program) => {
    const name = program.put("default");
    const cycle = () => {
      program.ok("load_by_name", ...name, 0);
      const graph = program.number(0);
      program.ok("init_execution_context", graph, 4);
      program.ok("unload", graph);
      program.ok("finalize_execution_context", program.number(4));
      return graph;
    };
    for (let i = 0; i < 100; ++i) cycle();
    const before = nn.memoryBytes();
    for (let i = 100; i < 10_000; ++i) assert.equal(cycle(), i); // a handle is never given twice
    assert.equal(nn.memoryBytes(), before);
  }));

test("1,000 guests, and 30 hosts, one after the other", async () => {
  await withProgram({}, (nn) => {
    const use = () => {
      const guest = nn.guest();
      const program = new Program(guest);
      program.input(program.context({ temp: 0 }), story);
      guest.dispose();
    };
    for (let i = 0; i < 50; ++i) use();
    const before = nn.memoryBytes();
    for (let i = 50; i < 1000; ++i) use();
    assert.equal(nn.memoryBytes(), before);
  });
  const host = () => withProgram({ threads: 2 }, (_, program) => program.context({}));
  for (let i = 0; i < 10; ++i) await host();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20; ++i) await host();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 200e6, `${grown} bytes more`); // hosts that stayed would be 20 MB and a thread each
  assert.equal("Worker" in globalThis, false); // what the module leaves behind in Node
});

// --- whole programs, in processes of their own ---

const runner = join(import.meta.dirname, "run-guest.mjs");

test("a process ends by itself, disposed of or not, from a file or from a string", () => {
  for (const flavour of ["simd-st", "relaxed-mt"].filter((name) => available.includes(name)))
    for (const dispose of ["", "nn.dispose()"]) {
      const code = `import { createWasiNN } from ${JSON.stringify(new URL("../dist/wasi-nn.js", import.meta.url).href)};
        const nn = await createWasiNN({ preload: { default: "builtin" }, flavour: "${flavour}", threads: 2 });
        console.log(Object.keys(nn.imports.wasi_ephemeral_nn).length);
        ${dispose}`;
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ["--input-type=module", "-e", code],
        { timeout: 60_000, encoding: "utf8" },
      );
      assert.deepEqual([status, stdout], [0, "12\n"], stderr);
    }
});

test("standard output and error: a terminal gets no control characters", () => {
  const text = "a\u001b[31m \u0000\u0007\u007f\u0085\r\u00e9\ufeff\t\n";
  const code = `import { writeSync } from ${JSON.stringify(new URL("../dist/nn/stdio.js", import.meta.url).href)};
    for (const descriptor of [1, 2]) writeSync(descriptor, new TextEncoder().encode(${JSON.stringify(text)}));`;
  const command = [process.execPath, "--input-type=module", "-e", code];
  assert.equal(onTerminal(command, process.env), harmless(text + text));
  const { stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  assert.deepEqual([stdout, stderr], [text, text]);
});

test("standard output: a slow reader gets all of it, a reader that leaves is noticed", async () => {
  const code = `import { writeSync } from ${JSON.stringify(new URL("../dist/nn/stdio.js", import.meta.url).href)};
    process.stdout; // from now on a full pipe is EAGAIN
    const bytes = new Uint8Array(1 << 20).fill(46);
    for (let i = 0; i < 3; ++i) if (!writeSync(1, bytes)) process.exit(7);`;
  const start = () =>
    spawn(process.execPath, ["--input-type=module", "-e", code], { timeout: 60_000 });
  const slow = start();
  await pause(300); // the pipe is full, nobody has read
  let length = 0;
  for await (const piece of slow.stdout) {
    length += piece.length;
    await pause(1);
  }
  assert.equal(length, 3 << 20);
  const left = start();
  left.stdout.destroy();
  assert.deepEqual(await once(left, "close"), [7, null]);
});

const sdk = join(root, "build/wasi/guests/logits_hash.wasm");
const { BITNET_DENO: deno, BITNET_BUN: bun } = process.env;
for (const [engine, command, flavour, threads] of [
  ["node", [process.execPath], "simd-st", 1],
  ["node", [process.execPath], "relaxed-mt", 2],
  ["deno", deno && [deno, "run", "--quiet", "--allow-all"], "relaxed-mt", 2],
  ["bun", bun && [bun], "relaxed-st", 1],
]) {
  const skip =
    (!command && `BITNET_${engine.toUpperCase()} is not set: scripts/setup ${engine}`) ||
    (engine === "node" && !available.includes(flavour) && `this engine has no ${flavour}`) ||
    (!existsSync(sdk) && "the SDK's guests are not built");
  test(`the SDK's logits_hash in ${engine}, ${flavour}`, { skip }, () => {
    const { status, stdout, stderr } = spawnSync(
      command[0],
      [...command.slice(1), runner, "--flavour", flavour, "--threads", `${threads}`].concat([
        "--nn-preload",
        `default:GGML:AUTO:${modelPath}`,
        sdk,
      ]),
      { encoding: "utf8", timeout: 60_000 },
    );
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `logits-hash ${goldenHash}\n`.repeat(2));
    console.log(`logits ${engine}-wasi-nn-guest-${flavour} ${threads} ${goldenHash}`);
  });
}

for (const guest of publicGuests)
  test(`public guest: ${guest.name}`, { skip: guestMissing(guest) }, () =>
    runGuest(guest, ({ preload, env, wasm, args }) => [
      process.execPath,
      runner,
      ...preload.flatMap((spec) => ["--nn-preload", spec]),
      ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
      wasm,
      ...args,
    ]),
  );
