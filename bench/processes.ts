/** Which processes carry a mark in their command line: how the bench itself sees who survived, whatever Hive says. */
import { readdirSync, readFileSync } from "node:fs";

/** Ids of the running processes one of whose arguments is exactly `word`; zombies have no arguments and do not count. */
export function processesWith(word: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").includes(word) ? [Number(name)] : [];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

/**
 * A shell script that becomes a tree of six processes, three of them in sessions of their own, prints `up` and waits.
 * `word` is the argument of its `sleep`s. A stubborn tree ignores SIGTERM.
 */
export function treeScript(word: string, stubborn: boolean): string {
  return `${stubborn ? 'trap "" TERM\n' : ""}setsid sleep ${word} &
setsid sh -c 'sleep ${word} & sleep ${word}' &
(sleep ${word} &)
sleep ${word} &
echo up
wait
sleep ${word}
`;
}

/** Processes of a tree that carry the word once all of them run. */
export const TREE_SLEEPS = 5;

/** A number of seconds that nobody else on this machine sleeps for, about a day. */
export function sleepWord(n: number): string {
  return `8${process.pid % 10_000}.${String(Date.now() % 1e9)}${n}`;
}
