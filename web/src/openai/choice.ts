// Which tools there are, which of them may or must be called, and what the answer is held to.
import { BitNetError } from "../errors.js";
import { copyList, oneOf, toJson } from "../options.js";
import { isObject } from "./json.js";
import { boolean, object, readParams, string } from "./params.js";
import { anyOf } from "./schema.js";
import { callSchemas, type Style } from "./tools.js";
import type { FunctionDefinition, ResponseFormat, ToolChoice } from "./types.js";

const invalid = (what: string) => new BitNetError("InvalidOption", what);
const named = (value: unknown) =>
  typeof value === "string" && /^[a-zA-Z0-9_-]{1,64}$/.test(value);

/** A copy of a schema, so that nothing changes it under way. */
const copySchema = (what: string, schema: unknown) =>
  JSON.parse(toJson(what, schema)) as Record<string, unknown>;

export function readTools(given: readonly unknown[]): FunctionDefinition[] {
  const names = new Set<string>();
  return copyList("tools", given, 128).map((tool, i) => {
    const what = `tools[${i}]`;
    const { type, function: definition } = readParams<{ type: string; function: object }>(
      what,
      tool,
      { type: string, function: object },
    );
    if (type !== "function") throw new BitNetError("UnsupportedParameter", `${what}.type`);
    const read = readParams<FunctionDefinition>(`${what}.function`, definition ?? {}, {
      name: named,
      description: string,
      parameters: object,
      strict: boolean,
    });
    const { name, description, parameters } = read;
    if (name === undefined || names.has(name))
      throw invalid(`${what}.function.name is missing or there twice`);
    names.add(name);
    const schema = parameters && copySchema(`${what}.function.parameters`, parameters);
    return { name, description, parameters: schema };
  });
}

/** What the model is told of, what it may call, and whether it must. */
interface Choice {
  told: readonly FunctionDefinition[];
  allowed: readonly FunctionDefinition[];
  must: boolean;
}

export function chooseTools(tools: FunctionDefinition[], choice: ToolChoice | undefined): Choice {
  if (choice === "none") return { told: [], allowed: [], must: false };
  if (choice === undefined || choice === "auto") return { told: tools, allowed: tools, must: false };
  if (tools.length === 0) throw invalid("tool_choice: there are no tools");
  if (choice === "required") return { told: tools, allowed: tools, must: true };
  const { type, function: one } = readParams<{ type: string; function: object }>(
    "tool_choice",
    choice,
    { type: string, function: object },
  );
  if (type !== "function") throw new BitNetError("UnsupportedParameter", "tool_choice.type");
  const { name } = readParams<{ name: string }>("tool_choice.function", one ?? {}, { name: string });
  const allowed = tools.filter((tool) => tool.name === name);
  if (allowed.length === 0) throw invalid("tool_choice.function.name: no tool has that name");
  return { told: tools, allowed, must: true };
}

/** The schema of an answer; undefined for any text. */
function formatSchema(given: ResponseFormat | undefined): object | undefined {
  const { type = "text", json_schema } = readParams<{ type: string; json_schema: object }>(
    "response_format",
    given ?? {},
    { type: oneOf("text", "json_object", "json_schema"), json_schema: object },
  );
  if (type === "text") return undefined;
  if (type === "json_object") return { type: "object" };
  const { name, schema } = readParams<{
    name: string;
    description: string;
    schema: object;
    strict: boolean;
  }>("response_format.json_schema", json_schema ?? {}, {
    name: named,
    description: string,
    schema: isObject,
    strict: boolean,
  });
  if (name === undefined) throw invalid("response_format.json_schema.name is missing");
  return copySchema("response_format.json_schema.schema", schema ?? {});
}

/** What the text must be. Where the answer has a format and tools may be called, either. */
export function constraintOf(
  format: ResponseFormat | undefined,
  style: Style,
  allowed: readonly FunctionDefinition[],
  must: boolean,
): object | undefined {
  const schema = formatSchema(format);
  if (must) return anyOf(callSchemas(style, allowed));
  return schema && anyOf([schema, ...callSchemas(style, allowed)]);
}
