import { DEFAULT_RULES, type NewJob } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { expect, it } from "vitest";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { Committer } from "./committer.ts";
import { HandClock, settle } from "./queue.fixture.ts";

const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };
const LEASE_MS = 30_000;

/** A queue with one job under way, and a store whose commits or reads can be held up. */
async function jobUnderWay() {
  const clock = new HandClock();
  const held: { commit?: Promise<void>; read?: Promise<void> } = {};
  const faults = { beforeCommit: async () => held.commit, beforeRead: async () => held.read };
  const store = new MemoryStore({ faults });
  const queue = new Committer({
    openStore: () => store,
    rules: { ...DEFAULT_RULES, leaseMs: LEASE_MS },
    clock,
    onTrouble: () => undefined,
  });
  await queue.start();
  const enqueue = (job: NewJob) => queue.submit<"enqueue">({ type: "enqueue", jobs: [job], idempotency: null });
  await queue.submit<"register">({ type: "register", workerId: "w", registrationId: "r-w", profile });
  await enqueue(newJob("a"));
  await queue.submit<"claim">({ type: "claim", workerId: "w", claimId: "claim-one" });
  const lease = { jobId: "a", fence: 1 };
  await queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
  return {
    clock,
    queue,
    enqueue,
    hold: (what: "commit" | "read") => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held[what] = promise;
      return () => {
        delete held[what];
        resolve();
      };
    },
    running: () => queue.read((state) => state.counts.running),
  };
}

it.each(["commit", "read"] as const)(
  "takes no lease away while the store does not answer a %s, and gives each a full term then",
  async (what) => {
    const { clock, queue, enqueue, hold, running } = await jobUnderWay();
    const release = hold(what);
    const asked = enqueue(newJob("b"));
    await clock.pass(LEASE_MS * 2);
    release();
    await asked;
    await settle();
    await clock.pass(LEASE_MS - 2_000);
    expect(await running()).toBe(1);
    await clock.pass(3_000);
    expect(await running()).toBe(0);
    await queue.stop();
  },
);

it("takes a lease away that ran out before the store fell silent for a moment", async () => {
  const { clock, queue, enqueue, hold, running } = await jobUnderWay();
  await clock.pass(LEASE_MS - 1_000);
  const release = hold("commit");
  const asked = enqueue(newJob("b"));
  await clock.pass(2_000);
  release();
  await asked;
  await clock.pass(1_000);
  expect(await running()).toBe(0);
  await queue.stop();
});
