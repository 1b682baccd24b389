// Faults between the server and the loader: what the network does, and what servers say that is not so.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { bigModel, ended, smallModel, stillWorks } from "./lab.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const chunkHashes = (bytes, chunkBytes) => ({
  chunkBytes,
  chunks: Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
    sha256(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
  ),
});

/** Load, generate and dispose, in a page of its own. */
async function tries(lab, file, options = {}) {
  const page = await lab.page();
  const result = await page.evaluate((url, options) => lab.tries(url, options), file.url, options);
  await stillWorks(page);
  await page.close();
  return result;
}

/** A fault that is to be recovered from. */
const recovers = (item, fault, rule, more = {}) => ({
  item,
  fault,
  ...more,
  async run(lab) {
    const file = lab.file(more.bytes?.());
    for (const one of [rule(file)].flat()) file.fault(one);
    const result = ended(await tries(lab, file, more.options?.(file)), "ok");
    more.then?.(file);
    return { outcome: "recovered", ms: result.ms };
  },
});

/** A fault that has a typed error for an answer. */
const refuses = (item, fault, rule, codes, more = {}) => ({
  item,
  fault,
  ...more,
  async run(lab) {
    const file = lab.file();
    for (const one of [rule(file)].flat()) file.fault(one);
    return ended(await tries(lab, file, more.options?.(file)), ...codes);
  },
});

/** As often as it takes to see that it is always so: the pauses grow, and four would fill the five seconds. */
const twice = () => ({ retries: 2 });
const percent = (file, n) => Math.floor((file.bytes.length * n) / 100);

export const rows = [
  recovers(1, "connection reset in mid-file", (file) => ({ dropAt: percent(file, 60), times: 1 }), {
    short: true,
    bytes: bigModel,
    then: (file) => assert.ok(file.sent() <= 1.5 * file.bytes.length, `${file.sent()} bytes were sent`),
  }),
  {
    item: 1,
    fault: "connection reset at each 1 % of the file",
    limit: 300_000, // a hundred loads
    async run(lab) {
      const page = await lab.page();
      let slowest = 0;
      for (let n = 0; n < 100; ++n) {
        const file = lab.file();
        file.fault({ dropAt: percent(file, n), times: 1 });
        const result = ended(await page.evaluate((url) => lab.tries(url), file.url), "ok");
        slowest = Math.max(slowest, result.ms);
      }
      await stillWorks(page);
      await page.close();
      return { outcome: "100 times recovered", ms: slowest };
    },
  },
  recovers(1, "five resets in a row", (file) => [20, 30, 40, 50, 60].map((n) => ({ dropAt: percent(file, n), times: 1 }))),
  refuses(1, "reset whenever it is tried", (file) => ({ dropAt: percent(file, 50) }), ["Io", "Stalled"], { options: twice }),
  recovers(5, "body ends early, once", (file) => ({ endAt: percent(file, 70), times: 1 })),
  refuses(5, "the file itself is cut short", (file) => (file.replace(smallModel.subarray(0, 1_000_000)), []), ["Truncated"]),
  refuses(6, "200 with a web page", () => ({ status: 200, headers: { "Content-Type": "text/html" }, body: "<p>Sign in" }), ["NotGguf"]),
  refuses(6, "200 with a web page called octets", () => ({ status: 200, headers: { "Content-Type": "application/octet-stream" }, body: "<!doctype html>" }), [
    "NotGguf",
  ]),
  ...[404, 403, 401, 410].map((status) => refuses(7, `${status}`, () => ({ status }), ["Http"], { short: status === 404 })),
  recovers(7, "429 with Retry-After, then fine", () => ({ status: 429, headers: { "Retry-After": "1" }, times: 1 })),
  recovers(7, "503 twice, then fine", () => ({ status: 503, times: 2 })),
  recovers(7, "500 in mid-download", (file) => ({ status: 500, times: 1, when: ({ start }) => start > 0 }), { bytes: bigModel }),
  refuses(7, "500 for ever", () => ({ status: 500 }), ["Http"], { options: twice }),
  recovers(8, "no ranges", () => ({ ranges: false })),
  recovers(8, "no ranges, and reset once", (file) => [{ ranges: false, dropAt: percent(file, 50), times: 1 }, { ranges: false }]),
  recovers(8, "Content-Range of another place", () => ({ contentRange: (start, end, size) => `bytes ${start + 1}-${end}/${size}` })),
  recovers(8, "no Content-Length", () => ({ length: false })),
  recovers(8, "HEAD refused", () => ({ method: "HEAD", status: 405 })),
  recovers(8, "preflight refused", () => ({ method: "OPTIONS", status: 405 })),
  recovers(8, "range headers hidden from other origins", () => ({ headers: { "Access-Control-Expose-Headers": undefined } })),
  refuses(8, "other origins not let in", () => ({ cors: false }), ["Io"], { short: true, options: twice }),
  recovers(8, "redirected", (file) => ({ status: 302, headers: { Location: `${file.url}?moved`, "Access-Control-Allow-Origin": "*" }, times: 1 })),
  refuses(8, "redirected in circles", (file) => ({ status: 302, headers: { Location: file.url } }), ["Io", "Http"], { options: twice }),
  {
    item: 9,
    fault: "file changed between ranges",
    short: true,
    async run(lab) {
      const old = bigModel();
      const file = lab.file(old);
      const changed = Buffer.from(old);
      changed[changed.length - 1] ^= 1;
      file.fault({ dropAt: percent(file, 50), times: 1, when: () => (file.replace(changed), true) });
      const result = ended(await tries(lab, file), "ok", "SourceChanged");
      return { outcome: result.outcome === "ok" ? "loaded anew" : result.outcome, ms: result.ms };
    },
  },
  recovers(10, "gzip on the way", () => ({ encoding: "gzip", ranges: false })),
  recovers(10, "gzip, and hidden from other origins", () => ({ encoding: "gzip", ranges: false, headers: { "Access-Control-Expose-Headers": undefined } })),
  recovers(11, "one bit flipped, each chunk's hash pinned", (file) => ({ flip: percent(file, 50), times: 1 }), {
    options: (file) => ({ integrity: chunkHashes(file.bytes, 256 << 10) }),
  }),
  ...[
    ["one bit flipped, the file's hash pinned", true],
    ["one bit flipped, nothing pinned", false],
  ].map(([fault, pinned]) => ({
    item: 11,
    fault,
    short: pinned,
    async run(lab) {
      const file = lab.file();
      file.fault({ flip: percent(file, 50) }); // a weight that is none: without a hash it is seen by what it says
      const options = pinned ? { integrity: `sha256-${sha256(file.bytes)}` } : {};
      const result = ended(await tries(lab, file, options), "IntegrityFailed", "BadWeights");
      file.reset();
      ended(await tries(lab, file, options), "ok"); // nothing of it was kept
      return result;
    },
  })),
  recovers(1, "a stall, once", (file) => ({ stallAt: percent(file, 50), times: 1 }), { options: () => ({ stallTimeout: 1000 }) }),
  refuses(1, "a stall each time", (file) => ({ stallAt: percent(file, 50) }), ["Stalled"], { options: () => ({ stallTimeout: 500, retries: 1 }) }),
  recovers(1, "a slow drip", () => ({ drip: { bytes: 32 << 10, every: 20 } }), { options: () => ({ stallTimeout: 1000 }) }),
];
