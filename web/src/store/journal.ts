// What is known of a stored file: lines of JSON, each added after what it speaks of is on the disk. A line that a crash
// tore, or that is damaged, says nothing; what was said of its chunk is fetched again.
import { isChunkBytes, isSha256, mostChunks } from "./hash.js";

export interface Source {
  url: string;
  etag?: string;
  modified?: string;
}

export interface Journal {
  size: number;
  chunkBytes: number;
  sources: Source[];
  /** The hash of each chunk that is there; holes are chunks that are not. */
  chunks: (string | undefined)[];
  /** The whole file's, once all of it has been checked. */
  sha256?: string;
}

const format = "bitnet-edge store 1";
/** Far more than a file of the most chunks needs. */
export const longestJournal = 256 << 20;
const longestText = 8192;
const mostSources = 64;

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= longestText;
const line = (value: object) => `${JSON.stringify(value)}\n`;

export const lines = {
  head: (size: number, chunkBytes: number) => line({ format, size, chunkBytes }),
  source: ({ url, etag, modified }: Source) => line({ url, etag, modified }),
  chunk: (chunk: number, sha256: string) => line({ chunk, sha256 }),
  whole: (sha256: string) => line({ sha256 }),
};

function parseLine(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.assign(Object.create(null) as Record<string, unknown>, value);
  } catch {
    return undefined;
  }
}

function parseHead(text: string): Journal | undefined {
  const { format: named, size, chunkBytes } = parseLine(text) ?? {};
  if (named !== format || !isChunkBytes(chunkBytes)) return undefined;
  if (!Number.isSafeInteger(size) || (size as number) <= 0) return undefined;
  const count = Math.ceil((size as number) / chunkBytes);
  if (count > mostChunks) return undefined;
  const chunks = new Array<string | undefined>(count).fill(undefined);
  return { size: size as number, chunkBytes, sources: [], chunks };
}

function addLine(journal: Journal, values: Record<string, unknown>): void {
  const { url, etag, modified, chunk, sha256 } = values;
  if (isText(url)) {
    const source: Source = { url };
    if (isText(etag)) source.etag = etag;
    if (isText(modified)) source.modified = modified;
    journal.sources = journal.sources.filter((other) => other.url !== url); // the newest holds
    journal.sources.push(source);
    if (journal.sources.length > mostSources) journal.sources.shift();
  } else if (isSha256(sha256)) {
    if (chunk === undefined) journal.sha256 = sha256;
    else if (Number.isInteger(chunk) && (chunk as number) >= 0) {
      if ((chunk as number) < journal.chunks.length) journal.chunks[chunk as number] = sha256;
    }
  }
}

/** undefined: it says nothing that could be used. */
export function parseJournal(text: string): Journal | undefined {
  const [head = "", ...rest] = text.split("\n");
  const journal = parseHead(head);
  if (journal === undefined) return undefined;
  rest.pop(); // after the last newline: nothing, or a line that was torn
  for (const text of rest) {
    const values = parseLine(text);
    if (values !== undefined) addLine(journal, values);
  }
  return journal;
}
