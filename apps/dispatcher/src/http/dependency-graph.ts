/**
 * Which jobs hang together. What still waits is known in memory (`waitsFor`); what a job was told to wait for when it
 * came is in its body, which never changes, so that is read once and remembered.
 */

import { candidateIds, isTerminal, type Job, type State } from "@hive/core";
import type { Dependencies } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import { asJob, mustFindJob, summaryOf } from "./job-view.ts";

/** Bodies may have megabytes: so many are read at once. */
const BODIES_AT_ONCE = 8;
/** Jobs whose dependencies are remembered. */
const REMEMBERED = 20_000;
/** The latest jobs of the server are looked at: those that have waited stay in the picture for a while. */
const LATEST = 200;
const STAYS_MS = 3_600_000;
/** Jobs accepted around the one that was asked for: of those that are over only their bodies say what they waited for. */
const BEFORE = 50;
const BEHIND = 200;

export interface DependencyGraph {
  /** All that waits, and what has waited lately. */
  waiting(limit: number, now: number): Promise<Dependencies>;
  /** All that hangs together with one job. @throws HiveError not_found, job_forgotten */
  family(jobId: string, limit: number): Promise<Dependencies>;
}

type Read = Pick<Queue, "read" | "documents">;

export function createDependencyGraph(queue: Read): DependencyGraph {
  const known = new Map<string, readonly string[]>();

  /** What each of these was told to wait for. */
  async function dependsOn(jobs: readonly Job[]): Promise<void> {
    const unknown = jobs.filter((job) => !known.has(keyOf(job)));
    for (let at = 0; at < unknown.length; at += BODIES_AT_ONCE) {
      const some = unknown.slice(at, at + BODIES_AT_ONCE);
      const bodies = await queue.documents.get(some.map(({ id }) => ({ collection: "bodies", id })));
      for (const [place, job] of some.entries()) remember(job, namesIn(bodies[place]?.["dependsOn"]));
    }
  }

  function remember(job: Job, names: readonly string[]): void {
    known.set(keyOf(job), names);
    const [oldest] = known.keys();
    if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
  }

  function dependenciesOf(job: Job): readonly string[] {
    return known.get(keyOf(job)) ?? [];
  }

  async function jobsOf(ids: readonly string[]): Promise<readonly Job[]> {
    const live = await queue.read((state) => ids.map((id) => state.jobs.get(id) ?? null));
    const over = ids.filter((_, place) => live[place] === null);
    const docs = over.length === 0 ? [] : await queue.documents.get(over.map((id) => ({ collection: "jobs", id })));
    return [...live, ...docs.map((doc) => (doc == null ? null : asJob(doc)))].filter((job) => job !== null);
  }

  /** Goes from `first` to all that `next` names, step by step, until there is no more or it is enough. */
  async function spread(
    first: readonly Job[],
    limit: number,
    next: (job: Job, state: State) => readonly string[],
  ): Promise<{ readonly found: ReadonlyMap<string, Job>; readonly truncated: boolean }> {
    const found = new Map<string, Job>();
    let truncated = false;
    let step = first;
    while (step.length > 0) {
      for (const job of step) {
        if (found.size < limit) found.set(job.id, job);
        else truncated ||= !found.has(job.id);
      }
      if (truncated) break;
      await dependsOn(step);
      const here = step;
      const ids = await queue.read((state) => new Set(here.flatMap((job) => next(job, state))));
      step = await jobsOf([...ids].filter((id) => !found.has(id)));
    }
    return { found, truncated };
  }

  async function picture(found: ReadonlyMap<string, Job>, truncated: boolean): Promise<Dependencies> {
    // Where it was cut the last ones have not been asked what they wait for.
    await dependsOn([...found.values()]);
    const edges: Dependencies["edges"] = [];
    for (const job of found.values()) {
      const candidates = candidateIds(job);
      // Candidates wait for what their parent depends on; its own lines would only cross theirs.
      const isGroup = candidates.some((id) => found.has(id));
      for (const [kind, ids] of [
        ["dependency", isGroup ? [] : dependenciesOf(job)],
        ["candidate", candidates],
      ] as const) {
        for (const from of ids) {
          if (found.has(from)) edges.push({ from, to: job.id, kind, waits: job.waitsFor.includes(from) });
        }
      }
    }
    const blocked = await queue.read((state) => state.counts.blocked);
    return { jobs: [...found.values()].map(nodeOf), edges, blocked, truncated };
  }

  /** Up the stream, and the group a job is part of. */
  function before(job: Job): readonly string[] {
    const parent = job.parent ?? null;
    return [...dependenciesOf(job), ...candidateIds(job), ...(parent === null ? [] : [parent])];
  }

  return {
    async waiting(limit, now) {
      const live = await queue.read((state) => waitingIn(state, limit));
      const latest = await queue.documents.list({
        collection: "jobs",
        index: "all",
        equals: {},
        order: "descending",
        limit: LATEST,
      });
      const recent = latest.items
        .map(({ doc }) => asJob(doc))
        .filter((job) => !isTerminal(job.status) || now - (job.endedAt ?? 0) < STAYS_MS);
      await dependsOn(recent);
      const waited = recent.filter((job) => before(job).length > 0).map(({ id }) => id);
      const first = await jobsOf([...new Set([...live.ids, ...waited])]);
      const { found, truncated } = await spread(first, limit, before);
      return picture(found, truncated || live.truncated);
    },

    async family(jobId, limit) {
      const job = await mustFindJob(queue, jobId);
      const around = await queue.documents.list({
        collection: "jobs",
        index: "all",
        equals: {},
        from: Math.max(0, job.seq - BEFORE),
        below: job.seq + BEHIND,
        limit: BEFORE + BEHIND,
      });
      const near = around.items.map(({ doc }) => asJob(doc));
      await dependsOn(near);
      const after = new Map<string, string[]>();
      for (const each of near) {
        for (const id of dependenciesOf(each)) after.set(id, [...(after.get(id) ?? []), each.id]);
      }
      const { found, truncated } = await spread([job], limit, (each, state) => [
        ...before(each),
        ...(after.get(each.id) ?? []),
        ...(state.dependents.get(each.id) ?? []),
      ]);
      return picture(found, truncated);
    },
  };
}

/** Another job may come under the id of a forgotten one; its place in the count is its own. */
function keyOf({ seq, id }: Job): string {
  return `${seq} ${id}`;
}

/** Jobs that wait for another, at most `limit`. */
function waitingIn(state: State, limit: number): { readonly ids: readonly string[]; readonly truncated: boolean } {
  const ids = new Set<string>();
  for (const waiting of state.dependents.values()) {
    for (const id of waiting) {
      if (ids.size >= limit && !ids.has(id)) return { ids: [...ids], truncated: true };
      ids.add(id);
    }
  }
  return { ids: [...ids], truncated: false };
}

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function nodeOf(job: Job): Dependencies["jobs"][number] {
  const { jobId, seq, status, reason, task, role, labels, repo, agent, createdAt, ...more } = summaryOf(job);
  const { endedAt, phase, workerId, parent, candidates } = more;
  return {
    ...{ jobId, seq, status, reason, task, role, labels, repo, agent, createdAt },
    ...{ endedAt, phase, workerId, parent, candidates },
  };
}
