// Rewrites core/api/golden.inc, the stored answers of the self-test: the ids that the independent reference
// (models/reference.py) wrote into models/golden.json, and the hash of the logits that the scalar kernels give for them.
// usage: node scripts/update-golden.mjs PROGRAM [--check]     (PROGRAM: a native build of bitnet with the built-in model)
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";

const [program, flag] = process.argv.slice(2);
const root = new URL("..", import.meta.url);
const golden = JSON.parse(readFileSync(new URL("models/golden.json", root), "utf8"));
const model = new URL("models/bitnet-tiny-stories.gguf", root);
const run = (...args) =>
  execFileSync(program, ["run", "-m", model.pathname, "--isa", "scalar", "--greedy", "--ignore-end", "--ids",
    golden.prompt_ids.join(","), "-n", String(golden.greedy_ids.length), ...args], { encoding: "utf8" });

const ids = run("--print-ids").trim().split(/[\s,]+/).map(Number);
const wrong = golden.greedy_ids.findIndex((id, i) => id !== ids[i]);
if (wrong >= 0) throw new Error(`the scalar kernels and models/golden.json differ at token ${wrong}: ${ids[wrong]}, ${golden.greedy_ids[wrong]}`);
const hash = /logits \S+ \d+ ([0-9a-f]{16})/.exec(run("--logits-hash"))[1];
const name = JSON.parse(execFileSync(program, ["info", "-m", model.pathname, "--json"], { encoding: "utf8" })).name;

const rows = (list) => {
  let out = "";
  for (let i = 0; i < list.length; i += 16) out += `    ${list.slice(i, i + 16).join(", ")},\n`;
  return out;
};
const text = `// Made by scripts/update-golden.mjs from models/golden.json. Do not edit.
inline constexpr std::string_view kModelName = ${JSON.stringify(name)};
inline constexpr std::uint64_t kFileBytes = ${statSync(model).size};
inline constexpr TokenId kPrompt[] = {
${rows(golden.prompt_ids)}};
inline constexpr TokenId kIds[] = {
${rows(golden.greedy_ids)}};
inline constexpr std::uint64_t kLogitsHash = 0x${hash}ULL;
`;
const file = new URL("core/api/golden.inc", root);
if (flag === "--check") {
  if (readFileSync(file, "utf8") !== text) throw new Error("core/api/golden.inc is not what this build and models/golden.json give");
} else {
  writeFileSync(file, text);
}
console.log(`golden: ${golden.greedy_ids.length} ids, logits ${hash}`);
