// Memory that cannot be had: a typed error that names the thing, and the next load works.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BitNet, load, refuses, withContext } from "./support.mjs";

const { flavours } = BitNet.features();
const huge = withContext(1 << 20);

for (const flavour of ["simd-st", "relaxed-st", "simd-mt", "relaxed-mt"]) {
  const skip = flavours.includes(flavour) ? false : `this engine has no ${flavour}`;
  test(`${flavour}: a context that no memory holds`, { skip }, async () => {
    // Keys and values take 3 GiB each: the second does not fit into 32 bits of address, if the first did.
    await refuses(load({ flavour, context: 1 << 20 }, huge), "OutOfMemory", /KV cache|session/);
    const model = await load({ flavour }, huge);
    assert.equal((await model.generate("Once", { maxTokens: 3 }).result).tokens, 3);
    await model.dispose();
  });
}

test("one that the model does not have", async () => {
  await refuses(load({ context: 1 << 20 }), "InvalidArgument", /1048576/);
  await (await load()).dispose();
});
