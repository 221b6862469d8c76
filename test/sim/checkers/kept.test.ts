import type { HiveEvent } from "@hive/core";
import { expect, test } from "vitest";
import type { Entry, JobBrief } from "../history.ts";
import { KEEP_MS } from "../rules.ts";
import type { Seen } from "./checker.ts";
import { onlyTheOldIsForgotten } from "./kept.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const BRIEF: JobBrief = { key: null, callback: false, maxAttempts: 1, dependsOn: [] };
const ENDED_AT = 100;
const OLD_AT = ENDED_AT + KEEP_MS;

const event = (id: number, jobId: string, status: string, at: number, data: object = {}): HiveEvent => ({
  ...{ id, type: status === "queued" ? "job.queued" : "job.succeeded", at, jobId },
  data: { generation: 1, status, ...data },
});
const EVENTS = [event(1, "a", "queued", 0), event(2, "a", "succeeded", ENDED_AT)];

const told = (wall: number, status = "succeeded", id = "a"): Entry => ({
  ...{ kind: "forgotten", at: wall, sentAt: wall - 1, wall, id, status },
});
const putIn = (id: string, sentAt: number, more: Partial<Extract<Entry, { kind: "enqueue" }>> = {}): Entry => ({
  ...{ kind: "enqueue", at: sentAt + 1, sentAt, id, bodyHash: "hash", brief: BRIEF },
  ...{ outcome: "ok", existing: true, status: "succeeded" },
  ...more,
});

function broken(entries: readonly Entry[], more: Partial<Seen> = {}): string {
  const forgotten = new Map([["a", "succeeded"]]);
  return onlyTheOldIsForgotten({ ...NOTHING_SEEN, events: EVENTS, forgotten, entries, ...more }).join("\n");
}

test("nothing is found where an old job went, and is the same job for whoever puts it in again", () => {
  const swept = new Set([1, 2]);
  expect(broken([told(OLD_AT), putIn("a", OLD_AT + 1)], { swept })).toBe("");
  const conflict = putIn("a", OLD_AT + 1, { outcome: "id_conflict", existing: false, status: null });
  expect(broken([told(OLD_AT), conflict], { swept })).toBe("");
});

test("a job that lives, is young, went on, ended otherwise, or never was is not forgotten", () => {
  expect(broken([told(OLD_AT - 1)])).toContain(`a was forgotten by ${OLD_AT - 1}, ${KEEP_MS - 1} ms after`);
  expect(broken([told(OLD_AT)], { events: EVENTS.slice(0, 1) })).toContain("event 1 says queued");
  const again = [...EVENTS, event(3, "a", "queued", ENDED_AT + 1, { generation: 2 })];
  expect(broken([told(OLD_AT)], { events: again })).toContain("event 3 says queued");
  expect(broken([told(OLD_AT, "failed")])).toContain("to have ended failed; event 2 says succeeded");
  expect(broken([told(OLD_AT, "failed", "ghost")])).toContain("ghost was told at");
});

test("a candidate is as old as the job it works for", () => {
  const family = [event(1, "a", "queued", 0), event(2, "a", "succeeded", ENDED_AT), event(3, "a.1", "canceled", 900)];
  const gone = (wall: number): readonly Entry[] => [told(wall, "canceled", "a.1")];
  expect(broken(gone(OLD_AT), { events: family })).toBe("");
  expect(broken(gone(OLD_AT - 1), { events: family })).toContain("a.1 was forgotten by");
});

test("a forgotten job that is put in again is neither a new one nor another end", () => {
  const anew = putIn("a", OLD_AT + 1, { existing: false, status: "queued" });
  expect(broken([told(OLD_AT), anew])).toContain("was put in at");
  const otherwise = putIn("a", OLD_AT + 1, { status: "failed" });
  expect(broken([told(OLD_AT), otherwise])).toContain("answered failed");
  // Asked for before anybody was told of it.
  expect(broken([told(OLD_AT), putIn("a", OLD_AT - 1, { existing: false, status: "queued" })])).toBe("");
});

test("a job that waited for one that is forgotten is not canceled for it", () => {
  const waiting = putIn("b", 1, { brief: { ...BRIEF, dependsOn: ["a"] }, existing: false, status: "blocked" });
  const canceled = event(3, "b", "canceled", OLD_AT, { reason: "dependency_failed" });
  expect(broken([waiting], { events: [...EVENTS, canceled] })).toContain("event 3 canceled b for its dependencies");
  const failed = [event(1, "a", "queued", 0), event(2, "a", "failed", ENDED_AT)];
  expect(broken([waiting], { events: [...failed, canceled] })).toBe("");
});

test("events of a job that is there stay, and nothing is left of one that is not", () => {
  const swept = new Set([1]);
  expect(broken([], { swept, forgotten: new Map() })).toContain("event 1 (job.queued) of a is gone");
  expect(broken([told(OLD_AT)], { left: ["the logs of a are still there"] })).toContain("at the end the logs of a");
});
