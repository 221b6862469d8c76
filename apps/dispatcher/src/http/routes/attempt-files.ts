/** What an attempt leaves while it runs: its log, its files, and the end, which counts only once the log is whole. */

import { HiveError } from "@hive/core";
import { leaseLost } from "../../auth/lease-access.ts";
import type { ArtifactPut, LogRefusal, Sealed } from "../../logs/contract.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";
import { openFile } from "./job-files.ts";

type FileHandlers = Pick<Handlers, "leaseLogs" | "leasePutArtifact" | "leaseGetArtifact" | "leaseFinish">;

interface LeaseRef {
  readonly jobId: string;
  readonly fence: number;
}

export function attemptFileHandlers(parts: Pick<Parts, "queue" | "logs" | "artifacts" | "limits">): FileHandlers {
  const { queue, logs, artifacts } = parts;

  /** @throws HiveError lease_lost, not_begun */
  async function mustHold({ jobId, fence }: LeaseRef, begun: boolean): Promise<void> {
    const begunAt = await queue.read((state) =>
      state.leases.of(jobId)?.fence === fence ? (state.jobs.get(jobId)?.run?.lease?.begunAt ?? null) : undefined,
    );
    if (begunAt === undefined) throw leaseLost(jobId, fence);
    if (begun && begunAt === null) {
      throw new HiveError("not_begun", `Lease ${fence} of job ${jobId} has had no heartbeat; send one first`, {
        jobId,
        fence,
      });
    }
  }

  return {
    async leaseLogs({ caller, query, body }) {
      const { jobId, fence } = caller;
      await mustHold(caller, false);
      const bytes = await collect(body, parts.limits.logChunkBytes);
      // Asked again after the bytes have come over what may be a slow line, right before they are kept.
      await mustHold(caller, false);
      const appended = await logs.append({ jobId, fence, offset: query.offset, bytes });
      if (!appended.ok) throw refusal(appended, jobId, fence);
      // The lease may have ended while they were written: its end had its own length, and these bytes are not part of it.
      await mustHold(caller, false);
      return { committed: appended.committed };
    },

    async leasePutArtifact({ caller, params, query, body }) {
      const { jobId, fence } = caller;
      await mustHold(caller, true);
      const put = await artifacts.putArtifact({ jobId, fence, name: params.name, sha256: query.sha256, stream: body });
      await mustHold(caller, true);
      if (!put.ok) throw putRefusal(put, jobId, params.name);
      const { name, bytes, sha256 } = put.artifact;
      return { name, bytes, sha256 };
    },

    async leaseGetArtifact({ caller, params }) {
      await mustHold(caller, false);
      return openFile(artifacts, { jobId: caller.jobId, fence: params.fence }, params.name);
    },

    async leaseFinish({ caller, body }) {
      const { jobId, fence } = caller;
      const holds = await queue.read((state) => state.leases.of(jobId)?.fence === fence);
      // Sealed before the commit: an end that anybody can see has a log that is whole. A finish that is repeated after
      // the lease ended is answered by the queue from its record.
      if (holds && body.log !== null) {
        const sealed = await logs.seal({ jobId, fence, ...body.log });
        if (!sealed.ok) throw refusal(sealed, jobId, fence);
      }
      const { status } = await queue.submit<"finish">({
        type: "finish",
        lease: { jobId, fence },
        finishId: body.finishId,
        outcome: body.outcome,
        log: body.log,
      });
      return { status };
    },
  };
}

function refusal(why: LogRefusal | Exclude<Sealed, { readonly ok: true }>, jobId: string, fence: number): HiveError {
  const about = { jobId, fence };
  switch (why.code) {
    case "wrong_offset":
      return new HiveError("wrong_offset", `The log goes on at byte ${why.expected}; send it from there`, {
        ...about,
        expected: why.expected,
      });
    case "log_incomplete":
      return new HiveError(
        "log_incomplete",
        `The log has ${why.expected} bytes so far; send the rest, then finish again`,
        {
          ...about,
          expected: why.expected,
        },
      );
    case "log_differs":
      return new HiveError(
        "log_differs",
        `The log of attempt ${fence} has other bytes than these; nothing was overwritten`,
        {
          ...about,
          expected: why.expected,
        },
      );
    case "log_too_large":
      return new HiveError(
        "log_too_large",
        `The log of one attempt may have ${why.limit} bytes; keep the rest as an artifact`,
        {
          ...about,
          limit: why.limit,
        },
      );
    case "lease_lost":
      return leaseLost(jobId, fence);
  }
}

function putRefusal(why: Exclude<ArtifactPut, { readonly ok: true }>, jobId: string, name: string): HiveError {
  switch (why.code) {
    case "artifact_mismatch":
      return new HiveError(
        "artifact_mismatch",
        `${why.bytes} bytes came with the SHA-256 ${why.sha256}; nothing was kept`,
        {
          name,
          bytes: why.bytes,
          sha256: why.sha256,
        },
      );
    case "artifact_exists":
      return new HiveError("artifact_exists", `The attempt has another file called ${name}; choose another name`, {
        name,
        sha256: why.sha256,
      });
    case "artifact_too_large":
      return new HiveError("body_too_large", `A file may have ${why.limit} bytes`, { name, limit: why.limit });
    case "too_many_artifacts":
      return new HiveError("too_many_artifacts", `An attempt may leave ${why.limit} files`, { limit: why.limit });
    case "bad_name":
      return new HiveError("invalid_field", `name: "${name}" cannot be the name of a file`, {
        fields: [{ path: "name", message: "cannot be used" }],
      });
    case "lease_lost":
      return leaseLost(jobId, why.fence);
  }
}

/** @throws HiveError `body_too_large` */
async function collect(body: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit) throw new HiveError("body_too_large", `A piece of a log may have ${limit} bytes`, { limit });
    chunks.push(chunk);
  }
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
