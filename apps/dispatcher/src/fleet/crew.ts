/**
 * The workers of the fleet, each from the decision to start it until the queue has heard of its end. A start has an id
 * and a registration token of its own; an answer that was lost is asked for again under the same id; a name and a slot
 * are given again only when their worker is certainly gone and the queue knows.
 */

import { randomUUID } from "node:crypto";
import { HiveError } from "@hive/core";
import type { LaunchTokens } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import { complaint, judgeExit, tellGone } from "./gone.ts";
import { foundLaunch, freeName, type Launched, lowestFree, newLaunch } from "./launches.ts";
import { bootFailed, type PoolKeeper } from "./pool-keeper.ts";
import type { Pool } from "./pool-settings.ts";
import { type Exit, type Provider, ProviderError, type Running } from "./provider.ts";

export interface CrewOptions {
  /** See `FleetOptions`. */
  readonly dispatcher: string | null;
  readonly queue: Pick<Queue, "read" | "submit">;
  readonly clock: Clock;
  readonly tokens: LaunchTokens;
  /** The worker's settings beside name, slot, provider and token. */
  readonly environmentOf: (pool: Pool, slot: number) => Readonly<Record<string, string>>;
  /** The pool of a launch. */
  readonly keeperOf: (one: Launched) => PoolKeeper | undefined;
  /** A worker came, ended or could not be started. */
  readonly onChange: () => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export interface Crew {
  /** Everyone who is not certainly gone. */
  readonly all: () => readonly Launched[];
  readonly named: (name: string) => Launched | undefined;
  readonly has: (launchId: string) => boolean;
  /** Starts a worker; how that went is told by `onChange`. */
  readonly start: (keeper: PoolKeeper) => void;
  /** Takes in a worker of an earlier life of this server; `known` when the queue has it. */
  readonly takeIn: (running: Running, provider: Provider, known: boolean) => void;
  /** Starts one again whose start nobody answered. */
  readonly askAgain: (one: Launched) => void;
  /** It did not register in time: a failed boot, and it is stopped. */
  readonly giveUp: (one: Launched) => void;
  /** Asks it to leave when its job is over. */
  readonly drain: (one: Launched) => void;
  /** Stops one that has nothing to do any more. */
  readonly end: (one: Launched) => void;
  /** For the provider's `onExit`. */
  readonly ended: (provider: Provider, exit: Exit) => void;
  /** Stops everyone: SIGTERM, and after `graceMs` SIGKILL. Nobody may be started any more. */
  readonly stop: (graceMs: number) => Promise<void>;
}

/** Milliseconds after which a start that nobody answered is asked for again. */
const AGAIN_MS = 5_000;
/** A registered worker that left without a job before this many milliseconds has failed to boot. */
const EARLY_MS = 120_000;
/** Milliseconds a name is left alone that somebody else had. */
const FOREIGN_MS = 600_000;
/** Milliseconds a worker that never came, or never left, gets to end by itself. */
const LAST_GRACE_MS = 5_000;

export function createCrew(options: CrewOptions): Crew {
  const { clock, log, queue, keeperOf, onChange } = options;
  const launches = new Map<string, Launched>();
  const work = new Set<Promise<void>>();
  /** Names that somebody else has on the provider's machine, and until when they are left alone. */
  const foreign = new Map<string, number>();

  /** Work that a stop waits for; it must not reject. */
  function track(what: Promise<void>): void {
    work.add(what);
    void what.finally(() => work.delete(what));
  }

  /** A new launch, in the books before anybody is asked for it. */
  function decide({ pool, needs, provider }: PoolKeeper): Launched {
    const taken = [...launches.values()];
    for (const [name, until] of foreign) if (until <= clock.mono()) foreign.delete(name);
    const name = freeName(pool, options.dispatcher, new Set([...taken.map((one) => one.name), ...foreign.keys()]));
    const slot = lowestFree(taken.map((one) => one.slot));
    const launchId = randomUUID();
    const { roles, labels, egress, timeoutMs } = pool;
    // Not its isolation: only the worker can see what user its jobs run as and whether there is a network.
    const known = { name, provider: provider.name, roles, labels };
    const token = options.tokens.issue({ ...known, pool: pool.name, egress, timeoutMs }, () => registered(launchId));
    const env = {
      ...options.environmentOf(pool, slot),
      ...(roles.length === 0 ? {} : { HIVE_ROLES: roles.join(",") }),
      ...(labels.length === 0 ? {} : { HIVE_LABELS: labels.join(",") }),
      ...(provider.oneShot ? { HIVE_ONE_SHOT: "1" } : {}),
      HIVE_WORKER_NAME: name,
      HIVE_WORKER_SLOT: String(slot),
      HIVE_PROVIDER: provider.name,
      HIVE_LAUNCH_TOKEN: token,
    };
    const one = newLaunch({ launchId, name, slot, pool: needs, env }, provider, token, clock.mono());
    launches.set(launchId, one);
    return one;
  }

  async function boot(one: Launched): Promise<void> {
    if (one.launch === null) return;
    one.askAgainAt = null;
    one.startedAt = clock.mono();
    try {
      await one.provider.start(one.launch);
    } catch (error) {
      // It registered or ended meanwhile: so it ran, whatever the answer says.
      if (one.ended || one.registeredAt !== null) return;
      if (error instanceof ProviderError && error.kind === "unclear") {
        one.askAgainAt = clock.mono() + AGAIN_MS;
        log.warn(`whether ${one.name} was started is not clear: ${text(error)}`);
        return onChange();
      }
      log.warn(`${one.name} could not be started: ${text(error)}`);
      if (error instanceof ProviderError && error.kind === "taken") foreign.set(one.name, clock.mono() + FOREIGN_MS);
      else failed(one, text(error));
      forget(one);
    }
  }

  function registered(launchId: string): void {
    const one = launches.get(launchId);
    if (one === undefined) return;
    one.registeredAt = clock.mono();
    one.askAgainAt = null;
    const keeper = keeperOf(one);
    if (keeper !== undefined) {
      one.failuresBefore = keeper.backOff.failures;
      keeper.backOff = { ...keeper.backOff, failures: 0, until: Number.NEGATIVE_INFINITY };
    }
    onChange();
  }

  function failed(one: Launched, message: string): void {
    const keeper = keeperOf(one);
    if (keeper === undefined || one.failed) return;
    one.failed = true;
    const { backOff } = keeper;
    // It registered and left at once: what its registration had ended goes on.
    if (one.failuresBefore > backOff.failures) keeper.backOff = { ...backOff, failures: one.failuresBefore };
    bootFailed(keeper, one.startedAt, { mono: clock.mono(), wall: clock.wall() }, message);
  }

  async function stopOne(one: Launched, graceMs: number): Promise<void> {
    one.asked = true;
    one.leaving = true;
    try {
      await one.provider.stop(one.launchId, graceMs);
    } catch (error) {
      // Where the provider cannot be asked: a look, or the server started next, finds it again.
      one.leavingSince = null;
      log.warn(`${one.name} could not be stopped: ${text(error)}`);
    }
  }

  async function drainOne(one: Launched): Promise<void> {
    one.asked = true;
    one.asking = true;
    try {
      await queue.submit<"drain">({ type: "drain", workerId: one.name, draining: true });
    } catch {
      // The store is away or the worker gone: the next look tells.
    }
    one.asking = false;
  }

  function forget(one: Launched): void {
    if (one.token !== null) options.tokens.revoke(one.token);
    launches.delete(one.launchId);
    onChange();
  }

  /** It ended before it was of any use, and nobody asked it to. */
  function isEarly(one: Launched, exit: Exit): boolean {
    if (one.asked || one.served || exit.stopped || one.launch === null) return false;
    return one.registeredAt === null || clock.mono() - one.startedAt < EARLY_MS;
  }

  async function tell(provider: Provider, exit: Exit, blame: boolean, message: string): Promise<void> {
    try {
      await tellGone(queue, { name: exit.name, provider: provider.name, blame, message });
    } catch (error) {
      // A standby's fleet has nobody to tell; a worker that was told to leave said goodbye itself.
      if (error instanceof HiveError && error.code === "not_ready") return;
      // The lease runs out by itself; this only made it quicker.
      log.warn(`the queue was not told that ${exit.name} is gone: ${text(error)}`);
    }
  }

  return {
    all: () => [...launches.values()],
    named(name) {
      for (const one of launches.values()) if (one.name === name) return one;
      return undefined;
    },
    has: (launchId) => launches.has(launchId),
    start: (keeper) => track(boot(decide(keeper))),
    takeIn(running, provider, known) {
      launches.set(running.launchId, foundLaunch(running, provider, known, clock.mono()));
      log.info(
        provider.outlivesServer
          ? `${running.name} goes on from the server before this one`
          : `${running.name} of the server before this one still reports; its slot is taken until it left`,
      );
    },
    askAgain: (one) => track(boot(one)),
    giveUp(one) {
      failed(one, `${one.name} did not register within ${Math.round((clock.mono() - one.startedAt) / 1000)} s`);
      track(stopOne(one, LAST_GRACE_MS));
    },
    drain: (one) => track(drainOne(one)),
    end: (one) => track(stopOne(one, LAST_GRACE_MS)),

    ended(provider, exit) {
      const { message, blame } = judgeExit(exit);
      const one = launches.get(exit.launchId);
      if (one !== undefined) {
        one.ended = true;
        const words = exit.lastWords === null ? "" : `: ${complaint(exit.lastWords)}`;
        if (isEarly(one, exit)) failed(one, message + words);
      }
      if (blame) log.warn(message);
      else log.info(message);
      // First the queue, then the replacement: the job goes back before somebody new asks for one.
      track(tell(provider, exit, blame, message).then(() => (one === undefined ? undefined : forget(one))));
    },

    async stop(graceMs) {
      // What is being started is started first, so that it can be stopped.
      await Promise.all(work);
      await Promise.all([...launches.values()].map((one) => stopOne(one, graceMs)));
      await Promise.all(work);
    },
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
