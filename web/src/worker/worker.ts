// The worker: answers each command once, and lives until its owner ends it. It is started by client.ts.
import { asBitNetError } from "../errors.js";
import type { MainModule } from "../generated/module.js";
import { builtin, isNode } from "../platform.js";
import { Engine } from "./engine.js";
import { makeModule, modelModules } from "./flavour.js";
import { Generations } from "./generating.js";
import { load } from "./loading.js";
import type { Command, Message } from "./protocol.js";

interface Scope {
  postMessage(message: Message): void;
  onmessage: ((event: { data: Command }) => void) | null;
}

/** Milliseconds between signs of life while the module starts. */
const heartbeat = 500;

let engine: Engine | undefined;
let generations: Generations | undefined;

function started(): { engine: Engine; generations: Generations } {
  if (engine === undefined || generations === undefined)
    throw new Error("the module has not been started");
  return { engine, generations };
}

async function answer(command: Exclude<Command, { name: "abort" }>): Promise<unknown> {
  const { id } = command;
  switch (command.name) {
    case "start": {
      const beat = setInterval(() => post({ type: "alive" }), heartbeat);
      const { module, threads, isa } = await makeModule<MainModule>(
        modelModules,
        command.flavour,
        command.threads,
      ).finally(() => clearInterval(beat));
      engine = new Engine(module, isa);
      generations = new Generations(engine);
      return { threads };
    }
    case "load":
      return load(started().engine, command.source, command.settings, (event) =>
        post({ type: "event", id, event }),
      );
    case "generate":
      return started().generations.add(id, command.prompt, command.settings, (event) =>
        post({ type: "event", id, event }),
      );
    case "tokenize":
      return started().engine.tokenize(command.prompt, command.bos);
    case "detokenize":
      return started().engine.detokenize(command.ids, command.special);
    case "memory":
      return started().engine.memory();
    case "selfTest":
      return started().engine.selfTest();
  }
}

async function receive(command: Command): Promise<void> {
  const { id } = command;
  if (command.name === "abort") return generations?.abort(id);
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
post({ type: "hello" });
