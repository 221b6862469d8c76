/** What a process, or a folder, takes of the machine. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Megabytes of a process that are in memory. 0: it is gone. */
export function memoryMb(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(ofProcess(pid))?.[1] ?? 0) / 1024);
}

/** Files, sockets and pipes that a process holds. 0: it is gone. */
export function openHandles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Bytes of all files in a folder and below. What goes while it is counted does not count. */
export function bytesIn(folder: string): number {
  let bytes = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    bytes += found?.isDirectory() === true ? bytesIn(path) : (found?.size ?? 0);
  }
  return bytes;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function ofProcess(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}
