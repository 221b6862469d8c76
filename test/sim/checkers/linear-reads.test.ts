/** The checker is shown good and bad histories of one job, made by hand. */

import type { HiveEvent } from "@hive/core";
import { expect, test } from "vitest";
import type { Entry, JobSeen } from "../history.ts";
import { readsAreLinear } from "./linear-reads.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const BRIEF = { key: null, callback: false, maxAttempts: 1, dependsOn: [] };
const event = (id: number, type: HiveEvent["type"], status: string, fence = 0): HiveEvent => ({
  id,
  type,
  at: 0,
  jobId: "a",
  data: { status, generation: 1, ...(fence === 0 ? {} : { fence }) },
});
/** Queued, given to a worker, back in the queue, given to another, done. */
const EVENTS = [
  event(1, "job.queued", "queued"),
  event(2, "job.leased", "running", 1),
  event(3, "job.retrying", "queued", 1),
  event(4, "job.leased", "running", 2),
  event(5, "job.succeeded", "succeeded", 2),
];

const read = (sentAt: number, at: number, status: string, fence = 0): Entry => {
  const job: JobSeen = { status, reason: null, generation: 1, fence, workerId: null, waitsFor: [], bodyHash: "" };
  return { kind: "read", sentAt, at, id: "a", job };
};
const taken = (sentAt: number, at: number): Entry => ({
  ...{
    kind: "enqueue",
    sentAt,
    at,
    id: "a",
    bodyHash: "",
    brief: BRIEF,
    outcome: "ok",
    existing: false,
    status: "queued",
  },
});
const granted = (at: number, fence: number): Entry => ({ kind: "granted", at, worker: "w", jobId: "a", fence });
const finished = (sentAt: number, at: number, fence: number): Entry => ({
  ...{ kind: "write", sentAt, at, worker: "w", jobId: "a", fence, what: "finish", outcome: "ok", token: null },
  ...{ finishId: null, status: "succeeded" },
});

const forgotten = (sentAt: number, at: number): Entry => ({
  ...{ kind: "forgotten", sentAt, at, wall: at, id: "a", status: "succeeded" },
});

const broken = (...entries: Entry[]): number => {
  const gone = entries.some(({ kind }) => kind === "forgotten") ? [["a", "succeeded"] as const] : [];
  return readsAreLinear({ ...NOTHING_SEEN, entries, events: EVENTS, forgotten: new Map(gone) }).length;
};

test("reads that follow the job, and reads side by side in any order, are fine", () => {
  expect(broken(taken(0, 1), read(2, 3, "queued"), read(4, 5, "running", 1), read(6, 7, "queued", 1))).toBe(0);
  expect(broken(read(1, 9, "succeeded", 2), read(2, 8, "running", 1), read(3, 7, "queued"))).toBe(0);
  expect(broken(read(1, 5, "succeeded", 2), read(5, 6, "running", 2))).toBe(0);
  expect(broken(granted(4, 1), read(5, 6, "running", 1), read(7, 8, "running", 1))).toBe(0);
  expect(broken(granted(9, 1), read(5, 6, "running", 2))).toBe(0);
});

test.each<[string, Entry[]]>([
  ["a read goes back behind another that was over", [read(1, 2, "running", 1), read(3, 4, "queued")]],
  ["a read goes back by one fence", [read(1, 2, "running", 2), read(3, 4, "running", 1)]],
  ["a read goes back from the end", [read(1, 2, "succeeded", 2), read(3, 4, "running", 2)]],
  [
    "the third read goes back behind the first",
    [read(1, 2, "queued", 1), read(1, 9, "queued"), read(3, 4, "running", 1)],
  ],
  ["a worker had the job before, and it is read as waiting for its first", [granted(2, 1), read(3, 4, "queued")]],
  ["a worker had it under a higher fence", [granted(2, 2), read(3, 4, "queued", 1)]],
  ["its end was confirmed, and it is read as running", [finished(1, 2, 2), read(3, 4, "running", 2)]],
  ["what was read was never so", [read(1, 2, "canceled")]],
  ["what was read was never so under this fence", [read(1, 2, "succeeded", 1)]],
])("broken: %s", (_what, entries) => {
  expect(broken(...entries)).toBe(1);
});

test("a job that somebody heard is forgotten is read by nobody afterwards", () => {
  const over = read(2, 3, "succeeded", 2);
  expect(broken(taken(0, 1), over, forgotten(4, 5), forgotten(6, 7), taken(8, 9))).toBe(0);
  expect(broken(taken(0, 1), forgotten(4, 8), read(5, 7, "succeeded", 2))).toBe(0);
  expect(broken(taken(0, 1), forgotten(2, 3), read(4, 5, "succeeded", 2))).toBe(1);
});
