/**
 * People and programs that use Hive: they put jobs in (again, when they do not know what became of it), cancel, retry,
 * approve, reject, drain and read, at random moments.
 */

import { candidateIds, NO_LIMITS, type NewJob } from "@hive/core";
import { ApiError } from "@hive/protocol";
import { findJob, noSuchJob } from "../../apps/dispatcher/src/http/job-view.ts";
import { sayTo } from "./commenter.ts";
import { dice, type Dice } from "./dice.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { familyOf } from "./families.ts";
import { JOB_TOKENS, TOKEN_NANO } from "./gateway.ts";
import type { JobBrief, JobSeen } from "./history.ts";
import { Program } from "./program.ts";
import type { World } from "./world.ts";

export class Clients {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #program: Program;
  /** Ids somebody asked for, accepted or not. */
  readonly ids: string[] = [];
  readonly #jobs = new Map<string, NewJob>();
  #open = 0;

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "clients");
    this.#program = new Program("clients", world.time, dice(world.seed, "clients' program"));
  }

  /** Requests whose outcome their client does not know yet. */
  get waiting(): number {
    return this.#open;
  }

  /** Puts jobs in over the time of trouble. */
  start(): void {
    const { scenario, time } = this.#world;
    for (let made = 0; made < scenario.jobs; ) {
      const batch = this.#dice.chance(0.15) ? this.#dice.int(2, 4) : 1;
      made += batch;
      time.after(this.#dice.int(0, Math.round(scenario.troubleMs * 0.7)), () => this.#putIn(batch));
    }
    this.#people();
  }

  #people(): void {
    const { scenario, time } = this.#world;
    const mean = scenario.every.person;
    if (mean === null) return;
    time.after(this.#dice.int(1, 2 * mean), () => {
      if (!this.#world.inTrouble) return;
      this.#act();
      this.#people();
    });
  }

  #putIn(count: number): void {
    const again = this.#dice.some(this.ids);
    if (count === 1 && again !== undefined && this.#dice.chance(0.12)) return this.#putInAgain(again);
    const jobs: NewJob[] = [];
    for (let n = 0; n < count; n += 1) jobs.push(this.#newJob(jobs));
    const { candidates } = this.#world.scenario.ask;
    const [only] = jobs;
    if (only !== undefined && candidates > 0 && this.#dice.chance(candidates)) {
      jobs.splice(0, 1, ...familyOf(only, this.#dice));
    }
    for (const job of jobs) {
      this.ids.push(job.id);
      this.#jobs.set(job.id, job);
    }
    void this.#enqueue(jobs);
  }

  /** The same id once more: the same job, or another body under its id. */
  #putInAgain(id: string): void {
    const job = this.#jobs.get(id);
    // Candidates come with their parent and never alone.
    if (job === undefined || job.parent != null) return;
    void this.askAgain(id, this.#dice.chance(0.5));
  }

  /** Puts a job in again, as it was or with another body, until the outcome is known. One that came with its parent is left out. */
  async askAgain(id: string, same: boolean): Promise<void> {
    const job = this.#jobs.get(id);
    if (job === undefined || job.parent != null) return;
    const family = candidateIds(job).flatMap((one) => this.#jobs.get(one) ?? []);
    const again = same ? job : { ...job, bodyHash: `other-${job.bodyHash}`, priority: 0 };
    await this.#enqueue([again, ...family]);
  }

  #newJob(batch: readonly NewJob[]): NewJob {
    const { ask } = this.#world.scenario;
    const chance = this.#dice;
    const number = this.#world.numbers.next("job");
    const id = `job-${number}`;
    const parents = [...this.ids, ...batch.map((job) => job.id)].slice(-6);
    const dependsOn = chance.chance(ask.dependsOn) ? parents.filter(() => chance.chance(0.3)) : [];
    const callback = chance.chance(ask.callback);
    return {
      id,
      idGiven: true,
      bodyHash: `hash-${id}`,
      // An agent's jobs can be talked to, the others cannot.
      task: number % 3 === 0 ? "script" : "agent",
      role: chance.chance(0.2) ? "builder" : null,
      labels: [],
      priority: chance.int(0, 9),
      repo: "https://example.com/a/b",
      key: chance.chance(ask.key) ? chance.pick(["key-one", "key-two"]) : null,
      agent: null,
      trust: "trusted",
      approval: chance.chance(ask.approval) ? chance.pick(["start", "publish"]) : "none",
      callback,
      runAt: chance.chance(ask.later) ? this.#world.time.wall() + chance.int(1, 15_000) : null,
      maxAttempts: chance.int(1, 3),
      retryOn: chance.pick(["system", "failure"]),
      timeoutMs: 15_000,
      budget: { ...NO_LIMITS, usd: (JOB_TOKENS * TOKEN_NANO) / 1e9 },
      dependsOn,
      branch: null,
      base: null,
      instructions: null,
      script: "true",
      changes: null,
      callbackUrl: callback ? `http://backend-${chance.int(1, 3)}/hook` : null,
      metadata: null,
      gitUser: null,
      egress: null,
      verifyRounds: null,
      origin: "api",
      secrets: {},
      hold: null,
    };
  }

  /** Sends until the outcome is known: the id makes that harmless. */
  async #enqueue(jobs: readonly NewJob[]): Promise<void> {
    this.#open += 1;
    const [first] = jobs;
    if (first !== undefined) this.#lookSoon(first.id);
    for (let tries = 0; ; tries += 1) {
      const sentAt = this.#world.time.now;
      if (tries > 0) this.#world.counters.count("enqueue repeated after an unknown outcome");
      try {
        const reply = await this.#ask((queue) => queue.submit<"enqueue">({ type: "enqueue", jobs, idempotency: null }));
        jobs.forEach((job, place) => this.#noteEnqueue(job, sentAt, "ok", reply.jobs[place] ?? null));
        break;
      } catch (error) {
        const code = error instanceof ApiError ? error.code : "unknown";
        for (const job of jobs) this.#noteEnqueue(job, sentAt, code, null);
        if (code === "id_conflict") this.#world.counters.count("id conflict");
        if (error instanceof ApiError && !error.retry) break;
        await this.#program.sleep(this.#dice.int(200, 1_500));
      }
    }
    this.#open -= 1;
  }

  #noteEnqueue(
    job: NewJob,
    sentAt: number,
    outcome: string,
    told: { readonly existing: boolean; readonly status: string } | null,
  ): void {
    const { key, callback, maxAttempts, dependsOn } = job;
    const several = job.candidates == null ? {} : { candidates: job.candidates.count };
    const brief: JobBrief = { key, callback, maxAttempts, dependsOn, ...several };
    const at = this.#world.time.now;
    const { id, bodyHash } = job;
    const { existing, status } = told ?? { existing: false, status: null };
    this.#world.history.add({ kind: "enqueue", at, sentAt, id, bodyHash, brief, outcome, existing, status });
  }

  #act(): void {
    const chance = this.#dice;
    const id = chance.some(this.ids);
    if (id === undefined) return;
    const by = "a person";
    if (this.#world.scenario.ask.candidates > 0 && chance.chance(0.4)) {
      const candidate = chance.int(1, 3);
      return this.#tell("choose", id, (queue) => queue.submit<"choose">({ type: "choose", jobId: id, candidate, by }));
    }
    const acts = [
      "cancel",
      "retry",
      "retry",
      "approve",
      "approve",
      "reject",
      "read",
      "read",
      "drain",
      "comment",
    ] as const;
    switch (chance.pick(acts)) {
      case "comment":
        return void this.#comment(id);
      case "cancel":
        return this.#tell("cancel", id, (queue) =>
          queue.submit<"cancel">({ type: "cancel", jobId: id, by, reason: "" }),
        );
      case "retry":
        return this.#tell("retry", id, (queue) => queue.submit<"retry">({ type: "retry", jobId: id, by }));
      case "approve":
        return this.#tell("approve", id, async (queue) => {
          const job = await findJob(queue, id);
          const sha256 = job?.run?.bundle?.sha256 ?? null;
          return queue.submit<"approve">({ type: "approve", jobId: id, by, sha256 });
        });
      case "reject":
        if (chance.chance(0.6)) return undefined;
        return this.#tell("reject", id, (queue) =>
          queue.submit<"reject">({ type: "reject", jobId: id, by, reason: "" }),
        );
      case "drain": {
        if (chance.chance(0.8)) return undefined;
        const worker = chance.some(this.#world.workers)?.name ?? "";
        return this.#tell("drain", worker, (queue) =>
          queue.submit<"drain">({ type: "drain", workerId: worker, draining: true }),
        );
      }
      default:
        void this.read(id).catch(() => undefined);
    }
  }

  async #comment(id: string): Promise<void> {
    this.#open += 1;
    const sleep = (ms: number): Promise<void> => this.#program.sleep(ms);
    await sayTo(id, { world: this.#world, dice: this.#dice, ask: (ask) => this.#ask(ask), sleep });
    this.#open -= 1;
  }

  /** Somebody asks at once what became of it, perhaps before it is on the disk. */
  #lookSoon(id: string): void {
    if (this.#world.scenario.every.person === null || this.#dice.chance(0.5)) return;
    this.#program.after(this.#dice.roll() * 120, () => void this.read(id).catch(() => undefined));
  }

  #tell(what: string, id: string, ask: (queue: Dispatcher["queue"]) => Promise<unknown>): void {
    this.#lookSoon(id);
    const note = (outcome: string): void => {
      this.#world.history.add({ kind: "ask", at: this.#world.time.now, what, id, outcome });
    };
    this.#ask(ask).then(
      (reply) => {
        const { status } = reply as { readonly status?: string };
        note(status ?? "ok");
        if (what === "cancel" && status === "canceled") this.#world.counters.count("canceled while waiting");
        if (what === "approve") this.#world.counters.count("approved");
        if (what === "reject") this.#world.counters.count("rejected");
      },
      (error: unknown) => note(error instanceof ApiError ? error.code : "unknown"),
    );
  }

  /** One job as the API shows it now; noted. Null: there is none, or none any more. @throws when the dispatcher cannot say */
  async read(id: string): Promise<JobSeen | null> {
    const { time, counters, history } = this.#world;
    const sentAt = time.now;
    const job = await this.#ask(async (queue): Promise<JobSeen | string | null> => {
      const found = await findJob(queue, id);
      const [body = null] = await queue.documents.get([{ collection: "bodies", id }]);
      if (found === null || body === null) {
        const { code, details } = await noSuchJob(queue, id);
        return code === "job_forgotten" ? String(details["jobStatus"]) : null;
      }
      const { status, reason, generation, run, waitsFor } = found;
      const bodyHash = String(body["bodyHash"]);
      const workerId = run?.lease?.workerId ?? null;
      return { status, reason, generation, fence: run?.fence ?? 0, workerId, waitsFor, bodyHash };
    });
    counters.count("read by a client");
    if (typeof job === "string") {
      history.add({ kind: "forgotten", at: time.now, wall: time.wall(), sentAt, id, status: job });
      return null;
    }
    history.add({ kind: "read", at: time.now, sentAt, id, job });
    return job;
  }

  #ask<T>(ask: (queue: Dispatcher["queue"]) => Promise<T>): Promise<T> {
    // Many people and programs, each with an address of his own.
    const { replicas, scenario } = this.#world;
    const first = scenario.dispatchers > 1 ? this.#dice.int(0, scenario.dispatchers - 1) : 0;
    return replicas.ask(this.#program, ({ queue }) => ask(queue), { timeoutMs: 5_000, first });
  }
}
