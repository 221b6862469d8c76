/**
 * The dispatchers of one world, and how callers reach them. With one, its store is its own; several share one, and any of
 * them is asked: a caller stays with the one that last answered and asks the next when it is certain that nothing
 * happened there, as the client's list of addresses does.
 */

import { ApiError, UnreachableError } from "@hive/protocol";
import { dice } from "./dice.ts";
import { type Dispatcher, startDispatcher } from "./dispatcher.ts";
import { atReplica } from "./forwarding.ts";
import { type CallSettings, RefusedError } from "./network.ts";
import { Program } from "./program.ts";
import type { World } from "./world.ts";

/** Milliseconds that a dispatcher which is told to stop gets, before it is killed. */
const STOP_MS = 8_000;

/** One dispatcher with an address; its processes come and go. */
export interface Replica {
  readonly name: string;
  readonly url: string;
  /** Its process; null before the first. */
  program: Program | null;
  /** What listens at its address; null while nothing does. */
  dispatcher: Dispatcher | null;
  /** Kills the process that runs or starts. */
  dying: () => void;
}

/** What a request makes of the dispatcher it comes to. */
export type Work<T> = (dispatcher: Dispatcher, closed: AbortSignal) => Promise<T>;

export class Replicas {
  readonly all: readonly Replica[];
  /** How many times a dispatcher was started. */
  lives = 0;
  readonly #world: World;
  /** Where each caller last had an answer. */
  readonly #good = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    const { dispatchers } = world.scenario;
    this.all = Array.from({ length: dispatchers }, (_, n) => {
      const name = dispatchers === 1 ? "dispatcher" : `dispatcher-${n}`;
      return { name, url: `http://${name}`, program: null, dispatcher: null, dying: () => undefined };
    });
  }

  /** The one that accepts work; of two that believe it, the one that was elected last. */
  get queen(): Dispatcher | null {
    const ready = this.all.flatMap(({ dispatcher }) => (dispatcher?.queue.readiness().ready ? [dispatcher] : []));
    return ready.toSorted((one, other) => other.queue.election().epoch - one.queue.election().epoch)[0] ?? null;
  }

  at(url: string): Replica | undefined {
    return this.all.find((one) => one.url === url);
  }

  startAll(): void {
    for (const replica of this.all) this.#start(replica);
  }

  /** A new life of this dispatcher. */
  #start(replica: Replica): void {
    const world = this.#world;
    this.lives += 1;
    const { name } = replica;
    const program = new Program(name, world.time, dice(world.seed, `${name} life ${this.lives}`));
    replica.program = program;
    world.mark(`${name} starts, life ${this.lives}`);
    startDispatcher(world, program, replica).then(
      (dispatcher) => {
        if (!program.isDead) replica.dispatcher = dispatcher;
      },
      (error: unknown) => {
        if (program.isDead) return;
        world.trouble("the dispatcher could not start", error);
        this.crash(program);
      },
    );
  }

  /** Kills this process, if it lives; another begins a little later. */
  crash(program: Program | null): void {
    const replica = this.all.find((one) => one.program === program);
    if (program === null || program.isDead || replica === undefined) return;
    const world = this.#world;
    world.counters.count("dispatcher crashed");
    world.mark(`${replica.name} dies`);
    world.duty(replica.name, "away");
    if (replica.dispatcher?.queue.readiness().ready === true) world.takeovers.gone("killed");
    replica.dispatcher = null;
    replica.dying();
    world.time.after(world.inTrouble ? world.dice.int(10, 2_500) : 10, () => this.#start(replica));
  }

  /** SIGTERM: this dispatcher hands over, ends, and begins anew a little later. */
  stop(replica: Replica): void {
    const world = this.#world;
    const { dispatcher, program } = replica;
    if (dispatcher === null || program === null || !program.isRunning) return;
    world.mark(`${replica.name} is told to stop`);
    world.duty(replica.name, "away");
    if (dispatcher.queue.readiness().ready) world.takeovers.gone("handed over");
    const end = (): void => {
      if (program.isDead) return;
      world.mark(`${replica.name} has stopped`);
      replica.dispatcher = null;
      replica.dying();
      world.time.after(world.dice.int(10, 1_500), () => this.#start(replica));
    };
    world.time.after(STOP_MS, end);
    const { queue } = dispatcher;
    queue
      .handOver()
      .then(() => queue.stop())
      .then(end, (error: unknown) => world.trouble("the dispatcher could not stop", error));
  }

  /** The process is stopped for so many milliseconds, and goes on as if nothing had been. */
  sleep({ name, program }: Replica, ms: number): void {
    if (program === null) return;
    this.#world.mark(`${name} sleeps for ${ms} ms`);
    this.#world.duty(name, "away");
    program.stop();
    this.#world.time.after(ms, () => this.wake(program));
  }

  /** Ends the sleep of this process, if it sleeps. */
  wake(program: Program | null): void {
    if (program === null || program.isDead || program.isRunning) return;
    this.#world.duty(program.name, "back");
    program.goOn();
  }

  crashAll(): void {
    for (const { program } of this.all) this.crash(program);
  }

  /**
   * One request to whichever dispatcher answers, beginning with `first`, or where this caller last had an answer.
   * @throws ApiError, UnreachableError
   */
  async ask<T>(from: Program, work: Work<T>, settings: CallSettings & { readonly first?: number }): Promise<T> {
    const { time, network } = this.#world;
    const end = time.now + settings.timeoutMs;
    const first = settings.first ?? this.#good.get(from.name) ?? 0;
    for (let tried = 1; ; tried += 1) {
      const at = (first + tried - 1) % this.all.length;
      const replica = this.all[at];
      if (replica === undefined) throw new Error("a world without dispatchers");
      const moveOn = (): void => {
        if ((this.#good.get(from.name) ?? 0) === at) this.#good.set(from.name, (at + 1) % this.all.length);
      };
      try {
        const timed = { ...settings, timeoutMs: end - time.now };
        const serve = (closed: AbortSignal): Promise<T> => atReplica(this.#world, replica, work, closed);
        const reply = await network.call(from, () => replica.dispatcher, serve, timed);
        this.#good.set(from.name, at);
        return reply;
      } catch (error) {
        const isNotReady = error instanceof ApiError && error.is("not_ready");
        if (isNotReady || error instanceof UnreachableError) moveOn();
        const nothingHappened = isNotReady || error instanceof RefusedError;
        if (!nothingHappened || tried === this.all.length || settings.signal?.aborted === true) throw error;
      }
    }
  }
}
