// The bytes of a model, wherever they are, read in ascending ranges and handed on in pieces of a few MiB: the file is
// never in JavaScript's memory as a whole.
import { BitNetError, asBitNetError } from "../errors.js";
import { builtin } from "../platform.js";
import type { Source } from "./protocol.js";

/** Takes a piece of a range: `at` counts from the range's begin. */
type Sink = (piece: Uint8Array, at: number) => void;

export interface Reader {
  readonly size: number;
  /** The size is what a server said of a body that it may have compressed. */
  readonly doubtful?: boolean;
  read(offset: number, length: number, sink: Sink): Promise<void>;
  close(): Promise<void>;
}

const pieceBytes = 4 << 20;
const cannotRead = (error: unknown) => asBitNetError(error, "Io");

function piecewise(
  size: number,
  piece: (offset: number, length: number) => Promise<Uint8Array>,
  close = async () => {},
): Reader {
  return {
    size,
    close,
    async read(offset, length, sink) {
      for (let at = 0; at < length;) {
        const part = await piece(offset + at, Math.min(pieceBytes, length - at)).catch(
          (error: unknown) => {
            throw cannotRead(error);
          },
        );
        if (part.length === 0) throw new BitNetError("Truncated", `at byte ${offset + at}`);
        sink(part, at);
        at += part.length;
      }
    },
  };
}

const bytesReader = (bytes: Uint8Array) =>
  piecewise(bytes.length, async (offset, length) => bytes.subarray(offset, offset + length));

const blobReader = (blob: Blob) =>
  piecewise(
    blob.size,
    async (offset, length) =>
      new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  );

async function fileReader(url: URL): Promise<Reader> {
  const fs = builtin("node:fs/promises");
  const path = builtin("node:url")?.fileURLToPath(url);
  if (fs === undefined || path === undefined)
    throw new BitNetError("Io", `this engine cannot read ${url.href}`);
  const file = await fs.open(path).catch((error: unknown) => {
    const missing = (error as { code?: string }).code === "ENOENT";
    throw missing ? new BitNetError("NotFound", path) : cannotRead(error);
  });
  const status = await file.stat();
  if (!status.isFile()) {
    await file.close();
    throw new BitNetError("Io", `${path} is not a file`);
  }
  const buffer = new Uint8Array(pieceBytes);
  const piece = async (offset: number, length: number) =>
    buffer.subarray(0, (await file.read(buffer, 0, length, offset)).bytesRead);
  return piecewise(status.size, piece, () => file.close());
}

/** The body of a response, as it arrives: ranges ascend, so what lies between them is let go. */
class StreamReader implements Reader {
  readonly size: number;
  readonly doubtful = true;
  readonly #stream: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  #position = 0;

  constructor(size: number, body: ReadableStream<Uint8Array>) {
    this.size = size;
    this.#stream = body.getReader();
  }

  async read(offset: number, length: number, sink: Sink): Promise<void> {
    if (offset < this.#position) throw new BitNetError("Io", "the download is past that range");
    await this.#take(offset - this.#position, () => {});
    await this.#take(length, sink);
  }

  async #take(length: number, sink: Sink): Promise<void> {
    for (let at = 0; at < length;) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#stream.read().catch((error: unknown) => {
          throw cannotRead(error);
        });
        if (done)
          throw new BitNetError(
            "Truncated",
            `the server sent ${this.#position} bytes and announced ${this.size}`,
          );
        this.#rest = value;
        continue;
      }
      const part = this.#rest.subarray(0, length - at);
      sink(part, at);
      at += part.length;
      this.#position += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
  }

  async close(): Promise<void> {
    await this.#stream.cancel().catch(() => {}); // a stream that has failed already cannot be cancelled
  }
}

async function fetchReader(url: string, whole: boolean): Promise<Reader> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new BitNetError("Io", `${url}: ${String(error)}`);
  });
  if (!response.ok)
    throw new BitNetError(
      "Http",
      `${response.status} ${response.statusText} ${url}`,
      response.status,
    );
  if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
    await response.body?.cancel();
    throw new BitNetError("NotGguf", `${url} is a web page`);
  }
  // Content-Length counts the bytes on the wire: of a compressed body it says nothing.
  const size = Number(response.headers.get("content-length") ?? "none");
  const plain = response.headers.get("content-encoding") === null;
  if (!whole && plain && response.body !== null && Number.isSafeInteger(size) && size > 0) {
    return new StreamReader(size, response.body);
  }
  return blobReader(
    await response.blob().catch((error: unknown) => {
      throw cannotRead(error);
    }),
  );
}

/** `whole`: fetch everything before reading, because the announced size turned out wrong. */
export async function openSource(source: Source, whole = false): Promise<Reader> {
  if (source.kind === "bytes") return bytesReader(source.bytes);
  if (source.kind === "blob") return blobReader(source.blob);
  const url = new URL(source.url);
  return url.protocol === "file:" ? fileReader(url) : fetchReader(url.href, whole);
}
