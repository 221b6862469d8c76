import {
  dayAccountId,
  dayOf,
  DEFAULT_RULES,
  docKey,
  HiveError,
  MARKS,
  type NewJob,
  numberId,
  projectAccountId,
  sourceAccountId,
} from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { describe, expect, it } from "vitest";
import { Committer } from "../queue/committer.ts";
import { HandClock } from "../queue/queue.fixture.ts";
import type { Commit } from "../store/contract.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { createRetention, type Keep, type Swept } from "./retention.ts";

const DAY_MS = 86_400_000;
const FOR_EVER: Keep = { days: 0, jobs: 0, logDays: 0, idDays: 365 };
const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };

/** A queue over a store in memory, a clock moved by hand, and who removed which logs. */
async function world(keep: Partial<Keep>) {
  const clock = new HandClock();
  const commits: Commit[] = [];
  const fails: { on: (commit: Commit) => boolean } = { on: () => false };
  const removedLogs: string[] = [];
  const afterRemoval: { of: (jobId: string) => Promise<void> } = { of: () => Promise.resolve() };
  const trouble: string[] = [];
  const content = new MemoryContent();
  const beforeCommit = (commit: Commit): void => {
    commits.push(commit);
    if (!fails.on(commit)) return;
    fails.on = () => false;
    throw new Error("the disk is full");
  };
  const queue = new Committer({
    openStore: () => new MemoryStore({ content, faults: { beforeCommit } }),
    rules: { ...DEFAULT_RULES, leaseMs: 30_000 },
    clock,
    onTrouble: () => {},
  });
  await queue.start();
  const retention = createRetention({
    queue,
    logs: {
      async remove(jobId) {
        removedLogs.push(jobId);
        await afterRemoval.of(jobId);
      },
    },
    clock,
    keep: { ...FOR_EVER, ...keep },
    onTrouble: (message) => trouble.push(message),
  });
  /** Lets time pass until the promise is settled. */
  const drive = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false;
    void promise.catch(() => {}).then(() => (over = true));
    for (let turns = 0; !over; turns += 1) {
      if (turns > 20_000) throw new Error("the sweep does not end");
      await clock.pass(25);
    }
    return promise;
  };
  const enqueue = (...jobs: NewJob[]) => queue.submit<"enqueue">({ type: "enqueue", jobs, idempotency: null });
  return {
    clock,
    queue,
    retention,
    commits,
    fails,
    removedLogs,
    afterRemoval,
    trouble,
    drive,
    enqueue,
    sweep: (): Promise<Swept> => drive(retention.sweep()),
    days(days: number): void {
      clock.time += days * DAY_MS;
    },
    /** Jobs that are over at once. */
    async over(...ids: string[]): Promise<void> {
      await enqueue(...ids.map((id) => newJob(id, { key: null })));
      for (const jobId of ids) await queue.submit<"cancel">({ type: "cancel", jobId, by: "me", reason: "test" });
    },
    /** A job that waits, so that none of the others is the newest. */
    async bystander(): Promise<void> {
      await enqueue(newJob("bystander", { approval: "start" }));
    },
    async kept(): Promise<string[]> {
      const page = await queue.documents.list({ collection: "jobs", limit: 1000 });
      return page.items.map(({ id }) => id).filter((id) => id !== "bystander");
    },
    async count(collection: string): Promise<number> {
      return (await queue.documents.list({ collection, limit: 1000 })).items.length;
    },
    get: async (collection: string, id: string) => (await queue.documents.get([{ collection, id }]))[0] ?? null,
  };
}

describe("jobs that are over", () => {
  it("go after so many days with everything that was theirs, and their ids stay", async () => {
    const hive = await world({ days: 90 });
    await hive.queue.submit<"register">({ type: "register", workerId: "w", registrationId: "r", profile });
    await hive.enqueue(newJob("old", { callback: false, secrets: { token: { sealed: 1 } } }));
    await hive.queue.submit<"claim">({ type: "claim", workerId: "w", claimId: "c" });
    const lease = { jobId: "old", fence: 1 };
    await hive.queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
    const outcome = { end: "failed", error: { code: "x", kind: "work", message: "no" }, result: null } as const;
    await hive.queue.submit<"finish">({ type: "finish", lease, finishId: "f", outcome, log: null });
    hive.days(50);
    await hive.over("young");
    await hive.bystander();
    hive.days(50);

    expect(await hive.sweep()).toMatchObject({ jobs: 1 });
    expect(await hive.kept()).toEqual(["young"]);
    expect(hive.removedLogs).toEqual(["old"]);
    for (const collection of ["attempts", "secrets"]) expect(await hive.count(collection)).toBe(0);
    const events = await hive.queue.documents.list({ collection: "events", limit: 1000 });
    expect(events.items.filter(({ doc }) => doc["jobId"] === "old")).toEqual([]);
    expect(await hive.get("bodies", "old")).toBeNull();
    expect(await hive.get("ids", "old")).toMatchObject({ status: "failed", reason: "x", state: "clear" });
    expect(await hive.sweep()).toEqual({ jobs: 0, logs: 0, leftovers: 0 });
  });

  it("go when there are too many, those that ended first before the others, but none in its first hour", async () => {
    const hive = await world({ jobs: 3 });
    for (const id of ["a", "b", "c", "d", "e"]) {
      await hive.over(id);
      hive.clock.time += 1_000;
    }
    await hive.bystander();
    expect(await hive.sweep()).toMatchObject({ jobs: 0 });
    hive.clock.time += 3_600_000;
    expect(await hive.sweep()).toMatchObject({ jobs: 2 });
    expect(await hive.kept()).toEqual(["c", "d", "e"]);
    expect(await hive.sweep()).toMatchObject({ jobs: 0 });
    await hive.over("f");
    await hive.enqueue(newJob("newest", { approval: "start" }));
    expect(await hive.sweep()).toMatchObject({ jobs: 1 });
    expect(await hive.kept()).toEqual(["d", "e", "f", "newest"]);
  });

  it("stay for ever where nothing else is said", async () => {
    const hive = await world({});
    await hive.over("a");
    await hive.bystander();
    hive.days(5_000);
    expect(await hive.sweep()).toEqual({ jobs: 0, logs: 0, leftovers: 0 });
    expect(await hive.kept()).toEqual(["a"]);
  });

  it("that something waits for do not hold up those behind them", async () => {
    const hive = await world({ days: 1 });
    await hive.enqueue(newJob("told", { callback: true }));
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "told", by: "me", reason: "test" });
    await hive.over(...Array.from({ length: 60 }, (_, n) => `job-${n}`));
    await hive.bystander();
    hive.days(2);
    expect(await hive.sweep()).toMatchObject({ jobs: 60 });
    expect(await hive.kept()).toEqual(["told"]);
  });
});

describe("a sweep", () => {
  it("of very many jobs is many small commits, and whoever asks the queue meanwhile is answered in between", async () => {
    const hive = await world({ days: 1 });
    for (let n = 0; n < 12; n += 1) await hive.over(...Array.from({ length: 100 }, (_, m) => `job-${n}-${m}`));
    await hive.bystander();
    hive.days(2);
    hive.commits.length = 0;
    const sweep = hive.retention.sweep();
    await hive.clock.pass(25);
    await hive.enqueue(newJob("meanwhile", { approval: "start" }));
    expect(await hive.drive(sweep)).toMatchObject({ jobs: 1200 });
    expect(hive.commits.length).toBeGreaterThan(40);
    expect(Math.max(...hive.commits.map(({ changes }) => changes.length))).toBeLessThan(2_000);
    expect(await hive.kept()).toEqual(["meanwhile"]);
  });

  it("of a job with thousands of events takes several commits, and none of them is left", async () => {
    const hive = await world({ days: 1 });
    await hive.queue.submit<"register">({ type: "register", workerId: "w", registrationId: "r", profile });
    await hive.enqueue(newJob("chatty"));
    await hive.queue.submit<"claim">({ type: "claim", workerId: "w", claimId: "c" });
    const lease = { jobId: "chatty", fence: 1 };
    await hive.queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
    for (let from = 0; from < 1_200; from += 100) {
      const events = Array.from({ length: 100 }, (_, n) => ({ type: "message", text: `${from + n}` }));
      await hive.queue.submit<"report">({ type: "report", lease, from, events });
    }
    await hive.queue.submit<"workerGone">({ type: "workerGone", workerId: "w", blame: false, message: "bye" });
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "chatty", by: "me", reason: "test" });
    await hive.bystander();
    hive.days(2);
    hive.commits.length = 0;
    await hive.sweep();
    const of = { index: "job", equals: { jobId: "chatty" } };
    expect((await hive.queue.documents.list({ collection: "events", ...of })).items).toEqual([]);
    expect(Math.max(...hive.commits.map(({ changes }) => changes.length))).toBeLessThan(600);
    expect(await hive.get("ids", "chatty")).toMatchObject({ state: "clear" });
  });

  it("that was cut short by a failed commit is finished by the next", async () => {
    const hive = await world({ days: 1 });
    await hive.over("a", "b", "c");
    await hive.bystander();
    hive.days(2);
    // The jobs are forgotten; what is left of them is not cleared yet when the disk fails.
    hive.fails.on = ({ changes }) => changes.some(({ doc }) => doc?.["state"] === "clear");
    await expect(hive.sweep()).rejects.toThrow(HiveError);
    await hive.clock.pass(5_000);
    expect(await hive.get("ids", "a")).toMatchObject({ state: "clearing" });
    await hive.sweep();
    expect(await hive.kept()).toEqual([]);
    expect(await hive.get("ids", "a")).toMatchObject({ state: "clear" });
  });

  it("leaves the newest event of all, and the job it is of is cleared once there is a newer one", async () => {
    const hive = await world({ days: 1 });
    await hive.over("a");
    await hive.bystander();
    // The newest event is one of a job that can go.
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "bystander", by: "me", reason: "test" });
    await hive.enqueue(newJob("next", { idGiven: false, approval: "start" }));
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "bystander", by: "me", reason: "again" });
    hive.days(2);
    await hive.sweep();
    const newest = hive.queue.lastEvent();
    expect(await hive.get("events", numberId(newest))).not.toBeNull();
  });

  it("starts by itself a minute after the start and every hour, and ends with the server", async () => {
    const hive = await world({ days: 1 });
    await hive.over("a");
    await hive.bystander();
    hive.days(2);
    hive.retention.start();
    await hive.clock.pass(70_000);
    expect(await hive.kept()).toEqual([]);
    await hive.over("b");
    await hive.enqueue(newJob("newer", { approval: "start" }));
    hive.days(2);
    await hive.retention.stop();
    await hive.clock.pass(70_000);
    expect(await hive.kept()).toEqual(["b", "newer"]);
  });

  it("comes more often where things are kept for less than a day, but not more than once a minute", async () => {
    const hive = await world({ days: 0.0001 });
    await hive.bystander();
    hive.retention.start();
    await hive.clock.pass(70_000);
    await hive.over("a");
    await hive.enqueue(newJob("newer", { approval: "start" }));
    await hive.clock.pass(50_000);
    expect(await hive.kept()).toContain("a");
    await hive.clock.pass(30_000);
    expect(await hive.kept()).not.toContain("a");
    await hive.retention.stop();
  });

  it("does nothing and complains of nothing on a dispatcher that is not the queen", async () => {
    const hive = await world({ days: 1 });
    hive.retention.start();
    await hive.queue.stop();
    await hive.clock.pass(70_000);
    expect(hive.trouble).toEqual([]);
  });
});

describe("what else is old", () => {
  it("logs go before their jobs, each once, and not those of a job that went on", async () => {
    const hive = await world({ logDays: 30 });
    await hive.over("a", "again");
    await hive.bystander();
    hive.days(29);
    await hive.queue.submit<"retry">({ type: "retry", jobId: "again", by: "me" });
    hive.days(2);
    expect(await hive.sweep()).toEqual({ jobs: 0, logs: 1, leftovers: 0 });
    expect(hive.removedLogs).toEqual(["a"]);
    expect(await hive.get(MARKS.logs.collection, MARKS.logs.id)).toMatchObject({ id: "a" });
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "again", by: "me", reason: "test" });
    await hive.sweep();
    hive.days(31);
    await hive.sweep();
    expect(hive.removedLogs).toEqual(["a", "again"]);
    expect(await hive.kept()).toEqual(["a", "again"]);
  });

  it("logs of a job that is retried at that very moment stay", async () => {
    const hive = await world({ logDays: 30 });
    await hive.over("a", "b");
    await hive.bystander();
    hive.days(31);
    const { documents } = hive.queue;
    const { list } = documents;
    Object.assign(documents, {
      async list(query: Parameters<typeof list>[0]) {
        const page = await list(query);
        if (query.index === "ended") await hive.queue.submit<"retry">({ type: "retry", jobId: "b", by: "me" });
        return page;
      },
    });
    expect(await hive.sweep()).toMatchObject({ logs: 1 });
    expect(hive.removedLogs).toEqual(["a"]);
  });

  it("logs of a job that went on and ended again, while those before it were removed, stay", async () => {
    const hive = await world({ logDays: 30 });
    await hive.over("a", "b");
    await hive.bystander();
    hive.days(31);
    hive.afterRemoval.of = async () => {
      await hive.queue.submit<"retry">({ type: "retry", jobId: "b", by: "me" });
      await hive.queue.submit<"cancel">({ type: "cancel", jobId: "b", by: "me", reason: "test" });
    };
    expect(await hive.sweep()).toMatchObject({ logs: 1 });
    expect(hive.removedLogs).toEqual(["a"]);
  });

  it("ids are forgotten after their own time, and with them answers, accounts of past days and events of no job", async () => {
    const hive = await world({ days: 10, idDays: 100 });
    await hive.queue.submit<"enqueue">({
      type: "enqueue",
      jobs: [newJob("a")],
      idempotency: { key: "k", hash: "h" },
    });
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "a", by: "me", reason: "test" });
    await hive.queue.submit<"register">({ type: "register", workerId: "w", registrationId: "r", profile });
    await hive.bystander();
    hive.days(11);
    expect(await hive.sweep()).toEqual({ jobs: 1, logs: 0, leftovers: 1 });
    expect([await hive.count("ids"), await hive.count("answers")]).toEqual([1, 1]);
    hive.days(90);
    expect(await hive.sweep()).toEqual({ jobs: 0, logs: 0, leftovers: 2 });
    expect([await hive.count("ids"), await hive.count("answers")]).toEqual([0, 0]);
    expect((await hive.enqueue(newJob("a", { bodyHash: "another" }))).jobs[0]).toMatchObject({ existing: false });
  });

  it("accounts of past days go: of all jobs, of projects and of sources", async () => {
    const hive = await world({ days: 10 });
    await hive.queue.submit<"register">({ type: "register", workerId: "w", registrationId: "r", profile });
    await hive.enqueue(newJob("a"));
    await hive.queue.submit<"claim">({ type: "claim", workerId: "w", claimId: "c" });
    const lease = { jobId: "a", fence: 1 };
    await hive.queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
    const day = dayOf(hive.clock.wall());
    const limits = { usd: 1, tokens: null, minutes: null, turns: null };
    const accounts = [
      { id: dayAccountId(day), kind: "day", name: null, limits },
      { id: projectAccountId(day, "p"), kind: "project", name: "p", limits },
      { id: sourceAccountId(day, "s"), kind: "source", name: "s", limits },
    ] as const;
    const worst = { cost: { nano: 1, known: true }, tokens: 1 };
    await hive.queue.submit<"reserve">({ type: "reserve", lease, callId: "1", worst, accounts });
    expect(await hive.count("accounts")).toBe(3);
    hive.days(12);
    await hive.sweep();
    expect(await hive.count("accounts")).toBe(0);
  });

  it("what became of a schedule's slots goes after the time of ids, but not of a slot whose job lives or that waits", async () => {
    const hive = await world({ idDays: 100 });
    const rules = { overlap: "buffer_one", pauseAfterFailures: null, maxRuns: null } as const;
    const schedule = { id: "nightly", managedBy: "api", spec: {}, specHash: "1", rules } as const;
    const next = { slot: 4, dueAt: 4 };
    await hive.queue.submit<"putSchedule">({ type: "putSchedule", schedule, next: { slot: 1, dueAt: 1 }, revision: 0 });
    const slots = [
      { slot: 1, skip: "missed", message: null },
      { slot: 2, jobs: [newJob("nightly.2", { approval: "start" })] },
      { slot: 3, jobs: [newJob("nightly.3")] },
    ] as const;
    const fire = { type: "fireSchedule", id: "nightly", revision: 1, from: 1, slots, next, by: "clock" } as const;
    await hive.queue.submit<"fireSchedule">(fire);
    hive.days(101);
    expect(await hive.sweep()).toMatchObject({ leftovers: 1 });
    expect(await hive.count("slots")).toBe(2);
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "nightly.2", by: "me", reason: "test" });
    await hive.queue.submit<"pauseSchedule">({
      ...{ type: "pauseSchedule", id: "nightly", paused: true, by: "me", reason: "test", revision: null, next: null },
    });
    expect(await hive.sweep()).toMatchObject({ leftovers: 1 });
    hive.days(101);
    await hive.sweep();
    expect(await hive.count("slots")).toBe(0);
  });

  it("events tell how far they are incomplete", async () => {
    const hive = await world({ days: 1 });
    await hive.over("a");
    const last = hive.queue.lastEvent();
    await hive.bystander();
    hive.days(2);
    await hive.sweep();
    expect(await hive.get(MARKS.events.collection, MARKS.events.id)).toEqual({ upTo: last });
    expect(docKey(MARKS.events)).toBe("marks/events");
  });
});
