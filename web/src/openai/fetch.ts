// A `fetch` that is answered by a model: the official client, pointed at it, asks no server.
import { asBitNetError, BitNetError, type BitNetErrorCode } from "../errors.js";
import type { Model } from "../model.js";
import { isObject } from "./json.js";
import { CompletionStream } from "./stream.js";
import type { ChatCompletionParams, CompletionParams, EmbeddingParams } from "./types.js";

const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json" },
  });

/** Failures that are not the caller's fault: the client may try again. */
const ours = new Set<BitNetErrorCode>(["OutOfMemory", "WorkerFailed", "Disposed"]);

function failure(error: BitNetError): Response {
  const message = `${error.message}. ${error.advice}`;
  const type = ours.has(error.code) ? "server_error" : "invalid_request_error";
  const body = { error: { message, type, code: error.code, param: null } };
  return json(body, ours.has(error.code) ? 500 : 400);
}

/** Server-sent events: a chunk each, and a last word. */
function events(chunks: CompletionStream<unknown>): Response {
  const encoder = new TextEncoder();
  const line = (text: string) => encoder.encode(`data: ${text}\n\n`);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        controller.enqueue(line(done ? "[DONE]" : JSON.stringify(value)));
        if (done) controller.close();
      } catch (error) {
        controller.error(error);
      }
    },
    async cancel() {
      await chunks.return();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

async function answer(model: Model, path: string, body: unknown, signal: AbortSignal | null) {
  const params = body as never;
  const options = signal === null ? {} : { signal };
  if (path.endsWith("/chat/completions"))
    return model.chat.completions.create(params as ChatCompletionParams, options);
  if (path.endsWith("/completions"))
    return model.completions.create(params as CompletionParams, options);
  if (path.endsWith("/embeddings"))
    return model.embeddings.create(params as EmbeddingParams, options);
  return undefined;
}

/**
 * A function for the option `fetch` of the official client: `new OpenAI({ apiKey: "none", fetch: createOpenAIFetch(model) })`
 * talks to the model instead of a server. It answers chat/completions, completions and embeddings, whole or as
 * server-sent events, and everything else with status 404.
 */
export function createOpenAIFetch(
  model: Model,
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const request = new Request(input, init);
    const { signal } = request;
    try {
      const body: unknown = await request.json().catch(() => undefined);
      if (!isObject(body)) throw new BitNetError("InvalidOption", "the body is not a JSON object");
      const found = await answer(model, new URL(request.url).pathname, body, signal);
      if (found === undefined)
        return json({ error: { message: "there is no such path", code: "NotFound" } }, 404);
      return found instanceof CompletionStream ? events(found) : json(found);
    } catch (thrown) {
      const error = asBitNetError(thrown, "WorkerFailed");
      if (error.code === "Aborted") throw new DOMException(error.message, "AbortError"); // as fetch does
      return failure(error);
    }
  };
}
