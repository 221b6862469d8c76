/** What a job left behind, for its owner: logs, diff and files. All of it is text or a download, never a page. */

import { Readable } from "node:stream";
import { HiveError } from "@hive/core";
import type { ArtifactStore, LogKey } from "../../logs/contract.ts";
import { exactly, readRange } from "../byte-range.ts";
import type { Handlers, RawReply } from "../handler.ts";
import { attemptsOf, mustFindJob } from "../job-view.ts";
import { followLog } from "../log-follow.ts";
import type { Parts } from "../parts.ts";

type JobFileHandlers = Pick<Handlers, "jobLogs" | "jobDiff" | "jobArtifacts" | "jobArtifact">;

/** The name a worker keeps the diff under. */
export const DIFF_ARTIFACT = "diff.patch";

export function jobFileHandlers(parts: Parts): { readonly handlers: JobFileHandlers; readonly stop: () => void } {
  const { queue, logs, artifacts, metrics } = parts;
  const stopping = new AbortController();
  const followed = new Set<Readable>();
  // Broken off and not ended, for there is more: an end would look like the end of the attempt.
  const breakOff = (why: string): void => {
    for (const body of followed) body.destroy(new Error(why));
  };
  // Their readers come back, and are handed on to the queen.
  const unlisten = queue.onReadiness((readiness) => {
    if (!readiness.ready && readiness.role === "standby") breakOff("another dispatcher is the queen");
  });

  const handlers: JobFileHandlers = {
    async jobLogs({ params, query, headers, closed }) {
      const { jobId } = params;
      const job = await mustFindJob(queue, jobId);
      const fence = query.fence ?? job.run?.fence ?? 0;
      const { from: start = 0 } = query;
      const key = { jobId, fence };
      const isFollowed = query.follow === true;
      // A store that is away does not keep anybody from following; it goes on when the store does.
      const known = await logs.size(key).catch((error: unknown) => {
        if (isFollowed) return null;
        throw error;
      });
      const { bytes: size = 0, cut } = known ?? {};
      const cutHeader: Record<string, string> = cut === undefined ? {} : { "x-hive-log-cut": `${cut.from}-${cut.to}` };
      if (isFollowed) {
        metrics.readers("logs", 1);
        const body = Readable.from(
          followLog({
            queue,
            logs,
            jobId,
            fence: query.fence ?? null,
            from: start > 0 ? { fence, byte: start } : null,
            signal: AbortSignal.any([closed, stopping.signal]),
          }),
          { objectMode: false },
        );
        followed.add(body);
        body.once("close", () => {
          followed.delete(body);
          metrics.readers("logs", -1);
        });
        return { body, headers: { "x-hive-fence": String(fence), ...cutHeader } };
      }
      const asked = start > 0 ? null : readRange(headers.range, size);
      // A range with bytes that were not kept cannot be had as one: the whole is given, as RFC 9110 allows.
      const range = asked !== null && cut !== undefined && asked.from < cut.to && cut.from < asked.to ? null : asked;
      const { from, to } = range ?? { from: Math.min(start, size), to: size };
      // With the marker in it the length is another one, which the end of the answer tells.
      const isMarked = range === null && cut !== undefined && from < cut.to;
      const own: Record<string, string> = {
        "accept-ranges": "bytes",
        "x-hive-fence": String(fence),
        ...cutHeader,
        ...(isMarked ? {} : { "content-length": String(to - from) }),
        ...(range === null ? {} : { "content-range": `bytes ${from}-${to - 1}/${size}` }),
      };
      const read = logs.read({ ...key, from, to });
      const body = from === to ? "" : Readable.from(isMarked ? read : exactly(to - from, read), { objectMode: false });
      return { status: range === null ? 200 : 206, headers: own, body };
    },

    async jobDiff({ params }) {
      const { jobId } = params;
      await mustFindJob(queue, jobId);
      const attempts = await attemptsOf(queue, jobId);
      for (const { fence } of attempts.toReversed()) {
        const found = await artifacts.readArtifact({ jobId, fence, name: DIFF_ARTIFACT });
        if (found === null) continue;
        return {
          body: Readable.from(found.stream, { objectMode: false }),
          headers: { "content-length": String(found.artifact.bytes) },
        };
      }
      throw new HiveError("not_found", `Job ${jobId} has no diff: no attempt of it has changed anything yet`, {
        jobId,
      });
    },

    async jobArtifacts({ params }) {
      await mustFindJob(queue, params.jobId);
      const files = await artifacts.listArtifacts({ jobId: params.jobId });
      return { artifacts: files.map(({ fence, name, bytes, sha256 }) => ({ fence, name, bytes, sha256 })) };
    },

    async jobArtifact({ params }) {
      await mustFindJob(queue, params.jobId);
      return openFile(artifacts, { jobId: params.jobId, fence: params.fence }, params.name);
    },
  };
  return {
    handlers,
    stop() {
      unlisten();
      breakOff("this server stops");
      stopping.abort();
    },
  };
}

/** A file as a download. Its name has no character that needs quoting, and its type is never guessed. */
export async function openFile(artifacts: ArtifactStore, key: LogKey, name: string): Promise<RawReply> {
  const found = await artifacts.readArtifact({ ...key, name });
  if (found === null) {
    const { jobId, fence } = key;
    throw new HiveError("not_found", `Attempt ${fence} of job ${jobId} left no file ${name}`, { jobId, fence, name });
  }
  return {
    body: Readable.from(found.stream, { objectMode: false }),
    headers: {
      "content-length": String(found.artifact.bytes),
      "content-disposition": `attachment; filename="${name}"`,
      "content-security-policy": "default-src 'none'; sandbox",
      etag: `"${found.artifact.sha256}"`,
    },
  };
}
