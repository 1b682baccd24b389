// A history as OpenAI has it (text in parts, tool calls, their answers) as the three roles that chat templates know.
import { BitNetError } from "../errors.js";
import { copyList, oneOf, type Check } from "../options.js";
import type { ChatMessage } from "../types.js";
import { isObject, parse } from "./json.js";
import { list, readParams, string } from "./params.js";
import { answerText, callText, styleOf, toolsText } from "./tools.js";
import type { FunctionDefinition } from "./types.js";

const unsupported = (what: string) => new BitNetError("UnsupportedParameter", what);
const invalid = (what: string) => new BitNetError("InvalidOption", what);

interface Part {
  type: string;
  text: string;
  refusal: string;
}
const onlyText = (): boolean => {
  throw unsupported('a part of a message that is not of type "text"');
};
const partChecks: Record<keyof Part, Check> & Record<string, Check> = {
  type: (value) => oneOf("text", "refusal")(value) || onlyText(),
  text: string,
  refusal: string,
  // Parts of OpenAI's other models, whatever comes first in them.
  image_url: onlyText,
  input_audio: onlyText,
  file: onlyText,
};

/** Text, from a string or from parts that are all text. */
function readContent(what: string, given: unknown): string {
  if (typeof given === "string") return given;
  if (!Array.isArray(given)) throw invalid(`${what}: not a text`);
  return copyList(what, given, 4096)
    .map((part, i) => {
      const { type, text, refusal } = readParams<Part>(`${what}[${i}]`, part, partChecks);
      const words = type === "text" ? text : type === "refusal" ? refusal : undefined;
      if (words === undefined) throw invalid(`${what}[${i}] is {type: "text", text}`);
      return words;
    })
    .join("");
}

interface CallInHistory {
  id: string;
  name: string;
  arguments: string;
}

function readCall(what: string, given: unknown): CallInHistory {
  const read = readParams<{ id: string; type: string; function: object }>(what, given, {
    id: string,
    type: string,
    function: isObject,
  });
  if (read.type !== "function") throw unsupported(`${what}.type`);
  const { name, arguments: args } = readParams<{ name: string; arguments: string }>(
    `${what}.function`,
    read.function ?? {},
    { name: string, arguments: string },
  );
  if (read.id === undefined || name === undefined || args === undefined)
    throw invalid(`${what} is {id, type: "function", function: {name, arguments}}`);
  // What a model said is put before it again as it was; what is no JSON would only teach it to write none.
  if (!isObject(parse(args === "" ? "{}" : args)))
    throw invalid(`${what}.function.arguments is not a JSON object`);
  return { id: read.id, name, arguments: args === "" ? "{}" : args };
}

interface MessageParams {
  role: string;
  content: unknown;
  refusal: string;
  tool_calls: unknown[];
  tool_call_id: string;
  /** Templates have no place for it. */
  name: string;
  /** As answers have it when there are none. */
  annotations: unknown[];
}
const roles = oneOf("system", "developer", "user", "assistant", "tool");
const checks = {
  role: (value: unknown) => {
    if (value === "function") throw unsupported('a message of role "function"');
    return roles(value);
  },
  content: () => true,
  refusal: string,
  tool_calls: list,
  tool_call_id: string,
  name: string,
  annotations: (value: unknown) => list(value) && (value as unknown[]).length === 0,
};

/** `tools`: what the system message tells of; `must`: one of them is to be called. */
export function frameMessages(
  given: unknown,
  chatTemplate: string,
  tools: readonly FunctionDefinition[],
  must: boolean,
): ChatMessage[] {
  const style = styleOf(chatTemplate);
  const messages: ChatMessage[] = [];
  const asked = new Set<string>(); // ids of calls
  let answering = false; // the last message is made of answers to calls
  const add = (role: ChatMessage["role"], content: string) => {
    messages.push({ role, content });
    answering = false;
  };
  copyList("messages", given).forEach((message, i) => {
    const what = `messages[${i}]`;
    const read = readParams<MessageParams>(what, message, checks);
    const { role, refusal, tool_calls = [], tool_call_id } = read;
    if (role === undefined) throw invalid(`${what}.role is missing`);
    if (role !== "assistant" && (refusal !== undefined || tool_calls.length > 0))
      throw invalid(`${what}: only an assistant has calls or refuses`);
    if ((role === "tool") !== (tool_call_id !== undefined))
      throw invalid(`${what}: tool_call_id belongs to the role "tool", which needs it`);
    if (role === "assistant") {
      const calls = copyList(`${what}.tool_calls`, tool_calls, 4096).map((call, k) =>
        readCall(`${what}.tool_calls[${k}]`, call),
      );
      const said = read.content ?? refusal;
      if (said === undefined && calls.length === 0) throw invalid(`${what}.content is missing`);
      for (const { id } of calls) asked.add(id);
      const words = said === undefined ? "" : readContent(`${what}.content`, said);
      const parts = calls.map(({ name, arguments: args }) => callText(style, name, args));
      return add("assistant", [words, ...parts].filter((part) => part !== "").join("\n"));
    }
    const content = readContent(`${what}.content`, read.content);
    if (role !== "tool") return add(role === "developer" ? "system" : (role as "user"), content);
    if (!asked.has(tool_call_id!)) throw invalid(`${what}.tool_call_id: no call has that id`);
    const answer = answerText(content);
    // Templates want roles in turn: answers to several calls are one message.
    if (answering) messages.at(-1)!.content += `\n${answer}`;
    else add("user", answer);
    answering = true;
  });
  if (messages.length === 0) throw invalid("messages: there are none");
  if (tools.length === 0) return messages;
  const told = toolsText(style, tools, must);
  const [first] = messages;
  if (first?.role === "system") first.content = `${first.content}\n\n${told}`;
  else messages.unshift({ role: "system", content: told });
  return messages;
}
