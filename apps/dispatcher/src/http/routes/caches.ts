/**
 * Dependency caches, for the supervisor of a job in work. Whose cache it is follows from the lease's own job and from
 * nothing the worker says, so a job reaches no cache of another repository; who may write is `caches/cache-rules.ts`.
 */

import { Readable } from "node:stream";
import { HiveError, parseRepoAddress, type Job, type JobBody } from "@hive/core";
import type { CacheKey } from "../../caches/cache-files.ts";
import { cacheBases, whyNoCacheWrites } from "../../caches/cache-rules.ts";
import { begunJob } from "../begun-job.ts";
import type { Handlers } from "../handler.ts";
import { findBody } from "../job-view.ts";
import type { Parts } from "../parts.ts";

type CacheHandlers = Pick<Handlers, "leaseGetCache" | "leasePutCache">;

interface LeaseRef {
  readonly jobId: string;
  readonly fence: number;
}

export function cacheHandlers({ queue, caches }: Pick<Parts, "queue" | "caches">): CacheHandlers {
  async function bodyOf({ jobId }: LeaseRef): Promise<JobBody> {
    const body = await findBody(queue, jobId);
    if (body === null) throw new Error(`job ${jobId} has no body`);
    return body;
  }

  /** @throws HiveError lease_lost, not_begun, forbidden */
  async function mustMayWrite(lease: LeaseRef, body: JobBody): Promise<Job> {
    const job = await begunJob(queue, lease);
    const why = caches === null ? "this server keeps no caches" : whyNoCacheWrites(job, body);
    if (why !== null) throw new HiveError("forbidden", `The cache is not kept: ${why}`, { jobId: lease.jobId });
    return job;
  }

  return {
    async leaseGetCache({ caller, params }) {
      const job = await begunJob(queue, caller);
      const repository = repositoryOf(job);
      for (const base of cacheBases(await bodyOf(caller))) {
        const found = await caches?.read({ repository, base, name: params.name });
        if (!found) continue;
        return {
          body: Readable.from(found.stream, { objectMode: false }),
          headers: { "content-length": String(found.bytes), etag: `"${found.sha256}"` },
        };
      }
      throw new HiveError("not_found", "There is no such cache yet", { name: params.name });
    },

    async leasePutCache({ caller, params, query, body: stream }) {
      const body = await bodyOf(caller);
      const job = await mustMayWrite(caller, body);
      if (caches === null) throw new HiveError("forbidden", "This server keeps no caches");
      const key: CacheKey = { repository: repositoryOf(job), base: cacheBases(body)[0], name: params.name };
      const allowed = async (): Promise<void> => {
        await mustMayWrite(caller, body);
      };
      const put = await caches.write({ key, sha256: query.sha256, stream, allowed });
      if (put.ok) return { bytes: put.bytes, sha256: put.sha256 };
      if (put.code === "body_too_large")
        throw new HiveError("body_too_large", `A cache may have ${put.limit} bytes`, { limit: put.limit });
      const { bytes, sha256 } = put;
      throw new HiveError(
        "cache_mismatch",
        `${bytes} bytes came with the SHA-256 ${sha256}; the cache before is kept`,
        {
          bytes,
          sha256,
        },
      );
    },
  };
}

/** What one repository is called, whoever wrote its address how; with the way it is reached, for http can be forged. */
function repositoryOf(job: Job): string {
  const address = parseRepoAddress(job.repo, { allowFile: true, allowPlainHttp: () => true });
  if (!address.ok) throw new Error(`the repository of job ${job.id} cannot be read`);
  return `${address.kind}:${address.key}`;
}
