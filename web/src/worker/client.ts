// The page's end of a worker. Every request settles exactly once: by the worker's answer, by an abort, or by the end of
// the worker, however it comes.
import { asBitNetError, BitNetError } from "../errors.js";
import { builtin, isNode } from "../platform.js";
import type { Pull } from "../sources.js";
import type { LoadOptions } from "../types.js";
import { watchLock } from "./alive.js";
import type { Command, Message, RequestName, Requests } from "./protocol.js";

interface Port {
  post(command: Command, transfer?: ArrayBuffer[]): void;
  end(): unknown;
  /** Whether the process (Node's) waits for this worker. */
  hold(waits: boolean): void;
}

/** The two `new Worker(new URL(...))` are literals, so that bundlers find the worker. */
function startPort(
  given: LoadOptions["worker"],
  onMessage: (message: Message) => void,
  onFailure: (reason: string) => void,
): Port {
  if (isNode) {
    const { Worker: NodeWorker } = builtin("node:worker_threads")!;
    // execArgv: some of Node's flags are for the main script only and would stop a worker
    const options = { execArgv: [] };
    const worker =
      given === undefined
        ? new NodeWorker(new URL("./worker.js", import.meta.url), options)
        : typeof given === "function"
          ? (given() as unknown as InstanceType<typeof NodeWorker>)
          : new NodeWorker(given, options);
    worker.on("message", onMessage);
    worker.on("error", (error) => onFailure(String(error)));
    worker.on("messageerror", (error) => onFailure(String(error)));
    worker.on("exit", (status) => onFailure(`it ended with status ${status}`));
    return {
      post: (command, transfer = []) => worker.postMessage(command, transfer),
      end: () => {
        worker.ref(); // so that the process lives until this settles
        return worker.terminate();
      },
      hold: (waits) => (waits ? worker.ref() : worker.unref()),
    };
  }
  const worker =
    given === undefined
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : typeof given === "function"
        ? given()
        : new Worker(given, { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Message>) => onMessage(data);
  worker.onmessageerror = () => onFailure("a message could not be read");
  worker.onerror = (event) => {
    event.preventDefault?.(); // it is reported as an error value, not in the console too
    const sentence =
      event.message ||
      "it could not be loaded (is worker.js served, and does the page's " +
        "Content-Security-Policy allow worker-src 'self'?)";
    onFailure(sentence);
  };
  return {
    post: (command, transfer = []) => worker.postMessage(command, transfer),
    end: () => worker.terminate(),
    hold: () => {},
  };
}

interface Pending {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
  onEvent: ((event: never) => void) | undefined;
  pulls: readonly Pull[];
}

export interface Call<T> {
  id: number;
  result: Promise<T>;
}

/** Requests count from 1. */
const helloId = 0;

/** A worker that starts is heard every half second. Counted, not timed: a computer that slept is not a stuck worker. */
const silence = 1500;
const mostSilences = 3;

export class Client {
  readonly #port: Port;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #ended: BitNetError | undefined;
  #ending: unknown;
  #silences = 0;
  #unwatch = () => {};
  stuck = false;

  constructor(worker?: LoadOptions["worker"]) {
    try {
      this.#port = startPort(
        worker,
        (message) => this.#receive(message),
        (reason) => void this.end(new BitNetError("WorkerFailed", reason)),
      );
    } catch (error) {
      throw asBitNetError(error, "WorkerFailed"); // some engines refuse a worker at once
    }
  }

  /** Settles when the worker has said hello; rejects when it does not within `timeout` milliseconds. */
  async hello(timeout: number): Promise<void> {
    await this.within(
      timeout,
      "it did not start",
      new Promise<void>((resolve, reject) => {
        if (this.#ended) return reject(this.#ended);
        this.#pending.set(helloId, { resolve, reject, onEvent: undefined, pulls: [] });
      }),
    );
  }

  /** The promise, or the worker's end when it stays silent: then `stuck` is true. */
  async whileAlive<T>(promise: Promise<T>): Promise<T> {
    this.#silences = 0;
    const timer = setInterval(() => {
      if (++this.#silences < mostSilences) return;
      this.stuck = true;
      void this.end(new BitNetError("WorkerFailed", "it got stuck while starting"));
    }, silence);
    try {
      return await promise;
    } finally {
      clearInterval(timer);
    }
  }

  /** The promise, or the worker's end when it takes longer than `timeout` milliseconds. */
  async within<T>(timeout: number, what: string, promise: Promise<T>): Promise<T> {
    const timer = setTimeout(
      () => void this.end(new BitNetError("WorkerFailed", `${what} within ${timeout} ms`)),
      timeout,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  request<N extends RequestName>(
    name: N,
    request: Requests[N]["request"],
    onEvent?: (event: Requests[N]["event"]) => void,
    pulls: readonly Pull[] = [],
  ): Call<Requests[N]["result"]> {
    const id = this.#nextId++;
    const result = new Promise<Requests[N]["result"]>((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#pending.set(id, { resolve, reject, onEvent, pulls });
      this.#port.hold(true);
      try {
        this.#port.post({ id, name, ...request } as Command);
      } catch (error) {
        this.#settle(id)?.reject(asBitNetError(error, "InvalidOption")); // something that cannot be sent to a worker
      }
    });
    return { id, result };
  }

  /** Stop a call of a session: its result rejects now, and the worker stops within one step. */
  abort(id: number, reason = new BitNetError("Aborted")): void {
    const pending = this.#settle(id);
    if (pending === undefined) return;
    pending.reject(reason);
    this.#port.post({ id, name: "abort" });
  }

  /** End the worker; what is pending and what is still to come rejects with `reason`. */
  async end(reason: BitNetError): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = reason;
      this.#unwatch();
      for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(reason);
      this.#ending = this.#port.end();
    }
    await this.#ending;
  }

  #event(id: number, event: never): void {
    try {
      this.#pending.get(id)?.onEvent?.(event);
    } catch (error) {
      this.#settle(id)?.reject(error); // a caller's callback threw: its call fails with that
    }
  }

  async #pull({ id, call, pull, offset, length }: Message & { type: "pull" }): Promise<void> {
    const from = this.#pending.get(id)?.pulls[pull];
    if (from === undefined) return;
    try {
      const bytes = (await from.read(offset, length)).slice(); // what is sent is gone here
      if (this.#pending.has(id))
        this.#port.post({ id, name: "pulled", call, bytes }, [bytes.buffer]);
    } catch (thrown) {
      const error = asBitNetError(thrown, "Io").toData();
      if (this.#pending.has(id)) this.#port.post({ id, name: "pulled", call, error });
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#port.hold(false);
    return pending;
  }

  #receive(message: Message): void {
    this.#silences = 0;
    if (message.type === "alive") return;
    if (message.type === "hello") {
      if (message.lock !== undefined && this.#ended === undefined)
        this.#unwatch = watchLock(
          message.lock,
          () => void this.end(new BitNetError("WorkerFailed", "it was ended from outside")),
        );
      return this.#settle(helloId)?.resolve(undefined as never);
    }
    if (message.type === "pull") return void this.#pull(message);
    if (message.type === "event") return this.#event(message.id, message.event as never);
    if (message.type === "result") return this.#settle(message.id)?.resolve(message.value as never);
    const error = BitNetError.fromData(message.error);
    this.#settle(message.id)?.reject(error);
    if (message.fatal) void this.end(error);
  }
}
