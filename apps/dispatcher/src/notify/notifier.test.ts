import { DEFAULT_RULES, type NewJob } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { afterEach, describe, expect, it } from "vitest";
import { Committer } from "../queue/committer.ts";
import type { Queue, Readiness } from "../queue/contract.ts";
import { HandClock, settle } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { type MemoryFaults, MemoryStore } from "../store/memory/memory-store.ts";
import type { Message, Sent } from "./message.ts";
import { createNotifier } from "./notifier.ts";
import { notifySchema } from "./notify-settings.ts";

const OK: Sent = { ok: true, said: "200 ok" };
const MINUTE = 60_000;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface World {
  readonly content?: MemoryContent;
  readonly clock?: HandClock;
  readonly faults?: MemoryFaults;
  readonly channels?: object;
  readonly answer?: (message: Message) => Sent | Promise<Sent>;
  /** The queue as the notifier sees it. Default: as it is. */
  readonly seen?: (queue: Committer) => Queue;
}

/** A queue over a store in memory with a notifier beside it. */
async function start({ content = new MemoryContent(), clock = new HandClock(), faults = {}, ...more }: World = {}) {
  const queue = new Committer({
    openStore: () => new MemoryStore({ content, faults }),
    rules: DEFAULT_RULES,
    clock,
    onTrouble: () => {},
  });
  await queue.start();
  const sent: Message[] = [];
  const pools: { name: string; state: string; message: string }[] = [];
  const settings = notifySchema.parse(more.channels ?? { team: { type: "slack", url: { env: "X" } } });
  const notifier = createNotifier({
    queue: more.seen?.(queue) ?? queue,
    ...{ clock, publicUrl: "https://hive.example", onTrouble: () => {}, pools: () => pools, sources: () => [] },
    channels: settings.map((one) => ({
      settings: one,
      sender: {
        type: one.type,
        send: async (message) => {
          sent.push(message);
          return more.answer?.(message) ?? OK;
        },
      },
    })),
  });
  notifier.start();
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await notifier.stop();
    await queue.stop();
  };
  stops.push(stop);
  return {
    ...{ queue, clock, content, sent, pools, notifier, stop },
    enqueue: (id: string, job: Partial<NewJob> = {}) =>
      queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob(id, job)], idempotency: null }),
    hold: (id: string) =>
      queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob(id, { approval: "start" })], idempotency: null }),
    headlines: () => sent.flatMap(({ items }) => items.map(({ headline }) => headline)),
  };
}

const waits = (id: string): string => `Job ${id} waits for your approval before it starts`;

describe("what waits for somebody", () => {
  it("is told with a link to the job", async () => {
    const hive = await start();
    await hive.hold("a");
    await hive.enqueue("b");
    await hive.clock.pass(3_000);
    expect(hive.headlines()).toEqual([waits("a")]);
    expect(hive.sent[0]?.items[0]).toMatchObject({ url: "https://hive.example/jobs/a", reason: "approval" });
    expect(hive.notifier.list()).toMatchObject([{ name: "team", waiting: 0, toldAt: expect.any(Number) }]);
  });

  it("is not told any more once somebody decided", async () => {
    const hive = await start();
    await hive.hold("a");
    await hive.hold("b");
    await hive.queue.submit<"approve">({ type: "approve", jobId: "a", by: "me", sha256: null });
    await hive.clock.pass(3_000);
    expect(hive.headlines()).toEqual([waits("b")]);
    await hive.hold("c");
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "c", by: "me", reason: "" });
    await hive.clock.pass(2 * MINUTE);
    expect(hive.sent).toHaveLength(1);
  });

  it("at a start is told once, after a minute, and what was told then is not told again", async () => {
    const first = await start();
    await first.hold("a");
    await first.clock.pass(10_000);
    await first.stop();
    const second = await start({ content: first.content, clock: first.clock });
    await second.clock.pass(30_000);
    await second.hold("b");
    await second.clock.pass(10_000);
    expect(second.headlines()).toEqual([waits("b")]);
    await second.clock.pass(10 * MINUTE);
    expect(second.headlines()).toEqual([waits("b"), waits("a")]);
  });

  it("of a commit that landed in spite of its error is told, once", async () => {
    let fails = false;
    const faults = {
      afterCommit: () => {
        if (!fails) return;
        fails = false;
        throw new Error("the disk took it and then failed");
      },
    };
    const hive = await start({ faults });
    // What is told of a beginning is over.
    await hive.clock.pass(2 * MINUTE);
    fails = true;
    await expect(hive.hold("a")).rejects.toMatchObject({ code: "store_failed" });
    for (let turn = 0; turn < 100 && !hive.queue.readiness().ready; turn += 1) await settle();
    await hive.hold("b");
    await hive.clock.pass(10 * MINUTE);
    expect(hive.headlines().toSorted()).toEqual([waits("a"), waits("b")]);
  });
});

describe("of several dispatchers", () => {
  it("only the queen tells; one that becomes the queen begins at the present, and tells what waits", async () => {
    let readiness: Readiness = { ready: true };
    const listeners: ((now: Readiness) => void)[] = [];
    const become = (now: Readiness): void => {
      readiness = now;
      for (const listener of listeners) listener(now);
    };
    const standby = { ready: false, role: "standby", why: "another is", retryAfterMs: 1_000, queen: null } as const;
    const hive = await start({
      seen: (queue) => ({
        submit: (command) => queue.submit(command),
        read: (look) => queue.read(look),
        documents: queue.documents,
        onEffect: (listener) => queue.onEffect(listener),
        onChanges: (listener) => queue.onChanges(listener),
        election: () => queue.election(),
        position: () => queue.position(),
        lastEvent: () => queue.lastEvent(),
        storeName: queue.storeName,
        readiness: () => readiness,
        onReadiness: (listener) => {
          listeners.push(listener);
          return () => {};
        },
      }),
    });
    await hive.hold("gathered");
    become(standby);
    await hive.hold("meanwhile");
    await hive.clock.pass(10 * MINUTE);
    expect(hive.sent).toEqual([]);
    expect(hive.notifier.list()).toMatchObject([{ waiting: 0 }]);
    become({ ready: true });
    await hive.hold("now");
    await hive.clock.pass(10_000);
    expect(hive.headlines()).toEqual([waits("now")]);
    await hive.clock.pass(5 * MINUTE);
    expect(hive.headlines()).toEqual([waits("now"), waits("gathered"), waits("meanwhile")]);
  });
});

describe("a channel", () => {
  it("that hangs holds up no other one, and no job", async () => {
    const slack = { type: "slack", url: { env: "X" } };
    const hive = await start({
      channels: { hung: slack, fine: slack },
      answer: ({ channel }) => (channel === "hung" ? new Promise(() => {}) : OK),
    });
    for (let n = 0; n < 20; n += 1) {
      await hive.hold(`job-${n}`);
      await hive.clock.pass(MINUTE);
    }
    expect(hive.sent.filter(({ channel }) => channel === "hung")).toHaveLength(1);
    expect(hive.sent.filter(({ channel }) => channel === "fine").length).toBeGreaterThanOrEqual(19);
    // What hangs is not waited for at a stop either: the sender is told to give up.
    stops.length = 0;
    await hive.queue.stop();
  });

  it("is tried by a person, who hears what the other side said", async () => {
    const said: Sent = { ok: false, message: "x answered 404 no such hook", retryAfterMs: null, maybe: false };
    const hive = await start({ answer: () => said });
    expect(await hive.notifier.test("team")).toEqual({ ok: false, said: "x answered 404 no such hook", ms: 0 });
    expect(hive.notifier.list()[0]?.lastError?.message).toBe("x answered 404 no such hook");
    await expect(hive.notifier.test("other")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is tried by one person at a time", async () => {
    const answer = Promise.withResolvers<Sent>();
    const hive = await start({ answer: () => answer.promise });
    const first = hive.notifier.test("team");
    await expect(hive.notifier.test("team")).rejects.toMatchObject({ code: "too_many_requests" });
    answer.resolve(OK);
    expect(await first).toMatchObject({ ok: true });
  });

  it("may be told of pools in trouble: at the second look, once, until they are well again", async () => {
    const hive = await start({ channels: { team: { type: "slack", url: { env: "X" }, on: ["pool"] } } });
    const bad = { name: "big", state: "image_missing", message: "there is no image big" };
    hive.pools.push(bad);
    await hive.clock.pass(45_000);
    expect(hive.sent).toEqual([]);
    await hive.clock.pass(10 * MINUTE);
    expect(hive.headlines()).toEqual(["Pool big is in trouble: image missing"]);
    hive.pools.length = 0;
    await hive.clock.pass(MINUTE);
    hive.pools.push(bad);
    await hive.clock.pass(3 * MINUTE);
    expect(hive.sent).toHaveLength(2);
  });

  it("gets the digest at its time, of what happened since", async () => {
    const hive = await start({
      channels: { team: { type: "slack", url: { env: "X" }, on: ["failed"], digest: "08:30" } },
    });
    await hive.hold("a");
    await hive.enqueue("b");
    await hive.queue.submit<"cancel">({ type: "cancel", jobId: "b", by: "me", reason: "" });
    await hive.clock.pass(24 * 60 * MINUTE);
    expect(hive.sent).toHaveLength(1);
    expect(hive.sent[0]).toMatchObject({ title: "Since you left", items: [] });
    expect(hive.sent[0]?.digest.join("\n")).toMatch(
      /\(UTC\): 0 succeeded, 0 failed, 1 canceled\.[^]*wait for you: 1\./,
    );
  });
});
