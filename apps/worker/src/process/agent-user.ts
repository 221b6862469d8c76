/**
 * The place one worker slot gives to its jobs: a user of its own (when the supervisor is root), a home, a temporary
 * folder and a workspace, all emptied between jobs. Two jobs never share a user at the same time, so killing every
 * process of the user ends exactly one job.
 */
import { chmod, chown, lstat, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentUser, ProcessLimits } from "./containment.ts";
import { killUser, run } from "./run.ts";

/** First user id of the slots; slot n runs as this plus n. Outside the ranges Debian gives to people and services. */
export const DEFAULT_UID_BASE = 20_000;

/** Where a slot lives and which user it gets. */
export interface SlotOptions {
  /** Folder of this slot; made if missing. Every user must be able to reach it (x on all parents). */
  readonly folder: string;
  /** Number of the slot on this machine, from 0. */
  readonly slot: number;
  /** See {@link DEFAULT_UID_BASE}. */
  readonly uidBase?: number;
  /** Processes and threads the slot's user may have at once. Default 4096. */
  readonly processes?: number;
  /** How much its programs let others go first, 0 to 19. Default 0. */
  readonly niceness?: number;
  /** Files that jobs must be able to read (the Node binary, our own programs); checked as the slot's user. */
  readonly mustReach?: readonly string[];
}

/** An open slot. */
export interface Slot {
  /** The user to run jobs as; undefined: they run as the supervisor's own user. */
  readonly user: AgentUser | undefined;
  /** `user`: a user of its own, which keeps jobs from the supervisor's files. `none`: nothing does. */
  readonly isolation: "user" | "none";
  /** Why there is no user of its own, in words for the operator. */
  readonly why?: string;
  /** What jobs may use at once. Nothing without a user of its own: the kernel counts by user. */
  readonly limits: ProcessLimits;
  readonly home: string;
  readonly tmp: string;
  readonly workspace: string;
}

// World-writable folders where a job of this user may have left files; the last one holds POSIX message queues.
const SHARED_FOLDERS = ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"];
const MOST_PROCESSES = 4_096;
const WIPE_TIMEOUT_MS = 120_000;
const SYSTEM_PATH = "/usr/bin:/bin";

/** Makes the slot's folders (mode 700, owned by its user) and empties what an earlier life left in them. */
export async function openSlot(options: SlotOptions): Promise<Slot> {
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  // The slot's own folder stays the supervisor's: a job cannot replace home, tmp or workspace by a link.
  await chmod(folder, 0o711);
  const places = { home: join(folder, "home"), tmp: join(folder, "tmp"), workspace: join(folder, "workspace") };
  const id = (options.uidBase ?? DEFAULT_UID_BASE) + options.slot;
  const wanted: AgentUser = { uid: id, gid: id, home: places.home };
  const why = await whyNoUser(wanted, [folder, ...(options.mustReach ?? [])]);
  const user = why === undefined ? wanted : undefined;
  for (const path of Object.values(places)) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (user) await chown(path, user.uid, user.gid);
  }
  const slot: Slot = {
    ...places,
    user,
    isolation: user ? "user" : "none",
    limits: user ? { processes: options.processes ?? MOST_PROCESSES, niceness: options.niceness ?? 0 } : {},
    ...(why === undefined ? {} : { why }),
  };
  await wipeSlot(slot);
  return slot;
}

/**
 * Between two jobs: kills everything of the slot's user, then empties home, temporary folder and workspace, and what
 * the user left in the machine's shared temporary folders. Throws if a process or a file could not be removed: such a
 * slot must not take another job.
 */
export async function wipeSlot(slot: Slot): Promise<void> {
  const { user } = slot;
  if (user && (await killUser(user)) > 0) throw new Error(`processes of user ${user.uid} cannot be killed`);
  const folders = [slot.home, slot.tmp, slot.workspace];
  // As the user itself: the supervisor's root may have no right over foreign files, and the user none over ours.
  await remove(slot, ["chmod", "-R", "u+rwX", "--", ...folders]);
  await remove(slot, ["find", ...folders, "-mindepth", "1", "-delete"]);
  const left = await leftIn(slot, folders);
  if (left !== "") throw new Error(`${folders.join(", ")} cannot be emptied: ${left} is still there`);
  if (user) await removeLeftBehind(slot, user);
}

/** What the user has outside its own folders: files where everybody may write, and memory the kernel keeps without one. */
async function removeLeftBehind(slot: Slot, user: AgentUser): Promise<void> {
  if ((await leftBehind(user)).length > 0) {
    // One command however many there are: their names together may be longer than an argument list.
    const own = [
      "find",
      ...SHARED_FOLDERS,
      "-mindepth",
      "1",
      "-maxdepth",
      "1",
      "-uid",
      String(user.uid),
      "-exec",
    ] as const;
    await remove(slot, [...own, "chmod", "-R", "u+rwX", "--", "{}", "+"]);
    await remove(slot, [...own, "rm", "-rf", "--", "{}", "+"]);
    const left = await leftBehind(user);
    if (left.length > 0) throw new Error(`${left.slice(0, 3).join(", ")} cannot be removed`);
  }
  const kept = await sharedMemoryOf(user.uid);
  if (kept.length === 0) return;
  await remove(slot, ["ipcrm", ...kept]);
  const left = await sharedMemoryOf(user.uid);
  if (left.length > 0) throw new Error(`shared memory of user ${user.uid} cannot be removed: ${left.join(" ")}`);
}

/** System V shared memory, semaphores and message queues of a user, as arguments of `ipcrm`. */
async function sharedMemoryOf(uid: number): Promise<string[]> {
  const found: string[] = [];
  for (const [kind, flag, idColumn] of [
    ["shm", "-m", "shmid"],
    ["sem", "-s", "semid"],
    ["msg", "-q", "msqid"],
  ] as const) {
    const [head = "", ...rows] = (await readFile(`/proc/sysvipc/${kind}`, "utf8").catch(() => "")).trim().split("\n");
    const columns = head.trim().split(/\s+/);
    for (const row of rows) {
      const values = row.trim().split(/\s+/);
      const valueOf = (column: string): string | undefined => values[columns.indexOf(column)];
      const id = valueOf(idColumn);
      if (id !== undefined && [valueOf("uid"), valueOf("cuid")].includes(String(uid))) found.push(flag, id);
    }
  }
  return found;
}

async function remove(slot: Slot, argv: readonly [string, ...string[]]): Promise<void> {
  await run({
    argv,
    cwd: "/",
    env: { PATH: SYSTEM_PATH, HOME: slot.home },
    timeoutMs: WIPE_TIMEOUT_MS,
    ...(slot.user ? { user: slot.user } : {}),
  });
}

/** The first thing that is still in one of these folders; empty when nothing is. The supervisor may not look itself. */
async function leftIn(slot: Slot, folders: readonly string[]): Promise<string> {
  let found = "";
  const looked = await run({
    argv: ["find", ...folders, "-mindepth", "1", "-print", "-quit"],
    cwd: "/",
    env: { PATH: SYSTEM_PATH, HOME: slot.home },
    timeoutMs: WIPE_TIMEOUT_MS,
    maxOutputBytes: 10_000,
    onOutput: (chunk) => {
      found += Buffer.from(chunk).toString("utf8");
    },
    ...(slot.user ? { user: slot.user } : {}),
  });
  if (looked.exitCode !== 0 && found === "") throw new Error(`${folders.join(", ")}: cannot be looked into`);
  return found.trim();
}

async function leftBehind(user: AgentUser): Promise<string[]> {
  const found: string[] = [];
  for (const folder of SHARED_FOLDERS) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      const path = join(folder, name);
      const stats = await lstat(path).catch(() => undefined);
      if (stats?.uid === user.uid) found.push(path);
    }
  }
  return found;
}

async function whyNoUser(user: AgentUser, mustReach: readonly string[]): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "the worker does not run as root, so jobs run as its own user";
  const env = { PATH: SYSTEM_PATH };
  for (const path of mustReach) {
    const probe = await run({ argv: ["test", "-r", path, "-o", "-x", path], cwd: "/", env, user });
    if (probe.exitCode !== 0) return `user ${user.uid} cannot reach ${path}, so jobs run as root`;
  }
  return undefined;
}
