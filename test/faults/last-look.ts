/** What can be seen from outside once every fault is mended and all is quiet. */
import { crc32 } from "node:zlib";
import { nanoOf } from "@hive/core";
import { endpoints } from "@hive/protocol";
import type { HiveClient, JobDetail } from "@hive/sdk";
import type { FinalLook, JobSeen } from "../sim/history.ts";
import { readAllEvents } from "./live-events.ts";
import { stampOfJob } from "./load.ts";

export interface LastLook extends FinalLook {
  readonly details: ReadonlyMap<string, JobDetail>;
  /** Log text of every attempt, by `job/fence`, and what is wrong with its length or checksum. */
  readonly attemptLogs: ReadonlyMap<string, string>;
  readonly badLogs: readonly string[];
}

/** Looks at everything. `last`: the number of the last event anybody saw. `wanted`: whose logs go to the checkers. */
export async function lookAtAll(hive: HiveClient, last: number, wanted: ReadonlySet<string>): Promise<LastLook> {
  const details = new Map<string, JobDetail>();
  let cursor: string | undefined;
  do {
    const page = await hive.list({ order: "oldest", ...(cursor === undefined ? {} : { cursor }) });
    for (const { jobId } of page.jobs) details.set(jobId, await hive.get(jobId));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
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
    events: await readAllEvents(hive, last),
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
