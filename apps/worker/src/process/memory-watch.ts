/**
 * Notices when the kernel has begun to kill programs of this container for lack of memory. It kills them one by one, as
 * little as it must, and a job that makes new ones all the time keeps it busy for so long that the supervisor, which
 * needs memory too, misses its heartbeats (seen). So the first such kill ends the job, and its end says why.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../loops/clock.ts";

export interface MemoryWatchOptions {
  readonly clock: Pick<Clock, "after">;
  /** Called once, with a sentence for people. */
  readonly onKill: (reason: string) => void;
  /** Where the container's control group is. Default `/sys/fs/cgroup`. */
  readonly folder?: string;
}

/** A watch over the memory of this container. */
export interface MemoryWatch {
  /** Looks now, not only when the time has come. */
  look(): void;
  /** Safe to call twice. */
  stop(): void;
}

/** Milliseconds between two looks; a look takes some microseconds. */
const LOOK_MS = 100;
const FOLDER = "/sys/fs/cgroup";
// Version 2 and version 1 of control groups: where the kernel counts its kills, and where the limit is.
const COUNTERS = ["memory.events", "memory/memory.oom_control"];
const LIMITS = ["memory.max", "memory/memory.limit_in_bytes"];
/** Limits above this are the kernel's way to say that there is none. */
const NO_LIMIT = 2 ** 60;

/** Watches from now on. Where nothing is counted, nothing is ever noticed. */
export function watchMemory(options: MemoryWatchOptions): MemoryWatch {
  const folder = options.folder ?? FOLDER;
  const before = killsIn(folder);
  let over = before === null;
  let takeBack = (): void => undefined;
  function look(): void {
    if (over || (killsIn(folder) ?? 0) <= (before ?? 0)) return;
    over = true;
    const limit = firstOf(folder, LIMITS, (text) => Number(text.trim()));
    const has = limit === null || !(limit < NO_LIMIT) ? "" : `, which is ${Math.round(limit / 1024 / 1024)} MiB`;
    options.onKill(`the job needed more memory than its container has${has}`);
  }
  function next(): void {
    takeBack = options.clock.after(LOOK_MS, () => {
      look();
      if (!over) next();
    });
  }
  if (!over) next();
  return {
    look,
    stop() {
      over = true;
      takeBack();
    },
  };
}

function killsIn(folder: string): number | null {
  return firstOf(folder, COUNTERS, (text) => Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? Number.NaN));
}

/** Read at once: a detour over other threads would take long just when it must not. */
function firstOf(folder: string, files: readonly string[], read: (text: string) => number): number | null {
  for (const file of files) {
    try {
      const value = read(readFileSync(join(folder, file), "utf8"));
      if (Number.isFinite(value)) return value;
    } catch {
      // The other version, or none.
    }
  }
  return null;
}
