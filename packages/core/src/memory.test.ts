import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { Job } from "./job.ts";
import { RULES, queuedJob } from "./queue.fixture.ts";
import { createState } from "./state.ts";

const JOBS = 100_000;

/** Bytes of heap that each of many waiting jobs takes, all indexes included, loaded as from a store: from JSON. */
function bytesPerJob(what: (n: number) => Partial<Job>): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("no gc");
  const state = createState(RULES);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < JOBS; n += 1) {
    const id = `0198f0c2-5c1e-7000-8000-${String(n).padStart(12, "0")}`;
    const stored: unknown = JSON.parse(JSON.stringify(queuedJob(id, { seq: n, order: n, ...what(n) })));
    state.loadJob(stored as Job);
  }
  collect();
  const used = process.memoryUsage().heapUsed - before;
  expect(state.counts.queued).toBe(JOBS);
  return used / JOBS;
}

test("a waiting job takes at most 500 bytes of heap, its id and its places in every index included", () => {
  const roles = ["builder", "tester", null];
  const few = bytesPerJob((n) => ({
    repo: `https://github.com/acme/repository-${n % 40}.git`,
    key: `https://github.com/acme/repository-${n % 40}.git#main`,
    role: roles[n % 3] ?? null,
    labels: n % 2 ? ["linux", "docker"] : [],
    priority: n % 10,
    secrets: ["githubToken"],
  }));
  expect(few).toBeLessThan(500);
});

test("a job with a concurrency key of its own takes at most 650", () => {
  const unique = bytesPerJob((n) => ({ key: `https://github.com/acme/repository.git#branch-${n}` }));
  expect(unique).toBeLessThan(650);
});
