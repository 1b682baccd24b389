// embeddings.create: OpenAI's vectors of texts.
import { BitNetError } from "../errors.js";
import { oneOf, reading } from "../options.js";
import type { EmbedOptions, ModelInfo } from "../types.js";
import type { Prompt } from "../worker/protocol.js";
import { readPrompts } from "./completions.js";
import { readParams, readRequestOptions, string } from "./params.js";
import { newHead } from "./stream.js";
import type {
  Base64EmbeddingResponse,
  CreateEmbeddingResponse,
  EmbeddingParams,
  RequestOptions,
} from "./types.js";

/** @internal A vector, and how many tokens it is of. */
export interface Embedded {
  vector: Float32Array;
  tokens: number;
}

/** The floats in little-endian order, which is that of every engine we run on. */
function base64({ buffer, byteOffset, byteLength }: Float32Array): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

const checks = {
  input: () => true,
  model: string,
  encoding_format: oneOf("float", "base64"),
  user: string,
};

/** OpenAI's `embeddings`. */
export class Embeddings {
  readonly #info: ModelInfo;
  readonly #embed: (prompts: Prompt[], options: EmbedOptions) => Promise<Embedded[]>;

  /** @internal */
  constructor(
    info: ModelInfo,
    embed: (prompts: Prompt[], options: EmbedOptions) => Promise<Embedded[]>,
  ) {
    this.#info = info;
    this.#embed = embed;
  }

  /** The vector of each input, as OpenAI's client gives it; of length 1, from the last position's hidden state. */
  create(
    params: EmbeddingParams & { encoding_format: "base64" },
    options?: RequestOptions,
  ): Promise<Base64EmbeddingResponse>;
  create(params: EmbeddingParams, options?: RequestOptions): Promise<CreateEmbeddingResponse>;
  async create(
    params: EmbeddingParams,
    options?: RequestOptions,
  ): Promise<CreateEmbeddingResponse | Base64EmbeddingResponse> {
    const { prompts, format } = reading("parameters", () => {
      const read = readParams<EmbeddingParams>("parameters", params, checks);
      return { prompts: readPrompts("input", read.input), format: read.encoding_format };
    });
    const signal = readRequestOptions(options);
    if (signal?.aborted) throw new BitNetError("Aborted");
    const found = await this.#embed(prompts, signal === undefined ? {} : { signal });
    const tokens = found.reduce((sum, one) => sum + one.tokens, 0);
    const rest = {
      object: "list" as const,
      model: newHead("", this.#info).model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
    const object = "embedding" as const;
    return format === "base64"
      ? { ...rest, data: found.map(({ vector }, index) => ({ object, index, embedding: base64(vector) })) }
      : { ...rest, data: found.map(({ vector }, index) => ({ object, index, embedding: [...vector] })) };
  }
}
