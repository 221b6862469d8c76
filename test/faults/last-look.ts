/** What can be seen from outside once every fault is mended and all is quiet. */
import { crc32 } from "node:zlib";
import { isTerminal, nanoOf } from "@hive/core";
import { endpoints } from "@hive/protocol";
import type { HiveClient, JobDetail } from "@hive/sdk";
import { until } from "../e2e/until.ts";
import type { FinalLook, JobSeen } from "../sim/history.ts";
import { type LiveEvents, readAllEvents } from "./live-events.ts";
import { stampOfJob } from "./load.ts";

/** Milliseconds a reader of events may be behind the list of jobs. */
const TOLD_MS = 20_000;

export interface LastLook extends FinalLook {
  readonly details: ReadonlyMap<string, JobDetail>;
  /** Log text of every attempt, by `job/fence`, and what is wrong with its length or checksum. */
  readonly attemptLogs: ReadonlyMap<string, string>;
  readonly badLogs: readonly string[];
}

/**
 * Looks at everything, once `live`, who read the stream from its beginning, heard of every end that the list of jobs
 * shows, or will not: a reader may be behind the list for a moment. `wanted`: whose logs go to the checkers. `takenBack`:
 * the store lost what it had told of, so nobody hears of what is done for the second time.
 */
export async function lookAtAll(
  hive: HiveClient,
  live: Pick<LiveEvents, "over" | "last">,
  wanted: ReadonlySet<string>,
  takenBack = false,
): Promise<LastLook> {
  const details = new Map<string, JobDetail>();
  let cursor: string | undefined;
  do {
    const page = await hive.list({ order: "oldest", ...(cursor === undefined ? {} : { cursor }) });
    for (const { jobId } of page.jobs) details.set(jobId, await hive.get(jobId));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  const untold = (): JobDetail[] =>
    [...details.values()].filter(({ jobId, status }) => isTerminal(status) && !live.over.has(jobId));
  // What it did not hear by then is for the checkers to find.
  const isTold = (): boolean => takenBack || untold().length === 0;
  await until("the reader of events to hear of every end", isTold, { limitMs: TOLD_MS }).catch(() => undefined);
  const attemptLogs = new Map<string, string>();
  const badLogs: string[] = [];
  for (const { jobId, history } of details.values()) {
    for (const { fence, log } of history) {
      const bytes = await readLog(hive, jobId, fence);
      attemptLogs.set(`${jobId}/${fence}`, bytes.toString("utf8"));
      if (log === null || (log.bytes === bytes.length && log.crc32 === crc32(bytes))) continue;
      badLogs.push(
        `I11: the log of ${jobId}/${fence} has ${bytes.length} bytes, its end says ${log.bytes}, or other ones`,
      );
    }
  }
  return {
    events: await readAllEvents(hive, live.last()),
    // Nothing here gets old enough to be swept away.
    swept: new Set(),
    forgotten: new Map(),
    left: [],
    // Nor is there a schedule.
    slots: [],
    jobs: new Map([...details].map(([id, detail]) => [id, seenOf(detail)])),
    logs: new Map([...attemptLogs].filter(([lease]) => wanted.has(lease))),
    usage: new Map([...details].map(([id, { usage }]) => [id, usedOf(usage)])),
    details,
    attemptLogs,
    badLogs,
  };
}

/** How many callbacks nobody took yet. */
export async function pendingCallbacks(hive: HiveClient): Promise<number> {
  const { callbacks } = await hive.api.call(endpoints.listCallbacks, { query: { state: "pending", limit: 1000 } });
  return callbacks.length;
}

/** A job as the checkers know it. */
export function seenOf(job: JobDetail): JobSeen {
  const { status, reason, generation, fence, workerId, waitsFor } = job;
  return { status, reason, generation, fence, workerId, waitsFor, bodyHash: stampOfJob(job) };
}

async function readLog(hive: HiveClient, jobId: string, fence: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of await hive.logs(jobId, { fence })) pieces.push(piece);
  return Buffer.concat(pieces);
}

function usedOf(usage: JobDetail["usage"]): { readonly calls: number; readonly nano: number } {
  return { calls: usage?.calls ?? 0, nano: nanoOf(usage?.costUsd ?? 0) };
}
