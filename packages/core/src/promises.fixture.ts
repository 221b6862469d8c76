/**
 * The promises of the queue as checks: they look at every stored job and every index, the slow and plain way, and
 * complain where the queue's own counts or indexes say anything else.
 */

import { awaitsChoice, candidateIds } from "./candidates.ts";
import type { Job } from "./job.ts";
import { isTerminal } from "./job.ts";
import { type World, profile } from "./queue.fixture.ts";
import { sooner } from "./ready.ts";
import { fits, requirementOf } from "./requirement.ts";
import type { State } from "./state.ts";

/** A worker that can do every job of the random lives. */
export const EVERYTHING = profile({ labels: ["x", "y"] });

export function must(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken: ${promise}`);
}

export function mustEqual(actual: unknown, wanted: unknown, promise: string): void {
  if (JSON.stringify(actual) === JSON.stringify(wanted)) return;
  const [is, should] = [canonical(actual), canonical(wanted)];
  if (is !== should) throw new Error(`broken: ${promise}\n  is     ${is}\n  should ${should}`);
}

/** The job a claim must give, found by looking at every job; null when there is none. */
export function bestFor(state: State, workerId: string): string | null {
  const worker = state.workers.get(workerId);
  if (worker === undefined) return null;
  const able = queued(state).filter((job) => fits(worker.record, job) && isOpen(state, job));
  return able.reduce<Job | null>((best, job) => (best === null || sooner(job, best) ? job : best), null)?.id ?? null;
}

/** The requirements of which a job can be claimed now. */
export function claimable(state: State): Set<string> {
  return new Set(
    queued(state)
      .filter((job) => isOpen(state, job))
      .map(requirementOf),
  );
}

/** What is pushed by an attempt was told to its worker by nobody from outside, and needs nobody's approval. */
export function mustBeApproved(world: World, jobId: string): void {
  const job = world.job(jobId);
  if (job.run?.lease?.purpose === "publish") return;
  const given = job.comments?.given ?? 0;
  const said = Array.from({ length: given }, (_, n) => world.store.get(`comments/${jobId}/${numberOf(n + 1)}`));
  must(job.approval !== "publish", "work that must be approved is pushed by nobody before");
  must(job.trust === "trusted", "what a job from outside made is pushed by nobody before it is approved");
  must(
    said.every((comment) => comment !== undefined && comment["trust"] !== "untrusted"),
    "words from outside make what they cause untrusted, for ever",
  );
}

function numberOf(n: number): string {
  return String(n).padStart(8, "0");
}

/** Counts equal a recount, limits hold, counters are in bounds, and every unfinished job has somebody to move it. */
export function checkQueue(world: World): void {
  const { state, rules } = world;
  const jobs = storedJobs(world);
  const live = jobs.filter((job) => !isTerminal(job.status));
  const counts = { held: 0, blocked: 0, scheduled: 0, queued: 0, running: 0 };
  const byPriority = Array.from({ length: 10 }, () => 0);
  const byKey: Record<string, number> = {};
  for (const job of live) {
    if (isTerminal(job.status)) continue;
    counts[job.status] += 1;
    if (job.status === "queued") byPriority[job.priority] = (byPriority[job.priority] ?? 0) + 1;
    if (job.status === "running" && job.key !== null) byKey[job.key] = (byKey[job.key] ?? 0) + 1;
    mustEqual(state.jobs.get(job.id), job, "what is in memory is what is stored");
    checkOwner(state, job);
  }
  must(state.jobs.size === live.length, "every live job is in memory, and no other");
  mustEqual(state.counts, counts, "counts by status equal a recount");
  mustEqual(state.queuedBy, byPriority, "counts by priority equal a recount");
  mustEqual(Object.fromEntries(state.running), byKey, "running jobs by key equal a recount");
  for (const [key, running] of Object.entries(byKey))
    must(running <= (rules.limitOf(key) ?? running), `I8: limit of ${key}`);
  must(state.leases.size === counts.running, "every running job has one lease, and no other job has one");
  for (const job of jobs) {
    must((job.run?.failures ?? 0) <= job.maxAttempts, `I9: failures of ${job.id}`);
    must((job.run?.losses ?? 0) <= rules.maxLosses, `I9: losses of ${job.id}`);
    if (!isTerminal(job.status)) continue;
    // What was said to a job before somebody wanted it to end waits for whoever takes it up again.
    const open = (job.comments?.count ?? 0) - (job.comments?.given ?? 0);
    const stopped = job.status === "canceled" || (job.run?.cancel ?? null) !== null;
    must(open === 0 || stopped, `no comment waits for ${job.id}, which is over`);
    checkFamily(world, job);
    must(job.endedAt !== null && (job.run?.lease ?? null) === null, `${job.id} ended and has no lease`);
    must(!world.store.has(`secrets/${job.id}/githubToken`), `${job.id} ended and its secrets are erased`);
  }
}

/** A job that is over leaves no candidate waiting: those of a canceled one are canceled, the others were all over before. */
function checkFamily({ state }: World, job: Job): void {
  for (const id of candidateIds(job)) {
    const left = state.jobs.get(id);
    must(
      left === undefined || left.run?.cancel != null,
      `${job.id} is over, and its candidate ${id} is not wanted either`,
    );
  }
  if (job.status === "succeeded" && job.candidates != null) {
    must(job.candidates.published && job.candidates.chosen !== null, `${job.id} succeeded with a chosen candidate`);
  }
}

/** I10: nothing unfinished is without an owner, a timer or a named person's decision. */
function checkOwner(state: State, job: Job): void {
  const promise = `I10: ${job.status} job ${job.id} has somebody to move it`;
  switch (job.status) {
    case "held":
      return must(job.hold !== null && job.reason === job.hold, promise);
    case "blocked":
      must(job.hold === null && (job.waitsFor.length > 0 || awaitsChoice(job)), promise);
      must(state.undecided.has(job.id) === (job.waitsFor.length === 0), promise);
      return must(
        job.waitsFor.every(
          (id) => (state.jobs.has(id) || state.unsettled.has(id)) && state.dependents.get(id)?.has(job.id),
        ),
        promise,
      );
    case "scheduled":
      return must(job.runAt !== null && job.waitsFor.length === 0, promise);
    case "queued":
      return must(job.hold === null && job.waitsFor.length === 0 && (job.run?.lease ?? null) === null, promise);
    default: {
      const lease = state.leases.of(job.id);
      must(lease !== undefined && lease.fence === job.run?.lease?.fence && lease.fence === job.run.fence, promise);
      return must(state.leases.first() !== undefined, promise);
    }
  }
}

/** All that a client could tell two queues apart by. */
export function observable(state: State): Readonly<Record<string, unknown>> {
  return {
    jobs: Object.fromEntries(state.jobs),
    counts: state.counts,
    queuedBy: state.queuedBy,
    running: Object.fromEntries(state.running),
    dependents: Object.fromEntries([...state.dependents].map(([id, waiting]) => [id, [...waiting].sort()])),
    settings: [...state.heldForSettings].sort(),
    undecided: [...state.undecided].sort(),
    workers: Object.fromEntries(state.workers),
    leases: Object.fromEntries(
      [...state.leases.values()].map(({ jobId, fence, workerId }) => [jobId, [fence, workerId]]),
    ),
    due: state.due.peek()?.id ?? null,
    seq: state.nextSeq,
    event: state.nextEvent,
  };
}

/** Everything in memory, deadlines too, as one string: equal strings are equal memories. */
export function whole(state: State): string {
  const { jobs, workers, leases, dependents, running, counts, queuedBy, nextSeq, nextOrder, nextEvent } = state;
  return JSON.stringify([
    [...jobs.values()],
    [...workers.values()],
    [...leases.values()],
    [...dependents].map(([id, waiting]) => [id, ...waiting]),
    [...running],
    [counts, queuedBy, nextSeq, nextOrder, nextEvent],
    [...state.heldForSettings, ...state.unsettled.keys(), ...state.undecided, ...claimable(state)],
  ]);
}

/** The order in which jobs would be claimed by a worker that can do everything. Uses the state up. */
export function outOrder(state: State): readonly string[] {
  const order: string[] = [];
  for (let job = state.ready.best(EVERYTHING); job !== null; job = state.ready.best(EVERYTHING)) {
    order.push(job.id);
    state.remove(job);
  }
  return order;
}

function queued(state: State): Job[] {
  return [...state.jobs.values()].filter((job) => job.status === "queued");
}

function isOpen(state: State, job: Job): boolean {
  if (job.key === null) return true;
  const limit = state.rules.limitOf(job.key);
  const running = [...state.jobs.values()].filter((one) => one.status === "running" && one.key === job.key).length;
  return limit === null || running < limit;
}

function storedJobs(world: World): Job[] {
  return [...world.store.keys()].filter((key) => key.startsWith("jobs/")).map((key) => world.job(key.slice(5)));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
