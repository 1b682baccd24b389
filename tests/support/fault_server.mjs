// A server of files whose answers can be spoiled, and that counts what it was asked for and what it sent.
//
//   const server = await faultServer();
//   const file = server.put("/model.gguf", bytes);
//   file.fault({ dropAt: 100_000, times: 1 });   // see Rule
//   ... file.url ... file.requests ... file.sent() ...
//
// It is an origin of its own, so that connections which it stalls take none from the page's server: browsers open six for
// each. Answers carry what another origin needs (CORS), unless a rule says otherwise.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

/**
 * @typedef {object} Rule what is done to a request that it applies to; the first that applies is used
 * @property {number} [times] requests it applies to before it is used up; default: all
 * @property {string} [method] of those requests; default: GET
 * @property {(request: Seen) => boolean} [when] more conditions
 * Offsets count from the file's begin, so a rule with one applies only to an answer that has that byte:
 * @property {number} [dropAt] the connection is reset before that byte
 * @property {number} [endAt] the body ends before that byte, in good order; the length is what the whole would have
 * @property {number} [stallAt] nothing comes from that byte on, and the connection stays
 * @property {number} [flip] that byte has its lowest bit changed
 * The answer:
 * @property {number} [status] instead of the file, with the `headers` and the `body`
 * @property {object} [headers] over the usual ones; undefined takes one away
 * @property {string | Buffer} [body]
 * @property {number} [wait] milliseconds before the answer's head
 * @property {{ bytes: number, every: number }} [drip] so many bytes in so many milliseconds
 * @property {false} [ranges] Range is ignored
 * @property {(start: number, end: number, size: number) => string} [contentRange] what Content-Range says
 * @property {false} [length] no Content-Length
 * @property {"gzip"} [encoding]
 * @property {false} [cors] no word of other origins
 */

/** @typedef {{ method: string, range?: string, start: number, end: number, sent: number, status: number }} Seen */

const cors = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag, Retry-After",
  "Cross-Origin-Resource-Policy": "cross-origin",
};
const preflight = {
  "Access-Control-Allow-Methods": "GET, HEAD",
  "Access-Control-Allow-Headers": "Range, If-Range, If-Match, If-None-Match",
};
const pieceBytes = 64 << 10;
const tagOf = (bytes) => `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;

/** [start, end) of a single-range header, or the whole when there is none or If-Range names another version. */
function askedFor(request, size, etag) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const ifRange = request.headers["if-range"];
  if (!match || (ifRange !== undefined && ifRange !== etag)) return { start: 0, end: size };
  return { start: Number(match[1]), end: match[2] === "" ? size : Math.min(size, Number(match[2]) + 1), partial: true };
}

class ServedFile {
  /** @type {Seen[]} */
  requests = [];
  #rules = [];

  constructor(url, bytes) {
    this.url = url;
    this.replace(bytes);
  }
  /** Another version of the file, with another ETag. */
  replace(bytes) {
    this.bytes = bytes;
    this.etag = tagOf(bytes);
    return this;
  }
  /** @param {Rule} rule */
  fault(rule) {
    this.#rules.push({ left: rule.times ?? Infinity, ...rule });
    return this;
  }
  /** No more faults, and counted from here on. */
  reset() {
    this.#rules = [];
    this.requests = [];
    return this;
  }
  /** Bytes of bodies. */
  sent() {
    return this.requests.reduce((sum, { sent }) => sum + sent, 0);
  }
  gets() {
    return this.requests.filter(({ method }) => method === "GET").length;
  }
  /** The rule for a request; it is used up by one. */
  ruleFor(seen) {
    const rule = this.#rules.find(({ left, method = "GET", when, dropAt, endAt, stallAt, flip }) => {
      const at = dropAt ?? endAt ?? stallAt ?? flip;
      const inside = at === undefined || (seen.start <= at && at < seen.end);
      return left > 0 && method === seen.method && inside && (when?.(seen) ?? true);
    });
    if (rule) --rule.left;
    return rule ?? {};
  }
}

/** Hands the piece to the socket, and waits until it has left this process. */
const write = (response, piece) => new Promise((done) => response.write(piece, done));

async function sendBody(response, seen, bytes, rule) {
  const { dropAt, endAt, stallAt, drip } = rule;
  const until = Math.min(seen.end, dropAt ?? Infinity, endAt ?? Infinity, stallAt ?? Infinity);
  const step = drip?.bytes ?? pieceBytes;
  for (let at = seen.start; at < until && !response.destroyed; at += step) {
    const piece = bytes.subarray(at, Math.min(at + step, until));
    await write(response, piece);
    if (response.destroyed) return;
    seen.sent += piece.length;
    if (drip) await sleep(drip.every);
  }
  if (stallAt !== undefined || response.destroyed) return;
  if (until === seen.end) response.end();
  else if (endAt !== undefined) response.socket.end();
  else {
    await sleep(20); // a reset makes the other end forget what it has not read yet
    response.socket?.resetAndDestroy();
  }
}

async function answer(file, request, response) {
  const range = askedFor(request, file.bytes.length, file.etag);
  const seen = { method: request.method, range: request.headers.range, start: range.start, end: range.end, sent: 0, status: 0 };
  file.requests.push(seen);
  const rule = file.ruleFor(seen);
  if (rule.wait) await sleep(rule.wait);
  const respond = (status, headers) => {
    seen.status = status;
    const all = { ...(rule.cors !== false && cors), ...headers, ...rule.headers };
    response.writeHead(status, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
  };
  if (rule.status !== undefined) {
    respond(rule.status, { "Content-Type": "text/plain" });
    return response.end(rule.body ?? `${rule.status}\n`);
  }
  if (request.method === "OPTIONS") {
    respond(204, preflight);
    return response.end();
  }
  if (range.partial && rule.ranges === false) Object.assign(seen, { start: 0, end: file.bytes.length });
  const partial = range.partial && rule.ranges !== false;
  const { length: size } = file.bytes;
  if (partial && seen.start >= size) {
    respond(416, { "Content-Range": `bytes */${size}` });
    return response.end();
  }
  let { bytes } = file;
  if (rule.flip !== undefined) {
    bytes = Uint8Array.from(bytes);
    bytes[rule.flip] ^= 1;
  }
  if (rule.encoding === "gzip") {
    bytes = gzipSync(bytes.subarray(seen.start, seen.end));
    Object.assign(seen, { start: 0, end: bytes.length });
  }
  respond(partial ? 206 : 200, {
    "Content-Type": "application/octet-stream",
    "Content-Length": rule.length === false ? undefined : seen.end - seen.start,
    "Accept-Ranges": rule.ranges === false ? undefined : "bytes",
    ETag: file.etag,
    "Cache-Control": "no-store", // what is asked for again is counted again
    ...(rule.encoding && { "Content-Encoding": rule.encoding }),
    ...(partial && {
      "Content-Range": rule.contentRange?.(seen.start, seen.end, size) ?? `bytes ${seen.start}-${seen.end - 1}/${size}`,
    }),
  });
  if (request.method === "HEAD") return response.end();
  await sendBody(response, seen, bytes, rule);
}

export async function faultServer() {
  const files = new Map();
  let down = false;
  const server = createServer((request, response) => {
    const file = files.get(new URL(request.url, "http://localhost").pathname);
    if (file === undefined) return response.writeHead(404, cors).end();
    if (down) {
      file.requests.push({ method: request.method, start: 0, end: 0, sent: 0, status: 0 });
      return request.socket.resetAndDestroy();
    }
    answer(file, request, response).catch(() => response.destroy());
  });
  await new Promise((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  const url = `http://localhost:${server.address().port}`;
  return {
    url,
    /** Serve the bytes under the path, without faults. */
    put(path, bytes) {
      const file = new ServedFile(url + path, bytes);
      files.set(path, file);
      return file;
    },
    /** A network that is not there: every connection is reset. They are counted. */
    offline(is = true) {
      down = is;
      if (is) server.closeAllConnections();
    },
    /** End what is under way, as a network does that goes away for a moment. */
    dropAll: () => server.closeAllConnections(),
    close: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}
