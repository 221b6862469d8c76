/**
 * Who is still running. A server starts workers, workers start agents, and agents leave children that left their
 * session, lost their environment and call themselves something else; so a process counts as ours by any trace it cannot
 * shed at once: its ancestors, its environment, its command line, its working folder, its user.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One process of this machine. `began` tells it from a later one with the same id. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly began: string;
  readonly command: string;
}

/** What makes a process one of ours. */
export interface Traces {
  /** In its environment, its command line or its working folder. */
  readonly folder: string;
  /** User ids, first and last. */
  readonly uids: readonly [number, number];
}

/** Everything that runs now; zombies are over and do not count. */
export function listProcesses(): Process[] {
  return readdirSync("/proc").flatMap((name) => (/^[0-9]+$/.test(name) ? (look(Number(name)) ?? []) : []));
}

function look(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent: Number(fields[1]), began: fields[19] ?? "", command };
  } catch {
    // It ended while we looked.
    return null;
  }
}

/** The processes below `root`, without itself. */
export function descendants(root: number): Process[] {
  const all = listProcesses();
  const found: Process[] = [];
  const parents = new Set([root]);
  for (let grew = true; grew; ) {
    const next = all.filter((one) => parents.has(one.parent) && !parents.has(one.pid));
    for (const one of next) parents.add(one.pid);
    found.push(...next);
    grew = next.length > 0;
  }
  return found;
}

/** True while exactly this process runs. */
export function isRunning(one: Process): boolean {
  return look(one.pid)?.began === one.began;
}

/** The processes that carry one of the traces; never this test itself. */
export function withTraces(traces: Traces): Process[] {
  return listProcesses().filter(({ pid }) => pid !== process.pid && carries(pid, traces));
}

function carries(pid: number, { folder, uids }: Traces): boolean {
  const uid = Number(/^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? -1);
  if (uid >= uids[0] && uid <= uids[1]) return true;
  return [read(`/proc/${pid}/environ`), read(`/proc/${pid}/cmdline`), workingFolder(pid)].some((text) =>
    text.includes(folder),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
