/** Schedules in a world whose time a test moves: the real queue over a store in memory, the real clock of schedules. */

import { DEFAULT_RULES, type Job, type Overlap, type Rules, type SlotRecord } from "@hive/core";
import type { ScheduleSpec } from "@hive/protocol";
import { agentPolicy } from "../agents/agent-policy.fixture.ts";
import type { Clock } from "../clock.ts";
import type { JobPolicy } from "../queue/compile-job.ts";
import { Committer } from "../queue/committer.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { createScheduleClock, type ScheduleClock } from "./schedule-clock.ts";
import { createSchedules, type Schedules } from "./schedules.ts";

/** Rounds of the event loop in which everything that follows from one step has happened. */
const ROUNDS = 16;

/** A clock of a test: `pass` lets time go by, `jump` only sets the clock on the wall. */
export class VirtualClock implements Clock {
  #mono = 0;
  #wall: number;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  constructor(start: string) {
    this.#wall = Date.parse(start);
  }

  readonly mono = (): number => this.#mono;
  readonly wall = (): number => this.#wall;
  readonly random = (): number => 0.5;
  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#mono + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  jump(to: string): void {
    this.#wall = Date.parse(to);
  }

  /** Runs every timer that is due in this time, one after the other, with all that follows from it. */
  async pass(ms: number): Promise<void> {
    const end = this.#mono + ms;
    await quiet();
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#to(Math.max(this.#mono, next.at));
      next.run();
      await quiet();
    }
    this.#to(end);
    await quiet();
  }

  #to(mono: number): void {
    this.#wall += mono - this.#mono;
    this.#mono = mono;
  }
}

/** Everything that can go on has gone on. */
async function quiet(): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** A server's schedules, with what a test asks of them. */
export interface ScheduleWorld {
  readonly time: VirtualClock;
  readonly queue: Committer;
  readonly schedules: Schedules;
  readonly trouble: string[];
  /** Ends this server without a word; another one may go on with what it stored. */
  stop(): Promise<void>;
  /** Another server on the same store and clock. */
  again(fromFile?: Readonly<Record<string, ScheduleSpec>>): Promise<ScheduleWorld>;
  put(id: string, when: Omit<ScheduleSpec, "job">, job?: Partial<ScheduleSpec["job"]>): Promise<void>;
  trigger(id: string, overlap?: Overlap): Promise<readonly SlotRecord[]>;
  /** Its records, oldest first, as `minute:second outcome`, with the reason of those without a job. */
  told(id: string): Promise<string[]>;
  records(id: string): Promise<readonly SlotRecord[]>;
  /** The jobs it made, oldest first. */
  jobs(id: string): Promise<readonly Job[]>;
  /** Cancels those of its jobs that are not over. */
  endJobs(id: string): Promise<void>;
  /** Lets a worker take the job that waits, and fail. */
  failJob(id: string): Promise<void>;
}

/** `start`: what the clock on the wall shows, with its offset. */
export async function startWorld(start: string, rules: Partial<Rules> = {}): Promise<ScheduleWorld> {
  return open(new VirtualClock(start), new MemoryContent(), { ...DEFAULT_RULES, ...rules }, {});
}

async function open(
  time: VirtualClock,
  content: MemoryContent,
  rules: Rules,
  fromFile: Readonly<Record<string, ScheduleSpec>>,
): Promise<ScheduleWorld> {
  const trouble: string[] = [];
  const onTrouble = (message: string): void => void trouble.push(message);
  const queue = new Committer({
    openStore: () => new MemoryStore({ content }),
    rules,
    clock: time,
    onTrouble,
  });
  await queue.start();
  const schedules = createSchedules({ queue, clock: time, policy });
  const clockwork: ScheduleClock = createScheduleClock({ queue, clock: time, policy, schedules, fromFile, onTrouble });
  clockwork.start();
  await quiet();

  async function records(schedule: string): Promise<readonly SlotRecord[]> {
    const query = { collection: "slots", index: "schedule", equals: { schedule }, limit: 1_000 } as const;
    const page = await queue.documents.list(query);
    return page.items.map(({ doc }) => slotRecord(doc));
  }

  async function jobs(schedule: string): Promise<readonly Job[]> {
    const page = await queue.documents.list({ collection: "jobs", index: "all", equals: {}, limit: 1_000 });
    return page.items.map(({ doc }) => job(doc)).filter(({ id }) => id.startsWith(`${schedule}.`));
  }

  return {
    ...{ time, queue, schedules, trouble, records, jobs },
    async stop() {
      await clockwork.stop();
      await queue.stop();
    },
    again: (next = fromFile) => open(time, content, rules, next),
    async put(id, when, work = {}) {
      const spec = { ...when, job: { repo: "https://github.com/acme/app", task: "test", ...work } } as const;
      await schedules.put(id, spec, { by: "api", revision: null });
    },
    trigger: (id, overlap) => schedules.trigger(id, "api", overlap ?? null),
    async told(id) {
      return (await records(id)).map(({ slot, outcome, reason }) => {
        const at = new Date(slot).toISOString().slice(11, 19);
        return outcome === "skipped" ? `${at} ${reason}` : `${at} ${outcome}`;
      });
    },
    async failJob(id) {
      const workerId = `worker-of-${id}`;
      const profile = { name: workerId, version: "1", provider: "test", isolation: "none" };
      await queue.submit<"register">({
        ...{ type: "register", workerId, registrationId: workerId },
        profile: { ...profile, roles: [], labels: [], agents: [] },
      });
      const claim = { type: "claim", workerId, claimId: `claim-${time.wall()}` } as const;
      const { grant } = await queue.submit<"claim">(claim);
      if (grant === null) throw new Error(`no job of ${id} waits`);
      const lease = { jobId: grant.job.id, fence: grant.lease.fence };
      await queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
      const error = { code: "script_failed", kind: "work", message: "exit code 1" } as const;
      await queue.submit<"finish">({
        type: "finish",
        finishId: claim.claimId,
        lease,
        outcome: { end: "failed", error, result: null },
        log: null,
      });
      await quiet();
    },
    async endJobs(id) {
      for (const { id: jobId, endedAt } of await jobs(id)) {
        if (endedAt === null) await queue.submit<"cancel">({ type: "cancel", jobId, by: "test", reason: "" });
      }
      await quiet();
    },
  };
}

/** What a server without settings says of jobs. */
export const policy: JobPolicy = {
  repoRules: { allowFile: false, allowPlainHttp: () => false },
  refuseCallback: () => null,
  refuseAddress: async () => null,
  agents: agentPolicy(),
  holdRealAgents: false,
  approvalFor: () => "none",
  verifyRoundsFor: () => null,
  budgetFor: () => ({ usd: null, tokens: null, minutes: null, turns: null }),
  limitedAsOne: () => false,
  callbackByDefault: false,
  seal: () => null,
  hashKey: new Uint8Array(32),
};

function slotRecord(doc: object): SlotRecord {
  return doc as SlotRecord;
}

function job(doc: object): Job {
  return doc as Job;
}
