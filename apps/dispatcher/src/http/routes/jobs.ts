/** Putting jobs in, finding them and deciding about them. */

import { hash, randomUUID } from "node:crypto";
import { HiveError, type Job, type NewJob } from "@hive/core";
import type { Accepted, NewJobRequest } from "@hive/protocol";
import { compileJobs } from "../../queue/compile-candidates.ts";
import { bodyHash, type JobRequest } from "../../queue/compile-job.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { findJobs } from "../find-jobs.ts";
import type { Handlers } from "../handler.ts";
import { idempotencyKey } from "../idempotency-key.ts";
import { detailOf, jobUrl, mustFindJob, noSuchJob, summaryOf } from "../job-view.ts";
import type { Parts } from "../parts.ts";
import { refuseFields, type FieldProblem } from "../validate.ts";

type JobHandlers = Pick<
  Handlers,
  | "enqueue"
  | "createJobs"
  | "listJobs"
  | "getJob"
  | "jobEvents"
  | "cancelJob"
  | "retryJob"
  | "approveJob"
  | "rejectJob"
  | "bulkJobs"
>;

/** Jobs one request may put in, candidates included: they are one commit. */
const MOST_JOBS = 1000;

export function jobHandlers(parts: Parts): JobHandlers {
  const { queue, publicUrl } = parts;

  async function accept(requests: readonly JobRequest[], many: boolean, key: string | null): Promise<Accepted[]> {
    const now = parts.clock.wall();
    const problems: FieldProblem[] = [];
    const families: (readonly [NewJob, ...NewJob[]])[] = [];
    for (const [place, request] of requests.entries()) {
      const compiled = compileJobs({ request, policy: parts.policy, now, randomId: newJobId(now), origin: "api" });
      if (compiled.ok) families.push(compiled.jobs);
      else {
        for (const problem of compiled.problems) {
          problems.push(many ? { path: `jobs[${place}].${problem.path}`, message: problem.message } : problem);
        }
      }
    }
    refuseFields(problems);
    const asked = families.map(([job]) => job);
    refuseFields(await badAddresses(asked, many));
    const jobs = families.flat();
    if (jobs.length > MOST_JOBS) refuseFields([{ path: "jobs", message: tooMany(jobs.length) }]);
    const reply = await queue.submit<"enqueue">({ type: "enqueue", jobs, idempotency: idempotencyOf(key, requests) });
    let fresh = 0;
    for (const { existing } of reply.jobs) if (!existing) fresh += 1;
    // By place: a repeated request is answered with the ids it was given first. Candidates are part of their parent's.
    let place = 0;
    const accepted = families.map((family): Accepted => {
      const job = reply.jobs[place];
      place += family.length;
      if (job === undefined) throw new Error("an accepted job has no answer");
      const { jobId, status, reason, position } = job;
      return { accepted: true, jobId, status, reason, position, url: jobUrl(publicUrl, jobId) };
    });
    if (fresh > 0) parts.metrics.accepted(fresh);
    return accepted;
  }

  /** What the guard says of the hosts that the jobs name, where their text alone told nothing. */
  async function badAddresses(jobs: readonly NewJob[], many: boolean): Promise<FieldProblem[]> {
    const { refuseAddress } = parts.policy;
    const problems: FieldProblem[] = [];
    for (const [place, { repo, callbackUrl }] of jobs.entries()) {
      const at = many ? `jobs[${place}].` : "";
      const repoProblem = await refuseAddress(repo, "repository");
      if (repoProblem !== null) problems.push({ path: `${at}repo`, message: repoProblem });
      const callbackProblem = callbackUrl === null ? null : await refuseAddress(callbackUrl, "callback");
      if (callbackProblem !== null) problems.push({ path: `${at}callbackUrl`, message: callbackProblem });
    }
    return problems;
  }

  /** The key as it is kept: hashed, for it may be long or hold anything. */
  function idempotencyOf(
    key: string | null,
    requests: readonly JobRequest[],
  ): { readonly key: string; readonly hash: string } | null {
    if (key === null) return null;
    const bodies = requests.map((request) => [request.jobId ?? null, bodyHash(request, parts.policy.hashKey)]);
    return { key: hash("sha256", key, "base64url"), hash: hash("sha256", JSON.stringify(bodies), "base64url") };
  }

  async function decided(jobId: string): Promise<{ jobId: string; status: Job["status"]; reason: string | null }> {
    const { status, reason } = await mustFindJob(queue, jobId);
    return { jobId, status, reason };
  }

  const verbs = {
    cancel: (jobId: string, by: string, reason: string) =>
      queue.submit<"cancel">({ type: "cancel", jobId, by, reason }),
    retry: (jobId: string, by: string) => queue.submit<"retry">({ type: "retry", jobId, by }),
    approve: (jobId: string, by: string) => queue.submit<"approve">({ type: "approve", jobId, by, sha256: null }),
    reject: (jobId: string, by: string, reason: string) =>
      queue.submit<"reject">({ type: "reject", jobId, by, reason }),
  };

  return {
    async enqueue({ body, headers }) {
      const [accepted] = await accept([body], false, idempotencyKey(headers));
      if (accepted === undefined) throw new Error("an accepted job has no answer");
      return accepted;
    },

    async createJobs({ body, headers }) {
      const many = isMany(body);
      const requests = many ? body.jobs : [body];
      return { jobs: await accept(requests, many, idempotencyKey(headers)) };
    },

    async listJobs({ query }) {
      const { status, repo, cursor, limit, order } = query;
      const { jobs, next } = await findJobs(queue, {
        filter: { status, repo },
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        order: order === "newest" ? "descending" : "ascending",
        limit,
      });
      return { jobs: jobs.map(summaryOf), next: encodeCursor(next) };
    },

    async getJob({ params }) {
      const detail = await detailOf(parts, params.jobId);
      if (detail === null) throw await noSuchJob(queue, params.jobId);
      return detail;
    },

    async jobEvents({ params, query }) {
      const page = await queue.documents.list({
        collection: "events",
        index: "job",
        equals: { jobId: params.jobId },
        ...(query.cursor === undefined ? {} : { after: decodeCursor(query.cursor) }),
        order: query.order === "newest" ? "descending" : "ascending",
        limit: query.limit,
      });
      if (page.items.length === 0 && query.cursor === undefined) await mustFindJob(queue, params.jobId);
      return { events: page.items.map(({ doc }) => eventView(doc)), next: encodeCursor(page.next) };
    },

    async cancelJob({ params, body, caller }) {
      await verbs.cancel(params.jobId, caller.name, body?.reason ?? "canceled by a person");
      return decided(params.jobId);
    },

    async retryJob({ params, caller }) {
      const { generation } = await verbs.retry(params.jobId, caller.name);
      return { ...(await decided(params.jobId)), generation };
    },

    async approveJob({ params, body, caller }) {
      await queue.submit<"approve">({
        type: "approve",
        jobId: params.jobId,
        by: caller.name,
        sha256: body?.sha256 ?? null,
      });
      return decided(params.jobId);
    },

    async rejectJob({ params, body, caller }) {
      await verbs.reject(params.jobId, caller.name, body?.reason ?? "rejected by a person");
      return decided(params.jobId);
    },

    async bulkJobs({ body, caller }) {
      const { action, filter, dryRun, limit } = body;
      const wanted = fitting(action);
      const { jobs, next } = await findJobs(queue, {
        filter,
        // Without a status in the filter only jobs the action can mean are counted.
        fits: ({ status }) => filter.status !== undefined || wanted.has(status),
        ...(body.cursor === undefined ? {} : { after: decodeCursor(body.cursor) }),
        order: "ascending",
        limit,
      });
      const skipped: { jobId: string; code: string; detail: string }[] = [];
      let done = 0;
      // All at once: they share commits.
      const acts = dryRun ? [] : jobs.map((job) => verbs[action](job.id, caller.name, `${action} in bulk`));
      for (const [place, outcome] of (await Promise.allSettled(acts)).entries()) {
        const jobId = jobs[place]?.id ?? "";
        if (outcome.status === "fulfilled") done += 1;
        else skipped.push({ jobId, ...refusalOf(outcome.reason) });
      }
      return { matched: jobs.length, done, skipped, next: encodeCursor(next) };
    },
  };
}

function tooMany(jobs: number): string {
  return `with their candidates these are ${jobs} jobs, and one request may put in ${MOST_JOBS}; send them in parts`;
}

/** Why one job of many was left as it was. @throws what concerns them all. */
function refusalOf(error: unknown): { readonly code: string; readonly detail: string } {
  if (!(error instanceof HiveError) || error.code === "not_ready" || error.code === "store_failed") throw error;
  return { code: error.code, detail: error.message };
}

/**
 * Begins with the time: ids that ascend are written side by side, which SQLite does several times as fast. The random
 * part comes from a pool of UUIDs: no call to the system for each job.
 */
function newJobId(wall: number): string {
  return `job-${Math.floor(wall).toString(36)}-${randomUUID().replaceAll("-", "").slice(16)}`;
}

function isMany(body: NewJobRequest | { readonly jobs: readonly unknown[] }): body is { readonly jobs: JobRequest[] } {
  return "jobs" in body;
}

function fitting(action: "cancel" | "retry" | "approve" | "reject"): ReadonlySet<Job["status"]> {
  switch (action) {
    case "cancel":
      return new Set(["held", "blocked", "scheduled", "queued", "running"]);
    case "retry":
      return new Set(["failed", "canceled"]);
    case "approve":
    case "reject":
      return new Set(["held"]);
  }
}

function eventView(doc: object): {
  id: number;
  type: string;
  at: number;
  jobId: string | null;
  data: Record<string, unknown>;
} {
  const stored: unknown = doc;
  const { id, type, at, jobId, data } = stored as ReturnType<typeof eventView>;
  return { id, type, at, jobId, data };
}
