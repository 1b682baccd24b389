// JSON schemas put together: what stands deeper in a document than it was written for has its references moved.
import { isObject } from "./json.js";

/** Keywords whose values are no schemas. */
const values = new Set(["const", "enum", "default", "examples"]);

/** The schema as it must be at `pointer` of another one. */
export function rebase(schema: unknown, pointer: string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => rebase(item, pointer));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (key === "$ref" && typeof value === "string" && value.startsWith("#"))
        return [key, `#${pointer}${value.slice(1)}`];
      return [key, values.has(key) && !isObject(value) ? value : rebase(value, pointer)];
    }),
  );
}

/** A schema of what fits one of them. */
export const anyOf = (schemas: readonly object[]): object =>
  schemas.length === 1
    ? schemas[0]!
    : { anyOf: schemas.map((schema, i) => rebase(schema, `/anyOf/${i}`)) };
