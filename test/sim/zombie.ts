/**
 * A worker that lost its lease and does not care: it still tries every write there is, some time later. The dispatcher
 * must refuse each one once the fence is old; while nobody else has the job yet and the lease still lives, it may not.
 */

import { randomUUID } from "node:crypto";
import { ApiError, type ApiClient, endpoints, type LeaseGrant } from "@hive/protocol";
import type { Happening } from "./counters.ts";
import { resultOf } from "./result.ts";
import type { Worker } from "./worker.ts";

/** Sends every write with this lease's token, after a moment. */
export function tryEveryWrite(worker: Worker, client: ApiClient, lease: LeaseGrant): void {
  const { world, program } = worker;
  const { token } = lease;
  const call = { token, timeoutMs: 5_000 };
  const name = `${lease.job.jobId}/${lease.fence} zombie ${world.numbers.next("zombie")}`;
  const commit = "d".repeat(40);
  const place = `${lease.job.jobId}/${lease.fence}`;
  const log = `${world.history.written.get(place) ?? ""}zombie\n`;
  const body = { finishId: randomUUID(), outcome: { end: "succeeded", result: resultOf(name) }, log: null } as const;
  const tries: readonly [Happening, () => Promise<unknown>][] = [
    ["zombie heartbeat refused", () => client.call(endpoints.leaseHeartbeat, { body: {} }, call)],
    [
      "zombie log refused",
      () => client.call(endpoints.leaseLogs, { query: { offset: 0 }, body: Buffer.from(log) }, call),
    ],
    [
      "zombie event refused",
      () => client.call(endpoints.leaseEvents, { body: { from: 0, events: [{ type: name }] } }, call),
    ],
    [
      "zombie publish refused",
      () => client.call(endpoints.leasePublish, { body: { ref: name, expectedOld: commit, commit } }, call),
    ],
    ["zombie finish refused", () => client.call(endpoints.leaseFinish, { body }, call)],
  ];
  program.after(worker.dice.int(0, 6_000), () => {
    world.history.written.set(place, log);
    for (const [refused, attempt] of tries) {
      attempt().catch((error: unknown) => {
        if (error instanceof ApiError && error.is("lease_lost")) world.counters.count(refused);
      });
    }
  });
}
