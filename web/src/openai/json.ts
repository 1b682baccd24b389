// JSON read by its text: where a value ends, and a member exactly as it was written (a parsed number may have lost digits).

/** Where the string that begins at `at` ends; -1: not in this text. */
function stringEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; ++i) {
    if (text[i] === "\\") ++i;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

/** Where the object, list or string that begins at `at` ends, by its brackets alone; -1: not in this text. */
export function valueEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at);
  let depth = 0;
  for (let i = at; i < text.length; ++i) {
    const letter = text[i]!;
    if (letter === '"') {
      i = stringEnd(text, i) - 1;
      if (i < 0) return -1;
    } else if ("{[".includes(letter)) ++depth;
    else if ("}]".includes(letter) && --depth === 0) return i + 1;
  }
  return -1;
}

/** Where the value ends that stands in valid JSON. */
function memberEnd(text: string, at: number): number {
  if ('{["'.includes(text[at]!)) return valueEnd(text, at);
  return at + /^[^,\]}\s]*/.exec(text.slice(at))![0].length;
}

const skip = (text: string, at: number, letters: string) => {
  while (at < text.length && letters.includes(text[at]!)) ++at;
  return at;
};
const space = " \t\n\r";

/** The members of an object, each as its text. `text` is valid JSON. */
export function members(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let at = skip(text, text.indexOf("{") + 1, space);
  while (text[at] === '"') {
    const end = stringEnd(text, at);
    const begin = skip(text, end, `${space}:`);
    const after = memberEnd(text, begin);
    found.set(JSON.parse(text.slice(at, end)) as string, text.slice(begin, after));
    at = skip(text, after, `${space},`);
  }
  return found;
}

/** The items of a list, each as its text. `text` is valid JSON. */
export function items(text: string): string[] {
  const found: string[] = [];
  let at = skip(text, text.indexOf("[") + 1, space);
  while (at < text.length && text[at] !== "]") {
    const after = memberEnd(text, at);
    found.push(text.slice(at, after));
    at = skip(text, after, `${space},`);
  }
  return found;
}

/** The value, or undefined for what is not JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
