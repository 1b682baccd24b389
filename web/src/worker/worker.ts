// The worker: answers each command once, and lives until its owner ends it. It is started by client.ts.
import { asBitNetError } from "../errors.js";
import type { MainModule } from "../generated/module.js";
import { builtin, isNode } from "../platform.js";
import type { Progress } from "../types.js";
import { holdLock } from "./alive.js";
import { Engine } from "./engine.js";
import { estimate } from "./estimating.js";
import { makeModule, modelModules } from "./flavour.js";
import { generate } from "./generating.js";
import { coreHasher, load } from "./loading.js";
import type { Command, Message, Piece } from "./protocol.js";
import { Pulls } from "./pulls.js";

interface Scope {
  postMessage(message: Message): void;
  onmessage: ((event: { data: Command }) => void) | null;
}

/** Milliseconds between signs of life while the module starts. */
const heartbeat = 500;

let engine: Engine | undefined;
const pulls = new Pulls((message) => post(message));

function started(): Engine {
  if (engine === undefined) throw new Error("the module has not been started");
  return engine;
}

async function answer(command: Exclude<Command, { name: "abort" | "pulled" }>): Promise<unknown> {
  const { id } = command;
  const emit = (event: Progress | Piece) => post({ type: "event", id, event });
  switch (command.name) {
    case "start": {
      const beat = setInterval(() => post({ type: "alive" }), heartbeat);
      const { module, threads, isa } = await makeModule<MainModule>(
        modelModules,
        command.flavour,
        command.threads,
      ).finally(() => clearInterval(beat));
      engine = new Engine(module, isa);
      return { threads };
    }
    case "load": {
      const here = started();
      const target = {
        beginLoad: here.beginLoad.bind(here),
        finishLoad: here.finishLoad.bind(here),
        hasher: () => coreHasher(here.module),
      };
      const { sources, settings, fetching } = command;
      const pull = pulls.of(id);
      return load(target, sources, settings, fetching, pull, emit);
    }
    case "estimate": {
      const here = started();
      const { sources, settings, fetching } = command;
      return estimate(here, sources, settings, {
        fetching,
        hasher: () => coreHasher(here.module),
        pull: pulls.of(id),
        onProgress: () => {},
        onHint: () => {},
      });
    }
    case "generate": {
      const here = started();
      return here.sessions.call(command.session, id, (session, nextTurn) => {
        const ids = here.tokenize(command.prompt, true);
        return generate(here, session, ids, command.settings, nextTurn, emit);
      });
    }
    case "openSession":
      return started().openSession(command.session, command.settings);
    case "forkSession": {
      const { sessions } = started();
      return sessions.call(command.session, id, (session) =>
        sessions.open(command.into, session.fork()),
      );
    }
    case "saveSession":
      return started().sessions.call(command.session, id, (session, nextTurn) =>
        session.save(nextTurn),
      );
    case "restoreSession":
      return started().restoreSession(command.session, command.settings, command.saved);
    case "embed": {
      const here = started();
      const { prompt, pooling, normalize } = command;
      return here.sessions.call(command.session, id, async (session, nextTurn) => {
        await nextTurn(); // an abort that is on its way is heard
        const ids = here.tokenize(prompt, true);
        return { vector: session.embed(ids, pooling, normalize), tokens: ids.length };
      });
    }
    case "resetSession":
      return started().sessions.call(command.session, id, (session) => {
        session.reset();
        return session.state;
      });
    case "closeSession":
      return started().sessions.close(command.session);
    case "tokenize":
      return started().tokenize(command.prompt, command.bos);
    case "detokenize":
      return started().detokenize(command.ids, command.special);
    case "memory":
      return started().memory();
    case "selfTest":
      return started().selfTest();
  }
}

async function receive(command: Command): Promise<void> {
  const { id } = command;
  if (command.name === "abort") return engine?.sessions.abort(id);
  if (command.name === "pulled") return pulls.answer(command);
  try {
    post({ type: "result", id, value: await answer(command) });
  } catch (thrown) {
    const error = asBitNetError(thrown, "WorkerFailed");
    // Anything but an error of ours (a trap, a lost memory) leaves the module in a state that nobody knows.
    const fatal = error === thrown ? {} : { fatal: true as const };
    post({ type: "failure", id, error: error.toData(), ...fatal });
  }
}

const nodePort = isNode ? builtin("node:worker_threads")?.parentPort : undefined;
const scope = globalThis as unknown as Scope;

function post(message: Message): void {
  if (nodePort) nodePort.postMessage(message);
  else scope.postMessage(message);
}

if (nodePort) nodePort.on("message", (command: Command) => void receive(command));
else scope.onmessage = ({ data }) => void receive(data);
const lock = isNode ? Promise.resolve(undefined) : holdLock(); // Node tells when a worker ends
void lock.then((name) => post({ type: "hello", lock: name }));
