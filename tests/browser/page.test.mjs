// The chat page from end to end: ask, stream, stop, other models, errors, narrow and dark.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { browsers, launch, screenshots, serveTests } from "./support.mjs";

const modelFile = resolve(import.meta.dirname, "../../models/bitnet-tiny-stories.gguf");
const patience = { timeout: 60_000 };

for (const which of browsers) {
  describe(`page in ${which.name}`, { skip: which.skip }, () => {
    let server, session, page, folder;
    const requested = [];
    const failures = [];
    const shoot = (name) =>
      page.screenshot({ path: join(screenshots, `${which.name}-${name}.png`) });
    const text = (selector) => page.$eval(selector, (element) => element.textContent);
    const ready = () =>
      page.waitForFunction(
        () => document.querySelector("#status").textContent.startsWith("Ready"),
        patience,
      );
    const answered = () =>
      page.waitForFunction(
        () =>
          document.querySelector("#stop").hidden &&
          document.querySelector(".message.assistant:last-child .meta"),
        patience,
      );
    const lastAnswer = () =>
      page.$$eval(".message.assistant .body", (bodies) => bodies.at(-1).textContent);
    async function newSize(width, height, scheme) {
      await page.setViewport({ width, height });
      // Firefox's BiDi cannot emulate media features yet: dark is looked at in Chromium.
      if (which.name === "chromium")
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    }

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "bitnet-page-"));
      server = await serveTests(true);
      session = await launch(which);
      page = await session.browser.newPage();
      page.on("pageerror", (error) => failures.push(String(error)));
      page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
      page.on("request", (request) => requested.push(request.url()));
      await newSize(1200, 800, "light");
      await page.goto(`${server.url}/`);
      await ready();
    });
    after(async () => {
      await session?.close();
      await server?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    test("welcomes, and answers a suggestion", async () => {
      assert.match(await text("#model-name"), /Tiny Stories/);
      await shoot("welcome");
      await page.click("#suggestions button");
      await answered();
      assert.ok((await lastAnswer()).length > 20);
      assert.match(await text(".message .meta"), /^\d+ tokens, \d+ per second/);
      assert.match(await text("#status"), /MB of memory/);
      await shoot("answer");
    });

    test("Enter sends, Shift+Enter breaks the line, text streams", async () => {
      await page.evaluate(() => {
        // the model may be faster than a test that looks now and then
        window.lengths = new Set();
        const note = () =>
          window.lengths.add(
            [...document.querySelectorAll(".message.assistant .body")].at(-1)?.textContent.length,
          );
        new MutationObserver(note).observe(document.querySelector("#log"), {
          childList: true,
          subtree: true,
        });
      });
      await page.focus("#input");
      await page.keyboard.type("Tell me a story");
      await page.keyboard.down("Shift");
      await page.keyboard.press("Enter");
      await page.keyboard.up("Shift");
      await page.keyboard.type("about a <b>bear</b>.");
      await page.keyboard.press("Enter");
      await page.waitForFunction(
        () => document.querySelectorAll(".message.assistant").length === 2,
        patience,
      );
      await answered();
      assert.ok(
        (await page.evaluate(() => window.lengths.size)) > 2,
        "the answer came in one piece",
      );
      assert.equal(
        await page.$$eval(".message.user .body", (bodies) => bodies.at(-1).textContent),
        "Tell me a story\nabout a <b>bear</b>.",
      ); // text, not markup
      assert.equal(await page.$eval("#input", (input) => input.value), "");
    });

    test("Esc and the button stop an answer; what was said stays", async () => {
      for (const how of ["Escape", "button"]) {
        await page.click("#new-chat");
        await page.type("#input", "Tell me a long story.");
        await page.keyboard.press("Enter");
        await page.waitForFunction(
          () => document.querySelector(".message.assistant .body")?.textContent.length > 5,
          patience,
        );
        if (how === "Escape") await page.keyboard.press("Escape");
        else await page.evaluate(() => document.querySelector("#stop").click()); // no wait for layout: answers are short
        await answered();
        assert.ok((await lastAnswer()).length > 5);
      }
    });

    test("a file of one's own, by the picker", async () => {
      await page.click("#open-models");
      await shoot("models");
      await (await page.$("#file")).uploadFile(modelFile);
      await ready();
      assert.equal(await page.$eval("#models", (dialog) => dialog.open), false);
      assert.equal(await page.$eval("#notice", (notice) => notice.hidden), true);
    });

    test("dropped, and from an address", async () => {
      await page.evaluate(async () => {
        document.querySelector("#status").textContent = "";
        const transfer = new DataTransfer();
        transfer.items.add(
          new File([await (await fetch("/bitnet-tiny-stories.gguf")).blob()], "dropped.gguf"),
        );
        for (const type of ["dragover", "drop"]) {
          document.dispatchEvent(
            new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }),
          );
        }
      });
      await ready();
      await page.click("#open-models");
      await page.evaluate(() => {
        document.querySelector("#status").textContent = "";
      });
      await page.type("#url", `${server.url}/bitnet-tiny-stories.gguf`);
      await page.keyboard.press("Enter");
      await ready();
    });

    test("a wrong file and a wrong address: a sentence, a next step, and the old model still answers", async () => {
      const wrong = join(folder, "holiday.gguf");
      writeFileSync(wrong, "JPEG, really");
      await (await page.$("#file")).uploadFile(wrong);
      await page.waitForSelector("#notice:not([hidden])", patience);
      assert.match(
        await text("#notice"),
        /This is not a GGUF file.*Choose a file that ends in \.gguf/s,
      );
      await shoot("error");
      await page.click("#dismiss");
      const cut = join(folder, "cut.gguf");
      writeFileSync(cut, readFileSync(modelFile).subarray(0, 1_000_000));
      await (await page.$("#file")).uploadFile(cut);
      await page.waitForSelector("#notice:not([hidden])", patience);
      assert.match(await text("#notice"), /ends before its content.*fetch the file again/is);
      await page.click("#open-models");
      await page.$eval("#url", (input) => {
        input.value = "";
      });
      await page.type("#url", "/no/such.gguf");
      await page.keyboard.press("Enter");
      await page.waitForFunction(
        () => /404/.test(document.querySelector("#notice").textContent),
        patience,
      );
      await page.click("#new-chat").catch(() => {}); // disabled when the chat is new already
      await page.type("#input", "What does a cow say?");
      await page.keyboard.press("Enter");
      await answered();
      assert.ok((await lastAnswer()).length > 0);
    });

    test("a message longer than the context: a sentence, and the chat goes on", async () => {
      await page.$eval("#input", (input) => {
        input.value = "long ".repeat(3000);
        input.dispatchEvent(new Event("input"));
      });
      await page.click("#send");
      await page.waitForSelector("#notice:not([hidden])", patience);
      assert.match(await text("#notice"), /do not fit into the context.*new chat/is);
      await page.click("#new-chat");
      assert.equal(await page.$eval("#notice", (notice) => notice.hidden), true);
    });

    test("narrow, and dark", async () => {
      await newSize(375, 720, "light");
      await shoot("phone-welcome");
      await page.type("#input", "Tell me a story about a rabbit.");
      await page.click("#send");
      await answered();
      await shoot("phone");
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide`);
      await newSize(375, 720, "dark");
      await shoot("phone-dark");
      await newSize(1200, 800, "dark");
      await shoot("dark");
      await page.click("#open-models");
      await shoot("dark-models");
      await page.keyboard.press("Escape");
    });

    test("keyboard alone: every control has a name and can be reached", async () => {
      await page.evaluate(() => document.activeElement.blur());
      const reached = new Set();
      for (let i = 0; i < 12; ++i) {
        await page.keyboard.press("Tab");
        reached.add(
          await page.evaluate(() => document.activeElement.id || document.activeElement.tagName),
        );
      }
      for (const id of ["open-models", "input"])
        assert.ok(reached.has(id), `${id} not in ${[...reached]}`);
      const nameless = await page.$$eval("button, input, textarea", (controls) =>
        controls
          .filter(
            (control) =>
              !control.textContent.trim() && !control.labels?.length && !control.ariaLabel,
          )
          .map(({ id }) => id),
      );
      assert.deepEqual(nameless, []);
    });

    test("nothing went elsewhere, nothing was left uncaught", () => {
      assert.deepEqual(
        requested.filter((url) => !url.startsWith(server.url) && !/^(blob|data):/.test(url)),
        [],
      );
      assert.deepEqual(
        failures.filter((failure) => !failure.includes("404")),
        [],
      );
    });
  });
}
