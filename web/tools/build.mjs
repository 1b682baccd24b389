// Builds web/dist: TypeScript, the four flavours of both wasm modules, the built-in model, the page.
//   node tools/build.mjs [--wasm DIR] [--model FILE]
// DIR holds wasm-{simd,relaxed}-{st,mt}/ as the CMake presets make them. What is missing is named, and left out.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";

const web = resolve(import.meta.dirname, "..");
const dist = resolve(web, "dist");
const { values } = parseArgs({
  options: {
    wasm: { type: "string", default: resolve(web, "../build/wasm") },
    model: { type: "string", default: resolve(web, "../models/bitnet-tiny-stories.gguf") },
  },
});

const tsc = resolve(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);
function compile(project) {
  const { status } = spawnSync(process.execPath, [tsc, "-p", resolve(web, project)], {
    stdio: "inherit",
  });
  if (status !== 0) process.exit(1); // tsc has said why
}

const missing = [];
function copy(from, to, change) {
  if (!existsSync(from)) return missing.push(from);
  mkdirSync(dirname(to), { recursive: true });
  if (change === undefined) copyFileSync(from, to);
  else writeFileSync(to, change(readFileSync(from, "utf8")));
}

// Emscripten's glue imports Node's modules where it runs in Node; a bundler for the browser must leave those alone. Its
// threads are Node's workers, which some of Node's flags, those for the main script, would stop: they get none.
const adapt = (code) =>
  code
    .replaceAll(/import\("node:/g, 'import(/*webpackIgnore:true*//*@vite-ignore*/"node:')
    .replaceAll('workerData:"em-pthread"', 'workerData:"em-pthread",execArgv:[]');

rmSync(dist, { recursive: true, force: true });
compile(".");
for (const flavour of ["simd-st", "simd-mt", "relaxed-st", "relaxed-mt"]) {
  for (const stem of [`bitnet-${flavour}`, `bitnet-nn-${flavour}`]) {
    const from = resolve(values.wasm, `wasm-${flavour}`, stem);
    const to = resolve(dist, "wasm", stem);
    copy(`${from}.mjs`, `${to}.mjs`, adapt);
    copy(`${from}.wasm`, `${to}.wasm`);
  }
}
for (const name of ["module.d.ts", "nn-module.d.ts"])
  copy(resolve(web, "src/generated", name), resolve(dist, "generated", name));
copy(resolve(web, "../LICENSE"), resolve(dist, "LICENSE"));
copy(values.model, resolve(dist, "bitnet-tiny-stories.gguf"));
compile("page");
for (const name of ["index.html", "page.css", "icon.svg"])
  copy(resolve(web, "page", name), resolve(dist, "page", name));

if (missing.length > 0) {
  console.error(`build: not there, and so not in dist:\n  ${missing.join("\n  ")}`);
  process.exitCode = 1;
}
