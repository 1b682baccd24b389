// The types that users compile against.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";

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
