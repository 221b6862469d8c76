/**
 * One run: a world made from a scenario and a seed, its time of trouble, its mending, and a last look from outside.
 * The same scenario and seed always make the same history.
 */

import { dueAt, type Effect, HiveError } from "@hive/core";
import { MemoryLogs } from "../../apps/dispatcher/src/logs/memory/memory-logs.ts";
import { StoreFenced, StoreHeld } from "../../apps/dispatcher/src/store/contract.ts";
import { MemoryContent } from "../../apps/dispatcher/src/store/memory/memory-content.ts";
import { Clients } from "./clients.ts";
import { Clocks } from "./clocks.ts";
import { Counters } from "./counters.ts";
import { dice, type Dice } from "./dice.ts";
import type { Disk } from "./dispatcher.ts";
import { Gateway } from "./gateway.ts";
import { Quotas } from "./quotas.ts";
import { type FinalLook, History } from "./history.ts";
import { lastLook } from "./last-look.ts";
import { CALM, Network } from "./network.ts";
import type { Program } from "./program.ts";
import { Readers } from "./readers.ts";
import { Runners } from "./runners.ts";
import { Senders } from "./senders.ts";
import { Receivers } from "./receivers.ts";
import { Replicas } from "./replicas.ts";
import { CALM_DAY, type Scenario, type StoreFaults } from "./scenario.ts";
import { StoreFaultsOfWorld } from "./store-faults.ts";
import { Takeovers } from "./takeovers.ts";
import { Time } from "./time.ts";
import { startTrouble } from "./trouble.ts";
import { Worker } from "./worker.ts";

/** After the trouble, the world gets this long to come to rest, in milliseconds of its time. */
const REST_MS = 400_000;
const DAY_MS = 86_400_000;
/** Days that jobs may wait for money after the trouble; a run whose jobs need more is broken. */
const MOST_DAYS = 20;

/** Numbers that count up by name, for ids. */
export class Numbers {
  readonly #last = new Map<string, number>();
  next(name: string): number {
    const next = (this.#last.get(name) ?? 0) + 1;
    this.#last.set(name, next);
    return next;
  }
}

export class World {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly time = new Time();
  readonly counters = new Counters();
  readonly history = new History();
  readonly numbers = new Numbers();
  readonly dice: Dice;
  readonly network: Network;
  readonly receivers: Receivers;
  readonly readers: Readers;
  readonly clients: Clients;
  readonly clocks: Clocks;
  readonly senders: Senders;
  readonly runners: Runners;
  readonly gateway: Gateway;
  readonly quotas: Quotas;
  readonly storeFaults: StoreFaultsOfWorld;
  readonly workers: Worker[] = [];
  readonly disk: Disk = { content: new MemoryContent(), logs: new MemoryLogs() };
  readonly replicas: Replicas;
  readonly takeovers: Takeovers;
  inTrouble = true;
  /** Errors no part should have made: each fails the run. */
  readonly bugs: string[] = [];

  constructor(scenario: Scenario, seed: number) {
    this.scenario = scenario;
    this.seed = seed;
    this.dice = dice(seed, "world");
    this.network = new Network(this.time, dice(seed, "network"), this.counters);
    this.replicas = new Replicas(this);
    this.takeovers = new Takeovers(this);
    this.receivers = new Receivers(this);
    this.readers = new Readers(this);
    this.storeFaults = new StoreFaultsOfWorld(this);
    this.clients = new Clients(this);
    this.clocks = new Clocks(this);
    this.senders = new Senders(this);
    this.runners = new Runners(this, this.senders);
    this.gateway = new Gateway(this);
    this.quotas = new Quotas(this);
    for (let n = 0; n < scenario.workers; n += 1) {
      this.workers.push(new Worker(this, `worker-${n}`, n === scenario.workers - 1 ? ["tester"] : []));
    }
  }

  get rates(): StoreFaults {
    return this.inTrouble ? this.scenario.store : CALM_DAY.store;
  }

  /** Runs it all and gives what a last look from outside shows. */
  async run(): Promise<FinalLook> {
    this.replicas.startAll();
    for (const worker of this.workers) worker.start();
    this.network.weather = this.scenario.weather;
    this.clients.start();
    this.clocks.start();
    this.senders.start();
    this.runners.start();
    startTrouble(this);
    await this.time.runUntil(this.scenario.troubleMs);
    this.#mend();
    await this.#rest();
    await this.#letCallbacksGo();
    return lastLook(this, (ask) => this.#asked(ask));
  }

  /** What the dispatcher tells a worker at once; the stream may be cut like anything else. */
  signal(from: Program, effect: Extract<Effect, { readonly type: "signal" }>): void {
    const worker = this.workers.find((one) => one.name === effect.workerId);
    if (worker === undefined || this.network.cutOff.has(worker.name)) return;
    if (this.dice.chance(this.network.weather.lost)) return;
    const { program } = worker;
    this.time.after(this.dice.int(1, 30), () => {
      if (!from.isDead) program.receive(() => worker.hear(effect));
    });
  }

  mark(what: string): void {
    this.history.add({ kind: "world", at: this.time.now, what });
  }

  /** Notes that a dispatcher takes the lead, is away from now on, or is back from its sleep. */
  duty(dispatcher: string, what: "leads" | "away" | "back"): void {
    this.history.add({ kind: "duty", at: this.time.now, wall: this.time.wall(), dispatcher, what });
  }

  /** Faults of the store are expected and told as such; anything else that a part reports is a bug. */
  trouble(message: string, error: unknown): void {
    const causes = `${message}: ${error instanceof Error ? error.message : String(error)}`;
    this.mark(causes);
    if (/election \d+ is over/.test(causes)) this.counters.count("commit of a deposed queen refused");
    if (isExpected(error) || /the disk|a commit of this election failed before|the store is not open/.test(causes))
      return;
    if (this.bugs.length > 4) return;
    this.bugs.push(error instanceof Error && error.stack !== undefined ? `${message}: ${error.stack}` : causes);
  }

  #mend(): void {
    this.mark("all faults end");
    this.inTrouble = false;
    this.network.weather = CALM;
    this.network.cutOff.clear();
    this.storeFaults.healAll();
    for (const replica of this.replicas.all) this.replicas.wake(replica.program);
    for (const worker of this.workers) {
      worker.program.goOn();
      if (worker.program.isDead) worker.start();
    }
  }

  /** Lets everything that can still happen by itself happen: jobs whose day's budget is used up wait for the next day. */
  async #rest(): Promise<void> {
    for (let days = 0; days < MOST_DAYS; days += 1) {
      await this.#restToday();
      if (!(await this.#isTomorrow())) break;
      this.#turnDay();
    }
    this.mark("at rest");
  }

  /** Is nothing left to do but what waits for another day? */
  async #isTomorrow(): Promise<boolean> {
    const { queen } = this.replicas;
    if (queen === null) return false;
    return this.#asked(() =>
      queen.queue.read(({ counts, due }) => {
        const next = due.peek();
        return counts.queued + counts.running === 0 && next !== undefined && dueAt(next) > this.time.wall() + REST_MS;
      }),
    );
  }

  /** The machines are off for a day. */
  #turnDay(): void {
    this.time.wallJump += DAY_MS;
    this.replicas.crashAll();
  }

  async #restToday(): Promise<void> {
    const end = this.time.now + REST_MS;
    while (this.time.now < end) {
      await this.time.runUntil(this.time.now + 1_000);
      const { queen } = this.replicas;
      // The store may still be opening again after the last fault.
      if (queen === null) continue;
      if (this.clients.waiting > 0 || this.gateway.waiting > 0 || this.clocks.waiting + this.runners.waiting > 0)
        continue;
      const { state } = await this.#asked(() => queen.queue.read((seen) => ({ state: seen.counts })));
      // Only how long to wait is decided here; what is right is decided from what clients see.
      if (state.queued + state.scheduled + state.running === 0 || (await this.#isTomorrow())) break;
    }
    await this.time.runUntil(this.time.now + 3_000);
  }

  /** Callbacks wait up to days: the machine is off for a day, and again, until none is pending. */
  async #letCallbacksGo(): Promise<void> {
    for (let days = 0; days < 12; days += 1) {
      const { queen } = this.replicas;
      if (queen !== null) {
        const query = { collection: "callbacks", index: "state", equals: { state: "pending" }, limit: 1 };
        const { items } = await this.#asked(() => queen.queue.documents.list(query));
        if (items.length === 0) return;
      }
      this.#turnDay();
      await this.time.runUntil(this.time.now + 3_000);
    }
  }

  /** Lets time go on until this is answered. */
  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    let answer: { readonly value: T } | { readonly error: unknown } | undefined;
    ask().then(
      (value) => {
        answer = { value };
      },
      (error: unknown) => {
        answer = { error };
      },
    );
    await this.time.runUntil(this.time.now + 10_000, () => answer !== undefined);
    if (answer === undefined) throw new Error("the dispatcher did not answer the last look");
    if ("error" in answer) throw answer.error;
    return answer.value;
  }
}

/** What every part must live with: a store that fails, and another dispatcher that was elected. */
function isExpected(error: unknown): boolean {
  if (error instanceof HiveError) return error.code === "not_ready" || error.code === "store_failed";
  return error instanceof StoreFenced || error instanceof StoreHeld;
}
