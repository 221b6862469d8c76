// Several dispatchers on one store in memory, each with a clock of its own that the test moves.
import { DEFAULT_RULES, type Effect } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { describe, expect, it } from "vitest";
import { testLeadership } from "../leader/leadership.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { type MemoryFaults, MemoryStore } from "../store/memory/memory-store.ts";
import { Committer } from "./committer.ts";
import { HandClock, settle } from "./queue.fixture.ts";

const TERM_MS = 4_000;

function dispatcher(content: MemoryContent, name: string, faults: MemoryFaults = {}) {
  const clock = new HandClock();
  const { mono } = clock;
  const leadership = testLeadership({ url: `http://${name}`, mono });
  const stores: MemoryStore[] = [];
  const trouble: string[] = [];
  const effects: Effect["type"][] = [];
  const committer = new Committer({
    openStore: () => {
      const store = new MemoryStore({ content, faults, shared: { leadership, mono } });
      stores.push(store);
      return store;
    },
    rules: DEFAULT_RULES,
    clock,
    abstain: (abstains) => leadership.watch.abstain(abstains),
    onTrouble: (message) => trouble.push(message),
  });
  committer.onEffect((effect) => effects.push(effect.type));
  return {
    clock,
    committer,
    trouble,
    effects,
    role: () => {
      const readiness = committer.readiness();
      return readiness.ready ? "queen" : `${readiness.role} of ${readiness.queen?.url ?? "nobody"}`;
    },
    enqueue: (id: string) => committer.submit<"enqueue">({ type: "enqueue", jobs: [newJob(id)], idempotency: null }),
    jobs: () => committer.read((state) => [...state.jobs.keys()]),
    /** Nothing of it does anything any more. */
    kill() {
      for (const store of stores) store.crash();
    },
  };
}

type Dispatcher = ReturnType<typeof dispatcher>;

async function two(faults: MemoryFaults = {}): Promise<readonly [Dispatcher, Dispatcher]> {
  const content = new MemoryContent();
  const [first, second] = [dispatcher(content, "a"), dispatcher(content, "b", faults)];
  await first.committer.start();
  await second.committer.start();
  return [first, second];
}

/** Time passes for both, in small steps. */
async function pass(ms: number, ...all: readonly Dispatcher[]): Promise<void> {
  for (let step = 0; step < ms; step += 50) for (const one of all) await one.clock.pass(50);
}

describe("the second dispatcher of a store", () => {
  it("starts as a standby that knows the queen, and refuses what only she may answer", async () => {
    const [first, second] = await two();
    expect([first.role(), second.role()]).toEqual(["queen", "standby of http://a"]);
    await expect(second.enqueue("x")).rejects.toMatchObject({ code: "not_ready" });
    await expect(second.jobs()).rejects.toMatchObject({ code: "not_ready" });
    await expect(second.committer.documents.list({ collection: "jobs" })).rejects.toMatchObject({ code: "not_ready" });
    await second.committer.stop();
    await first.committer.stop();
  });

  it("stays one for as long as the queen renews, though she has nothing to do", async () => {
    const [first, second] = await two();
    await pass(5 * TERM_MS, first, second);
    expect([first.role(), second.role()]).toEqual(["queen", "standby of http://a"]);
    expect([...first.trouble, ...second.trouble]).toEqual([]);
    await second.committer.stop();
    await first.committer.stop();
  });

  it("follows a queen that was killed after a term and a look, with everything she acknowledged", async () => {
    const [first, second] = await two();
    await first.enqueue("kept");
    await pass(500, first, second);
    first.kill();
    await second.clock.pass(TERM_MS - 500);
    expect(second.role()).toBe("standby of http://a");
    await second.clock.pass(1_000);
    expect(second.role()).toBe("queen");
    expect(await second.jobs()).toEqual(["kept"]);
    expect(second.effects).toEqual(["reloaded"]);
    await second.committer.stop();
  });

  it("follows a queen that stops at her next look", async () => {
    const [first, second] = await two();
    await first.committer.stop();
    await second.clock.pass(250);
    expect(second.role()).toBe("queen");
    await second.committer.stop();
  });

  it("goes on naming the queen while it cannot see the store itself", async () => {
    let away = false;
    const [first, second] = await two({
      beforeElection: () => {
        if (away) throw new Error("no route to the store");
      },
    });
    away = true;
    await pass(3_000, first, second);
    expect(second.role()).toBe("standby of http://a");
    away = false;
    await pass(6_000, first, second);
    expect([first.role(), second.role()]).toEqual(["queen", "standby of http://a"]);
    await second.committer.stop();
    await first.committer.stop();
  });
});

describe("a queen that stops", () => {
  it("finishes what it accepted, is followed within a moment, and names who followed", async () => {
    const [first, second] = await two();
    const accepted = first.enqueue("accepted");
    const over = first.committer.handOver();
    await expect(first.enqueue("late")).rejects.toMatchObject({ code: "not_ready" });
    expect((await accepted).jobs[0]?.status).toBe("queued");
    await pass(300, first, second);
    await over;
    expect([first.role(), second.role()]).toEqual(["standby of http://b", "queen"]);
    expect(await second.jobs()).toEqual(["accepted"]);
    // However long its own stop takes, it is never the queen again.
    second.kill();
    await first.clock.pass(3 * TERM_MS);
    expect(first.role()).not.toBe("queen");
    await first.committer.stop();
  });

  it("is the queen again when there is nobody to follow, so that its own workers can still report", async () => {
    const alone = dispatcher(new MemoryContent(), "a");
    await alone.committer.start();
    const over = alone.committer.handOver();
    await settle();
    expect(alone.role()).toBe("standby of nobody");
    await alone.clock.pass(2_000);
    await over;
    expect(alone.role()).toBe("queen");
    await alone.enqueue("still");
    await alone.committer.stop();
  });

  it("does not wait for ever for a store that went away in the middle of it", async () => {
    let away = false;
    const alone = dispatcher(new MemoryContent(), "a", {
      beforeElection: () => {
        if (away) throw new Error("no route to the store");
      },
    });
    await alone.committer.start();
    away = true;
    const over = alone.committer.handOver();
    await settle();
    await alone.clock.pass(3_000);
    await over;
    expect(alone.role()).toBe("standby of nobody");
    await alone.committer.stop();
  });

  it("hands nothing over where nobody else could have the store", async () => {
    const alone = new Committer({
      openStore: () => new MemoryStore(),
      rules: DEFAULT_RULES,
      clock: new HandClock(),
      onTrouble: () => {},
    });
    await alone.start();
    await alone.handOver();
    expect(alone.readiness().ready).toBe(true);
    await alone.stop();
  });
});

it("a state that takes longer than a term to load is loaded by the queen, for she renews meanwhile", async () => {
  const content = new MemoryContent();
  const before = dispatcher(content, "a");
  await before.committer.start();
  await before.enqueue("much");
  await before.committer.stop();
  const gate = Promise.withResolvers<void>();
  const slow = dispatcher(content, "b", { beforeRead: () => gate.promise });
  const other = dispatcher(content, "c");
  const started = slow.committer.start();
  await settle();
  await other.committer.start();
  await pass(3 * TERM_MS, slow, other);
  expect(other.role()).toBe("standby of http://b");
  gate.resolve();
  await started;
  expect(slow.role()).toBe("queen");
  expect(await slow.jobs()).toEqual(["much"]);
  await other.committer.stop();
  await slow.committer.stop();
});

it("readiness is told when it changes, and only then", async () => {
  const [first, second] = await two();
  const told: string[] = [];
  second.committer.onReadiness((readiness) => told.push(readiness.ready ? "queen" : readiness.role));
  await pass(1_000, first, second);
  expect(told).toEqual([]);
  await first.committer.stop();
  await second.clock.pass(500);
  await second.committer.stop();
  // As a standby it first learned that there is no queen.
  expect(told).toEqual(["standby", "queen", "stopped"]);
});
