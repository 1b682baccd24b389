// The package in real browsers, under a strict CSP, with and without cross-origin isolation: every flavour gives the
// same bits, and every call settles.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { blankPage, browsers, launch, serveTests } from "./support.mjs";

const golden = JSON.parse(
  readFileSync(new URL("../../models/golden.json", import.meta.url), "utf8"),
);
const hashes = new Map(); // logits hash -> who computed it

const cases = {
  "/html": (_, response, headers) =>
    response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end("<p>Sign in"),
  "/cut": (_, response, headers) => {
    const bytes = readFileSync(new URL("../../models/bitnet-tiny-stories.gguf", import.meta.url));
    response
      .writeHead(200, { ...headers, "Content-Length": 1_000_000 })
      .end(bytes.subarray(0, 1_000_000));
  },
  "/short": (_, response, headers) => {
    response.writeHead(200, { ...headers, "Content-Length": 1_000_000 });
    response.write("GGUF", () => setTimeout(() => response.destroy(), 50));
  },
  // A page whose policy forbids what the package needs.
  "/no-wasm": (_, response) =>
    response
      .writeHead(200, {
        "Content-Type": "text/html",
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'",
      })
      .end("<!doctype html>"),
  "/no-worker": (_, response) =>
    response
      .writeHead(200, {
        "Content-Type": "text/html",
        "Content-Security-Policy":
          "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'",
      })
      .end("<!doctype html>"),
};

for (const which of browsers) {
  for (const isolation of [true, false]) {
    describe(
      `${which.name}, ${isolation ? "isolated" : "not isolated"}`,
      { skip: which.skip },
      () => {
        let server, session, page;
        before(async () => {
          server = await serveTests(isolation, cases);
          session = await launch(which);
          page = await blankPage(session.browser, `${server.url}/blank`);
        });
        after(async () => {
          await session?.close();
          await server?.close();
        });

        test("features", async () => {
          const found = await page.evaluate(async () =>
            (await import("/index.js")).BitNet.features(),
          );
          assert.equal(found.simd, true);
          assert.equal(found.relaxedSimd, true);
          assert.equal(found.threads, isolation);
          assert.equal(found.flavours[0], isolation ? "relaxed-mt" : "relaxed-st");
          assert.match(found.hint, isolation ? /^$/ : /Cross-Origin-Opener-Policy/);
        });

        for (const [flavour, threads] of [
          ["simd-st", 1],
          ["relaxed-st", 1],
          ["simd-mt", 2],
          ["relaxed-mt", 2],
        ]) {
          const skip =
            flavour.endsWith("-mt") && !isolation && "threads need cross-origin isolation";
          test(`${flavour}: self-test and logits`, { skip }, async () => {
            const run = await page.evaluate(
              async (flavour, threads, ids) => {
                const { BitNet } = await import("/index.js");
                const test = await BitNet.selfTest({ flavour, threads });
                const model = await BitNet.load(undefined, { flavour, threads });
                const { logitsHash, tokens } = await model.generate(ids, {
                  maxTokens: 200,
                  ignoreEnd: true,
                  logitsHash: true,
                }).result;
                const { info } = model;
                await model.dispose();
                const batches = [];
                for (const batch of [undefined, 1]) {
                  const other = await BitNet.load(undefined, { flavour, threads, batch });
                  batches.push(
                    (
                      await other.generate(ids, {
                        maxTokens: 60,
                        ignoreEnd: true,
                        logitsHash: true,
                      }).result
                    ).logitsHash,
                  );
                  await other.dispose();
                }
                return { test, logitsHash, tokens, info, batches };
              },
              flavour,
              threads,
              golden.prompt_ids,
            );
            assert.equal(run.info.flavour, flavour);
            assert.equal(run.info.threads, threads);
            assert.equal(run.tokens, 200);
            assert.equal(run.test.logitsHash, run.logitsHash);
            assert.match(run.batches[0], /^[0-9a-f]{16}$/);
            assert.equal(run.batches[1], run.batches[0], "token by token");
            if (isolation)
              console.log(`logits ${which.name}-${flavour} ${threads} ${run.logitsHash}`);
            hashes.set(run.logitsHash, `${which.name} ${flavour}`);
            assert.equal(hashes.size, 1, JSON.stringify([...hashes]));
          });
        }

        test("text, chat, abort, dispose", async () => {
          const seen = await page.evaluate(async (prompt) => {
            const { BitNet } = await import("/index.js");
            const code = (promise) =>
              promise.then(
                () => "ok",
                (error) => error.code,
              );
            const progress = [];
            const model = await BitNet.load(undefined, {
              onProgress: (event) => progress.push(event.loaded),
            });
            const text = await model.generate(prompt).text();
            let chat = "";
            for await (const piece of model.chat("Tell me a story about a rabbit.", {
              maxTokens: 10,
            }))
              chat += piece;
            const aborted = [];
            const delays = [];
            for (let i = 0; i < 20; ++i) {
              const controller = new AbortController();
              const reading = model
                .generate(prompt, { ignoreEnd: true, signal: controller.signal })
                .text();
              await new Promise((done) => setTimeout(done, i));
              const begin = performance.now();
              controller.abort();
              aborted.push(await code(reading));
              delays.push(performance.now() - begin);
            }
            const again = await model.generate(prompt).text();
            const unknown = await code(model.generate("x", { tempo: 1 }).text());
            const surrogate = await model.detokenize(await model.tokenize("a\ud83d\0🐰"));
            const under = code(model.generate(prompt, { ignoreEnd: true }).text());
            await model.dispose();
            return {
              progress,
              text,
              chat,
              aborted,
              again,
              unknown,
              surrogate,
              under: await under,
              later: await code(model.tokenize("x")),
              slowest: Math.max(...delays),
            };
          }, golden.prompt);
          assert.equal(
            seen.text,
            golden.greedy_text.slice(0, golden.greedy_text.indexOf("<|end_of_text|>")),
          );
          assert.equal(seen.again, seen.text);
          assert.ok(seen.chat.length > 5);
          assert.deepEqual(new Set(seen.aborted), new Set(["Aborted"]));
          assert.ok(seen.slowest < 250, `an abort took ${seen.slowest} ms`);
          assert.deepEqual(
            seen.progress,
            seen.progress.toSorted((a, b) => a - b),
          );
          assert.equal(seen.unknown, "UnknownOption");
          assert.equal(seen.surrogate, "a\ufffd\0🐰");
          assert.equal(seen.under, "Disposed");
          assert.equal(seen.later, "Disposed");
        });

        test("OpenAI's shape, and sessions that take turns", async () => {
          const seen = await page.evaluate(async () => {
            const { BitNet } = await import("/index.js");
            const model = await BitNet.load();
            const messages = [{ role: "user", content: "Tell me a story about a rabbit." }];
            const params = { messages, max_tokens: 10, seed: 3 };
            const answer = await model.chat.completions.create({ ...params, n: 2 });
            let text = "";
            const stream = await model.chat.completions.create({ ...params, stream: true });
            for await (const { choices } of stream) text += choices[0].delta.content ?? "";
            const sessions = [await model.session(), await model.session()];
            const order = [];
            const together = await Promise.all(
              sessions.map(async (session, i) => {
                const generation = session.chat(messages, { maxTokens: 10, seed: 3 });
                for await (const piece of generation) if (piece !== "") order.push(i);
                return generation.text();
              }),
            );
            const restored = await model.restore(await sessions[0].save());
            const fork = await restored.fork();
            const held = [sessions[0], restored, fork].map(({ tokens }) => tokens);
            const schema = { type: "object", properties: { age: { type: "integer" } }, required: ["age"] };
            const json = await model.chat("How old?", { jsonSchema: schema, maxTokens: 60 }).text();
            const { logprobs } = await model.generate("Once", { maxTokens: 3, logprobs: true }).result;
            const { length } = await model.embed("a rabbit");
            let refused;
            await model.chat.completions.create({ ...params, logit_bias: { 1: 1 } }).catch((error) => {
              refused = [error.code, error.advice];
            });
            await model.dispose();
            const more = { held, json, logprobs, isVector: length === model.info.hidden };
            return { answer, text, together, order: order.join(""), refused, ...more };
          });
          const [first, second] = seen.answer.choices.map(({ message }) => message.content);
          assert.equal(seen.text, first);
          assert.notEqual(second, first);
          assert.deepEqual(seen.together, [first, first]);
          assert.match(seen.order, /01.*10|10.*01/);
          assert.equal(seen.answer.usage.completion_tokens, 20);
          assert.ok(seen.held[0] > 10);
          assert.deepEqual(new Set(seen.held).size, 1);
          assert.equal(typeof JSON.parse(seen.json).age, "number");
          assert.equal(seen.logprobs.length, 3);
          assert.ok(seen.isVector);
          assert.equal(seen.refused[0], "UnsupportedParameter");
          assert.match(seen.refused[1], /Leave the parameter out/);
        });

        test("sources", async () => {
          const codes = await page.evaluate(async () => {
            const { BitNet } = await import("/index.js");
            const bytes = await (await fetch("/bitnet-tiny-stories.gguf")).arrayBuffer();
            const loads = async (source, options) => {
              try {
                const model = await BitNet.load(source, options);
                const text = await model.generate("Once", { maxTokens: 4 }).text();
                await model.dispose();
                return text.length > 0;
              } catch (error) {
                return error.code;
              }
            };
            return {
              file: await loads(new File([bytes], "model.gguf")),
              bytes: await loads(bytes),
              relative: await loads("/bitnet-tiny-stories.gguf"),
              blobUrl: await loads(URL.createObjectURL(new Blob([bytes]))),
              missing: await loads("/nothing"),
              html: await loads("/html"),
              cut: await loads("/cut"),
              short: await loads("/short"),
              garbage: await loads(new Uint8Array(100_000).fill(7)),
              empty: await loads(new Uint8Array()),
              aborted: await loads(undefined, { signal: AbortSignal.abort() }),
            };
          });
          assert.deepEqual(codes, {
            file: true,
            bytes: true,
            relative: true,
            blobUrl: true,
            missing: "Http",
            html: "NotGguf",
            cut: "Truncated",
            short: "Io",
            garbage: "NotGguf",
            empty: "NotGguf",
            aborted: "Aborted",
          });
        });

        test(
          "memory that cannot be had",
          { skip: which.name !== "chromium" && "asked of Chromium only" },
          async () => {
            const seen = await page.evaluate(async () => {
              const { BitNet } = await import("/index.js");
              const bytes = new Uint8Array(
                await (await fetch("/bitnet-tiny-stories.gguf")).arrayBuffer(),
              );
              const header = new TextDecoder("latin1").decode(bytes.subarray(0, 65536));
              const type = header.indexOf(".context_length") + ".context_length".length;
              new DataView(bytes.buffer).setUint32(type + 4, 1 << 20, true);
              const outcome = async (options) => {
                try {
                  const model = await BitNet.load(bytes, options);
                  const { tokens } = await model.generate("Once", { maxTokens: 3 }).result;
                  await model.dispose();
                  return tokens;
                } catch (error) {
                  return error.code;
                }
              };
              return [await outcome({ context: 1 << 20 }), await outcome({})];
            });
            assert.deepEqual(seen, ["OutOfMemory", 3]);
          },
        );

        test("a page whose policy forbids WebAssembly or workers gets a typed error, not a hang", async () => {
          for (const path of ["/no-worker", "/no-wasm"]) {
            const strict = await blankPage(session.browser, server.url + path);
            const outcome = await strict.evaluate(async () => {
              const { BitNet } = await import("/index.js");
              try {
                await (
                  await BitNet.load(undefined, { threads: 1, startTimeout: 10_000 })
                ).dispose();
                return "ok";
              } catch (error) {
                return error.code;
              }
            });
            // The worker has its own policy, from its own headers: WebAssembly runs there.
            assert.equal(outcome, path === "/no-worker" ? "WorkerFailed" : "ok", path);
            await strict.close();
          }
        });

        test("nothing was left uncaught", () => assert.deepEqual(page.failures, []));
      },
    );
  }
}
