// Faults that a browser can meet, each made on purpose: each ends in recovery or a typed error within seconds, nothing is
// left uncaught, and the next call works. The table at the end says how. BITNET_FULL: all of them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { rows as calls } from "./faults/calls.mjs";
import { rows as engine } from "./faults/engine.mjs";
import { openLab, soon } from "./faults/lab.mjs";
import { rows as network } from "./faults/network.mjs";
import { rows as storage } from "./faults/storage.mjs";
import { browsers } from "./support.mjs";

const only = process.env.BITNET_FAULTS && new RegExp(process.env.BITNET_FAULTS); // of the faults' names, to run a few
const rows = [...network, ...storage, ...calls, ...engine]
  .filter(({ item, short, fault }) => (only ? only.test(`${item} ${fault}`) : short || process.env.BITNET_FULL))
  .sort((a, b) => a.item - b.item);

/** Items of the list that no row can make, and why. */
const cannot = {
  36: "about WASI: tests/wasi",
};

describe("faults", () => {
  const table = [];
  for (const which of browsers) {
    describe(which.name, { skip: which.skip }, () => {
      let lab;
      before(async () => {
        lab = await openLab(which);
      });
      after(() => lab?.close());

      for (const { item, fault, engines = [which.name], cannot: reason, limit = 60_000, run } of rows) {
        const skip = !engines.includes(which.name) && reason;
        test(`${item} ${fault}`, { skip, timeout: limit }, async () => {
          const line = [item, fault, which.name];
          try {
            const { outcome, ms, most = soon } = await run(lab);
            assert.ok(ms <= most);
            table.push([...line, outcome, `${ms} ms`]);
          } catch (error) {
            table.push([...line, "FAILED", error.message.split("\n")[0]]);
            throw error;
          } finally {
            await lab.tidy();
          }
        });
      }
    });
  }

  test("the table", (t) => {
    for (const [item, reason] of Object.entries(cannot)) table.push([item, reason, "any", "not made here", ""]);
    t.diagnostic("fault | engine | outcome | time");
    for (const [item, fault, ...rest] of table) t.diagnostic(`${item} ${fault} | ${rest.join(" | ")}`);
  });
});
