// When a lease's term begins where the server is not heard from the first moment on, and how a queue leaves.
import { DEFAULT_RULES } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { describe, expect, it } from "vitest";
import { testLeadership } from "../leader/leadership.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { type MemoryFaults, MemoryStore } from "../store/memory/memory-store.ts";
import { Committer } from "./committer.ts";
import { HandClock, settle } from "./queue.fixture.ts";

const LEASE_MS = 30_000;
const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };

function create(
  content: MemoryContent,
  options: { readonly listensLater?: boolean; readonly faults?: MemoryFaults } = {},
) {
  const { faults = {}, ...rest } = options;
  const clock = new HandClock();
  const { mono } = clock;
  const leadership = testLeadership({ url: "http://a", mono });
  const queue = new Committer({
    openStore: () => new MemoryStore({ content, faults, shared: { leadership, mono } }),
    rules: { ...DEFAULT_RULES, leaseMs: LEASE_MS },
    clock,
    abstain: (abstains) => leadership.watch.abstain(abstains),
    onTrouble: () => {},
    ...rest,
  });
  return { clock, queue, leases: () => queue.read((state) => [...state.leases.values()].length) };
}

/** A store in which one job runs. */
async function running(): Promise<MemoryContent> {
  const content = new MemoryContent();
  const { queue } = create(content);
  await queue.start();
  await queue.submit<"register">({ type: "register", workerId: "w", registrationId: "r", profile });
  await queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob("a")], idempotency: null });
  const { grant } = await queue.submit<"claim">({ type: "claim", workerId: "w", claimId: "c" });
  const lease = { jobId: "a", fence: grant?.lease.fence ?? 0 };
  await queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
  await queue.stop();
  return content;
}

describe("a server that listens later than it has its store", () => {
  it("takes no lease away before it listens, and gives each a full term from then", async () => {
    const { clock, queue, leases } = create(await running(), { listensLater: true });
    await queue.start();
    await clock.pass(2 * LEASE_MS);
    expect(await leases()).toBe(1);
    queue.listens();
    await clock.pass(LEASE_MS - 500);
    expect(await leases()).toBe(1);
    // Saying it again gives nobody more time.
    queue.listens();
    await clock.pass(1_000);
    expect(await leases()).toBe(0);
    await queue.stop();
  });

  it("counts the term from the end of the loading, however long that took", async () => {
    const [reading, renewing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const faults = { beforeRead: () => reading.promise, beforeRenewal: () => renewing.promise };
    const { clock, queue, leases } = create(await running(), { faults });
    const started = queue.start();
    await settle();
    await clock.pass(2_000);
    reading.resolve();
    await settle();
    // Loaded, and not sure yet whether another was elected meanwhile.
    await clock.pass(LEASE_MS - 1_000);
    expect(queue.readiness().ready).toBe(false);
    renewing.resolve();
    await started;
    await clock.pass(LEASE_MS - 500);
    expect(await leases()).toBe(1);
    await clock.pass(1_000);
    expect(await leases()).toBe(0);
    await queue.stop();
  });
});

it("a queue that is stopped while it hands over does both to the end, and takes nothing afterwards", async () => {
  const gate = Promise.withResolvers<void>();
  let shut = false;
  const { clock, queue } = create(new MemoryContent(), {
    faults: { beforeCommit: () => (shut ? gate.promise : Promise.resolve()) },
  });
  await queue.start();
  shut = true;
  const accepted = queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob("a")], idempotency: null });
  await settle();
  const leaving = [queue.handOver(), queue.stop()];
  await settle();
  gate.resolve();
  await accepted;
  await clock.pass(5_000);
  await Promise.all(leaving);
  expect(queue.readiness()).toMatchObject({ ready: false, role: "stopped" });
});
