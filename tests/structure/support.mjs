// What the structural tests share: the project's files, and C++ without its comments and strings.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const read = (path) => readFileSync(join(root, path), 'utf8');

/// Every file below `folder` whose name `wanted` accepts, as paths from the root with slashes, sorted.
export function files(folder, wanted = () => true) {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1).replaceAll('\\', '/'))
    .filter((path) => wanted(path)).sort();
}

export const isCpp = (path) => /\.(cpp|h|hpp|def|inc)$/.test(path);

/// What git has or would add, as paths; undefined where this is not a git checkout.
export function tracked() {
  try {
    const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
      { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });
    return [...new Set(list.split('\0'))].filter(Boolean).sort();
  } catch {
    return undefined;
  }
}

/// The same text, line for line, with comments blanked and the contents of string and character literals too (the names
/// in #include lines stay). Digit separators are no literals.
export function bare(text) {
  return text.replace(
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|(^[ \t]*#[ \t]*include[^\n]*)|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'/gm,
    (found, include) => include ?? (found[0] === '"' ? '""' : found[0] === "'" ? "''" : found.replace(/[^\n]/g, ' ')));
}

/// "path:line: text" of each line of `text` that matches.
export function hits(path, text, pattern) {
  return text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : []));
}

/// Conditions of #if, #ifdef, #ifndef and #elif lines, with continued lines joined: [{ line, text }].
export function conditions(text) {
  const joined = bare(text).replace(/\\\n/g, ' \u0001');
  return joined.split('\n').reduce((state, line) => {
    if (/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)\b/.test(line)) state.found.push({ line: state.line, text: line.trim() });
    state.line += 1 + (line.match(/\u0001/g) ?? []).length;
    return state;
  }, { line: 1, found: [] }).found;
}
