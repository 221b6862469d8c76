/**
 * A random life of a small queue: people, workers, clocks and restarts in any order, old fences and repeated calls among
 * them. Each roll of the dice becomes a command that mostly makes sense and sometimes does not; after each, what the
 * clients saw is held against the promises.
 */

import { type AccountRef, dayAccountId, dayOf, jobAccountId } from "./accounts.ts";
import { type BudgetLimits, usdOf } from "./budget.ts";
import type { Command, Effect } from "./command.ts";
import { HiveError } from "./errors.ts";
import { isCallbackType } from "./event.ts";
import type { CommentCounts, Status } from "./job.ts";
import {
  EVERYTHING,
  bestFor,
  checkQueue,
  claimable,
  must,
  mustBeApproved,
  mustEqual,
  observable,
  outOrder,
  whole,
} from "./promises.fixture.ts";
import { World, profile } from "./queue.fixture.ts";
import { FAMILIES, IDS, someFamily, someJob, someOutcome } from "./life-jobs.fixture.ts";

const LIMITS: Readonly<Record<string, number>> = { one: 1, two: 2 };

const BEES = [
  profile({ labels: ["x"] }),
  profile({ roles: ["r"], agents: [] }),
  profile({ roles: ["r", "s"], labels: ["x", "y"] }),
  EVERYTHING,
];

/** What a roll can ask for; what is named more often happens more often. */
export const VERBS = [
  ...["enqueue", "enqueue", "enqueue", "claim", "claim", "claim", "claim", "beat", "beat", "beat", "beat"],
  ...["finish", "finish", "finish", "finish", "cancel", "retry", "retry", "approve", "approve", "reject", "report"],
  ...[
    "publish",
    "choose",
    "choose",
    "start",
    "comment",
    "reserve",
    "reserve",
    "usage",
    "blocked",
    "register",
    "drain",
    "gone",
    "delivered",
    "redeliver",
    "reconsider",
    "pass",
    "pass",
    "pass",
  ],
  ...["restart", "pause"],
];

/** One roll: what, and three numbers that choose the rest. */
export interface Roll {
  readonly what: string;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

interface Lease {
  readonly jobId: string;
  readonly fence: number;
}

export class Life {
  readonly world = new World({
    limitOf: (key) => LIMITS[key] ?? null,
    maxWaiting: 8,
    maxLosses: 2,
    leaseMs: 3_000,
    firstBeatMs: 1_000,
    timeoutGraceMs: 500,
    retryBaseMs: 500,
  });
  readonly #saw: (what: string) => void;
  readonly #leases: Lease[] = [];
  readonly #fences = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #finished = new Map<string, string>();
  readonly #comments = new Map<string, CommentCounts>();
  readonly #claimIds = new Map<string, string>();
  #n = 0;

  /** `saw` hears what happened: codes of refusals, types of events. */
  constructor(saw: (what: string) => void) {
    this.#saw = saw;
    for (const place of BEES.keys()) this.#register(place, "0");
  }

  roll({ what, a, b, c }: Roll): void {
    this.#n += 1;
    const { world } = this;
    const workerId = `w${a % BEES.length}`;
    const lease = this.#someLease(a, b);
    switch (what) {
      case "enqueue": {
        const jobs =
          c % 4 === 0
            ? someFamily(world.wall, a, b, c)
            : Array.from({ length: 1 + (c % 3) }, (_, n) => someJob(world.wall, a + n, b + n * 7, c + n));
        const idempotency = b % 9 === 0 ? { key: `k${c % 2}`, hash: `${a % 2}` } : null;
        return this.run({ type: "enqueue", jobs, idempotency });
      }
      case "claim":
        return this.#claim(workerId, b);
      case "beat": {
        const phase = b % 3 === 0 ? null : `p${b % 3}`;
        return this.run({ type: "heartbeat", lease, phase, message: c % 2 ? `m${c % 5}` : null, percent: null });
      }
      case "finish": {
        const finishId = `${lease.jobId}/${lease.fence}/${b % 7 === 0 ? "other" : "f"}`;
        return this.run({ type: "finish", lease, finishId, outcome: someOutcome(c), log: null });
      }
      case "cancel":
        return this.run({ type: "cancel", jobId: this.#someId(a, b, "running", "queued"), by: "p", reason: "" });
      case "retry":
        return this.run({ type: "retry", jobId: this.#someId(a, b, "failed", "canceled"), by: "p" });
      case "comment": {
        const jobId = this.#someId(a, b, "running", "queued", "succeeded", "failed");
        const idempotency = c % 5 === 0 ? { key: `k${c % 2}`, hash: `${a % 2}` } : null;
        const said = { by: "p", text: `${c}`, feedback: false, secrets: c % 3 ? {} : { githubToken: "sealed" } };
        const trust = b % 4 === 0 ? ({ trust: "untrusted" } as const) : {};
        return this.run({ type: "comment", jobId, ...said, ...trust, idempotency });
      }
      case "approve":
        return this.run({ type: "approve", jobId: this.#someId(a, b, "held"), by: "p", sha256: c % 3 ? "good" : null });
      case "reject":
        return this.run({ type: "reject", jobId: this.#someId(a, b, "held"), by: "p", reason: "" });
      case "choose":
        return this.run({ type: "choose", jobId: FAMILIES[a % 2] ?? "f0", candidate: 1 + (b % 3), by: "p" });
      case "start": {
        const commit = String(c % 3);
        return this.run({ type: "agreeStart", lease, start: { base: commit, commit } });
      }
      case "report":
        return this.run({ type: "report", lease, from: c % 3, events: Array.from({ length: c % 4 }, () => ({ c })) });
      case "publish":
        return this.run({ type: "publish", lease, announcement: { ref: "r", expectedOld: "0", commit: `${c % 3}` } });
      case "reserve": {
        const worst = { cost: { nano: 1 + (b % 4), known: b % 5 > 0 }, tokens: 10 };
        const accounts = this.#accounts(lease.jobId);
        return this.run({ type: "reserve", lease, callId: `${c % 4}`, worst, accounts });
      }
      case "usage": {
        const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
        const cost = { nano: b % 2, known: true };
        const accounts = this.#accounts(lease.jobId);
        return this.run({ type: "usage", lease, callId: `${c % 4}`, usage, cost, final: b % 3 > 0, accounts });
      }
      case "blocked":
        return this.run({
          type: "egressBlocked",
          lease,
          host: `h${c % 3}`,
          port: 443,
          reason: "not_allowed",
          message: "",
        });
      case "register":
        return this.#register(a % BEES.length, `${b % 3}`);
      case "drain":
        return this.run({ type: "drain", workerId, draining: b % 3 === 0 });
      case "gone":
        return this.run({ type: "workerGone", workerId, blame: c % 2 === 0, message: "" });
      case "delivered": {
        const state = (["pending", "delivered", "dead"] as const)[b % 3] ?? "pending";
        const attempt = { at: 0, ms: 0, status: 200, error: null };
        return this.run({ type: "delivered", n: this.#someCallback(c), attempt, state, nextAt: null });
      }
      case "redeliver":
        return this.run({ type: "redeliver", n: this.#someCallback(c), by: "p" });
      case "reconsider": {
        const reason = b % 2 ? "no_agent" : "paused";
        return this.run({ type: "reconsider", satisfied: [{ reason, agent: null, untrusted: true }] });
      }
      case "pass": {
        const ms = [1, 300, 1_000, 2_999, 3_000, 3_000][b % 6] ?? 1;
        world.mono += ms;
        world.wall += ms;
        return this.run({ type: "sweep" });
      }
      case "pause":
        world.mono += 50_000;
        world.wall += 50_000;
        return world.state.extendAll({ mono: world.mono });
      case "restart":
        return this.restart();
      default:
        throw new Error(what);
    }
  }

  /** A queue built from what was stored is the same queue. */
  restart(): void {
    this.#saw("restart");
    const old = this.world.state;
    this.world.restart();
    const fresh = this.world.state;
    mustEqual(observable(fresh), observable(old), "a restart changes nothing");
    this.world.restart();
    mustEqual(outOrder(fresh), outOrder(old), "a restart keeps the order of the queue");
  }

  /** Applies a command and checks all that must hold. */
  run(command: Command): void {
    const { world } = this;
    const { state } = world;
    const before = { memory: whole(state), ready: claimable(state), events: world.events.length };
    const claims = command.type === "claim" ? command : null;
    const best = claims === null ? null : bestFor(state, claims.workerId);
    const has = claims === null ? null : (state.workers.get(claims.workerId)?.jobId ?? null);
    let effects: readonly Effect[];
    try {
      const applied = world.apply(command);
      effects = applied.effects;
      const { reply } = applied;
      if ("grant" in reply && has === null && !reply.drain) {
        must(
          (reply.grant?.job.id ?? null) === best,
          "a claim gets the best job it may have, and none only when there is none",
        );
      }
      if ("grant" in reply && reply.grant !== null)
        this.#granted(reply.grant.lease.fence, reply.grant.job.id, applied.changes.length);
      if (command.type === "finish" && "repeated" in reply) this.#finish(command, reply);
    } catch (error) {
      if (!(error instanceof HiveError)) throw error;
      this.#saw(error.code);
      return must(whole(state) === before.memory, `a ${command.type} that failed (${error.code}) changes nothing`);
    }
    this.#told(before.events);
    this.#heard(before.events);
    for (const requirement of claimable(state)) {
      if (before.ready.has(requirement)) continue;
      must(
        effects.some((one) => one.type === "ready" && one.requirement === requirement),
        "what can be claimed is told",
      );
    }
    checkQueue(world);
  }

  #granted(fence: number, jobId: string, changes: number): void {
    if (changes === 0) return this.#saw("claim repeated");
    must(fence > (this.#fences.get(jobId) ?? 0), "I4: fences rise");
    this.#fences.set(jobId, fence);
    this.#leases.push({ jobId, fence });
  }

  #finish(
    command: Extract<Command, { type: "finish" }>,
    reply: { readonly status: Status; readonly repeated: boolean },
  ): void {
    const { jobId, fence } = command.lease;
    const name = `${jobId}/${fence}`;
    const answer = `${command.finishId} ${reply.status}`;
    if (reply.repeated) {
      this.#saw("finish repeated");
      return must(this.#finished.get(name) === answer, "the same finish gets the same answer");
    }
    must(!this.#finished.has(name), "I3: a lease is finished once");
    must(fence === this.#fences.get(jobId), "I5: only the highest fence can finish");
    this.#finished.set(name, answer);
  }

  /** Events are numbered without a gap, each owes its callback, and a generation ends once, under the highest fence. */
  #told(from: number): void {
    for (const [place, event] of this.world.events.slice(from).entries()) {
      must(event.id === from + place + 1, "events are numbered without a gap");
      if (event.jobId === null) continue;
      if (event.type === "job.publishing") mustBeApproved(this.world, event.jobId);
      const owed = this.world.job(event.jobId).callback && isCallbackType(event.type);
      const written = this.world.store.has(`callbacks/${String(event.id).padStart(16, "0")}`);
      must(written === owed, `I6: ${event.type} owes a callback: ${owed}`);
      const ends = event.type === "job.failed" || event.type === "job.canceled" || event.type === "job.succeeded";
      this.#saw(ends ? `${event.type} ${String(event.data["reason"])}` : event.type);
      if (!ends) continue;
      const generation = `${event.jobId} ${String(event.data["generation"])}`;
      must(!this.#ended.has(generation), "I3: a generation ends once");
      this.#ended.add(generation);
      const { fence } = event.data;
      must(fence === undefined || fence === this.#fences.get(event.jobId), "I3: it ends under the highest fence");
    }
  }

  /** What was said to a job is done once, in order, by a generation that succeeded and was given it. */
  #heard(from: number): void {
    for (const jobId of new Set(this.world.events.slice(from).map((event) => event.jobId))) {
      const comments = jobId === null ? undefined : this.world.job(jobId).comments;
      if (jobId === null || comments === undefined) continue;
      const { count, given, done } = comments;
      const before = this.#comments.get(jobId) ?? { count: 0, given: 0, done: 0 };
      must(
        done <= given && given <= count && given >= before.given && count >= before.count,
        "comments only get further",
      );
      const ends = this.world.events.slice(from).filter((event) => event.jobId === jobId);
      const succeeded = ends.some((event) => event.type === "job.succeeded");
      must(done === (succeeded ? before.given : before.done), "comments are done by the success they were given to");
      must(this.world.store.has(`comments/${jobId}/${String(count).padStart(8, "0")}`), "every comment is stored");
      if (count > before.count) this.#saw(`comment on ${this.world.job(jobId).status}`);
      this.#comments.set(jobId, comments);
    }
  }

  #register(place: number, registrationId: string): void {
    this.run({ type: "register", workerId: `w${place}`, registrationId, profile: BEES[place] ?? EVERYTHING });
  }

  #claim(workerId: string, b: number): void {
    const before = this.#claimIds.get(workerId);
    const claimId = b % 4 === 0 && before !== undefined ? before : `c${this.#n}`;
    this.#claimIds.set(workerId, claimId);
    this.run({ type: "claim", workerId, claimId });
  }

  /** Small budgets: of the job's generation, which its candidates share, and of the day, which all jobs share. */
  #accounts(id: string): readonly AccountRef[] {
    const known = (one: string): boolean => this.world.store.has(`jobs/${one}`);
    const jobId = known(id) ? (this.world.job(id).parent ?? id) : id;
    const generation = known(jobId) ? this.world.job(jobId).generation : 1;
    const limits = (nano: number): BudgetLimits => ({ usd: usdOf(nano), tokens: null, minutes: null, turns: null });
    return [
      { id: jobAccountId({ id: jobId, generation }), kind: "job", name: null, limits: limits(3) },
      { id: dayAccountId(dayOf(this.world.wall)), kind: "day", name: null, limits: limits(30) },
    ];
  }

  /** Mostly a lease that lives, sometimes an old one. */
  #someLease(a: number, b: number): Lease {
    const live = [...this.world.state.leases.values()].map(({ jobId, fence }) => ({ jobId, fence }));
    const choice = b % 5 === 0 || live.length === 0 ? this.#leases.slice(-6) : live;
    return choice[a % Math.max(1, choice.length)] ?? { jobId: "j0", fence: 1 };
  }

  /** Mostly a job in one of these statuses, sometimes any. */
  #someId(a: number, b: number, ...statuses: readonly Status[]): string {
    const fitting = IDS.filter((id) => statuses.includes(this.#status(id)));
    const known = IDS.filter((id) => this.world.store.has(`jobs/${id}`));
    const choice = b % 11 === 0 ? IDS : b % 5 === 0 || fitting.length === 0 ? known : fitting;
    return choice[a % choice.length] ?? "j0";
  }

  #status(id: string): Status {
    return this.world.store.has(`jobs/${id}`) ? this.world.job(id).status : "succeeded";
  }

  #someCallback(c: number): number {
    const owed = this.world.events.filter((event) =>
      this.world.store.has(`callbacks/${String(event.id).padStart(16, "0")}`),
    );
    return owed[c % Math.max(1, owed.length)]?.id ?? 1;
  }
}
