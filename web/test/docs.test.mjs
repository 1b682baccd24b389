// docs/getting-started.md, the files for Node: each runs as it stands there.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { project, snippets } from "./snippets.mjs";

const run = promisify(execFile);
const names = [...snippets.keys()].filter((name) => name.endsWith(".mjs") && name !== "server.mjs");
let made;
before(() => {
  made = project(...names);
});
after(() => made?.remove());

test("the page has files for Node, a page and React", () => {
  for (const name of ["chat.mjs", "openai.mjs", "server.mjs", "index.html", "src/App.jsx"])
    assert.ok(snippets.has(name), name);
});

for (const name of names)
  test(`${name} runs and tells something`, async () => {
    const { stdout, stderr } = await run(process.execPath, [name], {
      cwd: made.folder,
      timeout: 60_000,
    });
    assert.match(stdout, /\w+ \w+ \w+/);
    assert.equal(stderr, "");
  });
