// The package as it is shipped: generated files are fresh, exports lead somewhere, nothing is imported from outside.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { generate } from "../tools/generate-errors.mjs";

const web = resolve(import.meta.dirname, "..");
const read = (...path) => readFileSync(join(web, ...path), "utf8");
const files = (folder, end) =>
  readdirSync(join(web, folder), { recursive: true }).filter((name) => name.endsWith(end));

test("src/generated/errors.ts is what errors.def says", () => {
  assert.equal(read("src/generated/errors.ts"), generate());
});

for (const [name, from] of [
  ["module.d.ts", "bitnet.d.ts"],
  ["nn-module.d.ts", "bitnet-nn.d.ts"],
]) {
  const built = ["simd-st", "relaxed-st", "simd-mt", "relaxed-mt"]
    .map((flavour) => join(web, `../build/wasm/wasm-${flavour}/${from}`))
    .filter((path) => existsSync(path));
  test(
    `src/generated/${name} is what the bindings say`,
    { skip: built.length === 0 && "no wasm build here" },
    () => {
      for (const path of built)
        assert.equal(read("src/generated", name), readFileSync(path, "utf8"), path);
    },
  );
}

test("the main entry does not load the WASI-NN host, nor the other way round", () => {
  const reaches = (name, seen = new Set()) => {
    if (seen.has(name) || !name.endsWith(".js")) return seen;
    seen.add(name);
    for (const [, from] of read("dist", name).matchAll(/(?:from|import) "(\.[^"]+)"/g))
      reaches(join(name, "..", from), seen);
    return seen;
  };
  const main = reaches("index.js");
  const host = reaches("wasi-nn.js");
  assert.ok(main.has("worker/client.js") && host.has("nn/guest.js"));
  assert.deepEqual(
    [...main].filter((name) => name.startsWith("nn/")),
    [],
  );
  for (const name of ["index.js", "bitnet.js", "worker/client.js"])
    assert.ok(!host.has(name), name);
});

test("no runtime dependency, no install script, no import from outside", () => {
  const description = JSON.parse(read("package.json"));
  assert.equal(description.dependencies, undefined);
  for (const script of ["preinstall", "install", "postinstall", "prepare"])
    assert.equal(description.scripts[script], undefined);
  for (const name of files("dist", ".js")) {
    const code = read("dist", name);
    for (const [, from] of code.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g))
      assert.match(from, /^\.\.?\//, `${name}: ${from}`);
    // The one address there is: what "hf:" stands for.
    const own = name === "sources.js" ? code.replace("https://huggingface.co/", "") : code;
    assert.doesNotMatch(own, /\beval\(|new Function\(|createObjectURL|https?:\/\//, name);
  }
});

test("the lock file pins exact versions and no address to fetch from", () => {
  const { devDependencies } = JSON.parse(read("package.json"));
  for (const [name, version] of Object.entries(devDependencies))
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  for (const entry of Object.values(JSON.parse(read("package-lock.json")).packages))
    assert.equal(entry.resolved, undefined);
});

test("publint finds nothing, and the package holds what its exports name", () => {
  execFileSync(process.execPath, [join(web, "node_modules/publint/src/cli.js"), "--strict"], {
    cwd: web,
    stdio: "pipe",
  });
  const [{ files: packed }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json"], {
      cwd: web,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const names = packed.map(({ path }) => path);
  for (const name of [
    "dist/index.js",
    "dist/index.d.ts",
    "dist/worker/worker.js",
    "dist/wasi-nn.js",
    "dist/wasi-nn.d.ts",
    "dist/generated/nn-module.d.ts",
    "dist/bitnet-tiny-stories.gguf",
    "dist/wasm/bitnet-relaxed-mt.wasm",
    "dist/wasm/bitnet-nn-relaxed-mt.wasm",
    "package.json",
  ])
    assert.ok(names.includes(name), name);
  assert.ok(names.every((name) => !name.startsWith("dist/page/")));
});
