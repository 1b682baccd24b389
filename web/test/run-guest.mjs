// Runs a guest under node:wasi, which is what the README shows, with the command line of the other runtimes:
//   node run-guest.mjs [--nn-preload NAME:ENCODING:TARGET:PATH]... [--env NAME=VALUE]... [--threads N] [--flavour NAME]
//                      GUEST.wasm [ARGUMENT]...
// The guest sees the working folder as its own, as "." .
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { WASI } from "node:wasi";
import { createWasiNN } from "../dist/wasi-nn.js";

const words = process.argv.slice(2);
const guestAt = words.findIndex(
  (word, at) => !word.startsWith("--") && !words[at - 1]?.startsWith("--"),
);
const { values } = parseArgs({
  args: words.slice(0, guestAt),
  options: {
    "nn-preload": { type: "string", multiple: true, default: [] },
    env: { type: "string", multiple: true, default: [] },
    threads: { type: "string" },
    flavour: { type: "string" },
  },
});
const preload = values["nn-preload"].map((spec) => {
  const [name, , , ...path] = spec.split(":");
  return [name, path.join(":")];
});

const nn = await createWasiNN({
  preload: Object.fromEntries(preload),
  missing: "tell",
  ...(values.threads && { threads: Number(values.threads) }),
  ...(values.flavour && { flavour: values.flavour }),
});
const wasi = new WASI({
  version: "preview1",
  args: words.slice(guestAt),
  env: Object.fromEntries(values.env.map((pair) => pair.split(/=(.*)/s))),
  preopens: { ".": "." },
});
const module = await WebAssembly.compile(await readFile(words[guestAt]));
const instance = await WebAssembly.instantiate(module, {
  wasi_snapshot_preview1: wasi.wasiImport,
  ...nn.imports,
});
nn.bind(instance);
process.exitCode = wasi.start(instance);
nn.dispose();
