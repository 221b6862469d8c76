import { DEFAULT_RULES, type Job, type Lease } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { Committer } from "../queue/committer.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { createLeaseAccess, type LeaseAccess } from "./lease-access.ts";
import { createLeaseTokens, type LeaseTokens } from "./lease-tokens.ts";
import { newSigningKey, readSigningKey } from "./signing-key.ts";

let queue: Committer;
let tokens: LeaseTokens;
let access: LeaseAccess;
let job: Job;
let lease: Lease;

beforeEach(async () => {
  queue = new Committer({
    openStore: () => new MemoryStore(),
    rules: DEFAULT_RULES,
    clock: systemClock,
    onTrouble: () => {},
  });
  await queue.start();
  tokens = createLeaseTokens(readSigningKey(newSigningKey()));
  access = createLeaseAccess(tokens, queue, systemClock);
  const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };
  await queue.submit<"register">({ type: "register", workerId: "w", registrationId: "registration-1", profile });
  await queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob("j")], idempotency: null });
  const { grant } = await queue.submit<"claim">({ type: "claim", workerId: "w", claimId: "claim-0001" });
  if (grant === null) throw new Error("no job");
  ({ job, lease } = grant);
});
afterEach(() => queue.stop());

test("a token of the live lease is admitted, whichever election minted it", async () => {
  for (const electionId of [queue.election().electionId, "an election before the restart"]) {
    const { worker } = await tokens.mint(lease, job, electionId);
    expect(await access.admit(worker, "worker")).toMatchObject({ jobId: "j", fence: 1, workerId: "w" });
  }
});

test("a fence that was granted once before, in a life the store forgot, is not this lease", async () => {
  // A restored backup counts fences from an older number: job and fence are the same, only the salt tells.
  const { worker } = await tokens.mint({ ...lease, salt: "0".repeat(32) }, job, "an election the backup does not know");
  await expect(access.admit(worker, "worker")).rejects.toMatchObject({ code: "lease_lost" });
  await expect(access.admit(worker, "worker", { ended: true })).rejects.toMatchObject({ code: "lease_lost" });
});

test("another fence is lost, except to a call that may only repeat its answer", async () => {
  const { worker } = await tokens.mint({ ...lease, fence: 7 }, job, "another election");
  await expect(access.admit(worker, "worker")).rejects.toMatchObject({ code: "lease_lost" });
  expect(await access.admit(worker, "worker", { ended: true })).toMatchObject({ fence: 7 });
});
