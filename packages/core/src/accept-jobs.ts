/**
 * Taking in jobs, whoever asks for them: a client, a schedule, a group of signals. The same id with the same body is the
 * same job, and what is remembered of jobs that are not kept any more counts as they did.
 */

import type { Docs, EnqueueReply, NewJob } from "./command.ts";
import { docKey } from "./command.ts";
import { type Wait, NO_WAIT, waitsOf } from "./commands/wait.ts";
import type { Key } from "./document.ts";
import { secretId } from "./document.ts";
import { HiveError } from "./errors.ts";
import type { Job, JobBody, Status } from "./job.ts";
import { firstHold, rung } from "./ladder.ts";
import { remembered, rememberedKey } from "./remembered-ids.ts";
import type { State } from "./state.ts";
import type { Step } from "./step.ts";
import { because, closeBooks } from "./terminate.ts";
import { admit } from "./transitions.ts";

/** What must be read before these jobs can be taken in. */
export function acceptNeeds(state: State, jobs: readonly NewJob[], docs: Docs): Key[] {
  const keys: Key[] = [];
  const inBatch = new Set(jobs.map((job) => job.id));
  const asked = new Set<string>();
  for (const job of jobs) {
    // Nearly always neither is there, so the record of a job that is there is read in a second turn.
    if (job.idGiven) {
      const body = { collection: "bodies", id: job.id };
      keys.push(body, rememberedKey(job.id));
      if (docs.get(docKey(body)) != null && !state.jobs.has(job.id)) keys.push({ collection: "jobs", id: job.id });
    }
    for (const id of job.dependsOn) {
      if (asked.has(id) || inBatch.has(id)) continue;
      asked.add(id);
      keys.push({ collection: "jobs", id }, rememberedKey(id));
    }
  }
  return keys;
}

/**
 * Takes in these jobs, all or none.
 * @throws HiveError id_conflict, unknown_dependency, dependency_cycle, queue_full, and then nothing changed
 */
export function acceptJobs(step: Step, jobs: readonly NewJob[]): EnqueueReply["jobs"] {
  const fresh = newOnes(step, jobs);
  const waits = waitsOf(step, fresh);
  const { state } = step;
  checkRoom(state, fresh.size);
  return jobs.map((job): EnqueueReply["jobs"][number] => {
    const first = fresh.get(job.id) === job;
    const known = first ? accept(step, job, waits.get(job.id) ?? NO_WAIT) : current(step, job.id);
    return {
      jobId: known.id,
      status: known.status,
      reason: known.reason,
      position: known.status === "queued" ? state.ahead(known.priority) : 0,
      existing: !first,
    };
  });
}

/** Is there room for so many more jobs? @throws HiveError queue_full */
export function checkRoom(state: State, more: number): void {
  if (more === 0 || state.waiting + more <= state.rules.maxWaiting) return;
  throw new HiveError("queue_full", `${state.waiting} jobs are waiting already; send this again later`, {
    waiting: state.waiting,
    limit: state.rules.maxWaiting,
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

/** The hash of the job that has this id already, kept or only remembered; null: the id is free. */
export function storedHash(step: Step, job: NewJob): string | null {
  if (!job.idGiven) return null;
  const body: unknown = step.doc({ collection: "bodies", id: job.id });
  return body === null ? (remembered(step, job.id)?.bodyHash ?? null) : (body as JobBody).bodyHash;
}

/** The job as it is now, or as it was when it ended where it is not kept any more. */
function current(step: Step, id: string): Pick<Job, "id" | "status" | "reason" | "priority"> {
  const live = step.state.jobs.get(id);
  if (live !== undefined) return live;
  const body = step.doc({ collection: "bodies", id });
  const gone = body === null ? remembered(step, id) : null;
  if (gone !== null) return { id, status: gone.status, reason: gone.reason, priority: 0 };
  const stored: unknown = step.doc({ collection: "jobs", id });
  if (stored === null) throw new Error(`job ${id} has a body but no record`);
  return stored as Job;
}

function accept(step: Step, from: NewJob, { waitsFor, vain }: Wait): Job {
  const hold = firstHold(from.hold, from.approval);
  const place = vain === null ? rung({ hold, waitsFor, runAt: from.runAt }, step.now.wall) : VAIN;
  const secrets = vain === null ? Object.entries(from.secrets) : [];
  const job = step.state.compact({
    ...blank(step, from),
    ...place,
    hold,
    waitsFor,
    secrets: secrets.map(([name]) => name),
    endedAt: vain === null ? null : step.now.wall,
  });
  writeBody(step, from);
  for (const [name, sealed] of secrets) step.put("secrets", secretId(job.id, name), { jobId: job.id, name, sealed });
  if (vain === null) return admit(step, job);
  const ended = admit(step, job, because(vain));
  closeBooks(step, ended);
  return ended;
}

const MINUTE_MS = 60_000;

const UNDECIDED = { start: null, chosen: null, why: null, published: false } as const;

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
    budgetMs: from.budget.minutes === null ? null : Math.round(from.budget.minutes * MINUTE_MS),
    waitsFor: [],
    hold: null,
    secrets: [],
    endedAt: null,
    generation: 1,
    ...(from.parent == null ? {} : { parent: from.parent }),
    ...(from.candidates == null ? {} : { candidates: { ...from.candidates, ...UNDECIDED } }),
    run: null,
  };
}

function writeBody(step: Step, from: NewJob): void {
  const { id, bodyHash, branch, base, instructions, script, changes, callbackUrl, metadata, gitUser, egress, origin } =
    from;
  const body: JobBody = {
    id,
    bodyHash,
    branch,
    base,
    instructions,
    script,
    changes,
    ...(from.model == null ? {} : { model: from.model }),
    callbackUrl,
    metadata,
    gitUser,
    egress,
    verifyRounds: from.verifyRounds,
    budget: from.budget,
    dependsOn: from.dependsOn,
    ...(from.inputs === undefined || from.inputs.length === 0 ? {} : { inputs: from.inputs }),
    ...(from.issue === undefined ? {} : { issue: from.issue }),
    secrets: Object.keys(from.secrets),
    origin,
  };
  step.put("bodies", id, body);
}
