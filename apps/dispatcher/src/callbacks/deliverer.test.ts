import { DEFAULT_RULES, type NewJob } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { describe, expect, it } from "vitest";
import { Committer } from "../queue/committer.ts";
import { HandClock, settle } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore, type MemoryFaults } from "../store/memory/memory-store.ts";
import { Deliverer, type Message, type Sent } from "./deliverer.ts";
import { judge, parseRetryAfter } from "./schedule.ts";

const OK: Sent = { status: 204, retryAfter: undefined, excerpt: "" };
const BROKEN: Sent = { status: 500, retryAfter: undefined, excerpt: "out of order" };

async function start(
  answer: (message: Message, signal: AbortSignal) => Sent | Promise<Sent>,
  content = new MemoryContent(),
  clock = new HandClock(),
  faults: MemoryFaults = {},
) {
  const trouble: string[] = [];
  const queue = new Committer({
    openStore: () => new MemoryStore({ content, faults }),
    rules: DEFAULT_RULES,
    clock,
    onTrouble: (message) => trouble.push(message),
  });
  await queue.start();
  const sent: Message[] = [];
  const deliverer = new Deliverer({
    queue,
    clock,
    serverUrl: "https://backend.example/hive",
    onTrouble: (message) => trouble.push(message),
    send: async (message, signal) => {
      sent.push(message);
      return answer(message, signal);
    },
  });
  await deliverer.start();
  return {
    clock,
    content,
    queue,
    deliverer,
    sent,
    trouble,
    enqueue: (id: string, more: Partial<NewJob> = {}) =>
      queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob(id, { callback: true, ...more })], idempotency: null }),
    cancel: (jobId: string) => queue.submit<"cancel">({ type: "cancel", jobId, by: "me", reason: "" }),
    callbacks: async (jobId: string) =>
      (await queue.documents.list({ collection: "callbacks", index: "job", equals: { jobId } })).items.map(
        ({ doc }) => doc,
      ),
    async stop() {
      await deliverer.stop();
      await queue.stop();
    },
  };
}

const typeOf = (message: Message): string => String(JSON.parse(message.body).type);

describe("callbacks", () => {
  it("tell every event of a job in order, with its metadata", async () => {
    const hive = await start(() => OK);
    await hive.enqueue("a", { metadata: { ticket: 7 } });
    await hive.cancel("a");
    await settle();
    expect(hive.sent.map(typeOf)).toEqual(["job.queued", "job.canceled"]);
    expect(JSON.parse(hive.sent[1]?.body ?? "").data).toMatchObject({
      jobId: "a",
      status: "canceled",
      metadata: { ticket: 7 },
    });
    expect((await hive.callbacks("a")).map((doc) => doc["state"])).toEqual(["delivered", "delivered"]);
    await hive.stop();
  });

  it("go to the job's own address, which is not trusted, rather than to the server's, which is", async () => {
    const hive = await start(() => OK);
    await hive.enqueue("own", { callbackUrl: "https://mine.example/x" });
    await hive.enqueue("servers");
    await settle();
    expect(hive.sent.map(({ url, trusted }) => ({ url, trusted }))).toEqual([
      { url: "https://mine.example/x", trusted: false },
      { url: "https://backend.example/hive", trusted: true },
    ]);
    await hive.stop();
  });

  it("are tried again with the same id and the same bytes, and the next one of the job waits its turn", async () => {
    let failing = true;
    const hive = await start(() => (failing ? BROKEN : OK));
    await hive.enqueue("a");
    await hive.cancel("a");
    await settle();
    expect(hive.sent.map(typeOf)).toEqual(["job.queued"]);
    failing = false;
    await hive.clock.pass(6000);
    expect(hive.sent.map(typeOf)).toEqual(["job.queued", "job.queued", "job.canceled"]);
    const [first, second] = hive.sent;
    expect([second?.id, second?.body]).toEqual([first?.id, first?.body]);
    expect(second?.timestamp).not.toBe(first?.timestamp);
    await hive.stop();
  });

  it("of one job do not wait for those of another", async () => {
    const hive = await start((message) => (message.body.includes('"slow"') ? BROKEN : OK));
    await hive.enqueue("slow");
    await hive.enqueue("quick");
    await settle();
    expect((await hive.callbacks("quick")).map((doc) => doc["state"])).toEqual(["delivered"]);
    await hive.stop();
  });

  it("to a receiver that hangs hold up at most eight places, and no other receiver", async () => {
    const hanging: (() => void)[] = [];
    const hive = await start((message) =>
      message.url.includes("hung") ? new Promise((resolve) => hanging.push(() => resolve(OK))) : OK,
    );
    for (let i = 0; i < 20; i += 1) await hive.enqueue(`h${i}`, { callbackUrl: "https://hung.example/" });
    await hive.enqueue("fine");
    await settle();
    expect(hanging).toHaveLength(8);
    expect((await hive.callbacks("fine"))[0]).toMatchObject({ state: "delivered" });
    while (hanging.length > 0) {
      for (const go of hanging.splice(0)) go();
      await settle();
    }
    expect(hive.sent.filter(({ url }) => url.includes("hung"))).toHaveLength(20);
    await hive.stop();
  });

  it("that nobody took are dead after ten tries; the job's next one goes on, and a person can send the dead one again", async () => {
    let failing = true;
    const hive = await start((message) => (failing && typeOf(message) === "job.queued" ? BROKEN : OK));
    await hive.enqueue("a");
    await hive.cancel("a");
    for (let day = 0; day < 10; day += 1) {
      // A jump, as after a night's sleep: every timer in between is due at once.
      hive.clock.time += 86_400_000;
      await hive.clock.pass(1000);
    }
    const [queued, canceled] = await hive.callbacks("a");
    expect(queued).toMatchObject({ state: "dead", tries: 10 });
    expect(canceled).toMatchObject({ state: "delivered" });
    failing = false;
    await hive.queue.submit<"redeliver">({ type: "redeliver", n: Number(queued?.["n"]), by: "me" });
    await settle();
    expect((await hive.callbacks("a"))[0]).toMatchObject({ state: "delivered" });
    await hive.stop();
  });

  it("that were pending when the server stopped are sent by the next one", async () => {
    const first = await start(() => BROKEN);
    await first.enqueue("a");
    await settle();
    await first.stop();
    const second = await start(() => OK, first.content, first.clock);
    await second.clock.pass(6000);
    expect(second.sent.map(typeOf)).toEqual(["job.queued"]);
    expect(second.sent[0]?.id).toBe(first.sent[0]?.id);
    expect(second.sent[0]?.body).toBe(first.sent[0]?.body);
    await second.stop();
  });

  it("of a commit that landed in spite of its error are sent without a restart, before later ones of the job", async () => {
    let fails = false;
    const faults = {
      afterCommit: () => {
        if (!fails) return;
        fails = false;
        throw new Error("the disk took it and then failed");
      },
    };
    const hive = await start(() => OK, new MemoryContent(), new HandClock(), faults);
    fails = true;
    await expect(hive.enqueue("a")).rejects.toMatchObject({ code: "store_failed" });
    for (let turn = 0; turn < 100 && !hive.queue.readiness().ready; turn += 1) await settle();
    await hive.cancel("a");
    await settle();
    expect(hive.sent.map(typeOf)).toEqual(["job.queued", "job.canceled"]);
    await hive.stop();
  });

  it("of this moment do not overtake those that a starting server has not read yet", async () => {
    const first = await start(() => BROKEN);
    await first.enqueue("a");
    await settle();
    await first.stop();
    let slow = Promise.withResolvers<void>();
    slow.resolve();
    const queue = new Committer({
      openStore: () => new MemoryStore({ content: first.content, faults: { beforeRead: () => slow.promise } }),
      rules: DEFAULT_RULES,
      clock: first.clock,
      onTrouble: () => undefined,
    });
    await queue.start();
    const sent: Message[] = [];
    const deliverer = new Deliverer({
      queue,
      clock: first.clock,
      serverUrl: "https://backend.example/hive",
      onTrouble: () => undefined,
      send: (message) => Promise.resolve(sent.push(message)).then(() => OK),
    });
    slow = Promise.withResolvers<void>();
    const starting = deliverer.start();
    await queue.submit<"cancel">({ type: "cancel", jobId: "a", by: "me", reason: "" });
    await settle();
    slow.resolve();
    await starting;
    await first.clock.pass(6000);
    expect(sent.map(typeOf)).toEqual(["job.queued", "job.canceled"]);
    await deliverer.stop();
    await queue.stop();
  });

  it("wait as long as the receiver asks", async () => {
    let tries = 0;
    const hive = await start(() => ((tries += 1) === 1 ? { status: 429, retryAfter: "120", excerpt: "" } : OK));
    await hive.enqueue("a");
    await hive.clock.pass(119_000);
    expect(tries).toBe(1);
    await hive.clock.pass(2_000);
    expect(tries).toBe(2);
    await hive.stop();
  });
});

describe("a stop", () => {
  it("does not wait for receivers that hang: whom they were to tell is told later, under the same id", async () => {
    const content = new MemoryContent();
    const hangs = (_: Message, signal: AbortSignal): Promise<Sent> =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve({ status: null, error: "given up" }));
      });
    const hive = await start(hangs, content);
    for (let n = 0; n < 20; n += 1) await hive.enqueue(`job-${n}`);
    await settle();
    const called = hive.sent.map(({ id }) => id);
    expect(called.length).toBeLessThan(20);
    const stopped = hive.deliverer.stop();
    await hive.clock.pass(2_000);
    await stopped;
    expect(hive.sent.length).toBe(called.length);
    await hive.queue.stop();

    const next = await start(() => OK, content);
    await settle();
    expect(next.sent.map(({ id }) => id)).toEqual(expect.arrayContaining(called));
    expect(next.sent.length).toBe(20);
    expect((await next.callbacks("job-0")).map((doc) => [doc["state"], doc["tries"]])).toEqual([["delivered", 1]]);
    await next.stop();
  });
});

describe("the verdict on a try", () => {
  it("takes only 2xx for success and 410 for an end", () => {
    const half = (): number => 0.5;
    expect(judge(1, 200, null, half)).toEqual({ state: "delivered" });
    expect(judge(1, 302, null, half)).toEqual({ state: "pending", waitMs: 5000 });
    expect(judge(1, 410, null, half)).toEqual({ state: "dead" });
    expect(judge(3, null, null, half)).toEqual({ state: "pending", waitMs: 1_800_000 });
    expect(judge(10, 500, null, half)).toEqual({ state: "dead" });
  });

  it("reads Retry-After as seconds or as a date, and nothing else", () => {
    expect(parseRetryAfter("30", 0)).toBe(30_000);
    expect(parseRetryAfter(new Date(5000).toUTCString(), 1000)).toBe(4000);
    expect(parseRetryAfter("soon", 0)).toBeNull();
    expect(parseRetryAfter(undefined, 0)).toBeNull();
  });
});
