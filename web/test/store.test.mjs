// Loading that never loses: downloads by chunks into a store, on a file system and a server that fail in every way there
// is. Each fault ends in the right bytes or in a typed error, and what is stored is never wrong.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { openStreaming } from "../dist/store/fetched.js";
import { readIntegrity } from "../dist/store/hash.js";
import { parseJournal } from "../dist/store/journal.js";
import { WrongLength } from "../dist/store/remote.js";
import { Store } from "../dist/store/store.js";
import { openStored } from "../dist/store/stored.js";
import {
  answer,
  fileServer,
  hasher,
  makeFile,
  MemoryFiles,
  MemoryLocks,
  sha256,
} from "./store-support.mjs";

const chunkBytes = 65536;
const file = makeFile(10 * chunkBytes + 1234);
const chunks = 11;
const other = makeFile(file.length, 7);

let server, files, locks, quota, seen, hints;
before(async () => {
  server = await fileServer(file);
});
after(() => server?.close());
beforeEach(() => {
  server.reset();
  Object.assign(server, { file, etag: '"one"', ranges: true });
  files = new MemoryFiles();
  locks = new MemoryLocks();
  quota = { usage: 0, quota: 1e12 };
  seen = [];
  hints = [];
});

const store = () => new Store({ files, locks, room: async () => quota }, hasher);
const options = (more = {}) => ({
  retries: 3,
  stallTimeout: 5000,
  hasher,
  chunkBytes,
  revalidate: false,
  spool: false,
  onProgress: (phase, loaded, total) => seen.push({ phase, loaded, total }),
  onHint: (hint) => hints.push(hint),
  ...more,
});

/** What core would read: most of the file in ascending ranges, with gaps. */
async function readAll(reader, gap = 0) {
  const bytes = Buffer.alloc(reader.size);
  try {
    for (let at = 0; at < reader.size;) {
      const length = Math.min(50_001, reader.size - at);
      await reader.read(at, length, (piece, from) => bytes.set(piece, at + from));
      at += length + gap;
    }
    await reader.finish();
  } finally {
    await reader.close();
  }
  return bytes;
}
/** As load() does it: another beginning after a change, or a wrong length. */
async function load(more = {}, url = server.url) {
  let spool = false;
  let changed = false;
  for (;;) {
    try {
      return await readAll(await openStored(url, store(), options({ spool, ...more })));
    } catch (error) {
      if (error.code === "SourceChanged" && !changed) changed = true;
      else if (error instanceof WrongLength && !spool) spool = true;
      else throw error;
    }
  }
}
const loads = async (bytes = file, more) =>
  assert.ok(bytes.equals(await load(more)), "other bytes");
const refuses = (code, more) =>
  assert.rejects(load(more), (error) => {
    assert.equal(error.code, code, error.stack);
    return true;
  });
const isStored = (bytes = file) => {
  assert.deepEqual(files.names(".gguf"), [`${sha256(bytes)}.gguf`]);
  assert.deepEqual(files.names(".part"), []);
  assert.deepEqual(files.names(".json"), [`${sha256(bytes)}.json`]);
  assert.ok(bytes.equals(files.contents.get(`${sha256(bytes)}.gguf`).now));
};
const isNowhere = () => assert.deepEqual([...files.contents.keys()], []);
/** Read some of the file, then die without a word: what is on the disk stays. */
async function die(bytes) {
  const reader = await openStored(server.url, store(), options());
  await reader.read(0, bytes, () => {});
  await bury(reader);
  server.reset();
}
async function bury(reader) {
  files.crash();
  locks.die();
  await reader.close(); // its requests end too
  await new Promise((done) => setTimeout(done, 20));
}

test("a download is stored under its hash, and the second load asks nobody", async () => {
  await loads();
  isStored();
  assert.equal(server.requests.length, chunks);
  assert.equal(server.sent, file.length);
  server.reset();
  await loads();
  assert.deepEqual(server.requests, []);
  assert.deepEqual(files.open_, new Set());
});

test("progress never falls and ends with all", async () => {
  await loads();
  for (let i = 1; i < seen.length; ++i) assert.ok(seen[i].loaded >= seen[i - 1].loaded);
  assert.deepEqual(seen.at(-1), { phase: "download", loaded: file.length, total: file.length });
});

test("gaps that core leaves are hashed all the same", async () => {
  const reader = await openStored(server.url, store(), options());
  await readAll(reader, 70_000);
  isStored();
});

test("a tab that dies at any chunk: the next one fetches what is missing", async () => {
  for (let died = 1; died <= chunks; died += 4) {
    files = new MemoryFiles();
    await die(Math.min(died * chunkBytes, file.length));
    const [journal] = files.names(".json");
    const { chunks: there } = parseJournal(files.contents.get(journal).now.toString());
    const count = there.filter(Boolean).length;
    assert.ok(count >= died - 1, `${count} of ${died}`);
    await loads();
    isStored();
    assert.equal(server.requests.length, chunks - count);
    assert.ok(server.requests.every((range) => range.startsWith("bytes=")));
  }
});

test("a power cut that keeps the journal and loses data, or the other way round, costs no more than a download", async () => {
  for (const lost of [".part", ".json", ""]) {
    files = new MemoryFiles();
    await die(6 * chunkBytes);
    files.powerCut((name) => name.endsWith(lost));
    await loads();
    isStored();
  }
});

test("a journal whose last line is torn loses that line only", async () => {
  await die(6 * chunkBytes);
  const [name] = files.names(".json");
  const content = files.contents.get(name);
  const text = content.now.toString();
  const count = parseJournal(text).chunks.filter(Boolean).length;
  content.now = content.disk = Buffer.from(text.slice(0, -20));
  await loads();
  isStored();
  assert.equal(server.requests.length, chunks - count + 1);
});

test("damage on the disk: the chunk alone is fetched again, in a part as in a whole copy", async () => {
  await die(6 * chunkBytes);
  files.flip(files.names(".part")[0], 3 * chunkBytes + 5);
  await loads();
  isStored();
  server.reset();
  files.flip(files.names(".gguf")[0], 7 * chunkBytes);
  files.flip(files.names(".gguf")[0], file.length - 1);
  await loads();
  assert.equal(server.requests.length, 2);
  isStored(); // mended in place
  server.reset();
  await loads();
  assert.deepEqual(server.requests, []);
});

test("a copy that another tab reads is read beside it; what is damaged stays so until nobody does", async () => {
  await loads();
  const [name] = files.names(".gguf");
  const first = await openStored(server.url, store(), options());
  assert.ok(files.open_.has(name), "read through a handle");
  await loads();
  files.flip(name, 7 * chunkBytes);
  server.reset();
  await loads();
  assert.equal(server.requests.length, 1);
  await first.close();
  assert.deepEqual(files.open_, new Set());
  await loads();
  isStored();
  assert.equal(server.requests.length, 2);
});

test("a handle that fails: the file is read without it, and nothing is fetched", async () => {
  await loads();
  server.reset();
  files.failRead = 1;
  await loads();
  assert.deepEqual(server.requests, []);
  assert.deepEqual(files.open_, new Set());
});

test("a load that ends while a chunk is mended leaves nothing open", async () => {
  await loads();
  const [name] = files.names(".gguf");
  for (const call of ["open", "openToRead"]) {
    files.flip(name, 3 * chunkBytes);
    const reader = await openStored(server.url, store(), options());
    const gate = files.gate(call);
    const read = reader.read(3 * chunkBytes, 10, () => {}).then(
      () => undefined,
      (error) => error.code,
    );
    await gate.reached;
    const closed = reader.close();
    const before = Buffer.from(files.contents.get(name).now);
    gate.pass();
    await closed;
    assert.ok([undefined, "Aborted"].includes(await read));
    assert.deepEqual(files.open_, new Set(), call);
    assert.deepEqual(files.contents.get(name).now, before, "written to after its lock was given back");
    await loads();
    isStored();
  }
});

test("what cannot be removed stays, and every lock is given back", async () => {
  await loads();
  const [name] = files.names(".gguf");
  const busy = await files.open(name); // as a tab that has just ended leaves it
  quota = { usage: 0, quota: (16 << 20) + 5 }; // ten bytes need five of somebody's
  assert.equal(await store().makeRoom(10, ""), false);
  isStored();
  assert.equal(await store().clear(), false);
  isStored(); // with its journal: it can still be loaded, and make room
  assert.deepEqual([...locks.held.values()].flat(), []);
  busy.close();
  assert.equal(await store().clear(), true);
  isNowhere();
});

test("damage that cannot be mended is IntegrityFailed, and heals when the network is back", async () => {
  await loads();
  files.flip(files.names(".gguf")[0], 100);
  server.hook = (request) => request.socket.destroy() && true;
  await refuses("IntegrityFailed", { retries: 0 });
  server.reset();
  await loads();
  isStored();
  // Found while the chunk before it was in use.
  files.flip(files.names(".gguf")[0], 5 * chunkBytes);
  server.hook = (request) => request.socket.destroy() && true;
  const reader = await openStored(server.url, store(), options({ retries: 0 }));
  await reader.read(4 * chunkBytes, 10, () => {});
  await new Promise((done) => setTimeout(done, 50));
  await assert.rejects(reader.read(5 * chunkBytes, 10, () => {}), { code: "IntegrityFailed" });
  await reader.close();
});

test("a damaged copy of a file that is another now: the new one is loaded", async () => {
  await loads();
  files.flip(files.names(".gguf")[0], 100);
  Object.assign(server, { file: other, etag: '"two"' });
  await loads(other);
  isStored(other);
});

test("a journal that is damaged or a lie costs a download, never wrong bytes", async () => {
  await loads();
  const [name] = files.names(".json");
  const good = files.contents.get(name).now.toString();
  const lies = [
    "",
    "{}\n",
    good.replace(/"size":\d+/, '"size":10'),
    good.replace(/"size":\d+/, '"size":1e300'),
    good.replace(/"chunkBytes":\d+/, '"chunkBytes":1'),
    good.replaceAll(/("chunk":4,"sha256":")[0-9a-f]{4}/g, "$10000"),
    good.replaceAll('"chunk"', '"__proto__"'),
    good.slice(0, good.length / 2),
    "\0".repeat(1000),
  ];
  for (const lie of lies) {
    server.reset();
    const content = files.contents.get(name) ?? (await files.open(name), files.contents.get(name));
    files.open_.clear();
    content.now = content.disk = Buffer.from(lie);
    await loads();
    assert.deepEqual(files.names(".gguf"), [name.replace("json", "gguf")], lie.slice(0, 60));
    assert.equal(Object.prototype.sha256, undefined);
  }
});

test("pins: the right file loads, another never stays nor ends well", async () => {
  const hash = sha256(file);
  await loads(file, { pin: readIntegrity(`sha256-${hash}`) });
  isStored();
  server.reset();
  await loads(file, { pin: readIntegrity(Buffer.from(hash, "hex").toString("base64")) });
  assert.deepEqual(server.requests, []);
  await refuses("IntegrityFailed", { pin: { sha256: sha256(other) } });
  isStored(); // the file that was there is not the pinned one, and is nobody's fault
  files = new MemoryFiles();
  await refuses("IntegrityFailed", { pin: { sha256: sha256(other) } });
  isNowhere();
});

test("pins by chunks of another length: with the whole hash the copy serves, without it is replaced once", async () => {
  await loads();
  const length = 2 * chunkBytes;
  const hashes = Array.from({ length: Math.ceil(file.length / length) }, (_, i) =>
    sha256(file.subarray(i * length, (i + 1) * length)),
  );
  const pin = { chunkBytes: length, chunks: hashes };
  server.reset();
  await loads(file, { pin: { ...pin, sha256: sha256(file) } });
  assert.deepEqual(server.requests, []);
  await loads(file, { pin });
  isStored();
  server.reset();
  await loads(file, { pin });
  await loads();
  assert.deepEqual(server.requests, []);
});

test("a part of another version under the right pin: begun anew, not ended", async () => {
  const pin = { sha256: sha256(other) };
  for (const etags of [['"one"', '"two"'], [undefined, undefined]]) {
    [server.etag] = etags;
    server.file = file;
    await die(4 * chunkBytes);
    Object.assign(server, { file: other, etag: etags[1] });
    await loads(other, { pin });
    isStored(other);
    files = new MemoryFiles();
    locks = new MemoryLocks();
  }
});

test("a size that no file has is refused at once", async () => {
  const claim = { "Content-Range": `bytes 0-${chunkBytes - 1}/${Number.MAX_SAFE_INTEGER}` };
  server.hook = (request, response) => (answer(server, request, response, { headers: claim }), true);
  await refuses("LimitExceeded");
  await assert.rejects(openStreaming(server.url, options()), { code: "LimitExceeded" });
  isNowhere();
});

test("pinned chunks: one bad answer is asked for again, two are IntegrityFailed", async () => {
  const hashes = [];
  for (let at = 0; at < file.length; at += chunkBytes)
    hashes.push(sha256(file.subarray(at, at + chunkBytes)));
  const pin = { chunkBytes, chunks: hashes };
  let flips = 1;
  server.hook = (request, response) => {
    if (request.headers.range !== `bytes=${5 * chunkBytes}-${6 * chunkBytes - 1}` || flips-- <= 0)
      return false;
    const bad = Buffer.from(file);
    bad[5 * chunkBytes + 99] ^= 16;
    answer({ ...server, file: bad }, request, response);
    return true;
  };
  await loads(file, { pin });
  isStored();
  files = new MemoryFiles();
  flips = 2;
  await refuses("IntegrityFailed", { pin });
  isNowhere();
  await refuses("IntegrityFailed", { pin: { chunkBytes, chunks: hashes.slice(1) } });
  isNowhere();
});

test("the hash that a server tells is held against what it sends", async () => {
  server.hook = (request, response) => {
    answer(server, request, response, { headers: { "X-Linked-ETag": `"${sha256(other)}"` } });
    return true;
  };
  await refuses("IntegrityFailed");
  isNowhere();
});

test("a content that is there under another address is not fetched again", async () => {
  await loads();
  server.reset();
  server.hook = (request, response) => {
    answer(server, request, response, { headers: { "X-Linked-ETag": sha256(file) } });
    return true;
  };
  const second = server.url.replace("/model", "/mirror");
  assert.ok(file.equals(await load({}, second)));
  assert.equal(server.requests.length, 1);
  server.reset();
  assert.ok(file.equals(await load({}, second)));
  assert.ok(file.equals(await load()));
  assert.deepEqual(server.requests, []);
  isStored();
  // And without a word of the server, the second copy goes when it turns out to be the same.
  const third = server.url.replace("/model", "/third");
  assert.ok(file.equals(await load({}, third)));
  isStored();
});

test("what passes is tried again: hang-ups, stalls, errors, other ranges, web pages", async () => {
  const faults = [
    (request) => request.socket.destroy(),
    (request, response) => answer(server, request, response, { cut: 30_000 }),
    (request, response) => answer(server, request, response, { stall: 100 }),
    (_, response) => response.writeHead(503).end(),
    (_, response) => response.writeHead(429, { "Retry-After": "0" }).end(),
    (_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<p>Sign in"),
    (request, response) =>
      answer(server, request, response, {
        headers: { "Content-Range": `bytes 5-9/${file.length}` },
      }),
    (request, response) => {
      const [, start, end] = /(\d+)-(\d+)/.exec(request.headers.range ?? "");
      response.writeHead(206, {
        ETag: server.etag,
        "Content-Range": `bytes ${start}-${end}/${file.length}`,
      });
      response.end(file.subarray(Number(start), Number(end) - 9));
    },
  ];
  let hit = 0;
  server.hook = (request, response, n) => {
    if (n < 2 || n % 2 !== 0 || hit >= faults.length) return false;
    faults[hit++](request, response);
    return true;
  };
  await loads(file, { stallTimeout: 400 });
  isStored();
  assert.equal(hit, faults.length);
});

test("faults that stay are typed: what, and within seconds", async () => {
  const begun = performance.now();
  const from = 1; // the first answer is good
  const always = async (fault, code, more) => {
    await new Promise((done) => setTimeout(done, 20)); // requests of the load before may still be on their way
    server.reset();
    server.hook = (request, response, n) => n >= from && (fault(request, response), true);
    await refuses(code, { retries: 1, ...more });
  };
  await always((request) => request.socket.destroy(), "Io");
  await always(
    (request, response) => answer(server, request, response, { stall: 100 }),
    "Stalled",
    {
      stallTimeout: 400,
    },
  );
  await always((_, response) => response.writeHead(503).end(), "Http");
  await always((_, response) => response.writeHead(404).end(), "Http");
  await always((_, response) => response.writeHead(503, { "Retry-After": "3600" }).end(), "Http");
  await always(
    (_, response) => response.writeHead(206, { "Content-Range": "nonsense" }).end("x"),
    "Io",
  );
  await always(
    (_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<p>"),
    "Io",
  );
  assert.ok(performance.now() - begun < 8000);
  // Nothing was lost meanwhile.
  server.reset();
  await loads();
  isStored();
  assert.ok(server.requests.length <= chunks - from);
});

test("what is no model is refused before a byte is stored", async () => {
  const answers = [
    (_, response) =>
      response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>"),
    (_, response) => response.writeHead(200).end("<!doctype html>, without saying so"),
    (_, response) => response.writeHead(206, { "Content-Range": "bytes 0-3/4" }).end("PK\x03\x04"),
    (_, response) => response.writeHead(200, { "Content-Length": 0 }).end(),
    (_, response) => response.writeHead(416, { "Content-Range": "bytes */0" }).end(),
  ];
  for (const give of answers) {
    server.hook = (request, response) => (give(request, response), true);
    await refuses("NotGguf");
    isNowhere();
  }
  for (const status of [401, 403, 404, 410]) {
    server.hook = (_, response) => (response.writeHead(status).end(), true);
    await assert.rejects(load(), (error) => error.code === "Http" && error.status === status);
    isNowhere();
  }
});

test("a file that changes between ranges is begun anew, once", async () => {
  let version = 1;
  server.hook = (_, __, n) => {
    if (n === 4) Object.assign(server, { file: other, etag: `"two"` });
    return false;
  };
  await loads(other);
  isStored(other);
  // One that changes all the time.
  files = new MemoryFiles();
  server.hook = () => {
    server.etag = `"${++version}"`;
    return false;
  };
  await refuses("SourceChanged");
  isNowhere();
  // And one that got another size, with a server that knows no If-Range.
  Object.assign(server, { file, etag: undefined });
  let n = 0;
  server.hook = () => {
    if (n++ === 4) server.file = other.subarray(0, 6 * chunkBytes);
    return false;
  };
  await loads(other.subarray(0, 6 * chunkBytes));
});

test("a part whose file has changed, or of which nobody can tell, is begun anew", async () => {
  await die(6 * chunkBytes);
  Object.assign(server, { file: other, etag: '"two"' });
  await loads(other);
  isStored(other);
  files = new MemoryFiles();
  server.etag = undefined; // no validator at all
  await die(6 * chunkBytes);
  Object.assign(server, { file });
  await loads(file);
  isStored(file);
  files = new MemoryFiles();
  await die(6 * chunkBytes);
  await loads(file, { pin: { sha256: sha256(file) } }); // but a hash can tell
  assert.ok(server.requests.length < chunks - 4);
});

test("a server without ranges: one stream, begun again where it broke", async () => {
  server.ranges = false;
  await loads();
  isStored();
  assert.equal(server.requests.length, 1);
  files = new MemoryFiles();
  server.reset();
  server.hook = (request, response, n) =>
    n === 0 && (answer(server, request, response, { cut: 5 * chunkBytes + 7 }), true);
  await loads();
  isStored();
  assert.equal(server.requests.length, 2);
  files = new MemoryFiles();
  server.reset();
  server.hook = (request, response, n) => {
    if (n > 0) Object.assign(server, { file: other, etag: '"two"' });
    answer(server, request, response, n === 0 ? { cut: 9 * chunkBytes } : {});
    return true;
  };
  await loads(other);
  isStored(other);
});

test("bodies of unknown or wrong length, and compressed ones", async () => {
  const zipped = gzipSync(file);
  const ways = {
    chunked: (_, response) => response.writeHead(200, { ETag: '"c"' }).end(file),
    gzip: (_, response) =>
      response
        .writeHead(200, { "Content-Encoding": "gzip", "Content-Length": zipped.length })
        .end(zipped),
    "gzip of a range": (request, response) =>
      answer({ ...server, file: zipped, ranges: true }, request, response, {
        headers: { "Content-Encoding": "gzip" },
      }),
  };
  for (const [name, give] of Object.entries(ways)) {
    files = new MemoryFiles();
    server.hook = (request, response) => (give(request, response), true);
    await loads();
    isStored();
    void name;
  }
});

test("no room before the first byte: from memory, with a hint; the oldest files go first", async () => {
  quota = { usage: 0, quota: 1000 };
  await loads();
  isNowhere();
  assert.match(hints[0], /no room/);
  quota = { usage: 0, quota: 1e12 };
  const urls = ["/a", "/b", "/c"].map((path) => server.url.replace("/model", path));
  for (const [i, url] of urls.entries()) {
    server.file = makeFile(3 * chunkBytes, 100 + i);
    await load({}, url);
  }
  server.file = makeFile(3 * chunkBytes, 100);
  await load({}, urls[0]); // used again: now the newest
  assert.equal(files.names(".gguf").length, 3);
  quota = { usage: 9 * chunkBytes, quota: 9 * chunkBytes + (16 << 20) };
  server.file = makeFile(2 * chunkBytes, 9);
  await load();
  const left = files.names(".gguf");
  assert.equal(left.length, 3);
  assert.ok(!left.includes(`${sha256(makeFile(3 * chunkBytes, 101))}.gguf`), "the oldest stayed");
  assert.ok(left.includes(`${sha256(makeFile(3 * chunkBytes, 100))}.gguf`));
});

test("what would not make room enough stays", async () => {
  await loads();
  server.file = other;
  await load({}, `${server.url}?b`);
  const used = await openStored(`${server.url}?b`, store(), options());
  quota = { usage: 1e6, quota: 1e6 + (16 << 20) }; // to have: what both take
  assert.equal(await store().makeRoom(2 * file.length, "none"), false);
  assert.equal(files.names(".gguf").length, 2);
  await used.close();
  assert.equal(await store().makeRoom(2 * file.length, "none"), true);
  isNowhere();
});

test("room that ends in the middle: the rest passes through memory, and nothing is lost", async () => {
  for (const room of [0, 1000, 5 * chunkBytes + 3, 9 * chunkBytes]) {
    files = new MemoryFiles();
    files.room = room;
    server.reset();
    hints = [];
    await loads();
    assert.equal(server.sent, file.length, "bytes were fetched twice");
    assert.equal(hints.length, 1);
    assert.deepEqual(files.names(".gguf"), []);
    files.room = Infinity;
    locks = new MemoryLocks();
    await loads();
    isStored();
  }
});

test("short writes are continued; a disk that fails costs a hint, not the load", async () => {
  files.mostPerWrite = 1000;
  await loads();
  isStored();
  files = new MemoryFiles();
  const reader = await openStored(server.url, store(), options());
  files.failing = new Error("the disk is on fire");
  assert.ok(file.equals(await readAll(reader)));
  assert.equal(hints.length, 1);
  files = new MemoryFiles();
  files.failMove = () => true; // when all is there
  await loads();
  assert.equal(hints.length, 2);
});

test("five tabs share one download; when the first dies, the next goes on", async () => {
  const all = await Promise.all(Array.from({ length: 5 }, () => load()));
  assert.ok(all.every((bytes) => file.equals(bytes)));
  assert.equal(server.sent, file.length);
  isStored();

  files = new MemoryFiles();
  server.reset();
  const first = await openStored(server.url, store(), options());
  await first.read(0, 8 * chunkBytes, () => {});
  const second = load();
  await new Promise((done) => setTimeout(done, 50));
  await bury(first);
  assert.ok(file.equals(await second));
  isStored();
});

test("a tab that dies between the two renamings is tidied up after", async () => {
  for (const dies of [".part", ".json"]) {
    files = new MemoryFiles();
    files.failMove = (name) => name.endsWith(dies);
    await loads(); // all the bytes are there
    files.failMove = undefined;
    files.crash();
    locks.die();
    server.reset();
    await loads();
    isStored();
    assert.deepEqual(server.requests, []);
  }
});

test("revalidation: the same is not fetched again, another is, and no network is no matter", async () => {
  await loads();
  server.reset();
  await loads(file, { revalidate: true });
  assert.equal(server.requests.length, 1);
  Object.assign(server, { file: other, etag: '"two"' });
  await loads(file);
  await loads(other, { revalidate: true });
  isStored(other);
  server.hook = (request) => request.socket.destroy() && true;
  await loads(other, { revalidate: true, retries: 0 });
});

test("bytes that core refuses do not stay", async () => {
  const reader = await openStored(server.url, store(), options());
  await reader.read(0, 100, () => {});
  await reader.close(true);
  isNowhere();
  await loads();
  // What was whole before stays: another file of the model may be to blame.
  const copy = await openStored(server.url, store(), options());
  await copy.close(true);
  isStored();
  assert.deepEqual([...locks.held.values()].flat(), []);
});

test("files in use are not removed; others are, with what nobody speaks of", async () => {
  await loads();
  const copy = await openStored(server.url, store(), options());
  assert.equal(await store().clear(), false);
  isStored();
  await copy.close();
  files.contents.set(`${"0".repeat(64)}.part`, {
    now: Buffer.from("x"),
    disk: Buffer.from("x"),
    time: 0,
  });
  assert.equal(await store().clear(), true);
  isNowhere();
});

test("without a store: the same faults, a window of memory, hashes all the same", async () => {
  const stream = async (more) => readAll(await openStreaming(server.url, options(more)));
  server.hook = (request, response, n) =>
    n % 4 === 1 && (answer(server, request, response, { cut: 10_000 }), true);
  assert.ok(file.equals(await stream()));
  server.reset();
  const reader = await openStreaming(server.url, options());
  await new Promise((done) => setTimeout(done, 100));
  assert.ok(server.sent <= 6 * chunkBytes, `${server.sent} bytes ahead of anyone who wants them`);
  assert.ok(file.equals(await readAll(reader)));
  await assert.rejects(stream({ pin: { sha256: sha256(other) } }), { code: "IntegrityFailed" });
  server.ranges = false;
  server.hook = (request, response, n) =>
    n === 0 && (answer(server, request, response, { cut: 200_000 }), true);
  server.requests = [];
  assert.ok(file.equals(await stream({ pin: { sha256: sha256(file) } })));
});

test("readIntegrity takes what subresource integrity takes, and refuses the rest", () => {
  const hash = sha256(file);
  const base64 = Buffer.from(hash, "hex").toString("base64");
  for (const good of [
    hash,
    hash.toUpperCase(),
    `sha256-${hash}`,
    `sha256-${base64}`,
    base64,
    base64.slice(0, 43),
    { sha256: hash },
  ])
    assert.equal(readIntegrity(good).sha256, hash);
  assert.equal(readIntegrity(undefined), undefined);
  for (const bad of [
    "",
    "sha256-",
    `sha512-${hash}`,
    hash.slice(1),
    5,
    null,
    {},
    [],
    { sha256: 5 },
    { chunks: [hash] },
    { md5: hash },
    { chunks: [], chunkBytes },
    { chunks: [hash], chunkBytes: 5 },
    { sha256: hash, extra: 1 },
  ])
    assert.throws(() => readIntegrity(bad), { code: "InvalidOption" });
});
