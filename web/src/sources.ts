// Where models come from, as callers say it: addresses made whole, and what only this side can read behind pulls, which the
// worker asks for.
import { BitNetError } from "./errors.js";
import { copyList, reading } from "./options.js";
import { builtin } from "./platform.js";
import type { FileSource, ModelSource } from "./types.js";
import type { Source } from "./worker/protocol.js";

/** Bytes of a source that stays on the caller's side. */
export interface Pull {
  /** Up to `length` bytes at `offset`; of a stream the next ones, whatever was asked for, and none at its end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): void;
}

const isBytes = (value: unknown): value is ArrayBuffer | Uint8Array =>
  value instanceof ArrayBuffer || value instanceof Uint8Array;

function streamPull(stream: ReadableStream<Uint8Array>): Pull {
  const reader = stream.getReader();
  return {
    async read() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return new Uint8Array();
        if (!(value instanceof Uint8Array))
          throw new BitNetError("InvalidOption", "the stream must give Uint8Arrays");
        if (value.length > 0) return value;
      }
    },
    close: () => void reader.cancel().catch(() => {}),
  };
}

/** Core takes no more; gguf/limits.h. */
const mostFiles = 256;

/** The files of a model, in order. `pulls` takes what the worker cannot be sent. */
export const readSources = (given: ModelSource, pulls: Pull[]): Source[] =>
  reading("the source", () => {
    if (!Array.isArray(given)) return allParts(sourceOf(given as FileSource, pulls));
    const files = copyList("the files", given, mostFiles);
    if (files.length === 0) throw new BitNetError("InvalidOption", "the list of files is empty");
    const sources = files.map((file) => sourceOf(file as FileSource, pulls));
    const urls = sources.flatMap((source) => (source.kind === "url" ? [source.url] : []));
    const twice = urls.find((url, i) => urls.indexOf(url) < i);
    if (twice !== undefined)
      throw new BitNetError("InvalidOption", `a file is in the list twice: ${twice}`);
    return sources;
  });

/** name-00002-of-00003.gguf is one of three files, which lie side by side. */
function allParts(source: Source): Source[] {
  const match =
    source.kind === "url" && /^([^?#]*-)(\d{5})-of-(\d{5})(\.gguf(?:[?#].*)?)$/s.exec(source.url);
  if (!match) return [source];
  const [, name, own, count, rest] = match as unknown as [string, string, string, string, string];
  const files = Number(count);
  if (Number(own) < 1 || Number(own) > files || files > mostFiles) return [source];
  return Array.from({ length: files }, (_, i) => ({
    kind: "url",
    url: `${name}${String(i + 1).padStart(5, "0")}-of-${count}${rest}`,
  }));
}

function sourceOf(given: FileSource, pulls: Pull[]): Source {
  if (given instanceof Blob) return { kind: "blob", blob: given.slice() }; // Node cannot send a File to a worker
  if (isBytes(given)) return { kind: "bytes", bytes: new Uint8Array(given as ArrayBuffer) };
  if (given instanceof URL) return { kind: "url", url: given.href };
  if (typeof given === "string") return { kind: "url", url: address(given) };
  if (typeof ReadableStream === "function" && given instanceof ReadableStream) {
    if (given.locked) throw new BitNetError("InvalidOption", "the stream is being read already");
    return { kind: "stream", pull: pulls.push(streamPull(given)) - 1 };
  }
  if (typeof given === "object" && given !== null && "read" in given) {
    const { size, read } = given;
    if (!Number.isSafeInteger(size) || size < 0 || typeof read !== "function")
      throw new BitNetError(
        "InvalidOption",
        "a source to read from is {size, read(offset, length)}",
      );
    const pull: Pull = {
      async read(offset, length) {
        const bytes: unknown = await read.call(given, offset, length);
        if (!isBytes(bytes)) throw new BitNetError("Io", "read() must give bytes");
        return new Uint8Array(bytes as ArrayBuffer).subarray(0, length);
      },
      close: () => {},
    };
    return { kind: "pull", pull: pulls.push(pull) - 1, size };
  }
  throw new BitNetError(
    "InvalidOption",
    "a model is a URL, a Blob or File, an ArrayBuffer, a Uint8Array, a ReadableStream or {size, read}, or a list of such files",
  );
}

/** The address of owner/repository[@revision]/path at Hugging Face; undefined: it is not of that form. */
function atHuggingFace(text: string): string | undefined {
  const [, owner, repository, revision = "main", path = ""] =
    /^(\w[\w.-]*)\/(\w[\w.-]*)(?:@([^/@]+))?\/(.+)$/.exec(text) ?? [];
  const parts = [revision, ...path.split("/")];
  if (parts.some((part) => ["", ".", ".."].includes(part) || part.includes("\\")))
    return undefined;
  const [version, ...file] = parts.map(encodeURIComponent);
  return `https://huggingface.co/${owner}/${repository}/resolve/${version}/${file.join("/")}`;
}

/**
 * Against the page's address; outside browsers, what is no URL is a path. "owner/repository/file.gguf" is Hugging Face's: as
 * with imports, what is to be found here begins with a dot or a slash. A path of a file that is there stays one, and so does
 * one in a folder that is there: that a file is missing must not make it somebody else's.
 */
export function address(text: string): string {
  const invalid = (why: string) => new BitNetError("InvalidOption", why);
  try {
    if (/^hf:/i.test(text)) {
      const found = atHuggingFace(text.slice("hf:".length));
      if (found !== undefined) return found;
      throw invalid(`${text}: it is hf:owner/repository[@revision]/path/file.gguf`);
    }
    const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(text); // two letters: C:\ is a path
    const there = isUrl || !/^[^?#]+\.gguf$/i.test(text) ? undefined : atHuggingFace(text);
    const path = builtin("node:path");
    const url = builtin("node:url");
    if (!isUrl && path && url && globalThis.document === undefined) {
      const folder = path.resolve(text.split("/")[0]!);
      if (there === undefined || builtin("node:fs")?.existsSync(folder))
        return url.pathToFileURL(path.resolve(text)).href;
    }
    return there ?? new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch (error) {
    if (error instanceof BitNetError) throw error;
    throw invalid(`not a URL: ${text}`);
  }
}
