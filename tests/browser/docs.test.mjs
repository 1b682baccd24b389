// docs/getting-started.md, the files for browsers: the plain page by its own server, the React one built by Vite.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { project } from "../../web/test/snippets.mjs";
import { serve } from "../../web/tools/serve.mjs";
import { browsers, launch } from "./support.mjs";

const web = resolve(import.meta.dirname, "../../web");
const chromium = browsers.find(({ name }) => name === "chromium");

describe("getting started", { skip: chromium.skip }, () => {
  let session;
  const ends = [];
  before(async () => {
    session = await launch(chromium);
  });
  after(async () => {
    await session?.close();
    for (const end of ends.reverse()) await end();
  });

  /** Ask what stands in the page's form, and wait for an answer that stays. */
  async function ask(url, answer) {
    const page = await session.browser.newPage();
    const failures = [];
    page.on("pageerror", (error) => failures.push(String(error)));
    await page.goto(url);
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    await page.waitForSelector("form button:not([disabled])");
    await page.click("form button");
    await page.waitForFunction(
      (selector) => document.querySelector(selector)?.textContent.split(" ").length > 10,
      {},
      answer,
    );
    await page.waitForSelector("form button:not([disabled])"); // it has ended
    const text = await page.$eval(answer, (element) => element.textContent);
    assert.doesNotMatch(text, /undefined/);
    assert.deepEqual(failures, []);
    await page.close();
    return text;
  }

  test("the plain page", async () => {
    const made = project("server.mjs", "index.html");
    ends.push(made.remove);
    const server = spawn(process.execPath, ["server.mjs"], {
      cwd: made.folder,
      env: { ...process.env, PORT: "0" },
    });
    ends.push(() => server.kill());
    const url = await new Promise((done, fail) => {
      server.stdout.on("data", (text) => done(String(text).trim()));
      server.on("exit", (status) => fail(new Error(`the server ended with ${status}`)));
    });
    assert.match(await ask(url, "#answer"), /\w+ \w+ \w+/);
  });

  test("React, built by Vite", async () => {
    const made = project("vite.config.js", "src/App.jsx");
    ends.push(made.remove);
    // What create-vite makes, and npm install brings.
    made.write("package.json", '{ "type": "module" }');
    made.write(
      "index.html",
      '<!doctype html><div id="root"></div><script type="module" src="/src/main.jsx"></script>',
    );
    made.write(
      "src/main.jsx",
      'import { createRoot } from "react-dom/client";\nimport App from "./App.jsx";\n' +
        'createRoot(document.getElementById("root")).render(<App />);\n',
    );
    for (const name of ["react", "react-dom", "vite"])
      symlinkSync(join(web, "node_modules", name), join(made.folder, "node_modules", name));
    const vite = createRequire(join(web, "package.json")).resolve("vite");
    const { build } = await import(pathToFileURL(vite));
    await build({ root: made.folder, logLevel: "error" });
    const { url, close } = await serve({ root: join(made.folder, "dist") });
    ends.push(close);
    assert.match(await ask(`${url}/index.html`, ".assistant"), /\w+ \w+ \w+/);
  });
});
