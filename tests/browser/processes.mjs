// What a browser's processes take, as the kernel tells.
import { readFileSync, readdirSync } from "node:fs";

const numbered = () => {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // no such folder here
  }
};

/**
 * Bytes of each of a browser's processes, by number; a page shared between some counts in part. Nothing where no one tells.
 * Firefox's first process is left out, which keeps what loads leave there until it collects (firstProcess).
 */
export function processesOf(browser, which) {
  const root = String(browser.process().pid);
  const parents = new Map();
  for (const pid of numbered()) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      parents.set(pid, stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    } catch {} // it has ended
  }
  const bytes = new Map();
  for (const pid of parents.keys()) {
    let up = pid;
    while (up !== undefined && up !== root) up = parents.get(up);
    if (up === undefined || (which.name === "firefox" && pid === root)) continue;
    bytes.set(pid, bytesOf(pid));
  }
  return bytes;
}

export const memoryOf = (browser, which) => [...processesOf(browser, which).values()].reduce((sum, bytes) => sum + bytes, 0);
export const firstProcess = (browser) => bytesOf(browser.process().pid);

function bytesOf(pid) {
  try {
    return 1024 * Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0; // it has ended
  }
}
