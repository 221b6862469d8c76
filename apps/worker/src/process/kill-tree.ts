/**
 * Finding and killing processes by what they cannot shake off: their user id, or, where there is none of their own,
 * their group, their ancestors and a mark in their environment. Always loops until nothing is left, because a list of
 * processes is old the moment it is read and a child may fork while its parent is being killed.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { AgentUser } from "./containment.ts";

/** Name of the environment variable that marks the processes of one run. */
export const RUN_MARK = "HIVE_RUN";

/** What identifies the processes of one run that has neither a namespace nor a user of its own. */
export interface TreeMark {
  /** Process id, group and session of the first process (it was started with setsid). */
  readonly root: number;
  /** Value of {@link RUN_MARK} in its environment. */
  readonly mark: string;
  /** What {@link readOutputLink} answered after the start: whoever still holds the run's stdout belongs to it. */
  readonly output: string | undefined;
}

const GIVE_UP_MS = 10_000;
const RETRY_MS = 5;

/**
 * Kills every process whose real, effective or saved user id is `user.uid`, again and again until none lives.
 * Answers how many are still there after 10 seconds: 0, unless one sits in an uninterruptible system call.
 * Refuses root and the supervisor's own user.
 */
export async function killUser(user: Pick<AgentUser, "uid" | "gid">): Promise<number> {
  if (user.uid === 0 || user.uid === process.getuid?.()) {
    throw new RangeError(`refusing to kill every process of user ${user.uid}: it is not an agent's user`);
  }
  return killUntilNone(async () => {
    const pids = processesOfUser(user.uid);
    if (pids.length > 0) await killAsUser(user);
    return pids;
  });
}

/** Kills everything that {@link findTree} finds until nothing is found; answers how many are left after 10 seconds. */
export function killTree(tree: TreeMark): Promise<number> {
  return killUntilNone(() => Promise.resolve(findTree(tree)));
}

/** Living processes of a user, zombies not counted. */
export function processesOfUser(uid: number): number[] {
  return livingProcesses().filter((pid) => userIds(pid).includes(uid));
}

/** Living processes of a run: its group and session, their descendants, and all that carry its mark or its stdout. */
export function findTree(tree: TreeMark): number[] {
  const pids = livingProcesses();
  const members = new Set<number>();
  const parents = new Map<number, number>();
  for (const pid of pids) {
    const stat = readStat(pid);
    if (!stat) continue;
    parents.set(pid, stat.parent);
    if (pid === tree.root || stat.group === tree.root || stat.session === tree.root) members.add(pid);
    else if (pid !== process.pid && (carriesMark(pid, tree.mark) || holdsOutput(pid, tree.output))) members.add(pid);
  }
  let grew = true;
  while (grew) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (!members.has(pid) && members.has(parent)) {
        members.add(pid);
        grew = true;
      }
    }
  }
  return [...members];
}

/** The kernel's name of a new process's stdout ("socket:[4711]"), or undefined if the process is gone already. */
export function readOutputLink(pid: number): string | undefined {
  return readLink(`/proc/${pid}/fd/1`);
}

/** The only child of a process, or undefined: how the first process of a namespace is found from outside. */
export function onlyChild(pid: number): number | undefined {
  const told = readProc(pid, `task/${pid}/children`)?.trim();
  // Not every kernel tells children; then everybody is asked for their parent.
  const children =
    told === undefined
      ? livingProcesses().filter((candidate) => readStat(candidate)?.parent === pid)
      : told
          .split(" ")
          .filter((text) => text !== "")
          .map(Number);
  return children.length === 1 ? children[0] : undefined;
}

/** Sends a signal; a process that is already gone, or no longer ours, is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

async function killUntilNone(find: () => Promise<number[]>): Promise<number> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  for (;;) {
    const pids = await find();
    if (pids.length === 0) return 0;
    if (performance.now() > giveUpAt) return pids.length;
    for (const pid of pids) signalProcess(pid, "SIGKILL");
    await pause(RETRY_MS);
  }
}

// kill(-1) by the user itself reaches all its processes in one system call, so a fork bomb cannot outrun it.
function killAsUser(user: Pick<AgentUser, "uid" | "gid">): Promise<void> {
  return new Promise((resolve) => {
    const options = { uid: user.uid, gid: user.gid, env: {}, cwd: "/", stdio: "ignore" } as const;
    try {
      const child = spawn("/bin/sh", ["-c", "kill -KILL -1"], options);
      child.once("error", () => resolve());
      child.once("close", () => resolve());
    } catch {
      resolve(); // its process limit may be used up: the list is killed one by one instead
    }
  });
}

function livingProcesses(): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return []; // no /proc on this system: only the process group can be killed
  }
  return names.filter((name) => /^[0-9]+$/.test(name)).map(Number);
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return undefined; // ended meanwhile, or not ours to read
  }
}

function readStat(pid: number): { parent: number; group: number; session: number } | undefined {
  const text = readProc(pid, "stat");
  if (text === undefined) return undefined;
  // The name in brackets may hold anything, brackets too: the fields start after the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { parent: Number(fields[1]), group: Number(fields[2]), session: Number(fields[3]) };
}

function userIds(pid: number): number[] {
  const status = readProc(pid, "status");
  if (status === undefined || /^State:\s+[ZX]/m.test(status)) return [];
  const line = /^Uid:\s+(.*)$/m.exec(status)?.[1] ?? "";
  return line.split(/\s+/).map(Number);
}

function holdsOutput(pid: number, output: string | undefined): boolean {
  if (output === undefined) return false;
  return [1, 2].some((descriptor) => readLink(`/proc/${pid}/fd/${descriptor}`) === output);
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function carriesMark(pid: number, mark: string): boolean {
  return readProc(pid, "environ")?.split("\0").includes(`${RUN_MARK}=${mark}`) ?? false;
}
