/** The checker of candidates, shown a good history and each way to break it. */

import type { HiveEvent } from "@hive/core";
import { expect, test } from "vitest";
import type { Entry } from "../history.ts";
import { candidatesAreChosenFrom } from "./i13-candidates.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const enqueued: Entry = {
  kind: "enqueue",
  at: 1,
  sentAt: 0,
  id: "a",
  bodyHash: "hash",
  brief: { key: null, callback: false, maxAttempts: 1, dependsOn: [], candidates: 2 },
  outcome: "ok",
  existing: false,
  status: "blocked",
};

type Told = readonly [type: HiveEvent["type"], jobId: string, data: Record<string, unknown>];

const GOOD: readonly Told[] = [
  ["job.blocked", "a", { status: "blocked" }],
  ["job.leased", "a.1", { status: "running", fence: 1, workerId: "w1", purpose: "work" }],
  ["job.leased", "a.2", { status: "running", fence: 1, workerId: "w2", purpose: "work" }],
  ["job.succeeded", "a.1", { status: "succeeded", fence: 1, result: { commit: "c" } }],
  ["job.progress", "a", { status: "blocked" }],
  ["job.failed", "a.2", { status: "failed", fence: 1 }],
  ["job.chosen", "a", { status: "blocked", candidate: 1, candidateId: "a.1" }],
  ["job.leased", "a", { status: "running", fence: 1, workerId: "w1", purpose: "publish" }],
  ["job.succeeded", "a", { status: "succeeded", fence: 1 }],
  ["job.leased", "a", { status: "running", fence: 2, workerId: "w1", purpose: "work", generation: 2 }],
];

/** A history of these events, with what two workers were told where to start. */
function found(told: readonly Told[], starts: readonly string[] = ["c1", "c1"]): readonly string[] {
  const events = told.map(
    ([type, jobId, data], place): HiveEvent => ({
      id: place + 1,
      type,
      at: place,
      jobId,
      data: { generation: 1, ...data },
    }),
  );
  const acts = starts.map(
    (start, place): Entry => ({
      kind: "act",
      at: place,
      worker: `w${place + 1}`,
      jobId: `a.${place + 1}`,
      fence: 1,
      what: `start ${start}`,
    }),
  );
  return candidatesAreChosenFrom({ ...NOTHING_SEEN, entries: [enqueued, ...acts], events });
}

const without = (...types: readonly string[]): Told[] =>
  GOOD.filter(([type, jobId]) => !types.includes(`${type} ${jobId}`));

test("nothing is found in a good history", () => {
  expect(found(GOOD)).toEqual([]);
});

test("two that started apart", () => {
  expect(found(GOOD, ["c1", "c2"])).toEqual([
    expect.stringMatching(/^I13: a\.2\/1 began .* others of a in generation 1/),
  ]);
});

test("a choice before all are over, and one of nothing", () => {
  expect(found(without("job.failed a.2"))).toEqual([
    expect.stringMatching(/^I13: a had a\.1 chosen .* while a\.2 lived/),
  ]);
  const other: Told[] = GOOD.map(([type, jobId, data]) => [
    type,
    jobId,
    { ...data, ...(type === "job.chosen" ? { candidateId: "a.2" } : {}) },
  ]);
  expect(found(other)).toEqual([expect.stringMatching(/^I13: a had a\.2 chosen .* which left nothing/)]);
});

test("a job that was given away before a choice, or to do the work itself", () => {
  expect(found(without("job.chosen a"))).toEqual([expect.stringMatching(/^I13: a was given away to publish/)]);
  const worked: Told[] = GOOD.map(([type, jobId, data]) => [type, jobId, { ...data, purpose: "work" }]);
  expect(found(worked)).toEqual([expect.stringMatching(/^I13: a was given away to work/)]);
});
