import { DEFAULT_RULES, HiveError, type Effect, type NewJob } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { describe, expect, it } from "vitest";
import type { Commit } from "../store/contract.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore, type MemoryFaults } from "../store/memory/memory-store.ts";
import { Committer } from "./committer.ts";
import { HandClock, settle } from "./queue.fixture.ts";

const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };

async function start(faults: MemoryFaults = {}, content = new MemoryContent()) {
  const clock = new HandClock();
  const trouble: string[] = [];
  const committer = new Committer({
    openStore: () => new MemoryStore({ content, faults }),
    rules: { ...DEFAULT_RULES, leaseMs: 30_000 },
    clock,
    onTrouble: (message) => trouble.push(message),
  });
  await committer.start();
  return {
    clock,
    committer,
    trouble,
    content,
    enqueue: (...jobs: NewJob[]) => committer.submit<"enqueue">({ type: "enqueue", jobs, idempotency: null }),
    register: (workerId: string) =>
      committer.submit<"register">({ type: "register", workerId, registrationId: `r-${workerId}`, profile }),
    claim: (workerId: string, claimId: string) => committer.submit<"claim">({ type: "claim", workerId, claimId }),
  };
}

/** A commit hook that waits until the test lets it go on. */
function gate(): { hook: (commit: Commit) => Promise<void>; open: () => void; waiting: () => number } {
  let release: (() => void)[] = [];
  let shut = true;
  return {
    hook: () => (shut ? new Promise((resolve) => release.push(resolve)) : Promise.resolve()),
    open: () => {
      shut = false;
      for (const go of release) go();
      release = [];
    },
    waiting: () => release.length,
  };
}

describe("the committer", () => {
  it("answers an enqueue only once the job is in the store", async () => {
    const door = gate();
    const hive = await start({ beforeCommit: door.hook });
    let answered = false;
    const reply = hive.enqueue(newJob("a")).then((value) => {
      answered = true;
      return value;
    });
    await settle();
    expect(door.waiting()).toBe(1);
    expect(answered).toBe(false);
    door.open();
    expect((await reply).jobs[0]).toMatchObject({ jobId: "a", status: "queued" });
    const [stored] = await hive.committer.documents.get([{ collection: "jobs", id: "a" }]);
    expect(stored).toMatchObject({ id: "a", status: "queued" });
    await hive.committer.stop();
  });

  it("writes everything that arrives during a flush as one batch", async () => {
    const door = gate();
    const sizes: number[] = [];
    const hive = await start({
      beforeCommit: door.hook,
      afterCommit: (commit) => void sizes.push(commit.changes.length),
    });
    const first = hive.enqueue(newJob("a"));
    await settle();
    const rest = Array.from({ length: 50 }, (_, i) => hive.enqueue(newJob(`b${i}`)));
    await settle();
    door.open();
    await Promise.all([first, ...rest]);
    expect(sizes).toEqual([3, 150]);
    await hive.committer.stop();
  });

  it("lets a read that saw an unflushed change wait for it", async () => {
    const door = gate();
    const hive = await start({ beforeCommit: door.hook });
    void hive.enqueue(newJob("a"));
    await settle();
    let seen: number | null = null;
    void hive.committer
      .read((state) => state.counts.queued)
      .then((count) => {
        seen = count;
      });
    await settle();
    expect(seen).toBeNull();
    door.open();
    await settle();
    expect(seen).toBe(1);
    await hive.committer.stop();
  });

  it("tells of an event only after its commit", async () => {
    const door = gate();
    const hive = await start({ beforeCommit: door.hook });
    const effects: Effect["type"][] = [];
    hive.committer.onEffect((effect) => effects.push(effect.type));
    void hive.enqueue(newJob("a"));
    await settle();
    // That it may be worth asking for work tells nothing: whoever asks waits for this commit.
    expect(effects).toEqual(["ready"]);
    door.open();
    await settle();
    expect(effects).toEqual(["ready", "event"]);
    expect(hive.committer.lastEvent()).toBe(1);
    await hive.committer.stop();
  });

  it("lets a refusal that rests on an unflushed change wait for that change", async () => {
    const door = gate();
    const hive = await start({ beforeCommit: door.hook });
    void hive.enqueue(newJob("a"));
    await settle();
    let refused: unknown = null;
    hive.enqueue(newJob("a", { bodyHash: "other" })).catch((error: unknown) => {
      refused = error;
    });
    await settle();
    expect(refused).toBeNull();
    door.open();
    await settle();
    expect(refused).toMatchObject({ code: "id_conflict" });
    await hive.committer.stop();
  });

  it("drops what was not confirmed when a commit fails, answers 503, and loads the truth again", async () => {
    let failing = false;
    const hive = await start({
      beforeCommit: () => {
        if (failing) throw new Error("disk full");
      },
    });
    await hive.enqueue(newJob("kept"));
    failing = true;
    const lost = await hive.enqueue(newJob("lost")).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(HiveError);
    expect(lost).toMatchObject({ code: "store_failed" });
    expect(hive.committer.readiness().ready).toBe(false);
    expect(await hive.enqueue(newJob("early")).catch((error: unknown) => error)).toMatchObject({ code: "not_ready" });
    failing = false;
    await hive.clock.pass(1000);
    expect(hive.committer.readiness().ready).toBe(true);
    expect(await hive.committer.read((state) => [...state.jobs.keys()])).toEqual(["kept"]);
    await hive.enqueue(newJob("after"));
    expect(hive.trouble[0]).toContain("unknown");
    await hive.committer.stop();
  });

  it("finds a commit that landed although its answer was an error", async () => {
    let failing = true;
    const hive = await start({
      afterCommit: () => {
        if (failing) throw new Error("the answer was lost");
      },
    });
    await expect(hive.enqueue(newJob("landed"))).rejects.toMatchObject({ code: "store_failed" });
    failing = false;
    await hive.clock.pass(1000);
    const again = await hive.enqueue(newJob("landed"));
    expect(again.jobs[0]).toMatchObject({ existing: true, status: "queued" });
    await hive.committer.stop();
  });

  it("asks waiting workers to claim again after it loaded the state again", async () => {
    let failing = false;
    const hive = await start({
      beforeCommit: () => {
        if (failing) throw new Error("gone");
      },
    });
    const effects: string[] = [];
    hive.committer.onEffect((effect) => effects.push(effect.type));
    failing = true;
    await hive.enqueue(newJob("a")).catch(() => {});
    failing = false;
    await hive.clock.pass(1000);
    expect(effects).toContain("reloaded");
    await hive.committer.stop();
  });

  it("gives a lease that lives through a restart one full term, and takes it back after that", async () => {
    const first = await start();
    await first.register("w");
    await first.enqueue(newJob("a"));
    const { grant } = await first.claim("w", "claim-one");
    expect(grant?.lease.fence).toBe(1);
    await first.committer.submit<"heartbeat">({
      type: "heartbeat",
      lease: { jobId: "a", fence: 1 },
      phase: null,
      message: null,
      percent: null,
    });
    await first.committer.stop();

    const second = await start({}, first.content);
    await second.clock.pass(29_000);
    expect(await second.committer.read((state) => state.counts.running)).toBe(1);
    await second.clock.pass(2_000);
    expect(await second.committer.read((state) => state.counts.queued)).toBe(1);
    const again = await second.claim("w", "claim-two");
    expect(again.grant?.lease.fence).toBe(2);
    await second.committer.stop();
  });

  it("gives every lease a full term when it notices that it slept", async () => {
    const hive = await start();
    await hive.register("w");
    await hive.enqueue(newJob("a"));
    await hive.claim("w", "claim-one");
    const lease = { jobId: "a", fence: 1 };
    await hive.committer.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
    // The process is stopped for longer than a lease: no timer ran, then the clock jumps.
    hive.clock.time += 60_000;
    await hive.clock.pass(1);
    expect(await hive.committer.read((state) => state.counts.running)).toBe(1);
    await hive.clock.pass(31_000);
    expect(await hive.committer.read((state) => state.counts.queued)).toBe(1);
    await hive.committer.stop();
  });

  it("queues a job when it is due", async () => {
    const hive = await start();
    await hive.enqueue(newJob("later", { runAt: hive.clock.wall() + 5000 }));
    expect(await hive.committer.read((state) => state.counts.scheduled)).toBe(1);
    await hive.clock.pass(5300);
    expect(await hive.committer.read((state) => state.counts.queued)).toBe(1);
    await hive.committer.stop();
  });

  it("finishes what it accepted before it stops", async () => {
    const door = gate();
    const hive = await start({ beforeCommit: door.hook });
    const reply = hive.enqueue(newJob("a"));
    await settle();
    const stopped = hive.committer.stop();
    door.open();
    await stopped;
    expect((await reply).jobs[0]?.status).toBe("queued");
    await expect(hive.enqueue(newJob("b"))).rejects.toMatchObject({ code: "not_ready" });
  });

  it("says so and goes on when a listener breaks", async () => {
    const hive = await start();
    hive.committer.onEffect(() => {
      throw new Error("listener");
    });
    await hive.enqueue(newJob("a"));
    expect(hive.trouble).toContain("a listener for event broke");
    await hive.committer.stop();
  });
});
