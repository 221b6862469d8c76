/** Jobs and leases for tests of the worker's calls. Names are counted, so that tests of one server never meet. */

import { crc32 } from "node:zlib";
import { endpoints, type LeaseGrant } from "@hive/protocol";
import type { TestServer } from "./server.fixture.ts";

export interface Attempt {
  readonly jobId: string;
  readonly lease: LeaseGrant;
  /** The worker's own token. */
  readonly worker: string;
}

let names = 0;

/** Puts a script job in and gives its id. */
export async function enqueueJob(world: TestServer, more: object = {}): Promise<string> {
  const jobId = `job-${(names += 1)}`;
  const json = { jobId, repo: "https://github.com/acme/app", task: "script", script: "true", ...more };
  const response = await world.send("POST", "/enqueue", { json });
  if (response.status !== 202) throw new Error(`enqueue answered ${response.status}: ${await response.text()}`);
  return jobId;
}

/** Claims a job that must be there, or come within `waitMs`. */
export async function claimJob(world: TestServer, token: string, claimId?: string, waitMs = 5000): Promise<LeaseGrant> {
  const body = { claimId: claimId ?? `claim-number-${(names += 1)}`, waitMs };
  const { lease } = await world.client.call(endpoints.workerClaim, { body }, { token });
  if (lease === null) throw new Error("no job");
  return lease;
}

/** A job under a lease that has begun, on a worker of its own. */
export async function beginJob(world: TestServer, more: object = {}): Promise<Attempt> {
  const jobId = await enqueueJob(world, more);
  const worker = await world.worker(`bee-${(names += 1)}`);
  const lease = await claimJob(world, worker);
  await world.client.call(endpoints.leaseHeartbeat, { body: { phase: "prepare" } }, { token: lease.token });
  return { jobId, lease, worker };
}

/** The body of a finish that says the work failed; `log` is what the log must be. */
export function failedFinish(log: Buffer | null, finishId = "finish-000001"): object {
  return {
    finishId,
    outcome: { end: "failed", error: { code: "exit_code", kind: "work", message: "exit code 3" }, result: null },
    log: log === null ? null : { bytes: log.length, crc32: crc32(log) },
  };
}

/** The code of a problem. */
export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { readonly code: string }).code;
}
