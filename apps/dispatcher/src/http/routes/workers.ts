/** Workers and their pools as the owner sees them. */

import { attemptId, HiveError, type AttemptRecord, type Job } from "@hive/core";
import type { Handlers } from "../handler.ts";
import { asJob, summaryOf } from "../job-view.ts";
import type { Parts } from "../parts.ts";

type OwnersHandlers = Pick<Handlers, "listPools" | "listWorkers" | "drainWorker" | "workerJobs">;

/** Jobs looked at for those of one worker, the last that ended: nothing lists them by worker. */
const LOOKED_AT = 300;

export function ownersWorkerHandlers({ queue, presence, pools }: Parts): OwnersHandlers {
  return {
    async listPools() {
      return { pools: [...pools()] };
    },

    async listWorkers() {
      const workers = await queue.read((state) =>
        [...state.workers.values()].map(({ record, jobId }) => ({
          ...leaseOf(jobId === null ? undefined : state.jobs.get(jobId)),
          workerId: record.id,
          name: record.name,
          version: record.version,
          roles: [...record.roles],
          labels: [...record.labels],
          provider: record.provider,
          isolation: record.isolation,
          pool: record.pool,
          agents: [...record.agents],
          registeredAt: record.registeredAt,
          draining: record.draining,
          silentMs: presence.silentMs(record.id),
          jobId,
        })),
      );
      return { workers };
    },

    async workerJobs({ params: { workerId }, query: { limit } }) {
      const ended = await queue.documents.list({
        collection: "jobs",
        index: "ended",
        equals: {},
        order: "descending",
        limit: LOOKED_AT,
      });
      const tried = ended.items.map(({ doc }) => asJob(doc)).filter((job) => job.run !== null);
      const attempts = await queue.documents.get(
        tried.map(({ id, run }) => ({ collection: "attempts", id: attemptId(id, run?.fence ?? 0) })),
      );
      const jobs = tried.flatMap((job, place) => {
        const stored: unknown = attempts[place] ?? null;
        const attempt = stored as AttemptRecord | null;
        if (attempt === null || attempt.workerId !== workerId) return [];
        const { jobId, status, reason, task, role, repo } = summaryOf(job);
        const { grantedAt, endedAt, end } = attempt;
        return [{ jobId, status, reason, task, role, repo, grantedAt, endedAt, end }];
      });
      return { jobs: jobs.slice(0, limit) };
    },

    async drainWorker({ params, body }) {
      const { workerId } = params;
      const known = await queue.read((state) => state.workers.has(workerId));
      if (!known)
        throw new HiveError("not_found", `There is no worker ${workerId}; list them with GET /v1/workers`, {
          workerId,
        });
      const { draining } = await queue.submit<"drain">({ type: "drain", workerId, draining: body?.draining ?? true });
      return { workerId, draining };
    },
  };
}

function leaseOf(job: Job | undefined): { readonly phase: string | null; readonly jobSince: number | null } {
  const lease = job?.run?.lease;
  return { phase: lease?.phase ?? null, jobSince: lease?.grantedAt ?? null };
}
