// What a browser's processes take, as the kernel tells.
import { readFileSync, readdirSync } from "node:fs";

/**
 * Bytes of memory of a browser, each page shared between processes counted in part; 0 where no one tells. Firefox's first
 * process is left out, which grows by 5 MB a load under the driver (not traced). The tab is another one.
 */
export function memoryOf(browser, which) {
  const root = String(browser.process().pid);
  const parents = new Map();
  try {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        parents.set(pid, stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      } catch {} // it has ended
    }
  } catch {
    return 0;
  }
  let sum = 0;
  for (const pid of parents.keys()) {
    let up = pid;
    while (up !== undefined && up !== root) up = parents.get(up);
    if (up === undefined || (which.name === "firefox" && pid === root)) continue;
    try {
      sum += 1024 * Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {} // it has ended
  }
  return sum;
}
