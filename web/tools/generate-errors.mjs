// core/include/bitnet/errors.def -> src/generated/errors.ts. With --check: exit status 1 when that file is not fresh.
import { readFileSync, writeFileSync } from "node:fs";

const table = new URL("../../core/include/bitnet/errors.def", import.meta.url);
const output = new URL("../src/generated/errors.ts", import.meta.url);

export function generate(text = readFileSync(table, "utf8")) {
  const rows = [...text.matchAll(/^BITNET_ERROR\((\d+), (\w+), "([^"]*)"\)/gm)].filter(
    (row) => row[1] !== "0",
  );
  if (rows.length === 0) throw new Error("errors.def: no rows");
  return `// Generated from core/include/bitnet/errors.def by tools/generate-errors.mjs. Do not edit.

export const coreErrors = {
${rows.map(([, , name, sentence]) => `  ${name}: ${JSON.stringify(sentence)},`).join("\n")}
} as const;

export const coreErrorNames: Readonly<Record<number, keyof typeof coreErrors>> = {
${rows.map(([, number, name]) => `  ${number}: "${name}",`).join("\n")}
};
`;
}

if (process.argv[1] === import.meta.filename) {
  const fresh = generate();
  if (!process.argv.includes("--check")) writeFileSync(output, fresh);
  else if (readFileSync(output, "utf8") !== fresh) {
    console.error(
      "src/generated/errors.ts is not what errors.def says: run node tools/generate-errors.mjs",
    );
    process.exitCode = 1;
  }
}
