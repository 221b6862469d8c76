/**
 * Accepts jobs, all of a batch or none. The same id with the same body is the same job, whatever became of it since. A
 * job that depends on one that already failed or was canceled is accepted and canceled at once (`dependency_failed`),
 * just as it would have been a moment later: the caller learns it from the reply, the events and the callback alike.
 */

import type { EnqueueReply, NewJob, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { secretId } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { Job, JobBody, Status } from "../job.ts";
import { isTerminal } from "../job.ts";
import { firstHold, rung } from "../ladder.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { because, closeBooks } from "../terminate.ts";
import { admit } from "../transitions.ts";
import type { CommandOf } from "../apply.ts";

/** The stored answer to a request with an `Idempotency-Key`. */
interface Answer {
  readonly hash: string;
  readonly reply: EnqueueReply;
}

/** What a dependency of a new job is, seen from now. */
type Dependency = "met" | "waits" | Pick<Job, "id" | "status">;

export function needs(_state: State, command: CommandOf<"enqueue">): Key[] {
  const keys: Key[] = [];
  if (command.idempotency !== null) keys.push({ collection: "answers", id: command.idempotency.key });
  const inBatch = new Set(command.jobs.map((job) => job.id));
  const asked = new Set<string>();
  for (const job of command.jobs) {
    if (job.idGiven) keys.push({ collection: "bodies", id: job.id });
    for (const id of job.idGiven ? [job.id, ...job.dependsOn] : job.dependsOn) {
      if (asked.has(id) || (id !== job.id && inBatch.has(id))) continue;
      asked.add(id);
      keys.push({ collection: "jobs", id });
    }
  }
  return keys;
}

/**
 * @throws HiveError id_conflict, idempotency_conflict, unknown_dependency, dependency_cycle, queue_full
 */
export function enqueue(step: Step, command: CommandOf<"enqueue">): Replies["enqueue"] {
  const answered = storedAnswer(step, command.idempotency);
  if (answered !== null) return answered;
  const fresh = newOnes(step, command.jobs);
  const waitsFor = dependenciesOf(step, fresh);
  const { state } = step;
  if (fresh.size > 0 && state.waiting + fresh.size > state.rules.maxWaiting) {
    throw new HiveError("queue_full", `${state.waiting} jobs are waiting already; send this again later`, {
      waiting: state.waiting,
      limit: state.rules.maxWaiting,
    });
  }
  const jobs = command.jobs.map((job): EnqueueReply["jobs"][number] => {
    const first = fresh.get(job.id) === job;
    const known = first ? accept(step, job, waitsFor.get(job.id) ?? []) : current(step, job.id);
    return {
      jobId: known.id,
      status: known.status,
      reason: known.reason,
      position: known.status === "queued" ? state.ahead(known.priority) : 0,
      existing: !first,
    };
  });
  const reply: EnqueueReply = { jobs };
  if (command.idempotency !== null) {
    const { key, hash } = command.idempotency;
    step.put("answers", key, { key, hash, at: step.now.wall, reply });
  }
  return reply;
}

function storedAnswer(step: Step, idempotency: CommandOf<"enqueue">["idempotency"]): EnqueueReply | null {
  if (idempotency === null) return null;
  const stored: unknown = step.doc({ collection: "answers", id: idempotency.key });
  if (stored === null) return null;
  const answer = stored as Answer;
  if (answer.hash === idempotency.hash) return answer.reply;
  throw new HiveError("idempotency_conflict", "this Idempotency-Key came with another request; use a new one", {
    key: idempotency.key,
  });
}

/** The jobs of the batch that are not there yet, by id, in order. */
function newOnes(step: Step, jobs: readonly NewJob[]): Map<string, NewJob> {
  const fresh = new Map<string, NewJob>();
  for (const job of jobs) {
    const twin = fresh.get(job.id);
    const hash = twin === undefined ? storedHash(step, job) : twin.bodyHash;
    if (hash === null) fresh.set(job.id, job);
    else if (hash !== job.bodyHash) {
      throw new HiveError("id_conflict", `the id ${job.id} is taken by a job with another body; choose another id`, {
        jobId: job.id,
      });
    }
  }
  return fresh;
}

function storedHash(step: Step, job: NewJob): string | null {
  if (!job.idGiven) return null;
  const body: unknown = step.doc({ collection: "bodies", id: job.id });
  return body === null ? null : (body as JobBody).bodyHash;
}

function current(step: Step, id: string): Job {
  const live = step.state.jobs.get(id);
  if (live !== undefined) return live;
  const stored: unknown = step.doc({ collection: "jobs", id });
  if (stored === null) throw new Error(`job ${id} has a body but no record`);
  return stored as Job;
}

/**
 * What each new job waits for: ids still to be met, or the one job that makes its waiting vain. Jobs of the batch are
 * looked at after those they depend on, so that a vain wait is passed on.
 */
function dependenciesOf(step: Step, fresh: Map<string, NewJob>): Map<string, readonly string[] | Vain> {
  const found = new Map<string, readonly string[] | Vain>();
  for (const job of inOrder(fresh)) {
    const waits: string[] = [];
    let vain: Vain | null = null;
    for (const id of new Set(job.dependsOn)) {
      const dependency = fresh.has(id) ? within(id, found) : outside(step, job.id, id);
      if (dependency === "waits") waits.push(id);
      else if (dependency !== "met") vain ??= { parent: dependency };
    }
    found.set(job.id, vain ?? waits);
  }
  return found;
}

interface Vain {
  readonly parent: Pick<Job, "id" | "status">;
}

function within(id: string, found: Map<string, readonly string[] | Vain>): Dependency {
  const own = found.get(id);
  return own !== undefined && "parent" in own ? { id, status: "canceled" } : "waits";
}

function outside(step: Step, jobId: string, id: string): Dependency {
  if (step.state.jobs.has(id)) return "waits";
  const stored: unknown = step.doc({ collection: "jobs", id });
  if (stored === null) {
    throw new HiveError("unknown_dependency", `${jobId} depends on ${id}, and there is no such job; enqueue it first`, {
      jobId,
      dependsOn: id,
    });
  }
  const { status } = stored as Job;
  if (!isTerminal(status)) throw new Error(`${id} is stored as ${status} but not in memory`);
  return status === "succeeded" ? "met" : { id, status };
}

/** The new jobs, each after those of the batch it depends on. */
function inOrder(fresh: Map<string, NewJob>): readonly NewJob[] {
  const missing = new Map<string, number>();
  const children = new Map<string, NewJob[]>();
  for (const job of fresh.values()) {
    const inside = [...new Set(job.dependsOn)].filter((id) => fresh.has(id));
    missing.set(job.id, inside.length);
    for (const id of inside) children.set(id, [...(children.get(id) ?? []), job]);
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

function accept(step: Step, from: NewJob, wait: readonly string[] | Vain): Job {
  const vain = "parent" in wait ? wait.parent : null;
  const waitsFor = "parent" in wait ? [] : wait;
  const hold = firstHold(from.hold, from.approval);
  const place = vain === null ? rung({ hold, waitsFor, runAt: from.runAt }, step.now.wall) : VAIN;
  const job = step.state.compact({ ...blank(step, from), ...place, hold, waitsFor });
  writeBody(step, from);
  if (vain === null) {
    for (const [name, sealed] of Object.entries(from.secrets)) {
      step.put("secrets", secretId(job.id, name), { jobId: job.id, name, sealed });
    }
    return admit(step, job);
  }
  const ended = admit(step, { ...job, secrets: [], waitsFor: [vain.id], endedAt: step.now.wall }, because(vain));
  closeBooks(step, ended);
  return ended;
}

const VAIN = { status: "canceled", reason: "dependency_failed" } as const satisfies { status: Status; reason: string };

function blank(step: Step, from: NewJob): Job {
  const { state } = step;
  const seq = state.nextSeq;
  const order = state.nextOrder;
  state.nextSeq += 1;
  state.nextOrder += 1;
  const { id, task, role, labels, priority, repo, key, agent, trust, approval, callback, maxAttempts, retryOn } = from;
  return {
    id,
    seq,
    order,
    status: "queued",
    reason: null,
    task,
    role,
    labels,
    priority,
    repo,
    key,
    agent,
    trust,
    approval,
    callback,
    createdAt: step.now.wall,
    runAt: from.runAt,
    maxAttempts,
    retryOn,
    timeoutMs: from.timeoutMs,
    waitsFor: [],
    hold: null,
    secrets: Object.keys(from.secrets),
    endedAt: null,
    generation: 1,
    run: null,
  };
}

function writeBody(step: Step, from: NewJob): void {
  const { id, bodyHash, branch, base, instructions, script, changes, callbackUrl, metadata, gitUser, origin } = from;
  const body: JobBody = {
    id,
    bodyHash,
    branch,
    base,
    instructions,
    script,
    changes,
    callbackUrl,
    metadata,
    gitUser,
    dependsOn: from.dependsOn,
    secrets: Object.keys(from.secrets),
    origin,
  };
  step.put("bodies", id, body);
}
