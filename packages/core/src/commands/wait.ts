/**
 * What new jobs wait for: the jobs of `dependsOn` that have not succeeded yet, and their own candidates. A dependency must be there, or be in the
 * same batch; jobs that wait for each other are refused; one that ended without success makes the waiting vain.
 */

import { candidateId } from "../candidates.ts";
import type { NewJob } from "../command.ts";
import { HiveError } from "../errors.ts";
import type { Job } from "../job.ts";
import { isTerminal } from "../job.ts";
import { remembered } from "../remembered-ids.ts";
import type { Step } from "../step.ts";

export interface Wait {
  /** Dependencies that have not succeeded. */
  readonly waitsFor: readonly string[];
  /** One of them that never will by itself, or null. */
  readonly vain: Pick<Job, "id" | "status"> | null;
}

/** Of a job without dependencies. */
export const NO_WAIT: Wait = { waitsFor: [], vain: null };

/**
 * The waits of new jobs, by id; a job that has none may be left out. Jobs are looked at after those of the batch they
 * depend on, so that a vain wait is passed on.
 * @throws HiveError unknown_dependency, dependency_cycle
 */
export function waitsOf(step: Step, fresh: ReadonlyMap<string, NewJob>): ReadonlyMap<string, Wait> {
  const waits = new Map<string, Wait>();
  if (![...fresh.values()].some((job) => waitsOn(job).size > 0)) return waits;
  for (const job of parentsFirst(fresh)) {
    const waitsFor: string[] = [];
    let vain: Wait["vain"] = null;
    for (const id of waitsOn(job)) {
      const parent = fresh.has(id) ? inside(id, waits) : outside(step, job.id, id);
      if (parent === "succeeded") continue;
      waitsFor.push(id);
      if (parent !== "live") vain ??= { id, status: parent };
    }
    if (waitsFor.length > 0) waits.set(job.id, { waitsFor, vain });
  }
  return waits;
}

/** What a job names, and its own candidates: one that waits in vain with them is over with them. */
function waitsOn(job: NewJob): ReadonlySet<string> {
  return new Set([
    ...job.dependsOn,
    ...Array.from({ length: job.candidates?.count ?? 0 }, (_, n) => candidateId(job.id, n + 1)),
  ]);
}

type Parent = "live" | "succeeded" | "failed" | "canceled";

function inside(id: string, waits: ReadonlyMap<string, Wait>): Parent {
  return waits.get(id)?.vain ? "canceled" : "live";
}

function outside(step: Step, jobId: string, id: string): Parent {
  if (step.state.jobs.has(id)) return "live";
  const stored: unknown = step.doc({ collection: "jobs", id });
  if (stored === null) {
    const gone = remembered(step, id);
    if (gone !== null) return gone.status;
    const message = `${jobId} depends on ${id}, and there is no such job; enqueue it first or in the same batch`;
    throw new HiveError("unknown_dependency", message, { jobId, dependsOn: id });
  }
  const { status } = stored as Job;
  if (isTerminal(status)) return status;
  throw new Error(`${id} is stored as ${status} but not in memory`);
}

/** The new jobs, each after those of the batch it depends on. */
function parentsFirst(fresh: ReadonlyMap<string, NewJob>): readonly NewJob[] {
  const missing = new Map<string, number>();
  const children = new Map<string, NewJob[]>();
  for (const job of fresh.values()) {
    const parents = [...waitsOn(job)].filter((id) => fresh.has(id));
    missing.set(job.id, parents.length);
    for (const id of parents) {
      const known = children.get(id);
      if (known === undefined) children.set(id, [job]);
      else known.push(job);
    }
  }
  const order = [...fresh.values()].filter((job) => missing.get(job.id) === 0);
  for (const job of order) {
    for (const child of children.get(job.id) ?? []) {
      const left = (missing.get(child.id) ?? 0) - 1;
      missing.set(child.id, left);
      if (left === 0) order.push(child);
    }
  }
  if (order.length === fresh.size) return order;
  const circle = [...missing].filter(([, left]) => left > 0).map(([id]) => id);
  throw new HiveError("dependency_cycle", `these jobs wait for each other: ${circle.slice(0, 10).join(", ")}`, {
    jobs: circle.slice(0, 10),
  });
}
