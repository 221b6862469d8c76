import { DEFAULT_RULES, type Change } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../../../test/peers/tcp-proxy.ts";
import { until } from "../../../../test/e2e/until.ts";
import { systemClock } from "../clock.ts";
import { TERM_MS } from "../leader/watch.ts";
import { type Election, StoreFenced, StoreHeld } from "../store/contract.ts";
import { type Place, redisWorld, type RedisWorld } from "../store/redis/redis.fixture.ts";
import type { RedisStore } from "../store/redis/redis-store.ts";
import { Committer } from "./committer.ts";

const THINGS = [{ name: "things", indexes: [] }];

let world: RedisWorld;
let proxy: TcpProxy;
let place: Place;
let trouble: string[];
beforeEach(async () => {
  world = await redisWorld();
  proxy = await startTcpProxy({ to: world.server.port });
  place = world.place(`redis://127.0.0.1:${proxy.port}`);
  trouble = [];
});
afterEach(async () => {
  await proxy.dispose();
  await world.dispose();
});

async function start(): Promise<Committer> {
  const committer = new Committer({
    openStore: () => place.store({ mono: systemClock.mono }),
    rules: DEFAULT_RULES,
    clock: systemClock,
    onTrouble: (message) => trouble.push(message),
  });
  await committer.start();
  return committer;
}
/** As clients do: the same request again until there is an answer. */
async function enqueue(committer: Committer, id: string): Promise<{ status: string; tries: number }> {
  for (let tries = 1; ; tries += 1) {
    try {
      const { jobs } = await committer.submit<"enqueue">({ type: "enqueue", jobs: [newJob(id)], idempotency: null });
      return { status: jobs[0]?.status ?? "", tries };
    } catch {
      await until("the committer to be ready", () => committer.readiness().ready, { limitMs: 20_000 });
    }
  }
}

describe("the committer on Redis", () => {
  it("whose commit landed without an answer drops everything, loads it again, and doubles nothing", async () => {
    const committer = await start();
    expect(await enqueue(committer, "a")).toEqual({ status: "queued", tries: 1 });
    proxy.cutAnswers();
    const lost = committer.submit<"enqueue">({ type: "enqueue", jobs: [newJob("b")], idempotency: null });
    await expect(lost).rejects.toMatchObject({ code: "store_failed" });
    expect(committer.readiness().ready).toBe(false);
    expect(proxy.counts.answersCut).toBeGreaterThan(0);
    await proxy.heal();
    expect((await enqueue(committer, "b")).status).toBe("queued");
    expect((await enqueue(committer, "c")).status).toBe("queued");
    const { items } = await committer.documents.list({ collection: "jobs", index: "all", equals: {} });
    expect(items.map(({ id, doc }) => [id, doc["seq"]])).toEqual([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    const events = await committer.documents.list({ collection: "events" });
    expect(events.items.map(({ doc }) => doc["jobId"])).toEqual(["a", "b", "c"]);
    expect(committer.election().epoch).toBeGreaterThan(1);
    await committer.stop();
  });

  it("that never sent its commit tells the client so, and goes on when Redis is back", async () => {
    const committer = await start();
    await enqueue(committer, "a");
    proxy.refuse();
    const lost = committer.submit<"enqueue">({ type: "enqueue", jobs: [newJob("b")], idempotency: null });
    await expect(lost).rejects.toMatchObject({ code: "store_failed" });
    await proxy.heal();
    expect((await enqueue(committer, "b")).status).toBe("queued");
    await committer.stop();
  });

  it("loses nothing it acknowledged when Redis is killed in the middle of it, again and again", async () => {
    const committer = await start();
    const acknowledged: string[] = [];
    let isOver = false;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let n = 0; !isOver; n += 1) {
        const id = `c${client}-${n}`;
        await enqueue(committer, id);
        acknowledged.push(id);
      }
    });
    for (let kill = 1; kill <= 4; kill += 1) {
      const before = acknowledged.length;
      await until("some jobs to be acknowledged", () => acknowledged.length > before + 40);
      await world.server.crash();
      await world.server.start();
    }
    isOver = true;
    await Promise.all(clients);
    expect(trouble.length).toBeGreaterThanOrEqual(4);

    const stored = new Map<string, number>();
    for (let page = await committer.documents.list({ collection: "jobs", limit: 1000 }); ; ) {
      for (const { id, doc } of page.items) stored.set(id, Number(doc["seq"]));
      if (page.next === null) break;
      page = await committer.documents.list({ collection: "jobs", limit: 1000, after: page.next });
    }
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    // One number each, without a gap: no half commit was ever built upon.
    expect([...stored.values()].sort((a, b) => a - b)).toEqual(Array.from(stored, (_, i) => i + 1));
    await committer.stop();
  });
});

describe("a commit that Redis carries out after everybody gave up on it", () => {
  it("is refused, for another was elected meanwhile", async () => {
    const old = place.store();
    const election = await old.open(THINGS);
    proxy.hold("requests");
    const late = commit(old, election, [{ collection: "things", id: "late", doc: { n: 1 } }]);
    const other = place.stranger();
    await expect(other().open(THINGS)).rejects.toThrow(StoreHeld);
    place.clock.pass(TERM_MS);
    const next = other();
    await next.open(THINGS);
    await proxy.heal();
    expect(await late).toBeInstanceOf(StoreFenced);
    expect(await next.get([{ collection: "things", id: "late" }])).toEqual([null]);
  });
});

async function commit(store: RedisStore, election: Election, changes: readonly Change[]): Promise<unknown> {
  return store.commit({ election, sequence: 1, changes }).then(
    () => "committed",
    (error: unknown) => error,
  );
}
