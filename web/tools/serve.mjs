// A static server for the page and the tests: strict CSP, cross-origin isolation, MIME types, ranges.
//   node tools/serve.mjs [--port 8080] [--host 127.0.0.1] [--no-isolation]
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";

const types = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".gguf": "application/octet-stream",
};

const security = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
    "style-src 'self'; img-src 'self' data:; connect-src * blob:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};
const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** {start, end} of a single-range header; undefined: send all; null: cannot be satisfied. */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start <= end ? { start, end } : null;
}

async function answer(root, headers, request, response) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/") return response.writeHead(302, { ...headers, Location: "/page/" }).end();
  const path = resolve(
    root,
    `.${decodeURIComponent(pathname)}${pathname.endsWith("/") ? "index.html" : ""}`,
  );
  const status = path.startsWith(root + sep) ? await stat(path).catch(() => undefined) : undefined;
  if (!status?.isFile()) {
    return response.writeHead(404, { ...headers, "Content-Type": "text/plain" }).end("not found\n");
  }
  if (request.method !== "GET" && request.method !== "HEAD")
    return response.writeHead(405, headers).end();
  const { size } = status;
  const range = parseRange(request.headers.range, size);
  if (range === null)
    return response.writeHead(416, { ...headers, "Content-Range": `bytes */${size}` }).end();
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "Content-Type": types[extname(path)] ?? "application/octet-stream",
    "Content-Length": end - start + 1,
    "Accept-Ranges": "bytes",
    "Cache-Control": "no-cache",
    ...(range && { "Content-Range": `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === "HEAD" || size === 0) return response.end();
  await pipeline(createReadStream(path, { start, end }), response).catch(() => response.destroy()); // the client left
}

/** `handle(request, response, headers)` answers first and returns true when it did. Port 0: any free one. */
export async function serve({
  root = resolve(import.meta.dirname, "../dist"),
  port = 0,
  host = "127.0.0.1",
  isolation = true,
  handle = () => false,
} = {}) {
  const headers = {
    ...security,
    "Cross-Origin-Resource-Policy": "same-origin",
    ...(isolation && isolationHeaders),
  };
  const server = createServer((request, response) => {
    if (handle(request, response, headers)) return;
    answer(root, headers, request, response).catch(() => response.writeHead(400, headers).end());
  });
  await new Promise((done, fail) => server.once("error", fail).listen(port, host, done));
  return {
    url: `http://${host === "127.0.0.1" ? "localhost" : host}:${server.address().port}`,
    close: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      port: { type: "string", default: "8080" },
      host: { type: "string", default: "127.0.0.1" },
      isolation: { type: "boolean", default: true },
    },
  });
  try {
    const { url } = await serve({
      port: Number(values.port),
      host: values.host,
      isolation: values.isolation,
    });
    console.log(`${url}/page/`);
  } catch (error) {
    const busy = error.code === "EADDRINUSE";
    console.error(
      busy ? `port ${values.port} is taken: name another with --port N` : `serve: ${error.message}`,
    );
    process.exitCode = 1;
  }
}
