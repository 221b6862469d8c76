/**
 * What a claim costs is counted in comparisons of jobs, not in time, so that this holds on any machine.
 */

import { describe, expect, test } from "vitest";
import { profile, queuedJob } from "./queue.fixture.ts";
import type { Job } from "./job.ts";
import { Ready, sooner } from "./ready.ts";
import { requirementOf } from "./requirement.ts";

const ANY = profile();

/** A ready list of its own world: which jobs are queued, how many of a key may run, and a count of comparisons. */
function world(limit: (key: string) => number = () => Number.POSITIVE_INFINITY) {
  const queued = new Set<Job>();
  const running = new Map<string, number>();
  const seen = { comparisons: 0 };
  const isOpen = (key: string) => (running.get(key) ?? 0) < limit(key);
  const ready = new Ready({
    isLive: (job) => queued.has(job),
    isOpen,
    before: (a, b) => {
      seen.comparisons += 1;
      return sooner(a, b);
    },
  });
  let order = 0;
  const add = (what: Partial<Job> = {}): Job => {
    order += 1;
    const job = queuedJob(`j${order}`, { order, ...what });
    queued.add(job);
    ready.add(job);
    return job;
  };
  const remove = (job: Job) => {
    queued.delete(job);
    ready.remove(job);
  };
  const claim = (skills = ANY): Job | null => {
    const job = ready.best(skills);
    if (job === null) return null;
    remove(job);
    if (job.key !== null) {
      running.set(job.key, (running.get(job.key) ?? 0) + 1);
      if (!isOpen(job.key)) ready.close(job.key);
    }
    return job;
  };
  const finish = (key: string) => {
    running.set(key, (running.get(key) ?? 1) - 1);
    if (isOpen(key)) ready.open(key);
  };
  const cost = (what: () => unknown): number => {
    const before = seen.comparisons;
    what();
    return seen.comparisons - before;
  };
  return { ready, add, remove, claim, finish, cost };
}

describe("ready jobs", () => {
  test("a claim costs a few comparisons more with a hundred thousand waiting than with ten", () => {
    const costs = [10, 100_000].map((waiting) => {
      const { add, claim, cost } = world();
      for (let n = 0; n < waiting; n += 1) add({ priority: n % 10, role: `role ${n % 3}` });
      return cost(claim);
    });
    const [few = 0, many = 0] = costs;
    expect(few).toBeGreaterThan(0);
    expect(many).toBeLessThanOrEqual(few + 2 * Math.log2(100_000));
  });

  test("fifty thousand jobs of a full key ahead cost nothing", () => {
    const { add, claim, cost } = world((key) => (key === "busy" ? 1 : 2));
    for (let n = 0; n < 50_000; n += 1) add({ key: "busy", priority: 0 });
    expect(claim()?.key).toBe("busy");
    const free = add({ key: "other" });
    let got: Job | null = null;
    expect(cost(() => (got = claim()))).toBeLessThanOrEqual(2);
    expect(got).toBe(free);
    expect(claim()).toBeNull();
  });

  test("with fifty thousand keys of one job each a claim costs a few comparisons too", () => {
    const { add, claim, cost } = world(() => 1);
    for (let n = 0; n < 50_000; n += 1) add({ key: `k${n}` });
    expect(cost(claim)).toBeLessThanOrEqual(2 * Math.log2(50_000));
  });

  test("a key that is open again goes on where it was", () => {
    const { add, claim, finish } = world(() => 1);
    const jobs = [add({ key: "k" }), add({ key: "k" }), add()];
    expect([claim(), claim(), claim()]).toEqual([jobs[0], jobs[2], null]);
    finish("k");
    expect(claim()).toBe(jobs[1]);
  });

  test("a better job added to a waiting key is found first, open or full", () => {
    const { add, claim, finish } = world(() => 1);
    add({ key: "k" });
    const first = add({ key: "k", priority: 1 });
    add({ priority: 2 });
    expect(claim()).toBe(first);
    const best = add({ key: "k", priority: 0 });
    finish("k");
    expect(claim()).toBe(best);
  });

  test("canceled jobs never come out, leave no list behind and do not pile up", () => {
    const { ready, add, remove, claim } = world();
    const jobs = Array.from({ length: 1_000 }, (_, n) => add({ key: n % 2 ? "a" : null, role: n % 3 ? "r" : null }));
    const last = add({ role: "r" });
    expect(ready.requirements).toBe(2);
    for (const job of jobs) remove(job);
    expect(ready.requirements).toBe(1);
    expect(claim()).toBe(last);
    expect(ready.requirements).toBe(0);
  });

  test("jobs nobody here can do cost a claim nothing", () => {
    const { add, claim, cost } = world();
    for (let n = 0; n < 5_000; n += 1) add({ labels: [`label ${n}`], priority: 0 });
    const own = add();
    let got: Job | null = null;
    expect(cost(() => (got = claim()))).toBe(0);
    expect(got).toBe(own);
  });

  test("a requirement is the same for every order of labels, and different for other needs", () => {
    const of = (role: string | null, labels: string[], agent: string | null) => requirementOf({ role, labels, agent });
    expect(of("r", ["b", "a"], null)).toBe(of("r", ["a", "b"], null));
    const different = [
      of(null, [], null),
      of("a", [], null),
      of(null, ["a"], null),
      of(null, [], "a"),
      of("a", ["a"], null),
    ];
    expect(new Set(different).size).toBe(5);
  });
});
