/** The checker of groups, shown a good history and each way to break it. */

import type { Delivery, Group, HiveEvent, Tally } from "@hive/core";
import { expect, test } from "vitest";
import type { Entry, FinalLook } from "../history.ts";
import { FLOOD } from "../rules.ts";
import { groupsAreRight } from "./i14-groups.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const SOURCE = "hook-0";

type Told = readonly [type: HiveEvent["type"], jobId: string | null, data: Record<string, unknown>];

function made(fingerprint: string, episode = 1, what: Record<string, unknown> = {}): readonly Told[] {
  const jobId = `${SOURCE}.${fingerprint}.e${episode}`;
  const group = { source: SOURCE, fingerprint, severity: "error", released: false, ...what };
  return [
    ["job.queued", jobId, { status: "queued" }],
    ["group.opened", jobId, group],
  ];
}

function over(fingerprint: string, episode = 1): Told {
  return ["job.succeeded", `${SOURCE}.${fingerprint}.e${episode}`, { status: "succeeded" }];
}

function told(id: string, counts: Readonly<Record<string, number>>): Entry {
  const all = Object.entries(counts).map(([fingerprint, count]) => ({ fingerprint, count }));
  return { kind: "told", at: 0, source: SOURCE, id, counts: all };
}

function group(fingerprint: string, count: number, what: Partial<Group> = {}): Group {
  return {
    ...{ source: SOURCE, fingerprint, title: "", stage: "resolved", severity: "error", firstAt: 0, lastAt: 0, count },
    ...{ recent: [], firing: null, changes: [], wakeAt: null, hold: null, line: null, mute: null, jobs: 1, job: null },
    ...{ regressed: false, released: false, samples: [] },
    ...what,
  };
}

const TALLY: Tally = {
  ...{ source: SOURCE, received: 5, filtered: 0, grouped: 5, overflow: 0, jobs: 3, open: {}, opened: [] },
  ...{ groups: 2, due: 0, held: 0, deliveries: 2, waiting: 0, episodes: 0, fullAt: null },
};

const DELIVERY: Delivery = {
  ...{ source: SOURCE, id: "d1", receivedAt: 0, state: "processed", message: null, bytes: 1, sealed: null },
  ...{ seen: null, times: 1, replays: 0 },
};

const GOOD = {
  events: [...made("a"), ...made("b"), over("a"), ...made("a", 2), over("a", 2), over("b")],
  entries: [told("d1", { a: 2, b: 1 }), told("d2", { a: 2 }), told("d1", { a: 2, b: 1 })],
  groups: [group("a", 4), group("b", 1)],
  tallies: [TALLY],
  deliveries: [DELIVERY],
};

function broken(what: Partial<typeof GOOD>): string {
  const { events, entries, groups, tallies, deliveries } = { ...GOOD, ...what };
  const stream = events.map(([type, jobId, data], n): HiveEvent => ({ id: n + 1, type, at: n, jobId, data }));
  const sources: FinalLook["sources"] = { groups, tallies, deliveries };
  return groupsAreRight({ ...NOTHING_SEEN, entries, events: stream, sources }).join("\n");
}

test("a good history breaks nothing", () => {
  expect(broken({})).toBe("");
});

test("counted twice, not at all, or another sum than the tally's", () => {
  expect(broken({ groups: [group("a", 6), group("b", 1)] })).toContain(`${SOURCE}/a was told 4 times, and counts 6`);
  expect(broken({ groups: [group("a", 4)] })).toContain(`${SOURCE}/b was told 1 times, and counts 0`);
  expect(broken({ tallies: [{ ...TALLY, grouped: 4 }] })).toContain("its tally says 4");
});

test("a second job of a group, the same job again, too many at once, too many within an hour", () => {
  expect(broken({ events: [...made("a"), ...made("a", 2)] })).toContain("e2 while hook-0.a.e1 was not over");
  expect(broken({ events: [...made("a"), over("a"), ...made("a")] })).toContain("made again in event 5");
  const many = ["a", "b", "c"].flatMap((name) => made(name));
  expect(broken({ events: many })).toContain("the 3th that is open");
  const free = ["a", "b", "c"].flatMap((name) => made(name, 1, { released: true }));
  expect(broken({ events: free })).not.toContain("open");
  const often = Array.from({ length: (FLOOD.perHour ?? 0) + 1 }, (_, n) => [...made("a", n + 1), over("a", n + 1)]);
  expect(broken({ events: often.flat() })).toContain("the 7th within an hour");
});

test("what waits in the end: a delivery, a group that is due, one held for a free place, one whose job is over", () => {
  expect(broken({ deliveries: [{ ...DELIVERY, state: "received" }] })).toContain("d1 was never looked at");
  const stands = (what: Partial<Group>): string => broken({ groups: [group("a", 4, what), group("b", 1)] });
  expect(stands({ stage: "due" })).toContain("is due in the end");
  expect(stands({ stage: "open" })).toContain("in the end");
  const held = (reason: "max_open" | "cooldown"): string =>
    stands({ stage: "held", hold: { reason, since: 0, message: "" } });
  expect(held("max_open")).toContain("is held for a place that is free");
  expect(held("cooldown")).toContain("is held for a cooldown that is over");
  expect(stands({ stage: "held" })).toContain("its tally says 0");
  expect(broken({ tallies: [{ ...TALLY, jobs: 4 }] })).toContain("made 3 jobs, its tally says 4");
});
