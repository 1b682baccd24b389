// One file on a server: asked for once, then in ranges, or as one stream where the server knows no ranges. What may pass
// is tried again, with growing pauses, from the byte that was reached; what does not is a typed error.
import { BitNetError } from "../errors.js";
import type { Allocate } from "./chunks.js";

export interface Network {
  /** Ends every request. */
  signal: AbortSignal;
  /** How often in a row a request may fail without having brought anything. */
  retries: number;
  /** Milliseconds without a byte after which a request counts as failed. */
  stallTimeout: number;
  /** Whether the engine's HTTP cache may serve too; there is no need for it where the file goes to a store. */
  cache: "default" | "no-store";
}

export type OnBytes = (count: number) => void;

/** A failure that another try may cure. `after`: milliseconds that the server asks to wait. */
class Passing {
  constructor(
    readonly error: BitNetError,
    readonly after = 0,
  ) {}
}

/** The server sent another number of bytes than it announced, as with a body that it compressed without saying so. */
export class WrongLength {}

const firstPause = 250;
const longestPause = 8_000;
/** A server that wants longer pauses is told of instead. */
const longestAsked = 10_000;
/** So much makes a try that failed in the end worth another row of tries. */
const worthwhile = 64 << 10;

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const end = () => {
      clearTimeout(timer);
      fail(new BitNetError("Aborted"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      done();
    }, milliseconds);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}

/** `reached`: a count that grows with what the tries bring. */
async function retrying<T>(
  { retries, signal }: Network,
  attempt: () => Promise<T>,
  reached: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  for (;;) {
    const before = reached();
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof Passing)) throw thrown;
      if (reached() - before >= worthwhile) failures = 0;
      if (++failures > retries || thrown.after > longestAsked) throw thrown.error;
      const growing = Math.min(longestPause, firstPause * 2 ** (failures - 1));
      await pause(Math.max(thrown.after, growing * (0.75 + Math.random() / 4)), signal);
    }
  }
}

function retryAfter(headers: Headers): number {
  const value = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}

const passingStatus = [408, 425, 429, 500, 502, 503, 504];

const pieceBytes = 256 << 10;
const nothing = new Uint8Array();

type AnyReader = ReadableStreamDefaultReader<Uint8Array> | ReadableStreamBYOBReader;
const isByob = (reader: AnyReader): reader is ReadableStreamBYOBReader =>
  typeof ReadableStreamBYOBReader === "function" && reader instanceof ReadableStreamBYOBReader;

/** One that reads into memory of ours, where the engine has it: what others allocate is collected late. */
function readerOf(stream: ReadableStream<Uint8Array> | null): AnyReader | undefined {
  try {
    return stream?.getReader({ mode: "byob" });
  } catch {
    return stream?.getReader();
  }
}

/** A response and its body, which end when they stay silent too long. */
class Body {
  response!: Response;
  readonly #controller = new AbortController();
  readonly #network: Network;
  readonly #url: string;
  readonly #end = () => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stalled = false;
  #reader: AnyReader | undefined;
  #scratch = new ArrayBuffer(pieceBytes);
  #rest: Uint8Array = nothing;

  private constructor(url: string, network: Network) {
    this.#url = url;
    this.#network = network;
  }

  static async open(url: string, headers: Record<string, string>, network: Network): Promise<Body> {
    const body = new Body(url, network);
    const { signal } = network;
    if (signal.aborted) throw new BitNetError("Aborted");
    signal.addEventListener("abort", body.#end, { once: true });
    try {
      body.response = await body.#watched(
        fetch(url, { headers, signal: body.#controller.signal, cache: network.cache }),
      );
      body.#reader = readerOf(body.response.body);
    } catch (error) {
      body.close();
      throw error;
    }
    const { status, statusText, ok, headers: answer } = body.response;
    if (ok || status === 416) return body;
    body.close();
    const error = new BitNetError("Http", `${status} ${statusText} ${url}`, status);
    throw passingStatus.includes(status) ? new Passing(error, retryAfter(answer)) : error;
  }

  header(name: string): string | null {
    return this.response.headers.get(name);
  }
  get isPage(): boolean {
    return /^text\/html\b/i.test(this.header("content-type") ?? "");
  }
  /** Nothing says that the bytes on the wire are others than the file's. */
  get isPlain(): boolean {
    return /^(identity)?$/i.test(this.header("content-encoding") ?? "");
  }

  /** Up to `length` bytes without taking them; fewer at the body's end. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#rest.length < length) {
      const begin = this.#rest.slice(); // its memory takes the next piece
      const more = await this.#next();
      const both = new Uint8Array(begin.length + (more?.length ?? 0));
      both.set(begin);
      if (more !== undefined) both.set(more, begin.length);
      this.#rest = both;
      if (more === undefined) break;
    }
    return this.#rest.subarray(0, length);
  }

  /** The next piece, of at most `most` bytes, which holds until the next call; undefined at the end. */
  async take(most: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length === 0) this.#rest = (await this.#next()) ?? nothing;
    const piece = this.#rest.subarray(0, most);
    this.#rest = piece.length < this.#rest.length ? this.#rest.subarray(piece.length) : nothing;
    return piece.length === 0 ? undefined : piece;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#network.signal.removeEventListener("abort", this.#end);
    this.#controller.abort();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const reader = this.#reader;
    for (;;) {
      if (reader === undefined) return undefined;
      const { done, value } = await this.#watched(
        isByob(reader) ? reader.read(new Uint8Array(this.#scratch)) : reader.read(),
      );
      if (isByob(reader))
        this.#scratch = (value?.buffer as ArrayBuffer | undefined) ?? new ArrayBuffer(pieceBytes); // it comes back
      if (done || value === undefined) return undefined;
      if (value.length > 0) return value;
    }
  }

  async #watched<T>(promise: Promise<T>): Promise<T> {
    const { stallTimeout, signal } = this.#network;
    this.#timer = setTimeout(() => {
      this.#stalled = true;
      this.#end();
    }, stallTimeout);
    try {
      return await promise;
    } catch (thrown) {
      if (signal.aborted) throw new BitNetError("Aborted");
      throw new Passing(
        this.#stalled
          ? new BitNetError("Stalled", `no byte within ${stallTimeout} ms: ${this.#url}`)
          : new BitNetError("Io", `${this.#url}: ${String(thrown)}`),
      );
    } finally {
      clearTimeout(this.#timer);
    }
  }
}

/** What tells one version of a file from another. Weak ETags do not speak of bytes. */
export interface Validator {
  etag?: string;
  modified?: string;
}

const validatorOf = (body: Body): Validator => {
  const etag = body.header("etag");
  const modified = body.header("last-modified");
  return {
    ...(etag !== null && /^"[^"]*"$/.test(etag) && { etag }),
    ...(modified !== null && !Number.isNaN(Date.parse(modified)) && { modified }),
  };
};

/** The same version for certain; without a validator on both sides nobody knows. */
export const isSameVersion = (a: Validator, b: Validator) =>
  a.etag !== undefined || b.etag !== undefined
    ? a.etag === b.etag
    : a.modified !== undefined && a.modified === b.modified;

/** Certainly another version. */
export const isOtherVersion = (a: Validator, b: Validator) =>
  a.etag !== undefined && b.etag !== undefined
    ? a.etag !== b.etag
    : a.modified !== undefined && b.modified !== undefined && a.modified !== b.modified;

function parseContentRange(
  value: string | null,
): { start: number; end: number; size: number } | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(value ?? "");
  if (match === null) return undefined;
  const [start, last, size] = match.slice(1).map(Number) as [number, number, number];
  return start <= last && last < size && Number.isSafeInteger(size)
    ? { start, end: last + 1, size }
    : undefined;
}

const magic = [0x47, 0x47, 0x55, 0x46]; // "GGUF"
const isCrossOrigin = (url: string) => {
  const origin = globalThis.location?.origin;
  return origin !== undefined && origin !== "null" && new URL(url).origin !== origin;
};

async function refuseOthers(body: Body, url: string): Promise<void> {
  const head = await body.peek(magic.length);
  if (magic.some((byte, i) => head[i] !== byte)) {
    throw new BitNetError("NotGguf", `${url} does not begin as a GGUF file does`);
  }
}

export class Remote {
  readonly url: string;
  /** undefined: the server does not say, or what it says is of a compressed body. Then take spool(). */
  readonly size: number | undefined;
  readonly ranged: boolean;
  readonly validator: Validator;
  /** The file's sha256, where the server tells it (Hugging Face's X-Linked-ETag). */
  readonly sha256: string | undefined;
  readonly #network: Network;
  /** A body at some place of the file: the first answer, later where a server without ranges has got to. */
  #body: Body | undefined;
  #position: number;
  #end: number;

  private constructor(url: string, network: Network, body: Body, start: number, end: number) {
    const size = parseContentRange(body.header("content-range"))?.size;
    this.url = url;
    this.#network = network;
    this.ranged = body.response.status === 206;
    const length = body.isPlain ? Number(body.header("content-length") ?? "none") : NaN;
    this.size = size ?? (Number.isSafeInteger(length) && length > 0 ? length : undefined);
    this.validator = validatorOf(body);
    const linked = body.header("x-linked-etag")?.replaceAll('"', "").toLowerCase();
    this.sha256 = linked !== undefined && /^[0-9a-f]{64}$/.test(linked) ? linked : undefined;
    this.#body = body;
    this.#position = this.ranged ? start : 0;
    this.#end = this.ranged ? end : Infinity;
  }

  /**
   * Ask for a first range, whose bytes serve the fetch() of it. NotGguf for web pages and what begins with other bytes: before
   * anything is kept.
   */
  static async open(url: string, network: Network, start: number, end: number): Promise<Remote> {
    let ranges = true;
    let failures = 0;
    return retrying(network, async () => {
      // Where a server's CORS does not allow the header, the failure looks like that of a network: one try goes without.
      const without = !ranges || (failures === 2 && isCrossOrigin(url));
      const headers: Record<string, string> = without ? {} : { Range: `bytes=${start}-${end - 1}` };
      ++failures;
      const body = await Body.open(url, headers, network);
      try {
        const { status } = body.response;
        if (body.isPage) throw new BitNetError("NotGguf", `${url} is a web page`);
        if (status === 416 && start === 0) throw new BitNetError("NotGguf", `${url} is empty`);
        if (status === 416) throw new BitNetError("SourceChanged", `${url} is shorter than it was`);
        const range = parseContentRange(body.header("content-range"));
        if (status === 206) {
          const asked = range?.start === start && range.end === Math.min(end, range.size);
          if (!asked || !body.isPlain) {
            ranges = false; // it does not do ranges right: the next try takes all
            throw new Passing(
              new BitNetError("Io", `${url}: the server answers another range than asked for`),
            );
          }
        }
        if (status === 200 || start === 0) await refuseOthers(body, url);
        return new Remote(url, network, body, start, Math.min(end, range?.size ?? end));
      } catch (error) {
        body.close();
        throw error;
      }
    });
  }

  /** The bytes [start, end). Without `ranged`, in ascending order and one call at a time, or else from the beginning. */
  async fetch(
    start: number,
    end: number,
    onBytes: OnBytes,
    allocate: Allocate,
  ): Promise<Uint8Array> {
    const into = allocate(end - start);
    let at = 0;
    const step = async () => {
      const body = await this.#bodyAt(start + at, end);
      try {
        while (at < into.length) {
          const piece = await body.take(into.length - at);
          if (piece === undefined) break;
          into.set(piece, at);
          at += piece.length;
          onBytes(piece.length);
        }
        await this.#checkEnd(body, start + at, end);
      } catch (error) {
        body.close();
        if (this.#body === body) this.#body = undefined;
        if (at === into.length) {
          onBytes(-at); // more came than was asked for: who knows what these bytes are
          at = 0;
        }
        throw error;
      }
      return into;
    };
    return retrying(this.#network, step, () => at);
  }

  /** Everything, of a size that nobody knows before: a Blob, which engines keep out of JavaScript's memory. */
  async spool(onBytes: OnBytes): Promise<Blob> {
    return retrying(this.#network, async () => {
      let counted = 0;
      const body = this.#position === 0 && !this.ranged ? this.#takeBody() : undefined;
      const from = body ?? (await this.#openWhole());
      try {
        return await spool(
          async () => (await from.take(Infinity))?.slice(),
          (count) => {
            counted += count;
            onBytes(count);
          },
        );
      } catch (error) {
        onBytes(-counted);
        throw error;
      } finally {
        from.close();
      }
    });
  }

  close(): void {
    this.#takeBody()?.close();
  }

  #takeBody(): Body | undefined {
    const body = this.#body;
    this.#body = undefined;
    return body;
  }

  async #bodyAt(position: number, end: number): Promise<Body> {
    if (this.ranged) {
      if (this.#position === position && this.#end === end) {
        const first = this.#takeBody();
        if (first !== undefined) return first;
      }
      return this.#openRange(position, end);
    }
    if (this.#body === undefined || this.#position > position) {
      this.close();
      this.#body = await this.#openWhole();
      this.#position = 0;
    }
    const body = this.#body;
    try {
      while (this.#position < position) {
        const piece = await body.take(position - this.#position);
        if (piece === undefined) throw new WrongLength();
        this.#position += piece.length;
      }
    } catch (error) {
      this.close();
      throw error;
    }
    return body;
  }

  /** After [.., end) has been taken as far as `position`: a range must have ended there, and a whole body with the file. */
  async #checkEnd(body: Body, position: number, end: number): Promise<void> {
    const short = position < end;
    const more =
      !short && (this.ranged || end === this.size) ? (await body.peek(1)).length > 0 : false;
    if (this.ranged) {
      if (short)
        throw new Passing(
          new BitNetError("Io", `${this.url}: the server ended a range at byte ${position}`),
        );
      if (more)
        throw new Passing(
          new BitNetError("Io", `${this.url}: the server sent more than the range`),
        );
      return body.close();
    }
    if (short || more) throw new WrongLength();
    this.#position = position;
  }

  async #openWhole(): Promise<Body> {
    const body = await Body.open(this.url, {}, this.#network);
    if (body.isPage) this.#refuse(body, "a web page came instead of the file");
    this.#checkVersion(body);
    return body;
  }

  async #openRange(start: number, end: number): Promise<Body> {
    const { etag, modified } = this.validator;
    const condition = etag ?? modified;
    // Not across origins: there the header asks for a permission that few servers give. What comes is compared anyway.
    const ifRange =
      condition !== undefined && !isCrossOrigin(this.url) ? { "If-Range": condition } : {};
    const headers = { Range: `bytes=${start}-${end - 1}`, ...ifRange };
    const body = await Body.open(this.url, headers, this.#network);
    if (body.isPage) this.#refuse(body, "a web page came instead of the file");
    this.#checkVersion(body);
    const range = parseContentRange(body.header("content-range"));
    if (body.response.status === 416 || (range !== undefined && range.size !== this.size)) {
      body.close();
      throw new BitNetError("SourceChanged", `${this.url} has another size than before`);
    }
    if (body.response.status !== 206) {
      // With If-Range this is how a server says that the file is another.
      if (!isSameVersion(this.validator, validatorOf(body)) && condition !== undefined) {
        body.close();
        throw new BitNetError("SourceChanged", this.url);
      }
      this.#refuse(body, "the server did not send the range");
    }
    if (range?.start !== start || range.end !== end || !body.isPlain) {
      this.#refuse(body, "the server answers another range than asked for");
    }
    return body;
  }

  #checkVersion(body: Body): void {
    if (!isOtherVersion(this.validator, validatorOf(body))) return;
    body.close();
    throw new BitNetError("SourceChanged", this.url);
  }

  #refuse(body: Body, why: string): never {
    body.close();
    throw new Passing(new BitNetError("Io", `${this.url}: ${why}`));
  }
}

/** A Blob of pieces that come one after the other. */
export async function spool(
  next: () => Promise<Uint8Array | undefined>,
  onBytes: OnBytes,
): Promise<Blob> {
  const enough = 16 << 20; // so much at a time goes into a Blob
  let blob = new Blob();
  let pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (;;) {
    const piece = await next();
    if (piece === undefined) return new Blob([blob, ...pieces]);
    pieces.push(piece as Uint8Array<ArrayBuffer>);
    bytes += piece.length;
    onBytes(piece.length);
    if (bytes < enough) continue;
    blob = new Blob([blob, ...pieces]);
    pieces = [];
    bytes = 0;
  }
}
