/**
 * In any order of calls asked for, settled, repeated, cut off and forgotten, over lost leases, retries and restarts, no
 * account gives more than its limit, and nothing counts twice. What the accounts say is held against a ledger that only
 * remembers what callers were told.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type AccountRef, dayAccountId, jobAccountId } from "./accounts.ts";
import { NO_LIMITS, usdOf } from "./budget.ts";
import type { LeaseRef } from "./command.ts";
import { storedUsage, usageOf } from "./commands/usage.ts";
import { failure, newJob, World } from "./queue.fixture.ts";

const VERBS = ["reserve", "reserve", "reserve", "settle", "settle", "repeat", "cut", "lose", "retry", "restart", "day"];
const JOBS = ["a", "b"];
const JOB_NANO = 1_000;
const DAY_NANO = 2_500;

const number = fc.noBias(fc.nat(9_999));
const rolls = fc.array(fc.record({ what: fc.constantFrom(...VERBS), a: number, b: number }), {
  minLength: 60,
  maxLength: 120,
  size: "max",
});

/** A call as its caller knows it. */
interface Call {
  readonly lease: LeaseRef;
  readonly callId: string;
  readonly worst: number;
  readonly accounts: readonly AccountRef[];
  /** What it is known to have come to; null: not settled. */
  paid: number | null;
}

class Ledger {
  readonly world = new World({ maxLosses: 1_000 });
  readonly calls: Call[] = [];
  readonly #saw: (what: string) => void;
  #day = 1;

  constructor(saw: (what: string) => void) {
    this.#saw = saw;
    for (const id of JOBS) {
      this.world.register(`w-${id}`);
      this.world.enqueue(newJob(id, { key: id, maxAttempts: 1 }));
    }
    for (const id of JOBS) this.world.start(`w-${id}`);
  }

  roll({ what, a, b }: { readonly what: string; readonly a: number; readonly b: number }): void {
    const { world } = this;
    const id = JOBS[a % JOBS.length] ?? "a";
    const call = this.calls[b % Math.max(1, this.calls.length)];
    switch (what) {
      case "reserve":
        return this.#reserve(id, b % 300);
      case "repeat":
        // As a gateway that had no answer: asked for again, or settled again.
        if (call === undefined) return;
        if (call.paid === null) this.#ask(call, "repeated");
        else this.#settle(call, b % (call.worst + 1), a % 2 === 0);
        return;
      case "settle":
        if (call !== undefined) this.#settle(call, b % (call.worst + 1), true);
        return;
      case "cut":
        if (call !== undefined) this.#settle(call, b % (call.worst + 1), false);
        return;
      case "lose":
        return this.#end(id, b);
      case "retry":
        if (["failed", "canceled"].includes(world.job(id).status)) world.do({ type: "retry", jobId: id, by: "p" });
        return this.#start(id);
      case "restart":
        world.restart();
        return this.#saw("restart");
      case "day":
        this.#day += 1;
        return;
    }
  }

  /** What the accounts say is what the calls came to, and nobody has more than allowed. */
  check(): void {
    const wanted = new Map<string, { spent: number; reserved: number; limit: number }>();
    for (const { accounts, worst, paid } of this.calls) {
      for (const { id, kind } of accounts) {
        const sum = wanted.get(id) ?? { spent: 0, reserved: 0, limit: kind === "job" ? JOB_NANO : DAY_NANO };
        if (paid === null) sum.reserved += worst;
        else sum.spent += paid;
        wanted.set(id, sum);
      }
    }
    for (const [id, { spent, reserved, limit }] of wanted) {
      const stored = this.world.store.get(`accounts/${id}`);
      expect([id, stored?.["spentNano"], stored?.["reservedNano"]]).toEqual([id, spent, reserved]);
      expect(spent + reserved, `${id} keeps its limit`).toBeLessThanOrEqual(limit);
    }
    for (const jobId of JOBS) {
      const own = this.calls.filter(({ lease }) => lease.jobId === jobId);
      const cost = own.reduce((sum, { paid, worst }) => sum + (paid ?? worst), 0);
      const used = usageOf(this.world.store.get(`usage/${jobId}`) ?? null, true);
      expect([used?.calls ?? 0, used?.costUsd ?? 0]).toEqual([own.length, usdOf(cost)]);
      const open = storedUsage(this.world.store.get(`usage/${jobId}`) ?? null)?.open ?? {};
      expect(Object.keys(open).length).toBe(own.filter(({ paid }) => paid === null).length);
    }
  }

  #reserve(jobId: string, worst: number): void {
    const job = this.world.job(jobId);
    const fence = job.run?.lease?.fence;
    if (fence === undefined) return;
    const limit = (nano: number) => ({ ...NO_LIMITS, usd: usdOf(nano) });
    const accounts: AccountRef[] = [
      { id: jobAccountId(job), kind: "job", name: null, limits: limit(JOB_NANO) },
      { id: dayAccountId(`2026-11-${this.#day}`), kind: "day", name: null, limits: limit(DAY_NANO) },
    ];
    const call: Call = {
      lease: { jobId, fence },
      callId: `c${this.calls.length}-${worst}`,
      worst,
      accounts,
      paid: null,
    };
    if (this.#ask(call, "admitted")) this.calls.push(call);
  }

  #ask({ lease, callId, worst, accounts }: Call, how: string): boolean {
    try {
      const asked = { cost: { nano: worst, known: true }, tokens: 1 };
      const { admitted } = this.world.do({ type: "reserve", lease, callId, worst: asked, accounts });
      this.#saw(admitted ? how : "refused");
      return admitted;
    } catch {
      this.#saw("lease over");
      return false;
    }
  }

  #settle(call: Call, nano: number, final: boolean): void {
    const { lease, callId, accounts } = call;
    const usage = { inputTokens: 1, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const cost = { nano, known: true };
    const { counted } = this.world.do({ type: "usage", lease, callId, usage, cost, final, accounts });
    expect(counted, "a call counts once").toBe(call.paid === null);
    if (!counted) return this.#saw("settled again");
    call.paid = final ? nano : call.worst;
    const late = this.world.job(lease.jobId).run?.lease?.fence !== lease.fence;
    this.#saw(late ? "settled late" : final ? "settled" : "cut off");
  }

  #end(jobId: string, b: number): void {
    const lease = this.world.job(jobId).run?.lease;
    if (!lease) return;
    const ref = { jobId, fence: lease.fence };
    if (b % 3 === 0) this.world.finish(ref, failure("work"));
    else this.world.do({ type: "workerGone", workerId: lease.workerId, blame: false, message: "" });
    this.#saw(`ended ${this.world.status(jobId)}`);
    this.world.register(`w-${jobId}`);
    this.#start(jobId);
  }

  #start(jobId: string): void {
    this.world.pass(60_000);
    for (const id of JOBS) {
      const lease = this.world.job(id).run?.lease;
      if (lease) this.world.beat({ jobId: id, fence: lease.fence });
    }
    if (this.world.job(jobId).status !== "queued") return;
    for (const id of JOBS) {
      const got = this.world.state.workers.get(`w-${id}`)?.jobId === null ? this.world.claim(`w-${id}`) : null;
      if (got !== null) this.world.beat(got);
    }
  }
}

/** What must have happened often, so that a green test means something. */
const MUST_HAPPEN = [
  ...[
    "admitted",
    "refused",
    "repeated",
    "settled",
    "settled again",
    "settled late",
    "cut off",
    "lease over",
    "restart",
  ],
  ...["ended failed: budget_exceeded", "ended failed: broken"],
];

test("no account gives more than its limit, and nothing counts twice", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(rolls, (life) => {
      const ledger = new Ledger((what) => void seen.set(what, (seen.get(what) ?? 0) + 1));
      for (const one of life) {
        ledger.roll(one);
        ledger.check();
      }
    }),
    { numRuns: 150, seed: 20_261_123 },
  );
  expect(MUST_HAPPEN.filter((what) => (seen.get(what) ?? 0) < 10)).toEqual([]);
}, 60_000);
