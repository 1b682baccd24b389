// What differs between browsers, Node, Deno and Bun: which built-in modules there are, and how a worker is started.
// Node's modules are asked for at run time, so that bundlers for the browser see no import of them.

type Builtins = {
  "node:fs": typeof import("node:fs");
  "node:fs/promises": typeof import("node:fs/promises");
  "node:url": typeof import("node:url");
  "node:path": typeof import("node:path");
  "node:tty": typeof import("node:tty");
  "node:v8": typeof import("node:v8");
  "node:worker_threads": typeof import("node:worker_threads");
};

export function builtin<N extends keyof Builtins>(name: N): Builtins[N] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.(name) as Builtins[N] | undefined;
}

/** Node has no web workers of its own; Deno and Bun do. */
export const isNode =
  builtin("node:worker_threads") !== undefined && !("Deno" in globalThis) && !("Bun" in globalThis);
