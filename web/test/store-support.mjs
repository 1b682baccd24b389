// What the tests of the store share: a file system in memory that crashes and fails on request, locks that a dead tab gives
// back, and a server of one file whose every answer can be changed.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
export const hasher = () => {
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
};

/** A file that begins as a GGUF file does, of bytes that differ everywhere. */
export function makeFile(size, seed = 1) {
  const bytes = Buffer.alloc(size);
  for (let i = 0, x = seed; i < size; ++i) bytes[i] = (x = (x * 1103515245 + 12345) >>> 0) >>> 16;
  bytes.write("GGUF");
  return bytes;
}

const quotaError = () => Object.assign(new Error("full"), { name: "QuotaExceededError" });

export class MemoryFiles {
  contents = new Map(); // name -> {now, disk, time}
  open_ = new Set();
  room = Infinity; // bytes that may still be written
  mostPerWrite = Infinity;
  failRead = 0; // so many reads through handles
  clock = 1;
  lives = 0;

  list = async () => [...this.contents.keys()];
  read = async (name) => {
    const file = this.contents.get(name);
    return file && new File([file.now], name, { lastModified: file.time });
  };
  /** The next call waits there: `reached` is when it has come, `pass` lets it go on. */
  gate(call) {
    const gate = {};
    gate.reached = new Promise((arrive) => {
      this.gates.set(call, () => {
        this.gates.delete(call);
        arrive();
        return new Promise((pass) => (gate.pass = pass));
      });
    });
    return gate;
  }
  gates = new Map();

  open = async (name) => {
    await this.gates.get("open")?.();
    if (this.open_.has(name)) throw Object.assign(new Error(`${name} is open`), { name: "Busy" });
    this.open_.add(name);
    const file = this.contents.get(name) ?? {
      now: Buffer.alloc(0),
      disk: Buffer.alloc(0),
      time: 0,
    };
    this.contents.set(name, file);
    const life = this.lives;
    const alive =
      (action) =>
      (...given) => {
        if (life !== this.lives) throw new Error("written by the dead");
        return action(...given);
      };
    const handle = {
      size: () => file.now.length,
      read: (into, at) => {
        if (this.failRead > 0 && this.failRead-- > 0) throw new Error("a handle that lost its file");
        return file.now.copy(into, 0, at, at + into.length);
      },
      write: (bytes, at) => {
        if (this.failing) throw this.failing;
        const count = Math.min(bytes.length, this.mostPerWrite);
        const grown = at + count - file.now.length;
        if (grown > this.room) throw quotaError();
        if (grown > 0) {
          this.room -= grown;
          file.now = Buffer.concat([file.now, Buffer.alloc(grown)]);
        }
        file.now.set(bytes.subarray(0, count), at);
        file.time = this.clock++;
        return count;
      },
      flush: () => {
        file.disk = Buffer.from(file.now);
      },
      close: () => {
        file.disk = Buffer.from(file.now);
        this.open_.delete(name);
      },
    };
    for (const name of ["read", "write", "flush"]) handle[name] = alive(handle[name]);
    const { close } = handle;
    handle.close = () => life === this.lives && close();
    return handle;
  };
  /** Who comes first has it alone, as where there are no modes. */
  openToRead = async (name) => {
    await this.gates.get("openToRead")?.();
    return this.contents.has(name) && !this.open_.has(name) ? this.open(name) : undefined;
  };
  #mayGo(name) {
    if (this.open_.has(name)) throw new Error(`${name} is open`);
  }
  move = async (from, to) => {
    this.#mayGo(from);
    this.#mayGo(to);
    const file = this.contents.get(from);
    if (file === undefined) throw new Error(`no ${from}`);
    if (this.failMove?.(from)) throw new Error("the tab died");
    this.contents.delete(from);
    this.contents.set(to, file);
  };
  remove = async (name) => {
    this.#mayGo(name);
    this.room += this.contents.get(name)?.now.length ?? 0;
    this.contents.delete(name);
  };

  /** The tab is gone: who was in it writes no more. */
  crash() {
    ++this.lives;
    this.open_.clear();
  }
  /** And the power: of some files what was not flushed is lost. */
  powerCut(hits) {
    this.crash();
    for (const [name, file] of this.contents) if (hits(name)) file.now = Buffer.from(file.disk);
  }
  /** Change what is on the disk, as a bad disk does. */
  flip(name, at) {
    const file = this.contents.get(name);
    file.now[at] ^= 1;
    file.disk = Buffer.from(file.now);
  }
  names(end) {
    return [...this.contents.keys()].filter((name) => name.endsWith(end)).sort();
  }
}

/** Exclusive and shared locks in the order of asking. */
export class MemoryLocks {
  held = new Map(); // name -> [{shared}]
  queue = [];
  hold = (name, { shared = false, now = false }) =>
    new Promise((done) => {
      const ask = { name, shared, done };
      if (now && !this.#free(ask)) return done(undefined);
      this.queue.push(ask);
      this.#serve();
    });
  #free({ name, shared }) {
    const held = this.held.get(name) ?? [];
    return held.length === 0 || (shared && held.every((one) => one.shared));
  }
  #serve() {
    this.queue = this.queue.filter((ask) => {
      if (!this.#free(ask)) return true;
      const mark = { shared: ask.shared };
      this.held.set(ask.name, [...(this.held.get(ask.name) ?? []), mark]);
      ask.done(() => {
        const held = this.held.get(ask.name) ?? [];
        this.held.set(
          ask.name,
          held.filter((one) => one !== mark),
        );
        this.#serve();
      });
      return false;
    });
  }
  /** The tab that held them is gone. */
  die() {
    this.held.clear();
    this.#serve();
  }
}

/**
 * Serves `server.file` at /model with ranges and an ETag. `server.hook(request, response, n)` may answer request n (from 0)
 * itself and then returns true. Counts requests and bytes sent.
 */
export async function fileServer(file) {
  const server = {
    file,
    etag: '"one"',
    ranges: true,
    requests: [],
    sent: 0,
    hook: () => false,
    close: () =>
      new Promise((done) => {
        http.close(done);
        http.closeAllConnections();
      }),
    reset() {
      Object.assign(server, { hook: () => false, requests: [], sent: 0 });
    },
  };
  const http = createServer((request, response) => {
    const n = server.requests.push(request.headers.range ?? "all") - 1;
    if (server.hook(request, response, n)) return;
    answer(server, request, response);
  });
  await new Promise((done) => http.listen(0, "127.0.0.1", done));
  server.url = `http://127.0.0.1:${http.address().port}/model`;
  return server;
}

export function answer(server, request, response, change = {}) {
  const { file, etag, ranges } = server;
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const condition = request.headers["if-range"];
  const all = !ranges || match === null || (condition !== undefined && condition !== etag);
  const start = all ? 0 : Number(match[1]);
  const end = all ? file.length : Math.min(Number(match[2]) + 1, file.length);
  if (start >= file.length)
    return response.writeHead(416, { "Content-Range": `bytes */${file.length}` }).end();
  const body = file.subarray(start, end);
  response.writeHead(all ? 200 : 206, {
    ...(etag && { ETag: etag }),
    "Content-Length": body.length,
    ...(!all && { "Content-Range": `bytes ${start}-${end - 1}/${file.length}` }),
    ...change.headers,
  });
  if (change.cut !== undefined) {
    server.sent += Math.min(change.cut, body.length);
    response.write(body.subarray(0, change.cut), () => response.destroy());
  } else if (change.stall !== undefined) {
    server.sent += change.stall;
    response.write(body.subarray(0, change.stall));
  } else {
    server.sent += body.length;
    response.end(body);
  }
}
