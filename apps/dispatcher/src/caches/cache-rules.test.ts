import { TASKS, type Job } from "@hive/core";
import { expect, test } from "vitest";
import { cacheBases, whyNoCacheWrites } from "./cache-rules.ts";

const job: Pick<Job, "task" | "trust" | "run"> = { task: "build", trust: "trusted", run: null };
const atBase = { branch: null, base: null };

test("builds, tests and lints may write; whatever runs more than the base branch's own commands may not", () => {
  const may = TASKS.filter((task) => whyNoCacheWrites({ ...job, task }, atBase) === null);
  expect(may).toEqual(["build", "test", "lint"]);
});

test("a tainted job never writes", () => {
  for (const task of TASKS) expect(whyNoCacheWrites({ ...job, task, trust: "untrusted" }, atBase)).not.toBeNull();
});

test("only a job that works on its base writes", () => {
  expect(whyNoCacheWrites(job, { branch: null, base: "release" })).toBeNull();
  expect(whyNoCacheWrites(job, { branch: "release", base: "release" })).toBeNull();
  expect(whyNoCacheWrites(job, { branch: "feature", base: "main" })).toContain("branch");
  // Whether `main` is the default branch is known to the remote alone.
  expect(whyNoCacheWrites(job, { branch: "main", base: null })).toContain("branch");
});

test("a job somebody wants to cancel writes no more", () => {
  const run = {
    fence: 1,
    attempts: 1,
    failures: 0,
    losses: 0,
    returns: 0,
    lease: null,
    cancel: { at: 1, by: "api", reason: "" },
    announced: [],
    bundle: null,
  };
  expect(whyNoCacheWrites({ ...job, run }, atBase)).toContain("canceled");
});

test("a job reads the caches of its own base, then those of the default branch, and writes its own", () => {
  expect(cacheBases({ base: null })).toEqual([""]);
  expect(cacheBases({ base: "release" })).toEqual(["release", ""]);
});
