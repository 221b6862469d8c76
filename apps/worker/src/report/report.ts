/**
 * The end of an attempt on its way to the dispatcher: first onto the disk, then out. The heartbeat goes on until it was
 * taken, so that the lease does not run out while the dispatcher is slow; after two terms it is left to the replay.
 */

import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import type { Outcome, ResultEnvironment } from "@hive/core";
import { type ApiClient, ApiError, endpoints, type FinishRequest } from "@hive/protocol";
import { type Upload, uploadSpool } from "../logs/upload-spool.ts";
import type { Clock } from "../loops/clock.ts";
import type { RunningJob } from "../running-job.ts";
import type { WorkerParts } from "../worker-parts.ts";
import { deliver, type DeliverOptions } from "./deliver.ts";
import { endLine } from "./end-line.ts";
import { expectedOffset } from "./lease-calls.ts";
import type { UnsentResult } from "./outbox.ts";

/** Tells the dispatcher how the attempt ended; null: the lease is over and nothing is told. */
export async function report(worker: WorkerParts, running: RunningJob, outcome: Outcome | null): Promise<void> {
  const { attempt, lease } = running;
  const say = running.story;
  if (outcome === null) {
    say.warn("the lease is over: %s", attempt.stopped()?.reason);
    return;
  }
  // A full disk may stop the log and the outbox; the dispatcher hears of the end all the same.
  const unable = (error: unknown): null => {
    say.warn({ err: error }, "the end of the attempt cannot be written down");
    return null;
  };
  await running.enter("report").catch(unable);
  await running.events.finish();
  const log = running.log();
  const end = log === null ? null : await log.stream.finish().catch(unable);
  const environment = await worker.environment;
  const result: UnsentResult = {
    jobId: attempt.jobId,
    fence: attempt.fence,
    token: lease.token,
    request: {
      finishId: randomUUID(),
      outcome: withFacts(running, outcome, { ...environment, config: running.findings.config }),
      log: end === null || end.sent === "diverged" ? null : { bytes: end.bytes, crc32: end.crc32 },
    },
    logFile: log?.spool ?? null,
  };
  await worker.outbox.save(result).catch(unable);
  const patience = AbortSignal.timeout(2 * worker.registered().intervals.leaseMs);
  const signal = AbortSignal.any([patience, worker.leaving]);
  const { client, clock } = worker;
  const resendLog = createResendLog(client, clock, worker.registered().limits.logChunkBytes);
  let delivery = await deliver({ client, clock, result, signal, resendLog });
  if (delivery.end === "refused") {
    say.error("the result was refused: %s", delivery.why);
    delivery = await deliver({ client, clock, result: refusedInstead(result, delivery.why), signal, resendLog });
  }
  if (delivery.end === "unknown") {
    say.warn("the result could not be told and waits on the disk: %s", delivery.why);
    running.findings.keepLog = true;
    return;
  }
  await worker.outbox.remove(result);
  if (delivery.end === "taken") say.info(endLine(outcome, delivery.status, running.tookMs()));
  else say.warn("the result was not taken: %s", delivery.why);
}

/** Sends the kept log again from wherever the dispatcher has it. */
export function createResendLog(client: ApiClient, clock: Clock, chunkBytes: number): DeliverOptions["resendLog"] {
  return async (result, signal) => {
    if (result.logFile === null) return false;
    const file = await open(result.logFile, "r").catch(() => null);
    if (file === null) return false;
    try {
      const { size } = await file.stat();
      if (size !== result.request.log?.bytes) return false;
      const upload: Upload = async (offset, bytes) => {
        try {
          const call = { token: result.token, signal };
          const reply = await client.call(endpoints.leaseLogs, { query: { offset }, body: bytes }, call);
          return { ok: true, committed: reply.committed };
        } catch (error) {
          if (error instanceof ApiError && error.is("lease_lost")) return { ok: false, code: "stale" };
          const expected = error instanceof ApiError && error.is("wrong_offset") ? expectedOffset(error) : null;
          if (expected !== null) return { ok: false, code: "wrong_offset", expected };
          throw error;
        }
      };
      const available = () => Promise.resolve({ bytes: size, complete: true });
      return (await uploadSpool({ file, upload, chunkBytes, clock, signal, available })) === "complete";
    } finally {
      await file.close();
    }
  };
}

/** What is the same however the attempt ended: how long its phases took, and where it was made. */
function withFacts(running: RunningJob, outcome: Outcome, environment: ResultEnvironment): FinishRequest["outcome"] {
  const phases = running.phases.list();
  if (outcome.end === "returned") return { ...outcome };
  const { result: made } = outcome;
  // Not every agent's program says its version in what it prints.
  const agent = made?.agent && {
    ...made.agent,
    version: made.agent.version ?? environment.tools[made.agent.name] ?? null,
  };
  const result = made === null ? null : { ...made, agent: agent ?? null, phases, environment };
  // A copy without `readonly`: the same words, as the wire's schema types them.
  return structuredClone({ ...outcome, result }) as FinishRequest["outcome"];
}

/** The dispatcher will never take that result; it has to hear of an end all the same. */
function refusedInstead(result: UnsentResult, why: string): UnsentResult {
  const error = {
    code: "result_refused",
    kind: "system",
    message: `the dispatcher refused the result: ${why}`.slice(0, 8_000),
  } as const;
  const outcome = { end: "failed", error, result: null } as const;
  return { ...result, request: { ...result.request, finishId: randomUUID(), outcome } };
}
