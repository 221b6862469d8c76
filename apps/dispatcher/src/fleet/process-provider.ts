/**
 * Workers as processes of this machine: nothing to install, nothing isolated.
 *
 * A worker never outlives its use. Its standard input is a pipe from us: when we are gone, whatever killed us, it
 * closes, the worker takes no more jobs, reports the one it has (to the server that is started next, if that comes in
 * time) and leaves. A note per worker on the disk lets that next server find those that still report: their slots are
 * taken until they left.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { type Exit, type Launch, type Provider, ProviderError, type Running } from "./provider.ts";

export interface ProcessProviderOptions {
  /** Where notes about running workers are kept; made if missing. */
  readonly folder: string;
  /** Program and arguments of a worker. */
  readonly command: readonly [string, ...string[]];
  readonly clock: Pick<Clock, "after">;
  /** One line a worker wrote to its standard error. */
  readonly onLine: (worker: Running, line: string) => void;
}

const noteSchema = z.object({
  launchId: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
  name: z.string(),
  slot: z.int().min(0),
  pool: z.string().default("default"),
  pid: z.int().min(1),
  /** When the process began, as the kernel counts it: a process id alone may be somebody else's by now. */
  began: z.string(),
});
type Note = z.infer<typeof noteSchema>;

interface Child {
  readonly launch: Running;
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
  stopped: boolean;
  /** It ended; its last words are still read. */
  ended: boolean;
  lastWords: string | null;
}

/** Milliseconds between two looks at a worker that is not our child. */
const LOOK_MS = 500;
const MAX_LINE = 8_192;
const MAX_LAST_WORDS = 1_000;
/** Milliseconds an ended worker's last words get; programs that it left behind may hold its pipe open for ever. */
const LAST_WORDS_MS = 200;
// Somebody asked the process to end: the job it had is not to blame.
const POLITE_SIGNALS: ReadonlySet<string> = new Set(["SIGTERM", "SIGINT", "SIGHUP"]);

/** A provider of processes. */
export async function createProcessProvider(options: ProcessProviderOptions): Promise<Provider> {
  const { folder, clock } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const children = new Map<string, Child>();
  const found = new Map<string, { readonly note: Note; stopped: boolean; takeBack: () => void }>();
  const starting = new Map<string, Promise<void>>();
  const listeners = new Set<(exit: Exit) => void>();
  let closed = false;

  const noteFile = (launchId: string): string => join(folder, `${launchId}.json`);
  const tell = (exit: Exit): void => {
    // Its note is for the next life, which tells of it.
    if (closed) return;
    rmSync(noteFile(exit.launchId), { force: true });
    for (const listener of listeners) listener(exit);
  };

  /** The end of a worker that was not our child: nobody can say how it ended. */
  function tellUnseen(note: Note, stopped: boolean): void {
    const unknown = { code: null, signal: null, outOfMemory: false, lastWords: null };
    tell({ ...runningOf(note), ...unknown, stopped, outside: !stopped });
  }

  function watchFound(note: Note): void {
    const entry = { note, stopped: false, takeBack: (): void => undefined };
    const look = (): void => {
      if (isAlive(note)) {
        entry.takeBack = clock.after(LOOK_MS, look);
        return;
      }
      found.delete(note.launchId);
      tellUnseen(note, entry.stopped);
    };
    found.set(note.launchId, entry);
    entry.takeBack = clock.after(LOOK_MS, look);
  }

  async function startOnce(launch: Launch): Promise<void> {
    const [program, ...args] = options.command;
    // A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the workers in order.
    const child = spawn(program, args, { env: { ...launch.env }, stdio: ["pipe", "ignore", "pipe"], detached: true });
    const running = runningOf({ ...launch, pool: launch.pool.name });
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    child.once("error", (error) => {
      if (child.pid === undefined) begun.reject(new ProviderError("failed", error.message, { cause: error }));
    });
    child.once("spawn", () => begun.resolve());
    await begun.promise;
    // A worker that died already has closed the pipe; nothing is ever written to it.
    child.stdin.on("error", () => undefined);
    const entry: Child = { launch: running, child, gone: ended.promise, stopped: false, ended: false, lastWords: null };
    children.set(launch.launchId, entry);
    const lines = createInterface({ input: child.stderr, crlfDelay: Infinity });
    lines.on("line", (line) => {
      entry.lastWords = line.slice(0, MAX_LAST_WORDS);
      options.onLine(running, line.slice(0, MAX_LINE));
    });
    const isRead = new Promise<void>((resolve) => {
      lines.once("close", resolve);
      child.once("exit", () => clock.after(LAST_WORDS_MS, resolve));
    });
    child.once("exit", (code, signal) => {
      entry.ended = true;
      void isRead.then(() => {
        children.delete(launch.launchId);
        const { stopped, lastWords } = entry;
        const outside = !stopped && signal !== null && POLITE_SIGNALS.has(signal);
        tell({ ...running, code, signal, stopped, outOfMemory: false, outside, lastWords });
        ended.resolve();
      });
    });
    const { pid } = child;
    const began = pid === undefined ? null : beginOf(pid);
    if (pid !== undefined && began !== null) writeNote(noteFile(launch.launchId), { ...running, pid, began });
  }

  return {
    name: "process",
    isolation: "none",
    oneShot: false,
    outlivesServer: false,
    status: () => ({ state: "ok" }),
    prepare: async () => ({ ready: true, image: null }),
    onChange: () => () => undefined,

    async start(launch) {
      if (children.has(launch.launchId) || found.has(launch.launchId)) return;
      const already = starting.get(launch.launchId);
      if (already !== undefined) return already;
      const begun = startOnce(launch).finally(() => starting.delete(launch.launchId));
      starting.set(launch.launchId, begun);
      return begun;
    },

    async list() {
      for (const name of readdirSync(folder).filter((entry) => entry.endsWith(".json"))) {
        const note = readNote(join(folder, name));
        if (note === null) rmSync(join(folder, name), { force: true });
        else if (children.has(note.launchId) || found.has(note.launchId)) continue;
        else if (isAlive(note)) watchFound(note);
        else tellUnseen(note, false);
      }
      return [...children.values()]
        .filter(({ ended }) => !ended)
        .map(({ launch }) => launch)
        .concat([...found.values()].map(({ note }) => runningOf(note)));
    },

    async stop(launchId, graceMs) {
      const own = children.get(launchId);
      const other = found.get(launchId);
      if (own !== undefined) {
        own.stopped = true;
        own.child.kill("SIGTERM");
        const takeBack = clock.after(graceMs, () => own.child.kill("SIGKILL"));
        await own.gone;
        takeBack();
      } else if (other !== undefined) {
        other.stopped = true;
        await stopFound(other.note, graceMs, clock);
        // The next look would tell it; whoever stopped it is told now.
        if (!found.delete(launchId)) return;
        other.takeBack();
        tellUnseen(other.note, true);
      }
    },

    onExit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    close() {
      closed = true;
      for (const { takeBack } of found.values()) takeBack();
      found.clear();
      listeners.clear();
    },
  };
}

function runningOf({ launchId, name, slot, pool }: Running): Running {
  return { launchId, name, slot, pool };
}

async function stopFound(note: Note, graceMs: number, clock: Pick<Clock, "after">): Promise<void> {
  const send = (signal: NodeJS.Signals): void => {
    if (!isAlive(note)) return;
    try {
      process.kill(note.pid, signal);
    } catch (error) {
      // It went between the look and the signal.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };
  send("SIGTERM");
  let killAfterMs = graceMs;
  while (isAlive(note)) {
    await new Promise<void>((resolve) => {
      clock.after(LOOK_MS, resolve);
    });
    killAfterMs -= LOOK_MS;
    if (killAfterMs <= 0) send("SIGKILL");
  }
}

/** When a process began, in the kernel's ticks since boot with the boot's own id; null when there is no such process, or where the system does not say. */
function beginOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field may hold spaces and brackets; what follows the last bracket is fields 3 and on.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return null;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${fields[19]}`;
  } catch {
    // No such process, or not Linux: there, workers of an earlier life are not looked for and leave by themselves.
    return null;
  }
}

function isAlive(note: Note): boolean {
  return beginOf(note.pid) === note.began;
}

function readNote(path: string): Note | null {
  try {
    const note = noteSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return note.success ? note.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function writeNote(path: string, note: Note): void {
  const handle = openSync(`${path}.new`, "w", 0o600);
  try {
    writeSync(handle, JSON.stringify(note));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(`${path}.new`, path);
}
