/** Jobs as people and programs see them: built from the stored records, with secrets never among them. */

import {
  HiveError,
  isTerminal,
  jobForgotten,
  NONE_FIT,
  rememberedKey,
  trustOf,
  type AttemptRecord,
  type BlockedRecord,
  type Document,
  type Job,
  type JobBody,
  type RememberedId,
} from "@hive/core";
import type { JobDetail, JobSummary } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import { accountOfJob, budgetView } from "./budget-view.ts";
import { explainWaiting } from "./explain.ts";
import type { Parts } from "./parts.ts";
import { usageOfJob } from "./usage-view.ts";

/** Attempts shown of one job, the latest. */
const ATTEMPTS = 100;

/** A job in a list. */
export function summaryOf(job: Job): JobSummary {
  const { run } = job;
  return {
    jobId: job.id,
    seq: job.seq,
    status: job.status,
    reason: job.reason,
    task: job.task,
    role: job.role,
    labels: [...job.labels],
    priority: job.priority,
    repo: job.repo,
    agent: job.agent,
    createdAt: job.createdAt,
    runAt: job.runAt,
    endedAt: job.endedAt,
    startedAt: run?.lease?.begunAt ?? null,
    workedMs: run?.spentMs ?? 0,
    generation: job.generation,
    attempts: run?.attempts ?? 0,
    failures: run?.failures ?? 0,
    losses: run?.losses ?? 0,
    fence: run?.fence ?? 0,
    phase: run?.lease?.phase ?? null,
    workerId: run?.lease?.workerId ?? null,
    cancelRequested: run?.cancel !== null && run?.cancel !== undefined,
    parent: job.parent ?? null,
    candidates: candidatesOf(job),
  };
}

/** A job that failed for want of a good candidate had no attempt of its own that could say so. */
function noneFit({ status, reason, candidates }: Job): JobDetail["error"] {
  if (status !== "failed" || reason !== NONE_FIT) return null;
  return { code: NONE_FIT, kind: "work", message: candidates?.why ?? "none of its candidates will do" };
}

function commentCounts({ comments }: Job): JobDetail["comments"] {
  if (comments === undefined) return null;
  const { count, given, done } = comments;
  return { count, given, done };
}

function candidatesOf({ candidates }: Job): JobSummary["candidates"] {
  if (candidates == null) return null;
  const { count, choose, chosen, why } = candidates;
  return { count, choose, chosen, why };
}

/** The page of a job. */
export function jobUrl(publicUrl: string, jobId: string): string {
  return `${publicUrl}/v1/jobs/${encodeURIComponent(jobId)}`;
}

/** A committed document as what it is. The store holds what core wrote, checked by a checksum. */
export function asJob(doc: Document): Job {
  const stored: unknown = doc;
  return stored as Job;
}

/** The job as it is now, live or over; null when there is none. */
export async function findJob(queue: Pick<Queue, "read" | "documents">, jobId: string): Promise<Job | null> {
  const live = await queue.read((state) => state.jobs.get(jobId) ?? null);
  if (live !== null) return live;
  const [doc] = await queue.documents.get([{ collection: "jobs", id: jobId }]);
  return doc === null || doc === undefined ? null : asJob(doc);
}

/** The job as it is now. @throws HiveError not_found; job_forgotten when it is over and not kept any more */
export async function mustFindJob(queue: Pick<Queue, "read" | "documents">, jobId: string): Promise<Job> {
  const job = await findJob(queue, jobId);
  if (job !== null) return job;
  throw await noSuchJob(queue, jobId);
}

/** The error for a job that is not there: whether it ever was. */
export async function noSuchJob(queue: Pick<Queue, "documents">, jobId: string): Promise<HiveError> {
  const [doc = null] = await queue.documents.get([rememberedKey(jobId)]);
  const stored: unknown = doc;
  if (stored !== null) return jobForgotten(stored as RememberedId);
  return new HiveError("not_found", `There is no job ${jobId}; list them with GET /v1/jobs`, { jobId });
}

/** The job whose budget this one spends: itself, or the one it is a candidate of. */
export async function rootOf(queue: Pick<Queue, "read" | "documents">, job: Job): Promise<Job> {
  const parent = job.parent ?? null;
  return parent === null ? job : ((await findJob(queue, parent)) ?? job);
}

/** The unchanging part of a job. */
export async function findBody(queue: Queue, jobId: string): Promise<JobBody | null> {
  const [doc] = await queue.documents.get([{ collection: "bodies", id: jobId }]);
  const stored: unknown = doc ?? null;
  return stored as JobBody | null;
}

/** The job's own list of hosts; bodies stored before there were such lists have none. */
export function egressOf(body: JobBody): string[] | null {
  const stored: { readonly egress?: readonly string[] | null } = body;
  return stored.egress === undefined || stored.egress === null ? null : [...stored.egress];
}

/** The places a job's latest attempt that had any was refused. */
export function blockedOf(doc: Document | null): JobDetail["blocked"] {
  const stored: unknown = doc;
  const record = stored as BlockedRecord | null;
  return record === null
    ? []
    : record.told.map(({ host, port, reason }) => ({ fence: record.fence, host, port, reason }));
}

/** How the job's leases ended, oldest first; the latest hundred. */
export async function attemptsOf(queue: Queue, jobId: string): Promise<readonly AttemptRecord[]> {
  const page = await queue.documents.list({
    collection: "attempts",
    // The records' ids are `<job>/<fence>`, and "0" is the character after "/".
    from: `${jobId}/`,
    below: `${jobId}0`,
    order: "descending",
    limit: ATTEMPTS,
  });
  return page.items
    .map(({ doc }): AttemptRecord => {
      const stored: unknown = doc;
      return stored as AttemptRecord;
    })
    .toReversed();
}

/** Everything about one job; null when there is none. */
export async function detailOf(
  { queue, publicUrl, pools }: Pick<Parts, "queue" | "publicUrl" | "pools">,
  jobId: string,
): Promise<JobDetail | null> {
  const job = await findJob(queue, jobId);
  const body = job === null ? null : await findBody(queue, jobId);
  if (job === null || body === null) return null;
  const [account, history, usage, [blockedDoc], waiting] = await Promise.all([
    rootOf(queue, job).then((root) => accountOfJob(queue, root)),
    attemptsOf(queue, jobId),
    usageOfJob(queue, job),
    queue.documents.get([{ collection: "egress", id: jobId }]),
    queue.read((state) => explainWaiting(state, job, pools())),
  ]);
  const last = history.findLast((attempt) => attempt.generation === job.generation && attempt.end !== "returned");
  const bundle = job.run?.bundle ?? null;
  return {
    ...summaryOf(job),
    branch: body.branch,
    base: body.base,
    instructions: body.instructions,
    script: body.script,
    model: body.model ?? null,
    changes: body.changes?.map(changeView) ?? null,
    inputs: (body.inputs ?? []).map(({ name, text }) => ({ name, bytes: Buffer.byteLength(text) })),
    maxAttempts: job.maxAttempts,
    retryOn: job.retryOn,
    timeoutMs: job.timeoutMs,
    concurrencyKey: job.key,
    dependsOn: [...body.dependsOn],
    waitsFor: [...job.waitsFor],
    trust: trustOf(job),
    callbackUrl: body.callbackUrl === null ? null : withoutQuery(body.callbackUrl),
    metadata: body.metadata === null ? null : { ...body.metadata },
    egress: egressOf(body),
    blocked: blockedOf(blockedDoc ?? null),
    origin: body.origin,
    waiting,
    bundle: bundle === null ? null : { sha256: bundle.sha256, artifact: bundle.artifact },
    error: job.status === "failed" || !isTerminal(job.status) ? (noneFit(job) ?? last?.error ?? null) : null,
    result: resultView(last?.result ?? null),
    usage,
    budget: budgetView(job, body, account),
    comments: commentCounts(job),
    history: history.map((attempt) => ({
      fence: attempt.fence,
      generation: attempt.generation,
      attempt: attempt.attempt,
      workerId: attempt.workerId,
      grantedAt: attempt.grantedAt,
      begunAt: attempt.begunAt,
      endedAt: attempt.endedAt,
      end: attempt.end,
      error: attempt.error,
      result: resultView(attempt.result),
      log: attempt.log,
    })),
    url: jobUrl(publicUrl, job.id),
  };
}

function changeView(change: NonNullable<JobBody["changes"]>[number]): NonNullable<JobDetail["changes"]>[number] {
  const { path, content, base64 } = change;
  const bytes =
    content !== undefined ? Buffer.byteLength(content) : base64 !== undefined ? Buffer.byteLength(base64, "base64") : 0;
  return { path, delete: change.delete === true, bytes };
}

/** Some receivers keep a secret in the query of their address. */
function withoutQuery(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? url : `${url.slice(0, at)}?…`;
}

function resultView(result: AttemptRecord["result"]): JobDetail["result"] {
  if (result === null) return null;
  return {
    ...result,
    outputs: result.outputs === null ? null : { ...result.outputs },
    phases: [...result.phases],
    artifacts: [...result.artifacts],
    environment: result.environment == null ? null : { ...result.environment, tools: { ...result.environment.tools } },
  };
}
