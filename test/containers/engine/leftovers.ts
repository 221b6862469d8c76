/**
 * What an engine leaves when it did not end by itself: its containerd, the keepers of its containers, mounts, folders.
 * Everything is known by the engine's own folder, which is in each command line and each mount's path.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listProcesses } from "../../e2e/processes.ts";
import { removeNetworks } from "./network.ts";

const PREFIX = "hive-test-";

/** A name for an engine of this process: of its folder and of its network. */
export function engineId(): string {
  const chance = Math.floor(Math.random() * 0x1_0000_0000);
  return `${PREFIX}${process.pid}-${chance.toString(16).padStart(8, "0")}`;
}

/** Kills what still runs from `folder`, unmounts what is mounted below it, and removes it. */
export function removeEngineFolder(folder: string): void {
  const inFolder = new RegExp(`${folder.replaceAll(/[^\w/-]/g, "\\$&")}(/|$)`);
  for (const { pid, command } of listProcesses()) {
    if (pid === process.pid || !inFolder.test(command)) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended while we looked.
    }
  }
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  for (const path of mounts.map((line) => line.split(" ")[1] ?? "").toReversed()) {
    if (path.startsWith(`${folder}/`)) execFileSync("umount", ["--lazy", path], { stdio: "ignore" });
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

/** Removes the engines of test runs that were killed before they could. */
export function removeForgottenEngines(): void {
  removeNetworks(isOver);
  for (const name of readdirSync(tmpdir())) if (isOver(name)) removeEngineFolder(join(tmpdir(), name));
}

/** Whether a name of {@link engineId} belongs to a process that is gone. */
function isOver(name: string): boolean {
  const pid = new RegExp(`^${PREFIX}([0-9]+)-[0-9a-f]{8}$`).exec(name)?.[1];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
