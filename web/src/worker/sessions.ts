// The sessions of one model. Calls of one session run one after the other, in their order; sessions take turns, step by
// step, because every call gives the event loop a turn between two of its steps.
import { BitNetError } from "../errors.js";
import type { SessionState } from "./protocol.js";
import type { CoreSession } from "./session.js";

interface Slot {
  session: CoreSession;
  /** Calls that wait or run, by id, and have not been aborted. */
  calls: Set<number>;
  last: Promise<unknown>;
}

/** One turn of the event loop, without the delay that timers have in browsers. */
const turn: () => Promise<void> = (() => {
  const { setImmediate } = globalThis as { setImmediate?: (done: () => void) => void };
  if (setImmediate !== undefined) return () => new Promise<void>((done) => setImmediate(done));
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise<void>((done) => {
      waiting.push(done);
      port2.postMessage(0);
    });
})();

/** Waits for the event loop's turn; rejects with Aborted when the call has been aborted meanwhile. */
export type NextTurn = () => Promise<void>;

export class Sessions {
  readonly #slots = new Map<number, Slot>();

  /** `id` is the caller's to choose, and no other session's. */
  open(id: number, session: CoreSession): SessionState {
    this.#slots.set(id, { session, calls: new Set(), last: Promise.resolve() });
    return session.state;
  }

  /** Run a call when it is its turn in that session. */
  call<T>(
    id: number,
    call: number,
    run: (session: CoreSession, nextTurn: NextTurn) => T | Promise<T>,
  ): Promise<T> {
    const slot = this.#slots.get(id);
    if (slot === undefined) throw new BitNetError("Disposed", "session");
    slot.calls.add(call);
    const stopIfAborted = () => {
      if (!slot.calls.has(call)) throw new BitNetError("Aborted");
    };
    const result = slot.last.then(() => {
      stopIfAborted();
      return run(slot.session, async () => {
        await turn();
        stopIfAborted();
      });
    });
    slot.last = result.catch(() => {}).finally(() => slot.calls.delete(call));
    return result;
  }

  abort(call: number): void {
    for (const { calls } of this.#slots.values()) calls.delete(call);
  }

  /** End a session: its calls stop, then its memory is given back. */
  async close(id: number): Promise<void> {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    slot.calls.clear();
    await slot.last;
    slot.session.delete();
  }

  /** Bytes that all sessions take. */
  get bytes(): number {
    return [...this.#slots.values()].reduce((sum, { session }) => sum + session.bytes, 0);
  }
}
