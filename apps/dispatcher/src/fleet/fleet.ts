/**
 * Keeps every pool at its size. It looks whenever the queue changed, a worker ended or time has come, and each look does
 * what `plan.ts` decides. Nothing is guessed: while a provider cannot say which workers there are, nothing is started;
 * an answer that was lost is asked for again under the same id; a name is given again only when its worker is certainly
 * gone and the queue has heard of it. Each start has a registration token of its own that opens the door once.
 */

import { randomUUID } from "node:crypto";
import type { Effect } from "@hive/core";
import type { LaunchTokens } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import { complaint, judgeExit, tellFallen, tellGone } from "./gone.ts";
import { foundLaunch, freeName, type Launched, lowestFree, newLaunch } from "./launches.ts";
import { type Plan, plan } from "./plan.ts";
import { bootFailed, createPoolKeeper, type PoolKeeper, strayPool } from "./pool-keeper.ts";
import type { Pool, ProviderName } from "./pool-settings.ts";
import { type PoolView, viewPool } from "./pool-view.ts";
import { type Exit, type Provider, ProviderError } from "./provider.ts";

export interface FleetOptions {
  /** In the order in which jobs that fit several are dealt out. */
  readonly pools: readonly Pool[];
  /** One for each name the pools use. */
  readonly providers: ReadonlyMap<ProviderName, Provider>;
  /** Workers of all pools together, at most. */
  readonly max: number;
  readonly queue: Pick<Queue, "read" | "submit" | "onEffect">;
  readonly clock: Clock;
  readonly tokens: LaunchTokens;
  /** Every agent adapter there is: what a worker might offer before one of its pool was seen. */
  readonly everyAgent: readonly string[];
  /** The worker's settings beside name, slot, provider and token. */
  readonly environmentOf: (pool: Pool, slot: number) => Readonly<Record<string, string>>;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export interface Fleet {
  /** Every pool as people see it, in the order of the settings. */
  pools(): readonly PoolView[];
  /** Looks again soon, as if something had changed. */
  poke(): void;
  /** Stops all workers: SIGTERM, and after `graceMs` SIGKILL. Safe to call twice. */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds that changes are gathered before a look. */
const GATHER_MS = 25;
/** Milliseconds between two looks at least, however much changes. */
const BETWEEN_MS = 100;
/** Milliseconds between two looks at most. */
const TICK_MS = 15_000;
/** Milliseconds after which something that could not be known or done is tried again. */
const AGAIN_MS = 5_000;
/** A registered worker that left without a job before this many milliseconds has failed to boot. */
const EARLY_MS = 120_000;
/** Milliseconds a name is left alone that somebody else had. */
const FOREIGN_MS = 600_000;
/** Milliseconds a worker that never came, or never left, gets to end by itself. */
const LAST_GRACE_MS = 5_000;

/** Starts the fleet; resolves after its first look, without waiting for the workers. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { clock, log, queue } = options;
  const now = (): { mono: number; wall: number } => ({ mono: clock.mono(), wall: clock.wall() });
  const launches = new Map<string, Launched>();
  const work = new Set<Promise<void>>();
  const keepers: PoolKeeper[] = [];
  for (const pool of options.pools) {
    const provider = options.providers.get(pool.provider);
    if (provider === undefined) throw new Error(`there is no provider ${pool.provider}`);
    keepers.push(createPoolKeeper(pool, provider));
  }
  /** Names that somebody else has on the provider's machine, and until when they are left alone. */
  const foreign = new Map<string, number>();
  let stopping: Promise<void> | null = null;
  let looking: Promise<void> | null = null;
  let again = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let due = Number.POSITIVE_INFINITY;
  let takeBack = (): void => undefined;

  /** Work that a stop waits for. */
  function track(what: Promise<void>): void {
    work.add(what);
    void what.finally(() => work.delete(what));
  }

  function lookAt(mono: number): void {
    if (stopping !== null || mono >= due) return;
    takeBack();
    due = mono;
    takeBack = clock.after(Math.max(0, mono - clock.mono()), () => {
      due = Number.POSITIVE_INFINITY;
      void lookNow();
    });
  }

  function poke(): void {
    if (looking !== null) again = true;
    else lookAt(Math.max(clock.mono() + GATHER_MS, lookedAt + BETWEEN_MS));
  }

  function lookNow(): Promise<void> {
    looking ??= look()
      .catch((error: unknown) => {
        // The store is away for a moment, or something unforeseen: hold everything as it is.
        log.warn(`the fleet could not look: ${text(error)}`);
        return clock.mono() + AGAIN_MS;
      })
      .then((next) => {
        looking = null;
        lookedAt = clock.mono();
        lookAt(Math.min(next, lookedAt + TICK_MS));
        if (again) poke();
        again = false;
      });
    return looking;
  }

  /** One look. Gives the moment of the next one. */
  async function look(): Promise<number> {
    for (const [name, provider] of options.providers) await list(name, provider);
    await prepareAgain();
    if (stopping !== null) return Number.POSITIVE_INFINITY;
    const { max, everyAgent } = options;
    const decided = await queue.read((state) =>
      plan(state, { keepers, launches: [...launches.values()], max, everyAgent, ...now() }),
    );
    if (stopping !== null) return Number.POSITIVE_INFINITY;
    const waits = await carryOut(decided);
    const next = decided.nextAt ?? Number.POSITIVE_INFINITY;
    return Math.min(next, waits ? clock.mono() + AGAIN_MS : next);
  }

  /** Learns once which workers a provider has; until that is known its pools hold. */
  async function list(name: ProviderName, provider: Provider): Promise<void> {
    const own = keepers.filter((keeper) => keeper.provider === provider);
    if (own.every(({ listed, listAgainAt }) => listed || listAgainAt > clock.mono())) return;
    try {
      const running = await provider.list();
      for (const found of running) {
        if (launches.has(found.launchId)) continue;
        const known = await queue.read((state) => state.workers.get(found.name)?.record.provider === provider.name);
        launches.set(found.launchId, foundLaunch(found, provider, known, clock.mono()));
        if (!keepers.some((one) => one.provider === provider && one.pool.name === found.pool)) {
          keepers.push({ ...createPoolKeeper(strayPool(found.pool, name), provider, false), listed: true });
        }
        log.info(
          provider.outlivesServer
            ? `${found.name} goes on from the server before this one`
            : `${found.name} of the server before this one still reports; its slot is taken until it left`,
        );
      }
      await tellFallen(queue, provider, running);
      for (const keeper of own) keeper.listed = true;
      for (const keeper of own) keeper.listError = null;
    } catch (error) {
      for (const keeper of own) keeper.listError = text(error);
      for (const keeper of own) keeper.listAgainAt = clock.mono() + AGAIN_MS;
    }
  }

  /** What a pool's workers are made of may be there now. */
  async function prepareAgain(): Promise<void> {
    for (const keeper of keepers) {
      if (keeper.readiness?.ready === false && keeper.askReadyAt <= clock.mono()) await prepare(keeper);
    }
  }

  async function prepare(keeper: PoolKeeper): Promise<boolean> {
    keeper.readiness = await keeper.provider.prepare(keeper.needs);
    keeper.askReadyAt = clock.mono() + AGAIN_MS;
    return keeper.readiness.ready;
  }

  /** Does what was decided. True when something has to be tried again soon. */
  async function carryOut(decided: Plan): Promise<boolean> {
    let waits = keepers.some(({ listed }) => !listed);
    for (const one of decided.drain) {
      one.asked = true;
      track(
        queue
          .submit<"drain">({ type: "drain", workerId: one.name, draining: true })
          .then(() => undefined)
          .catch(() => void (one.asked = false)),
      );
    }
    for (const one of decided.askAgain) track(boot(one));
    for (const one of decided.neverCame) {
      failed(one, `${one.name} did not register within ${Math.round((clock.mono() - one.startedAt) / 1000)} s`);
      track(end(one));
    }
    for (const one of decided.neverLeft) track(end(one));
    for (const [keeper, number] of decided.start) {
      const ready = await prepare(keeper);
      if (stopping !== null) return false;
      if (!ready) continue;
      for (let n = 0; n < number; n += 1) track(boot(decide(keeper)));
      keeper.counts = { ...keeper.counts, starting: keeper.counts.starting + number };
    }
    for (const keeper of keepers) if (keeper.readiness?.ready === false) waits = true;
    return waits;
  }

  /** A new launch, in the books before anybody is asked for it. */
  function decide({ pool, needs, provider }: PoolKeeper): Launched {
    const taken = [...launches.values()];
    for (const [name, until] of foreign) if (until <= clock.mono()) foreign.delete(name);
    const name = freeName(pool, new Set([...taken.map((one) => one.name), ...foreign.keys()]));
    const slot = lowestFree(taken.map((one) => one.slot));
    const { roles, labels, egress, timeoutMs } = pool;
    const { name: providerName, isolation, oneShot } = provider;
    const token = options.tokens.issue(
      { name, provider: providerName, isolation, roles, labels, pool: pool.name, egress, timeoutMs },
      () => registered(launchId),
    );
    const launchId = randomUUID();
    const env = {
      ...options.environmentOf(pool, slot),
      ...(roles.length === 0 ? {} : { HIVE_ROLES: roles.join(",") }),
      ...(labels.length === 0 ? {} : { HIVE_LABELS: labels.join(",") }),
      ...(oneShot ? { HIVE_ONE_SHOT: "1" } : {}),
      HIVE_WORKER_NAME: name,
      HIVE_WORKER_SLOT: String(slot),
      HIVE_PROVIDER: providerName,
      HIVE_LAUNCH_TOKEN: token,
    };
    const one = newLaunch({ launchId, name, slot, pool: needs, env }, provider, token, clock.mono());
    launches.set(launchId, one);
    return one;
  }

  async function boot(one: Launched): Promise<void> {
    if (one.launch === null) return;
    one.askAgainAt = null;
    try {
      await one.provider.start(one.launch);
    } catch (error) {
      if (one.ended) return;
      if (error instanceof ProviderError && error.kind === "unclear") {
        one.askAgainAt = clock.mono() + AGAIN_MS;
        log.warn(`whether ${one.name} was started is not clear: ${text(error)}`);
        return poke();
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
    one.failuresBefore = keeper?.backOff.failures ?? 0;
    if (keeper !== undefined) keeper.backOff = { ...keeper.backOff, failures: 0, until: Number.NEGATIVE_INFINITY };
    poke();
  }

  function failed(one: Launched, message: string): void {
    const keeper = keeperOf(one);
    if (keeper === undefined || one.failed) return;
    one.failed = true;
    const { backOff } = keeper;
    // It registered and left at once: what that had ended goes on.
    if (one.failuresBefore > backOff.failures) keeper.backOff = { ...backOff, failures: one.failuresBefore };
    bootFailed(keeper, one.startedAt, now(), message);
  }

  async function end(one: Launched): Promise<void> {
    one.asked = true;
    // Its end is told by the provider.
    await one.provider.stop(one.launchId, LAST_GRACE_MS).catch((error: unknown) => {
      log.warn(`${one.name} could not be stopped: ${text(error)}`);
    });
  }

  function forget(one: Launched): void {
    if (one.token !== null) options.tokens.revoke(one.token);
    launches.delete(one.launchId);
    poke();
  }

  function onExit(provider: Provider, exit: Exit): void {
    const { message, blame } = judgeExit(exit);
    const one = launches.get(exit.launchId);
    if (one !== undefined) {
      one.ended = true;
      if (isEarly(one, exit))
        failed(one, exit.lastWords === null ? message : `${message}: ${complaint(exit.lastWords)}`);
    }
    if (blame) log.warn(message);
    else log.info(message);
    // First the queue, then the replacement: the job goes back before somebody new asks for one.
    const told = tellGone(queue, { name: exit.name, provider: provider.name, blame, message }).catch(
      // The lease runs out by itself; this only made it quicker.
      (error: unknown) => log.warn(`the queue was not told that ${exit.name} is gone: ${text(error)}`),
    );
    track(told.then(() => (one === undefined ? undefined : forget(one))));
  }

  /** It ended before it was of any use, and nobody asked it to. */
  function isEarly(one: Launched, exit: Exit): boolean {
    if (one.asked || one.served || exit.stopped || one.launch === null) return false;
    return one.registeredAt === null || clock.mono() - one.startedAt < EARLY_MS;
  }

  function keeperOf(one: Launched): PoolKeeper | undefined {
    return keepers.find((keeper) => keeper.provider === one.provider && keeper.pool.name === one.pool);
  }

  function onEffect(effect: Effect): void {
    if (effect.type === "ready" || effect.type === "reloaded") return poke();
    if (effect.type === "signal" && effect.signal === "drain") return noteAsked(effect.workerId);
    if (effect.type !== "event") return;
    const { type, data } = effect.event;
    const workerId = data["workerId"];
    const one = typeof workerId === "string" ? byName(workerId) : undefined;
    if (one === undefined) return;
    if (type === "worker.registered") one.known = true;
    else if (type === "job.leased") one.served = true;
    poke();
  }

  function onChange(provider: Provider): void {
    for (const keeper of keepers.filter((one) => one.provider === provider)) {
      keeper.askReadyAt = Number.NEGATIVE_INFINITY;
      keeper.listAgainAt = Number.NEGATIVE_INFINITY;
    }
    poke();
  }

  function noteAsked(workerId: string): void {
    const one = byName(workerId);
    if (one !== undefined) one.asked = true;
    poke();
  }

  function byName(name: string): Launched | undefined {
    for (const one of launches.values()) if (one.name === name) return one;
    return undefined;
  }

  const unlisten = [queue.onEffect(onEffect)];
  for (const provider of options.providers.values()) {
    unlisten.push(
      provider.onExit((exit) => onExit(provider, exit)),
      provider.onChange(() => onChange(provider)),
    );
  }
  await lookNow();

  return {
    pools: () => keepers.map((keeper) => viewPool(keeper, now())),
    poke,
    stop(graceMs) {
      stopping ??= (async () => {
        takeBack();
        await looking;
        // What is being started is started first, so that it can be stopped.
        await Promise.all(work);
        await Promise.all(
          [...launches.values()].map((one) =>
            one.provider.stop(one.launchId, graceMs).catch((error: unknown) => {
              log.warn(`${one.name} could not be stopped: ${text(error)}`);
            }),
          ),
        );
        await Promise.all(work);
        for (const stop of unlisten) stop();
        for (const provider of options.providers.values()) provider.close();
      })();
      return stopping;
    },
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
