/** A checker that never complains proves nothing: each one is shown a history in which exactly its promise is broken. */

import type { HiveEvent } from "@hive/core";
import { describe, expect, test } from "vitest";
import type { Entry, JobSeen } from "../history.ts";
import { check } from "./all.ts";
import type { Seen } from "./checker.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const BRIEF = { key: "key-one", callback: true, maxAttempts: 1, dependsOn: [] };
const JOB: JobSeen = {
  status: "succeeded",
  reason: null,
  generation: 1,
  fence: 1,
  workerId: null,
  waitsFor: [],
  bodyHash: "hash",
};

let ids = 0;
function event(type: HiveEvent["type"], jobId: string, data: Record<string, unknown> = {}): HiveEvent {
  ids += 1;
  return { id: ids, type, at: 0, jobId, data: { generation: 1, attempt: 1, ...data } };
}

/** The good life of one job, as events. */
function life(jobId = "a"): HiveEvent[] {
  return [
    event("job.queued", jobId, { status: "queued", attempt: 0 }),
    event("job.leased", jobId, { status: "running", fence: 1, workerId: "w1" }),
    event("job.started", jobId, { status: "running", fence: 1, workerId: "w1" }),
    event("job.succeeded", jobId, { status: "succeeded", fence: 1, workerId: "w1", result: { summary: "token" } }),
  ];
}

const enqueued = (id = "a", more: Partial<Extract<Entry, { kind: "enqueue" }>> = {}): Entry => ({
  kind: "enqueue",
  at: 1,
  sentAt: 0,
  id,
  bodyHash: "hash",
  brief: BRIEF,
  outcome: "ok",
  existing: false,
  status: "queued",
  ...more,
});
const called = (n: number, more: Partial<Called> = {}): Called => ({
  kind: "called",
  at: n,
  messageId: `m${n}`,
  jobId: "a",
  n,
  body: "",
  status: 200,
  ...more,
});
type Called = Extract<Entry, { kind: "called" }>;
const act = (at: number, fence: number, worker: string, jobId = "a"): Entry => ({
  kind: "act",
  at,
  worker,
  jobId,
  fence,
  what: "step",
});
const granted = (at: number, fence: number, worker: string): Entry => ({
  kind: "granted",
  at,
  worker,
  jobId: "a",
  fence,
});
const write = (more: Partial<Extract<Entry, { kind: "write" }>>): Entry => ({
  kind: "write",
  at: 10,
  sentAt: 9,
  worker: "w1",
  jobId: "a",
  fence: 1,
  what: "heartbeat",
  outcome: "ok",
  token: null,
  finishId: null,
  status: null,
  ...more,
});

/** What was seen of a good life, changed. */
function seen(
  change: (good: {
    events: HiveEvent[];
    entries: Entry[];
    jobs: Map<string, JobSeen>;
    logs: Map<string, string>;
    usage: Map<string, { calls: number; nano: number }>;
  }) => void,
): Seen {
  ids = 0;
  const events = life();
  const bodies = events
    .filter(({ type }) => type !== "job.leased")
    .map(({ id, type }) => called(id, { body: JSON.stringify({ type, data: {} }) }));
  const told = bodies.flatMap(({ n }): Entry[] => [
    { kind: "sent", at: n, jobId: "a", n },
    { kind: "heard", at: n, jobId: "a", n, status: 200 },
  ]);
  const entries: Entry[] = [enqueued(), granted(5, 1, "w1"), act(6, 1, "w1"), ...told, ...bodies];
  const good = { events, entries, jobs: new Map([["a", JOB]]), logs: new Map([["a/1", "text"]]), usage: new Map() };
  change(good);
  return {
    ...NOTHING_SEEN,
    ...good,
    written: new Map([["a/1", "text and more"]]),
    finishes: new Map([["a/1 end-one", 12]]),
  };
}

const broken = (change: Parameters<typeof seen>[0]): string => check(seen(change)).join("\n");

describe("the checkers", () => {
  test("find nothing in a good history", () => {
    expect(broken(() => undefined)).toBe("");
  });

  test("I1: an accepted job that is gone, or has another body", () => {
    expect(broken(({ jobs }) => jobs.clear())).toContain("I1: a, accepted at 1, does not exist");
    expect(broken(({ jobs }) => jobs.set("a", { ...JOB, bodyHash: "other" }))).toContain("I1: a has the body other");
  });

  test("I2: a job made twice, two bodies under one id, a life that begins again", () => {
    expect(broken(({ entries }) => entries.push(enqueued()))).toContain("I2: a was made 2 times");
    const conflict = enqueued("a", { bodyHash: "other", existing: true });
    expect(broken(({ entries }) => entries.push(conflict))).toContain("I2: a was accepted with two bodies");
    expect(broken(({ events }) => events.push(event("job.queued", "a", { status: "queued", attempt: 0 })))).toContain(
      "I2: a began again in event 5",
    );
  });

  test("I3: a second end, an end under an old fence, a finish that counted for nothing", () => {
    const again = () => event("job.failed", "a", { status: "failed", fence: 1 });
    expect(broken(({ events }) => events.push(again()))).toContain(
      "I3: a generation 1 ended in event 4 and again in 5",
    );
    expect(
      broken(({ events }) => {
        events.splice(3, 0, event("job.leased", "a", { status: "running", fence: 2, workerId: "w2" }));
      }),
    ).toContain("I3: a generation 1 ended under fence 1, the highest is 2");
    const other = write({ what: "finish", token: "another", status: "succeeded" });
    expect(broken(({ entries }) => entries.push(other))).toContain("is not the one event 4 tells of");
    const lied = write({ what: "finish", token: "token", status: "queued" });
    expect(broken(({ entries }) => entries.push(lied))).toContain("was told queued");
  });

  test("I4: a fence that does not rise, one lease for two workers, two workers at once", () => {
    const twice = () => event("job.leased", "a", { status: "running", fence: 1, workerId: "w1" });
    expect(broken(({ events }) => events.push(twice()))).toContain("I4: a got fence 1 after 1");
    expect(broken(({ entries }) => entries.push(granted(7, 1, "w2")))).toContain("I4: a/1 was given to w1 and w2");
    expect(broken(({ entries }) => entries.push(act(7, 2, "w2"), act(8, 1, "w1")))).toContain(
      'I4: w1 did "step" for a/1',
    );
  });

  test("I5: a write after the next lease was given, an event under an old fence, bytes of somebody else", () => {
    for (const what of ["heartbeat", "logs", "events", "publish", "finish"] as const) {
      const late = write({ what, sentAt: 20, at: 21, token: what === "finish" ? "x" : null, status: "succeeded" });
      expect(broken(({ entries }) => entries.push(granted(15, 2, "w2"), late))).toContain(
        `I5: w1 sent ${what} for a/1`,
      );
    }
    const told = (finishId: string) =>
      broken(({ entries }) =>
        entries.push(
          granted(15, 2, "w2"),
          write({ what: "finish", sentAt: 20, at: 21, finishId, token: "token", status: "succeeded" }),
        ),
      );
    expect(told("end-one")).not.toContain("I5");
    expect(told("end-two")).toContain("I5: w1 sent finish for a/1");
    const old = () => event("job.agent", "a", { status: "running", fence: 1 });
    expect(broken(({ events }) => events.push(old()))).toContain("I5: event 5 (job.agent) of a/1 comes after its end");
    expect(broken(({ logs }) => logs.set("a/1", "zombie"))).toContain(
      "I5: the log of a/1 is not what its worker wrote",
    );
  });

  test("I6: a callback that never came, came out of order, changed, or tells what never happened", () => {
    expect(broken(({ entries }) => entries.pop())).toContain("I6: nobody was called back about event 4");
    expect(
      broken(({ entries }) => {
        const last = entries.pop();
        if (last !== undefined) entries.splice(3, 0, last);
      }),
    ).toContain("for the first time, after event 4");
    const untried = ({ entries }: { entries: Entry[] }) => {
      const kept = entries.filter((entry) => !((entry.kind === "sent" || entry.kind === "heard") && entry.n === 4));
      entries.splice(0, entries.length, ...kept);
    };
    expect(broken(untried)).toContain("I6: the callback of event 4 of a was not even tried until a restart");
    const changed = called(4, { body: JSON.stringify({ type: "job.succeeded", data: { more: 1 } }) });
    expect(broken(({ entries }) => entries.push(changed))).toContain("came with another id or other bytes");
    const invented = called(9, { body: JSON.stringify({ type: "job.failed", data: {} }) });
    expect(broken(({ entries }) => entries.push(invented))).toContain("which never happened");
  });

  test("I8: more leases of a key than its limit, more workers at work for it", () => {
    expect(
      broken(({ events, entries }) => {
        entries.push(enqueued("b"));
        events.splice(2, 0, event("job.leased", "b", { status: "running", fence: 1, workerId: "w2" }));
        events.splice(0, events.length, ...events.map((one, place) => ({ ...one, id: place + 1 })));
      }),
    ).toContain("I8: with b");
    expect(
      broken(({ entries }) => {
        entries.push(enqueued("b"), act(7, 1, "w2", "b"), act(8, 1, "w1"));
      }),
    ).toContain("I8: at 7 2 workers act for key-one");
  });

  test("I8: a call that a budget could not pay for, and one that was paid twice", () => {
    const told = (callId: string, what: "asked" | "admitted" | "settling" | "settled", at: number, tokens: number) =>
      ({
        kind: "call",
        at,
        sentAt: at - 1,
        jobId: "a",
        fence: 1,
        generation: 1,
        callId,
        day: "2023-11-14",
        what,
        tokens,
      }) as const;
    const twice = (entries: Entry[], tokens: number) =>
      entries.push(told("c1", "admitted", 10, tokens), told("c2", "admitted", 20, tokens));
    expect(broken(({ entries }) => twice(entries, 51))).toContain("I8: c2 of a was admitted at 20 although its job");
    expect(broken(({ entries }) => twice(entries, 50))).toBe("");
    const billed = (entries: Entry[]) =>
      entries.push(told("c1", "admitted", 10, 9), told("c1", "settling", 11, 3), told("c1", "settled", 12, 3));
    const shown = (calls: number, nano: number) =>
      broken(({ entries, usage }) => {
        billed(entries);
        usage.set("a", { calls, nano });
      });
    expect(shown(1, 3_000)).toBe("");
    expect(shown(1, 6_000)).toContain("I8: the calls of a (1 to 1) came to 3000 to 3000, but 1 for 6000 are shown");
    expect(shown(2, 3_000)).toContain("but 2 for 3000 are shown");
    expect(shown(0, 0)).toContain("but 0 for 0 are shown");
  });

  test("I9: too many failures, too many losses, a loss that never began", () => {
    const attempts = (code: string, times: number, begun: boolean) => {
      const events: HiveEvent[] = [];
      for (let fence = 1; fence <= times; fence += 1) {
        events.push(event("job.leased", "a", { status: "running", fence, workerId: "w1" }));
        if (begun) events.push(event("job.started", "a", { status: "running", fence }));
        events.push(event("job.retrying", "a", { status: "queued", fence, error: { code } }));
      }
      return events;
    };
    const with_ = (code: string, times: number, begun: boolean): string =>
      broken(({ events }) => {
        ids = 0;
        events.splice(0, events.length, ...attempts(code, times, begun));
      });
    expect(with_("broken", 2, true)).toContain("I9: a generation 1 failed 2 times, allowed are 1");
    expect(with_("worker_lost", 4, true)).toContain("I9: a generation 1 was lost 4 times");
    expect(with_("worker_lost", 1, false)).toContain("I9: a/1 was counted as a loss and never began");
    expect(with_("broken", 1, true)).not.toContain("I9");
  });

  test("I10: a job that nothing moves any more", () => {
    expect(broken(({ jobs }) => jobs.set("a", { ...JOB, status: "queued" }))).toContain("I10: a is still queued");
    expect(broken(({ jobs }) => jobs.set("a", { ...JOB, status: "blocked", waitsFor: ["b"] }))).toContain("I10: a");
    expect(broken(({ jobs }) => jobs.set("a", { ...JOB, status: "held", reason: "approval" }))).not.toContain("I10");
  });

  test("I11: a comment that is gone, there twice, out of order, not given, given after it was done, or left waiting", () => {
    const said = (n: number, message = `words ${n}`): HiveEvent => event("job.commented", "a", { n, message });
    const taken = (n: number): Entry => ({ kind: "comment", at: 5, id: "a", text: "words 1", outcome: "ok", n });
    const leased = (fence: number, comments?: object): HiveEvent =>
      event("job.leased", "a", {
        purpose: "work",
        fence,
        workerId: "w1",
        ...(comments === undefined ? {} : { comments }),
      });
    const one = { after: 0, upTo: 1 };
    const hear = (...events: HiveEvent[]): string => broken((good) => void good.events.push(...events));
    expect(broken(({ entries }) => entries.push(taken(1)))).toContain('"words 1" was taken at 5 as comment 1 of a');
    expect(hear(said(1), said(2, "words 1"))).toContain('I11: "words 1" is there 2 times');
    expect(hear(said(2))).toContain("is comment 2 of a");
    expect(hear(said(1), leased(2))).toContain("was given undefined of a, not");
    const done = event("job.succeeded", "a", { fence: 2 });
    expect(hear(said(1), leased(2, one), done, leased(3, one))).toContain('was given {"after":0,"upTo":1} of a');
    expect(hear(said(1), leased(2, one), done)).not.toContain("I11");
    expect(hear(said(1))).toContain("I11: a is over (succeeded) and 1 comments wait");
    const wanted = event("job.cancel_requested", "a", { fence: 2 });
    expect(hear(leased(2), wanted, said(1))).not.toContain("I11");
  });

  test("I12: a quota that cost a failure, a job parked too short, and one given out before its time", () => {
    const until = 9_000;
    const told: Entry = { kind: "quota", at: 7, jobId: "a", fence: 2, parked: true, until };
    const leased = (fence: number, at: number): HiveEvent => ({
      ...event("job.leased", "a", { fence, workerId: "w1" }),
      at,
    });
    const back = (data: Record<string, unknown>): HiveEvent => event("job.retrying", "a", { fence: 2, ...data });
    const hear = (...events: readonly HiveEvent[]): string =>
      broken((good) => {
        good.entries.push(told);
        good.events.push(leased(2, 0), ...events);
      });
    expect(hear(back({ error: { code: "agent_error" } }))).toContain("I12: the quota of a/2 told at 7 ended in event");
    expect(hear(event("job.failed", "a", { fence: 2, reason: "agent_error" }))).toContain("I12");
    expect(hear(back({ reason: "quota", runAt: 8_000 }))).toContain("I12: the quota of a/2 told at 7 is there at 9000");
    const parked = back({ reason: "quota", runAt: until });
    expect(hear(parked, leased(3, 8_500))).toContain("I12: the quota of a/2 told at 7 parked the job until 9000");
    expect(hear(parked, leased(3, until))).not.toContain("I12");
    expect(hear(event("job.canceled", "a", { fence: 2 }))).not.toContain("I12");
  });

  test("what was seen and taken back: an event, a job, a status, a lease, a begin", () => {
    const other = event("job.failed", "a", { status: "failed" });
    const live: Entry = { kind: "event", at: 3, event: { ...other, id: 3 } };
    expect(broken(({ entries }) => entries.push(live))).toContain("taken back: event 3");
    const read = (id: string, job: JobSeen): Entry => ({ kind: "read", at: 3, sentAt: 2, id, job });
    expect(broken(({ entries }) => entries.push(read("ghost", JOB)))).toContain(
      "ghost was read at 3 and never existed",
    );
    expect(broken(({ entries }) => entries.push(read("a", { ...JOB, status: "failed" })))).toContain(
      "a was read as failed",
    );
    expect(broken(({ entries }) => entries.push(read("a", { ...JOB, workerId: "w9" })))).toContain("as being with w9");
    expect(broken(({ entries }) => entries.push(granted(9, 7, "w1")))).toContain("taken back: w1 got a/7");
    expect(broken(({ entries }) => entries.push(write({ fence: 7 })))).toContain("taken back: the begin of a/7");
  });
});
