// Tool calls, as text: how the tools are told to the model, how calls and answers stand in its history, and how calls
// are found in what it says. Two families of models write calls in two ways; both are understood from every model.
import { isObject, items, members, parse, valueEnd } from "./json.js";
import { rebase } from "./schema.js";
import { newId } from "./stream.js";
import type { FunctionCall, FunctionDefinition } from "./types.js";

/** A call that was found: the name of a tool that there is, and arguments as JSON text. */
export interface Call {
  name: string;
  arguments: string;
}

/** How a family writes calls. */
export interface Style {
  /** The key that holds a call's arguments. */
  key: "arguments" | "parameters";
  open: string;
  close: string;
}
const tagged: Style = {
  key: "arguments",
  open: "<tool_call>\n",
  close: "\n</tool_call>",
};
const bare: Style = { key: "parameters", open: "", close: "" };

/** Llama 3 writes a bare object; Hermes, Qwen and Falcon put it between tags, and so do models without a way of theirs. */
export const styleOf = (chatTemplate: string): Style =>
  chatTemplate === "llama3" ? bare : tagged;

export const callText = ({ key, open, close }: Style, name: string, args: string) =>
  `${open}{"name": ${JSON.stringify(name)}, "${key}": ${args}}${close}`;

export const answerText = (content: string) => `<tool_response>\n${content}\n</tool_response>`;

/** What the system message tells of the tools. */
export function toolsText(style: Style, tools: readonly FunctionDefinition[], must: boolean): string {
  const list = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ type: "function", function: { name, description, parameters } }),
  );
  const form = callText(style, "NAME", "{...}").replace('"NAME"', "<name of the function>");
  return (
    `These functions can be called:\n<tools>\n${list.join("\n")}\n</tools>\n` +
    `To call one, write its name and its ${style.key} as one JSON object, in this form and with nothing around it:\n` +
    `${form}\n` +
    (must ? "Answer with such a call." : "When no function helps, answer in plain words.")
  );
}

/** A JSON schema of a call of each of the tools. */
export const callSchemas = ({ key }: Style, tools: readonly FunctionDefinition[]): object[] =>
  tools.map(({ name, parameters }) => ({
    type: "object",
    properties: {
      name: { const: name },
      [key]: rebase(parameters ?? { type: "object" }, `/properties/${key}`),
    },
    required: ["name", key],
    additionalProperties: false,
  }));

function readCall(text: string, value: unknown, names: ReadonlySet<string>): Call | undefined {
  if (!isObject(value)) return undefined;
  const found = members(text);
  const inner = found.get("function");
  if (inner !== undefined && isObject(value["function"]))
    return readCall(inner, value["function"], names);
  const name = parse(found.get("name") ?? "");
  if (typeof name !== "string" || !names.has(name)) return undefined;
  const args = found.get("arguments") ?? found.get("parameters") ?? "{}";
  const read = parse(args);
  if (isObject(read)) return { name, arguments: args };
  // Some models write the arguments as a string that holds JSON.
  return typeof read === "string" && isObject(parse(read)) ? { name, arguments: read } : undefined;
}

/** The calls that a JSON text is; undefined when it is anything else. */
export function readCalls(text: string, names: ReadonlySet<string>): Call[] | undefined {
  const value = parse(text);
  const texts = Array.isArray(value) ? items(text) : [text];
  const values: unknown[] = Array.isArray(value) ? value : [value];
  const calls = texts.map((item, i) => readCall(item, values[i], names));
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined;
}

export type Found = { content: string } | { call: FunctionCall };

const openTag = "<tool_call>";
const closeTag = "</tool_call>";

/** Length of the longest end of `text` that `word` begins with. */
function begun(text: string, word: string): number {
  for (let length = Math.min(text.length, word.length - 1); length > 0; --length)
    if (text.endsWith(word.slice(0, length))) return length;
  return 0;
}

/** Tells words from calls in a text that comes in pieces. What is no call of a known tool stays text. */
export class ToolParser {
  readonly #names: ReadonlySet<string>;
  readonly #most: number;
  #rest = "";
  #mayBeBare = true; // at the start of the text, and after a call
  #calls = 0;

  /** Calls after the first `most` are left out. */
  constructor(names: ReadonlySet<string>, most = Infinity) {
    this.#names = names;
    this.#most = most;
  }

  push(text: string): Found[] {
    this.#rest += text;
    return this.#read(false);
  }

  /** The text has ended: what is left. */
  end(): Found[] {
    return this.#read(true);
  }

  #read(ended: boolean): Found[] {
    const found: Found[] = [];
    while (this.#rest !== "" && this.#step(ended, found));
    return found;
  }

  /** Read one thing; false: more text is needed. */
  #step(ended: boolean, found: Found[]): boolean {
    if (this.#mayBeBare && this.#calls > 0) this.#rest = this.#rest.replace(/^[\s;,]+/, "");
    const begin = this.#rest.search(/\S/);
    if (this.#rest === "" || (begin < 0 && !ended)) return false;
    if (this.#mayBeBare && begin >= 0 && "{[".includes(this.#rest[begin]!))
      return this.#json(begin, begin, ended, found);
    if (begin >= 0 && this.#rest.startsWith(openTag, begin)) {
      const at = begin + openTag.length;
      const inner = this.#rest.slice(at).search(/\S/);
      if (inner < 0 && !ended) return false;
      if (inner >= 0 && "{[".includes(this.#rest[at + inner]!))
        return this.#json(begin, at + inner, ended, found);
      return this.#words(at, found);
    }
    if (begin >= 0 && !ended && openTag.startsWith(this.#rest.slice(begin))) return false;
    const tag = this.#rest.indexOf(openTag, begin < 0 ? 0 : begin);
    if (tag >= 0) return this.#words(this.#rest.slice(0, tag).trimEnd().length, found);
    if (ended) return this.#words(this.#rest.length, found);
    const sure = this.#rest.length - begun(this.#rest, openTag);
    return this.#words(this.#rest.slice(0, sure).trimEnd().length, found) && this.#rest !== "";
  }

  /** A JSON text at `at`, perhaps between tags of which the first begins at `begin`. */
  #json(begin: number, at: number, ended: boolean, found: Found[]): boolean {
    const end = valueEnd(this.#rest, at);
    if (end < 0) return ended ? this.#words(this.#rest.length, found) : false;
    let after = end;
    if (begin < at) {
      const tail = this.#rest.slice(end).trimStart();
      if (!ended && tail.length < closeTag.length && closeTag.startsWith(tail)) return false;
      if (tail.startsWith(closeTag)) after = this.#rest.length - tail.length + closeTag.length;
    }
    const calls = readCalls(this.#rest.slice(at, end), this.#names);
    if (calls === undefined) return this.#words(after, found);
    for (const call of calls.slice(0, Math.max(0, this.#most - this.#calls)))
      found.push({ call: { id: newId("call_"), type: "function", function: call } });
    this.#calls += calls.length;
    this.#rest = this.#rest.slice(after);
    this.#mayBeBare = true;
    return true;
  }

  #words(length: number, found: Found[]): boolean {
    if (length === 0) return false;
    found.push({ content: this.#rest.slice(0, length) });
    this.#rest = this.#rest.slice(length);
    this.#mayBeBare = false;
    return true;
  }
}
