// The files that docs/getting-started.md shows, and a project of a user's in which they stand.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const web = resolve(import.meta.dirname, "..");

/** Name -> text of each file on the page: a line with its name, then its code. */
export const snippets = new Map(
  [
    ...readFileSync(join(web, "../docs/getting-started.md"), "utf8").matchAll(
      /^`([\w./-]+)`:\n\n```\w+\n([^]*?)^```/gm,
    ),
  ].map(([, name, text]) => [name, text]),
);

/** A folder with the package installed as npm does it (a copy of what is shipped), and some of those files. */
export function project(...names) {
  const parent = join(web, "../build/tmp");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "project-"));
  const write = (name, text) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  for (const part of ["dist", "package.json"])
    cpSync(join(web, part), join(folder, "node_modules/bitnet-edge", part), { recursive: true });
  for (const name of names) write(name, snippets.get(name));
  return {
    folder,
    write,
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
