// The types that users compile against, and what they say of themselves.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";

const web = resolve(import.meta.dirname, "..");
const tsc = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);

test("the types of the official openai package fit", () => {
  try {
    execFileSync(process.execPath, [tsc, "-p", join(import.meta.dirname, "types")], {
      encoding: "utf8",
    });
  } catch (error) {
    throw new Error(error.stdout);
  }
});

/** Properties of interfaces whose names end so and that no comment stands before. */
function undocumented(path) {
  const text = readFileSync(new URL(path, import.meta.url), "utf8");
  const found = [];
  for (const [, name, body] of text.matchAll(
    /^export interface (\w+(?:Options|Params))\b[^{]*\{\n([^]*?)^\}/gm,
  ))
    for (const [before, property] of body.matchAll(/(?:^|(.*)\n)  (\w+)\??: /g))
      if (!/\*\/\n/.test(before)) found.push(`${name}.${property}`);
  return found;
}

test("every option has its comment", () => {
  for (const path of ["../src/types.ts", "../src/openai/types.ts"])
    assert.deepEqual(undocumented(path), [], path);
});

const skip = !process.env.BITNET_FULL && "only with --full";
test("the reference can be written, and misses nothing", { skip }, () => {
  const [folder, typedoc] = [join(web, "../build/reference"), join(web, "node_modules/.bin/typedoc")];
  execFileSync(typedoc, ["--logLevel", "Error", "--out", folder], { cwd: web, stdio: "pipe" });
  for (const name of ["index.Session", "index.Model", "index.BitNetError"])
    assert.ok(existsSync(join(folder, "classes", `${name}.html`)), name);
});
