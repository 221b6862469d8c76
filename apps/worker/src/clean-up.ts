/** After a job: nothing of it may live on, in memory or on the disk. Nothing cancels this. */

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Slot, wipeSlot } from "./process/agent-user.ts";
import { signalProcess } from "./process/kill-tree.ts";
import { killUser, run } from "./process/run.ts";
import type { RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

/** Kills every process of the slot's user. @throws when one cannot be killed */
export async function killAgent(slot: Slot): Promise<void> {
  // Without a user of its own the end of each run has killed its process tree.
  if (slot.user !== undefined && (await killUser(slot.user)) > 0) {
    throw new Error(`processes of user ${slot.user.uid} cannot be killed`);
  }
}

/** Empties the slot and removes the attempt's folder. @throws when that is not possible: the slot is not to be used again. */
export async function cleanUp(worker: WorkerParts, running: RunningJob): Promise<void> {
  await wipeSlot(worker.slot);
  await removeAttempt(worker.slot, running.folder);
}

/** Removes an attempt's folder. What belongs to the agent is emptied as the agent: a supervisor may have no right over it. */
export async function removeAttempt(slot: Slot, folder: string): Promise<void> {
  const { user } = slot;
  const script =
    'for place; do [ -d "$place" ] && chmod -R u+rwX -- "$place" && find "$place" -mindepth 1 -delete; done';
  const places = [join(folder, "work", "repo"), join(folder, "output")];
  await run({
    argv: ["/bin/sh", "-c", script, "hive-clean", ...places],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", HOME: slot.home },
    timeoutMs: 120_000,
    ...(user === undefined ? {} : { user }),
  });
  await rm(folder, { recursive: true, force: true });
}

/**
 * What an earlier life of this worker left in its slot when it was killed: programs of its job and attempt folders.
 * Programs are found by the slot's home in their environment, where no user of its own tells them apart.
 */
export async function clearLeftovers(slot: Slot, folder: string): Promise<void> {
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) continue;
    // Gone already, or somebody else's.
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(`HOME=${slot.home}`)) signalProcess(Number(name), "SIGKILL");
  }
  for (const name of await readdir(folder)) {
    if (name.startsWith("attempt-")) await removeAttempt(slot, join(folder, name));
  }
}
