/** Checks of what only real processes have: branches in a repository, logs of real programs, traces on the disk. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { git } from "../e2e/git-host.ts";
import type { Entry } from "../sim/history.ts";
import { monotonicMs } from "./history.ts";
import type { LastLook } from "./last-look.ts";
import type { PlannedJob } from "./load.ts";

/** Every job ended as planned, there is no other, and each script's log holds what it printed, once and in order. */
export function asPlanned(jobs: readonly PlannedJob[], look: LastLook): readonly string[] {
  const broken: string[] = [...look.badLogs];
  for (const { id, ends, prints } of jobs) {
    const job = look.details.get(id);
    if (job === undefined) continue; // I1 says so
    if (job.status !== ends)
      broken.push(`${id} ${job.status} (${job.reason}), planned was ${ends}: ${JSON.stringify(job.error)}`);
    const log = look.attemptLogs.get(`${id}/${job.fence}`) ?? "";
    // The rest are the supervisor's own lines.
    const printed = log.split(/(?<=\n)/).filter((line) => /^\d+\n$/.test(line));
    if (prints !== null && printed.join("") !== prints)
      broken.push(`I11: the log of ${id}/${job.fence} is not what its script printed`);
  }
  const known = new Set(jobs.map(({ id }) => id));
  for (const id of look.details.keys()) if (!known.has(id)) broken.push(`I2: ${id} exists and nobody asked for it`);
  const numbers = [...look.details.values()].map(({ seq }) => seq);
  if (new Set(numbers).size !== numbers.length) broken.push("I2: two jobs have one number");
  return broken;
}

/** The branches are in the repository exactly once, one commit above main, with the reported commit and the content. */
export function inTheRepository(bare: string, jobs: readonly PlannedJob[], look: LastLook): readonly string[] {
  const broken: string[] = [];
  const format = "--format=%(refname:short) %(objectname) %(parent)";
  const lines = git(bare, "for-each-ref", format, "refs/heads").split("\n");
  const branches = new Map(lines.map((line) => line.split(" ")).map(([name = "", ...rest]) => [name, rest]));
  const [main] = branches.get("main") ?? [];
  branches.delete("main");
  for (const { id, pushes } of jobs) {
    const name = `hive/${id}`;
    const found = branches.get(name);
    branches.delete(name);
    const commit = look.details.get(id)?.result?.commit ?? null;
    if (pushes === null) {
      if (found !== undefined) broken.push(`${name} was pushed for a job that pushes nothing`);
    } else if (found === undefined || found[0] !== commit || found[1] !== main || found.length !== 2) {
      broken.push(`${name} is ${found?.join(" on ")}, reported was ${commit} on ${main}`);
    } else if (git(bare, "show", `${commit}:${pushes.path}`) !== pushes.content.trim()) {
      broken.push(`${name} has another ${pushes.path}`);
    }
  }
  for (const name of branches.keys()) broken.push(`${name} is in the repository and no job's`);
  return broken;
}

/** Makes the files that scripts note their acts in: each worker's jobs run as another user, and all may write there. */
export function makeActs(folder: string, jobs: readonly PlannedJob[]): void {
  for (const { id } of jobs) {
    writeFileSync(join(folder, id), "");
    chmodSync(join(folder, id), 0o666);
  }
}

/**
 * What scripts did, in the order they did it. A script cannot know its fence; its runs are numbered as they began, and a
 * run that still acts after a later one began is what the checker of overlapping leases looks for.
 */
export function readActs(folder: string): readonly Entry[] {
  return readdirSync(folder).flatMap((jobId) => {
    const runs = new Map<string, number>();
    const lines = readFileSync(join(folder, jobId), "utf8")
      .split("\n")
      .filter((line) => line !== "");
    return lines.map((run): Entry => {
      if (!runs.has(run)) runs.set(run, runs.size + 1);
      return { kind: "act", at: monotonicMs(), worker: run, jobId, fence: runs.get(run) ?? 0, what: "run" };
    });
  });
}
