// Linux shares the processor out by session first, and `scripts/bench --first` raises its own. A child that leads a session of
// its own, as every browser does, would be left behind.
import { readFileSync, writeFileSync } from 'node:fs';

/// The session of `child`, which leads one, gets the share that ours has.
export function asFirst(child) {
  let said;
  try {
    said = readFileSync('/proc/self/autogroup', 'utf8');
  } catch {
    return; // another system, or sessions do not matter here
  }
  const nice = /nice (-?\d+)/.exec(said)?.[1] ?? '0';
  if (nice !== '0') writeFileSync(`/proc/${child.pid}/autogroup`, nice);
}
